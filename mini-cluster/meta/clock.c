/* SPDX-License-Identifier: Apache-2.0 */
/* The four clocks: one failure, four ways to wait for it. */
#include "meta/clock.h"

#include <stddef.h>
#include <string.h>

#include "common/loop.h"
#include "common/mem.h"

const struct clock clock_lab = {
    .name = "lab",
    .heartbeat = LOOP_MS(500),
    .grace = LOOP_S(2),
    .eviction = LOOP_MS(500),
    .backoff_first = LOOP_S(1),
    .backoff_max = LOOP_S(30),
    .backoff_reset = LOOP_S(60),
    .image_backoff_first = LOOP_S(1),
    .image_backoff_max = LOOP_S(30),
};

const struct clock clock_kubernetes = {
    .name = "kubernetes",
    .heartbeat = LOOP_S(10),
    .grace = LOOP_S(40),
    .eviction = LOOP_S(300),
    .backoff_first = LOOP_S(10),
    .backoff_max = LOOP_S(300),
    .backoff_reset = LOOP_S(600),
    .image_backoff_first = LOOP_S(10),
    .image_backoff_max = LOOP_S(300),
};

const struct clock clock_swarm = {
    .name = "swarm",
    .heartbeat = LOOP_S(5),
    .grace = LOOP_S(15),
    .eviction = LOOP_S(5),
    .backoff_first = LOOP_S(5),
    .backoff_max = LOOP_S(5),
    .backoff_reset = LOOP_S(60),
    .image_backoff_first = LOOP_S(5),
    .image_backoff_max = LOOP_S(5),
};

const struct clock clock_mesos = {
    .name = "mesos",
    .heartbeat = LOOP_S(15),
    .grace = LOOP_S(75),
    .eviction = 0,
    .backoff_first = LOOP_S(1),
    .backoff_max = LOOP_S(60),
    .backoff_reset = LOOP_S(60),
    .image_backoff_first = LOOP_S(1),
    .image_backoff_max = LOOP_S(60),
};

const char *const clock_names = "lab, kubernetes, swarm, mesos";

const struct clock *clock_find(const char *name)
{
    static const struct clock *const all[] = {&clock_lab, &clock_kubernetes, &clock_swarm,
                                              &clock_mesos};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (strcmp(all[i]->name, name) == 0) {
            return all[i];
        }
    }
    return NULL;
}
