/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of a rollout: pure functions over replica counts. */
#ifndef CONTROLLERS_ROLLOUT_H
#define CONTROLLERS_ROLLOUT_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* One ReplicaSet of a Deployment, oldest first in arrays. */
struct rollout_set {
    int64_t replicas;  /* spec.replicas: what it is asked for; the functions change it */
    int64_t available; /* status.availableReplicas */
};

struct rollout_limits {
    int64_t replicas;        /* what the Deployment asks for */
    int64_t max_surge;       /* resolved, in pods */
    int64_t max_unavailable; /* resolved; not 0 when max_surge is */
};

/* Resolves numbers and percentages of spec.strategy.rollingUpdate: surge rounds up, unavailable
 * down. */
struct rollout_limits rollout_limits(const json_t *deployment);

/* How many replicas the new set should have now. */
int64_t rollout_new_size(const struct rollout_limits *l, const struct rollout_set *new_set,
                         int64_t total);
/* Takes from the old sets what may go now: first what is not available, then what is not needed. */
void rollout_shrink_old(const struct rollout_limits *l, const struct rollout_set *new_set,
                        struct rollout_set *old, size_t n);
/* Spreads a change of size over all sets in proportion (a Deployment scaled in mid-rollout).
 * `biggest` is the index of the set that takes what is left over. */
void rollout_scale(int64_t allowed, struct rollout_set *sets, size_t n, int64_t old_allowed);

#endif
