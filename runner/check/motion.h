/* SPDX-License-Identifier: Apache-2.0 */
/* Is the cluster still on its way, or has it come to rest? A pure function over objects. */
#ifndef CHECK_MOTION_H
#define CHECK_MOTION_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/* What is looked at; lists may be NULL. `is_about` says whether the step is about an object. */
struct motion_view {
    const json_t *pods, *replicasets, *deployments, *nodes; /* arrays */
    const json_t *hosts; /* of a cluster whose hosts can be switched off */
    bool (*is_about)(void *arg, const json_t *obj);
    void *arg;
    int64_t now_us;
};

struct motion {
    bool observed;      /* every controller has seen what is wanted */
    bool moving;        /* progress can be seen: something starts, ends or is replaced */
    bool steady;        /* everything is where its controllers want it */
    uint64_t signature; /* changes when a phase, readiness, count or generation does */
};

void motion_look(const struct motion_view *view, struct motion *ret);

#endif
