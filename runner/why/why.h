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
 * {check, name, state: ok|moving|failed|unknown, cause, args, evidence: [{object, field, value,
 * at}], look, lines: [..]} `cause` is the stable id that near-misses name ("no-room",
 * "selector-matches-nothing"); `lines` are the words in the learner's language, at most three: the
 * first begins with the check's name; `look` a command that shows more, "" when there is none. */
typedef void why_done(void *arg, json_t *answer); /* the callee owns answer */

struct why_opts {
    struct kube *kube;
    const char *ns;     /* where the check looks unless it names a namespace; NULL: the lab's */
    const char *locale; /* "en"; NULL: that. A locale that there are no words for speaks English. */
};
struct why; /* one explanation under way */

/* Asks the cluster what it needs to know, then answers once, from the loop, within about 1 s (2 s
 * when the cluster does not answer). Everything is copied but the lab,
 * which must stay. The handle is good until `done`. */
struct why *why_explain(const struct why_opts *opts, const struct check_verdict *v, why_done *done,
                        void *arg);
/* No answer will come. Before kube_free, and not after `done`. NULL is fine. */
void why_cancel(struct why *w);

/* The answer as text: "x name: what is.\n  evidence\n  look: command\n". */
void why_format(const json_t *answer, struct str *out);

/* Every cause there is, NULL-terminated, in alphabetical order: what near-misses may name. */
const char *const *why_causes(void);

#endif
