/* SPDX-License-Identifier: Apache-2.0 */
/* One probe, for the file that reads its spec and the one that makes it. */
#ifndef NODE_PROBE_IMPL_H
#define NODE_PROBE_IMPL_H

#include "node/node_impl.h"
#include "node/probe.h"

struct handler;

struct probe {
    struct container *container;
    int kind; /* PROBE_STARTUP ... */
    struct handler *handler;
    uint64_t delay_ns, period_ns, timeout_ns;
    unsigned successes_needed, failures_needed;
    int64_t grace_s; /* of a kill; -1: the pod's */

    struct loop_timer *timer;     /* until the next one */
    unsigned successes, failures; /* in a row */
    bool good;
    bool ever; /* good at least once */
    bool told; /* that it is not supported */
    uint64_t began_ns;
};

/* ---- probe_spec.c ---- */

/* `spec` is a Probe, `container` the container around it. */
struct probe *probe_new(struct container *c, int kind, const json_t *spec, const json_t *container);
void probe_free(struct probe *p);      /* NULL is fine */
const char *probe_kind_name(int kind); /* "Startup" ... */

#endif
