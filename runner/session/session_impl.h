/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share. */
#ifndef SESSION_SESSION_IMPL_H
#define SESSION_SESSION_IMPL_H

#include "common/vec.h"
#include "expr/expr.h"
#include "lab/lab.h"
#include "session/reset.h"
#include "session/script.h"
#include "session/session.h"
#include "why/why.h"

struct listener {
    session_listener *fn;
    void *arg;
    bool fresh; /* the present state was not told yet */
};

/* On the way to the beginning of a step: reset, then the solutions before it, each until its checks
 * hold. */
struct drive {
    size_t target;
    size_t at;
    struct reset *reset;
    struct script *script;
    struct check_run *run;
    struct loop_timer *deadline;
};

struct session {
    struct session_opts o;
    char uuid[37];
    struct expr *expr;
    VEC(struct check_probe *) probes;
    VEC(struct listener) listeners;
    struct check_run *run;
    struct script *setup;
    struct drive *drive; /* NULL: not on the way */
    VEC(struct why *) whys;
    size_t step;
    bool step_done, finished;
    unsigned hints; /* shown in this step */
    int choice;     /* of this step's question; 0: not answered */
    int64_t began_us;
};

/* Tells everybody; takes the event. */
void session_emit(struct session *s, json_t *event);
/* Writes to the journal; an error is told to the learner once, nothing is lost but the record. */
void session_record(struct session *s, const char *kind, const json_t *args);
void session_note(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
json_t *session_step_event(const struct session *s);

/* ---- steps.c ---- */
/* Begins step n as it stands in the cluster now: its setup, then its checks. */
void session_begin(struct session *s, size_t n);
void session_stop_checks(struct session *s);

/* ---- drive.c ---- */
/* Empties the cluster (unless `keep`), makes the steps before n again, and begins n. */
void session_drive(struct session *s, size_t n, bool keep);
/* Runs this step's solution and goes on to the next. */
void session_skip(struct session *s);
void session_drive_free(struct session *s);

/* ---- files.c ---- */
/* Copies the lab's files into the learner's folder: those that are missing, or all. */
int session_copy_files(const struct lab *lab, const char *workdir, bool all,
                       struct err *err) WARN_UNUSED;

#endif
