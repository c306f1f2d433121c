/* SPDX-License-Identifier: Apache-2.0 */
/* One learner's place in one lab; the only mutator; commands in, events out. */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "check/check.h"
#include "common/err.h"

struct journal;
struct kube;
struct lab;
struct loop;
struct session;

/* Everything is borrowed until session_free; the struct is copied. */
struct session_opts {
    struct loop *loop;
    const struct lab *lab;
    struct kube *kube;
    struct journal *journal;
    const char *uuid;    /* of an earlier session to go on with; NULL: a new one */
    bool replay;         /* the cluster is empty: what came before the step is made again first */
    bool clear;          /* something else may be left in the cluster: it is taken away first */
    bool foreign;        /* the cluster is somebody else's: only what the session made is */
    const char *workdir; /* the learner's folder; the lab's files are copied there when missing */
    const char *const *env;                        /* of everything it runs: "KUBECONFIG=..." */
    const char *runtime, *clock, *cluster, *shell; /* for the journal */
};

/* Events, to every front end, in order: JSON objects with a `kind`.
 *  step     {step, index (from 0), count, title, text, hints (how many there are), choice (0: not
 *           answered), checks: [{id, name, keep}], ask: {id, question?, choices} | null, map,
 *           again?}
 *           a step begins; with `again` it is only told again; `map`: hosts are worth a look
 *  check    {id, name, state, got?, want?}       state as check_state_name
 *  ask      {id, choice, word}                   answered
 *  recall   {id, choice, right, said, was, words}   taken up again when the step is done
 *  hint     {n, count, text}
 *  solution {text}
 *  why      {answer: why.h}
 *  fault    {step, n, host, field, to, on, over?}   the lab breaks a host, or mends it: the learner
 *           is to find out, front ends may draw it
 *  done     {step, index, last, probes: {id: figures}}   every check holds; `next` goes on
 *  finished {}                                   the lab is over
 *  busy     {what: reset | replay | solve, n?, of?}   until `ready` it takes few commands
 *  ready    {}
 *  note     {text}                               a sentence for the learner
 * Borrowed for the time of the call. */
typedef void session_listener(void *arg, const json_t *event);

int session_new(const struct session_opts *opts, struct session **ret, struct err *err) WARN_UNUSED;
void session_free(struct session *s); /* NULL is fine */
const char *session_uuid(const struct session *s);
/* The learner has left: what the lab did to hosts and clock on purpose is undone. Runs the loop
 * until that is so, at most 5 s. */
void session_put_back(struct session *s);
/* How long the learner was at it, earlier sittings included; long pauses do not count. */
int64_t session_elapsed_us(const struct session *s);

/* From now on; first, from the loop, the events that make up the present state. */
void session_listen(struct session *s, session_listener *fn, void *arg);
void session_unlisten(struct session *s, session_listener *fn, void *arg);

/* One command, {cmd: ...}; what it brings about comes as events, the error is for the one who
 * asked.  next | back | redo | skip | hint | why | solution | leave
 *         text                      the step event again
 *         answer {choice: 1..n}
 *         command {word, exit}      a command of the learner's ended */
int session_command(struct session *s, const json_t *command, struct err *err) WARN_UNUSED;

const struct lab *session_lab(const struct session *s);
size_t session_step(const struct session *s);
bool session_step_done(const struct session *s);
bool session_finished(const struct session *s);
bool session_busy(const struct session *s);
/* NULL while it is busy, and in a step without checks. */
const struct check_run *session_checks(const struct session *s);
/* The lab's first probe; NULL when it has none. */
const struct check_probe *session_probe(const struct session *s);

#endif
