/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share. */
#ifndef SESSION_SESSION_IMPL_H
#define SESSION_SESSION_IMPL_H

#include "common/vec.h"
#include "expr/expr.h"
#include "lab/lab.h"
#include "session/attempt.h"
#include "session/drive.h"
#include "session/faults.h"
#include "session/session.h"
#include "why/why.h"

struct listener {
    session_listener *fn;
    void *arg;
    bool fresh; /* the present state was not told yet */
};

struct session {
    struct session_opts o;
    char uuid[37];
    struct expr *expr;
    struct reset_opts reset;
    VEC(struct check_probe *) probes;
    struct faults *faults;
    VEC(struct listener) listeners;
    struct attempt *attempt; /* NULL while it is busy */
    struct drive *drive;     /* NULL: not on the way */
    struct why *why;         /* under way */
    size_t step;
    bool step_done, finished;
    json_t *busy;                 /* what was last told of it */
    bool skipping;                /* the drive does the learner's step */
    unsigned hints;               /* shown in this step */
    int choice;                   /* of this step's question; 0: not answered */
    int64_t started_us;           /* when the learner first began */
    int64_t opened_us, before_us; /* when it was opened; how long the learner was at it before */
};

/* Tells everybody; takes the event. */
void session_emit(struct session *s, json_t *event);
/* Writes to the journal; an error is logged, nothing is lost but the record. */
void session_record(struct session *s, const char *kind, const json_t *args);
void session_note(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const struct lab_step *session_step_of(const struct session *s);

/* ---- steps.c ---- */
/* Begins step n as it stands in the cluster now: its setup, then its checks. `again`: the learner
 * comes back to it, and the setup was done. */
void session_begin(struct session *s, size_t n, bool again);
void session_end_step(struct session *s);
void session_finish(struct session *s);
/* Empties the cluster (if `clear`), makes the steps before n again, and begins n. */
void session_drive(struct session *s, size_t n, bool clear);
/* Runs this step's solution and goes on to the next. */
void session_skip(struct session *s);

/* ---- events.c ---- */
json_t *session_step_event(const struct session *s);
json_t *session_check_event(const struct check_verdict *v);
json_t *session_done_event(const struct session *s);
/* What the lab's probes have counted in this step: {web: {sent, failed, ...}}. */
json_t *session_figures(const struct session *s);
/* Of the question of this step, which was answered. */
json_t *session_recall_event(const struct session *s);

#endif
