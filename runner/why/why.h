/* SPDX-License-Identifier: Apache-2.0 */
/* From objects and events to the likeliest cause; one file or row per cause. */
#ifndef WHY_WHY_H
#define WHY_WHY_H

#include <stddef.h>

#include <jansson.h>

#include "check/check.h"
#include "common/str.h"

struct kube;

/* The answer, as everything that shows it gets it (JSON for front ends):
 * {check, state: ok|moving|failed|unknown, cause, args, evidence: [{object, field, value, at}],
 * look, lines: [..]} `cause` is the stable id that near-misses name ("no-room",
 * "selector-matches-nothing"); `lines` are the words in the learner's language, at most three;
 * `look` a command that shows more. */
typedef void why_done(void *arg, json_t *answer); /* the callee owns answer */

struct why_opts {
    struct kube *kube;
    const char *ns;
    const char *locale; /* "en" */
};
/* Asks the cluster what it needs to know, then answers once, from the loop. */
void why_explain(const struct why_opts *opts, const struct check_verdict *v, why_done *done,
                 void *arg);
/* Forgets answers with this arg. */
void why_forget(struct kube *kube, const void *arg);

/* The answer as text: "x name: what is.\n  evidence\n  look: command\n". */
void why_format(const json_t *answer, struct str *out);

#endif
