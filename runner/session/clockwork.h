/* SPDX-License-Identifier: Apache-2.0 */
/* How soon the cluster gives up a silent host, as a step wants it, and back. */
#ifndef SESSION_CLOCKWORK_H
#define SESSION_CLOCKWORK_H

#include <stdbool.h>

#include "common/err.h"

struct clockwork;
struct kube;
struct lab;
struct lab_clock;

/* `foreign`: the cluster's clock goes back to what it was before, not to the lab's. Both pointers
 * are borrowed. */
struct clockwork *clockwork_new(struct kube *kube, const struct lab *lab, bool foreign);
void clockwork_free(struct clockwork *c); /* no answer; NULL is fine */

/* Sets it; `step` NULL puts it back. Discovery is loaded. `done` once, from the loop, with a
 * sentence for people when it is not so; at once, without one, when another set comes before. */
void clockwork_set(struct clockwork *c, const struct lab_clock *step,
                   void (*done)(void *arg, const struct err *err), void *arg);

#endif
