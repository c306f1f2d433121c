/* SPDX-License-Identifier: Apache-2.0 */
/* Tells a node that failed from a cluster that did: when too little is ready, nobody is given up,
 * because the others are no better a place, or because it is we who hear nothing. */
#include "client/client.h"
#include "client/recorder.h"
#include "client/workqueue.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "controllers/node_impl.h"
#include "meta/clock.h"
#include "meta/object.h"

struct census {
    size_t ready, not_ready;
};

/* A node that is overdue counts as what it is about to be: those that fall silent in the same
 * moment are one event, whoever is looked at first. */
static struct census count(const struct lifecycle *c)
{
    struct census n = {0};
    uint64_t now = loop_mono_ns(c->loop);
    size_t it = 0;
    void *value;
    while (map_next(c->known, &it, NULL, &value)) {
        const struct watched *w = value;
        bool heard = now - w->heard_ns < (*c->clock)->grace;
        if (w->gone_ns == 0) {
            n.ready += w->belief == NODE_READY && heard;
            n.not_ready += w->belief != NODE_READY || !heard;
        }
    }
    return n;
}

static void tell(struct lifecycle *c, const char *name, const struct census *n)
{
    struct err err;
    const json_t *node = client_get(c->client, c->nodes, NULL, name, &err);
    if (node == NULL) {
        return;
    }
    if (c->zone == ZONE_FULL) {
        recorder_event(c->client, "node-controller", NULL, node, "Warning", "EvictionStopped",
                       "No node is ready: no pod is given up until one is");
    } else if (c->zone == ZONE_PARTIAL) {
        recorder_event(c->client, "node-controller", NULL, node, "Warning", "EvictionStopped",
                       "%zu of %zu nodes are not ready: no more pods are given up until fewer are",
                       n->not_ready, n->ready + n->not_ready);
    } else {
        recorder_event(c->client, "node-controller", NULL, node, "Normal", "EvictionResumed",
                       "Enough nodes are ready: pods of the others are given up again");
    }
}

/* When everybody was silent, nobody's silence says anything: all begin again. */
static void forgive(struct watched *w, uint64_t now)
{
    w->heard_ns = now;
    map_clear(w->waits);
}

static void enter(struct lifecycle *c, enum node_zone next, const struct census *n)
{
    static const char *const words[] = {"normal", "partial disruption", "full disruption"};
    bool was_full = c->zone == ZONE_FULL;
    size_t it = 0;
    const char *name;
    void *value;
    log_debug("node-lifecycle", "%s: %zu nodes are ready, %zu are not", words[next], n->ready,
              n->not_ready);
    c->zone = next;
    while (map_next(c->known, &it, &name, &value)) {
        struct watched *w = value;
        if (was_full) {
            forgive(w, loop_mono_ns(c->loop));
        }
        workqueue_add(c->queue, name);
        if (w->belief != NODE_READY && w->was_ready) { /* a new cluster is no disrupted one */
            tell(c, name, n);
        }
    }
}

void node_zone_look(struct lifecycle *c)
{
    struct census n = count(c);
    enum node_zone next = node_zone_of(n.ready, n.not_ready);
    if (next != c->zone) {
        enter(c, next, &n);
    }
}
