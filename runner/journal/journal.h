/* SPDX-License-Identifier: Apache-2.0 */
/* The session's events in SQLite; progress, score and certificate are folds over it. */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"

struct journal;

/* Opens or makes the file. One that is not ours, or of a newer format, is refused and left as it
 * is. */
int journal_open(const char *path, struct journal **ret, struct err *err) WARN_UNUSED;
void journal_close(struct journal *j); /* NULL is fine */

/* One learner's walk through one lab. Strings are borrowed on the way in, the caller's on the way
 * out. */
struct journal_session {
    char uuid[37];
    char lab[128];
    char lab_sha[65];
    int attempt; /* 1 for the first */
    char locale[16], runtime[32], clock[32], cluster[64], shell[64];
};

/* Adds a session; attempt is counted per lab. */
int journal_add(struct journal *j, struct journal_session *s, struct err *err) WARN_UNUSED;
/* The newest session of a lab that is neither finished nor abandoned. false: there is none. */
bool journal_unfinished(struct journal *j, const char *lab, struct journal_session *ret);
/* The session that something was last done in on this cluster. */
bool journal_latest(struct journal *j, const char *cluster, struct journal_session *ret);
/* The session goes on on another cluster. */
int journal_move(struct journal *j, const char *uuid, const char *cluster,
                 struct err *err) WARN_UNUSED;
int journal_find(struct journal *j, const char *uuid, struct journal_session *ret,
                 struct err *err) WARN_UNUSED;

/* Appends an event: kind is step, check, command, ask, hint, solution, skip, redo, fault, hand,
 * attach, broadcast, done, leave, finished, abandoned. `mono_ns` is the loop's clock, `wall_us` the
 * time. args is borrowed and may be NULL. *ret_seq (may be NULL) is its number, from 1 within the
 * session. */
int journal_append(struct journal *j, const char *session, uint64_t mono_ns, int64_t wall_us,
                   const char *kind, const char *step, const json_t *args, int64_t *ret_seq,
                   struct err *err) WARN_UNUSED;
/* Every event of a session, in order, until fn returns false. `args` is frozen. */
void journal_each(struct journal *j, const char *session,
                  bool (*fn)(void *arg, int64_t seq, int64_t wall_us, const char *kind,
                             const char *step, const json_t *args),
                  void *arg);

/* What a fold over a session's events gives. */
struct journal_progress {
    char step[64];       /* the step it stands at; "" before the first */
    unsigned step_hints; /* seen in that step */
    int step_choice;     /* the answer to its question; 0: none yet */
    unsigned done;       /* steps finished */
    bool finished;
    unsigned hints, solutions, skips, redos, commands;
    int64_t started_us, last_us;
    int64_t active_us; /* between its events, gaps of more than 10 min left out */
};
void journal_progress(struct journal *j, const char *session, struct journal_progress *ret);
/* Whether any session of this lab was finished. */
bool journal_lab_done(struct journal *j, const char *lab);

#endif
