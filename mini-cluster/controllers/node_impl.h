/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the node lifecycle share: what is believed of each node, and since when. */
#ifndef CONTROLLERS_NODE_IMPL_H
#define CONTROLLERS_NODE_IMPL_H

#include "common/err.h"
#include "controllers/node_taints.h"

struct client;
struct clock;
struct kind;
struct loop;
struct map;
struct workqueue;

/* What is known of one node, on the loop's own clock: a node's word for the time is not needed. */
struct watched {
    uint64_t heard_ns;       /* when its lease was last seen to change */
    int64_t lease_rev;       /* ... to this; 0: not seen yet */
    uint64_t gone_ns;        /* since when there is no such node; 0: there is one */
    enum node_belief belief; /* as its conditions say */
    bool was_ready;          /* once, since we began */
    bool evicts;             /* its pods are to be looked at: not ready, or tainted NoExecute */
    struct map *waits;       /* uid of each pod that will be given up -> since when it waits */
};

struct lifecycle {
    struct client *client;
    struct loop *loop;
    const struct clock *const *clock;
    const struct kind *nodes, *pods, *leases;
    struct workqueue *queue; /* names of nodes */
    struct map *known;       /* name -> struct watched */
    struct client_watch *node_watch, *lease_watch, *pod_watch;
    enum node_zone zone;
    bool synced; /* what comes now is news */
};

/* ---- node_zone.c ---- */

/* Looks how many nodes are ready; when that changes who is given up, every node that is not ready
 * is looked at again. */
void node_zone_look(struct lifecycle *c);

/* ---- node_eviction.c ---- */

/* What the taints of `node` mean for its pods: services do not lead to those of a node that is not
 * ready, and those whose time is over are given up. Looks again by itself when the next one's is.
 */
void node_eviction_look(struct lifecycle *c, const json_t *node, struct watched *w);
/* The node is no more, and is not coming back: neither are its pods. */
void node_eviction_collect(struct lifecycle *c, const char *node);

#endif
