/* SPDX-License-Identifier: Apache-2.0 */
/* What a container does right after its start (postStart) and before it is told to end (preStop).
 *
 * At least once: a life of ours that ends in the middle of a hook is followed by one that may run
 * it again. preStop runs only in a container that runs, and within the grace period. */
#ifndef NODE_HOOK_H
#define NODE_HOOK_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

struct container;

/* What a container gets to end in, however long its hook took; seconds. */
enum { HOOK_LEAST_GRACE_S = 2 };

/* It runs, and `spec` is its own: reads its hooks, once an attempt. */
void hooks_load(struct container *c, const json_t *spec);
/* True when postStart is done, or there is none; else it is under way, and the pod is queued after.
 */
bool hooks_post_start(struct container *c);
/* True when the container may be told to end now: it has no preStop, or there is no time for it.
 * Else that runs, for at most grace_s, and container_stop_now comes after with what is left. Again
 * with a shorter grace ends it sooner. */
bool hooks_pre_stop(struct container *c, int64_t grace_s);
/* A preStop took all the time there was: what comes now is what a kubelet adds. */
bool hooks_overran(const struct container *c);
/* The attempt ended, or nobody cares any more. */
void hooks_end(struct container *c);

#endif
