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

struct session_opts {
    struct loop *loop;
    const struct lab *lab;
    struct kube *kube;
    struct journal *journal;
    const char *uuid;       /* of an earlier one to go on with; NULL: a new one */
    const char *workdir;    /* the learner's folder */
    const char *const *env; /* of everything it runs: KUBECONFIG ... */
    const char *runtime, *clock, *cluster, *shell; /* for the journal's row */
};

/* Events, to every front end, in order. JSON objects with `kind` and `seq`:
 *  step {index, id, title, text, hints, checks: [{id, name}], ask}   check {id, state, cause?}
 *  why {..why.h}   hint {n, text}   ask {id, answer, right}   recall {..}   done {step}   finished
 * {..} command {word, exit}   note {text}   probe {id, cells, figures} Borrowed for the time of the
 * call. */
typedef void session_listener(void *arg, const json_t *event);

int session_new(const struct session_opts *opts, struct session **ret, struct err *err) WARN_UNUSED;
void session_free(struct session *s);
/* From now on; first the events that make up the present state. */
void session_listen(struct session *s, session_listener *fn, void *arg);
void session_unlisten(struct session *s, session_listener *fn, void *arg);

/* One command as JSON: {cmd:
 * "next"|"back"|"redo"|"skip"|"hint"|"why"|"answer"|"solution"|"command"|...}. What it brings about
 * comes as events; the error is for the one who asked. */
int session_command(struct session *s, const json_t *command, struct err *err) WARN_UNUSED;

const struct lab *session_lab(const struct session *s);
size_t session_step(const struct session *s);
const struct check_run *session_checks(const struct session *s);

#endif
