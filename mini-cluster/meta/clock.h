/* SPDX-License-Identifier: Apache-2.0 */
/* How long a cluster waits before it believes something: one set of delays, chosen by name. */
#ifndef META_CLOCK_H
#define META_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* All in nanoseconds. The "kubernetes" row has the defaults of kubelet and controller-manager
 * (node-status-update-frequency 10 s, node-monitor-grace-period 40 s, default not-ready toleration 300 s). */
struct clock {
    const char *name;
    uint64_t heartbeat;         /* a node agent renews its lease this often */
    uint64_t grace;             /* silence until the node is NotReady */
    uint64_t eviction;          /* NotReady until its pods are given up (tolerationSeconds by default) */
    uint64_t backoff_first;     /* before a crashed container starts again; doubles */
    uint64_t backoff_max;
    uint64_t backoff_reset;     /* running this long forgets the back-off */
    uint64_t image_backoff_first, image_backoff_max;
};

extern const struct clock clock_lab;         /* 0.5 s, 2 s, 0.5 s */
extern const struct clock clock_kubernetes;  /* 10 s, 40 s, 300 s */
extern const struct clock clock_swarm;       /* 5 s, 15 s, 5 s */
extern const struct clock clock_mesos;       /* 15 s, 75 s, 0 */

/* By name; NULL when there is none. clock_names is "lab, kubernetes, swarm, mesos". */
const struct clock *clock_find(const char *name);
extern const char *const clock_names;

/* ---- a clock as an object says it (kind Clock): a preset and what differs from it ---- */

/* The delays by the names they have there ("backoffFirst"), NULL-terminated, in a fixed order. */
extern const char *const clock_fields[];
/* One of them; 0 when there is none of that name. */
uint64_t clock_get(const struct clock *c, const char *field);

/* What `spec` {preset, heartbeat, grace ...} means; what it does not say is the preset's, and
 * without a preset that of "lab". `wrong` (may be NULL) is told of each field that makes no sense,
 * with a sentence of what it must be; false when there was one, and *ret is untouched. */
bool clock_read(const json_t *spec, struct clock *ret,
                void (*wrong)(void *arg, const char *field, const char *must), void *arg);
/* The opposite, every delay included ("preset", "heartbeat" ...); the caller owns it. */
json_t *clock_write(const struct clock *c);
bool clock_equal(const struct clock *a, const struct clock *b);

#endif
