/* SPDX-License-Identifier: Apache-2.0 */
/* Believes a node while its lease is renewed, doubts it when it is silent, and gives its pods up
 * when the clock says so. */
#include <string.h>

#include "api/api.h"
#include "client/client.h"
#include "client/recorder.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "controllers/controller.h"
#include "controllers/node_impl.h"
#include "kinds/kinds.h"
#include "meta/clock.h"
#include "meta/object.h"
#include "store/store.h"

#define LEASES_NS "kube-node-lease"

static struct watched *known_of(struct lifecycle *c, const char *name)
{
    struct watched *w = map_find(c->known, name);
    if (w == NULL) {
        w = xnew(struct watched);
        w->heard_ns = loop_mono_ns(c->loop);
        w->waits = map_new(NULL);
        map_put(c->known, name, w);
    }
    return w;
}

static void free_watched(void *arg)
{
    struct watched *w = arg;
    map_free(w->waits);
    free(w);
}

/* ---- what is believed ---- */

static int mark_unknown(struct lifecycle *c, const json_t *node, const json_t **ret,
                        struct err *err)
{
    static const char *const types[] = {"MemoryPressure", "DiskPressure", "PIDPressure", "Ready"};
    json_auto_t *edited = jx_edit(node);
    bool changed = false;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        bool never = object_condition(node, types[i]) == NULL;
        const char *reason = never ? "NodeStatusNeverUpdated" : "NodeStatusUnknown";
        const char *message =
            never ? "Kubelet never posted node status." : "Kubelet stopped posting node status.";
        if (!object_condition_is(node, types[i], "Unknown")) {
            changed |= object_set_condition(edited, types[i], "Unknown", reason, message,
                                            loop_wall_us(c->loop), false);
        }
    }
    *ret = node;
    if (!changed) {
        return 0;
    }
    recorder_event(c->client, "node-controller", NULL, node, "Normal", "NodeNotReady",
                   "Node %s status is now: NodeNotReady", object_name(node));
    return client_update_status(c->client, c->nodes, steal(edited), ret, err);
}

static int write_taints(struct lifecycle *c, const json_t *node, const json_t **ret,
                        struct err *err)
{
    json_auto_t *taints = node_taints(node, c->zone, loop_wall_us(c->loop));
    const json_t *now = jx_arr(node, "spec.taints");
    *ret = node;
    if (json_array_size(taints) == 0 ? json_array_size(now) == 0 : jx_equal(taints, now)) {
        return 0;
    }
    json_t *list = json_array_size(taints) > 0 ? json_incref(taints) : json_null();
    json_t *patch = json_pack("{s:{s:s}, s:{s:o}}", "metadata", "uid", object_uid(node), "spec",
                              "taints", list);
    return client_patch(c->client, c->nodes, NULL, object_name(node), NULL, patch, ret, err);
}

/* ---- one step ---- */

/* A lease that was renewed a moment ago, and not told of yet: whoever comes back may say that he is
 * Ready, too, and would be doubted at once. */
static bool is_heard(const struct lifecycle *c, const char *name, const struct watched *w)
{
    struct err err;
    const json_t *lease = client_get(c->client, c->leases, LEASES_NS, name, &err);
    return lease != NULL && w->lease_rev != 0 && object_revision(lease) > w->lease_rev;
}

/* Believes what the node's conditions say, or that it is gone when its lease is not renewed. */
static int judge(struct lifecycle *c, const json_t **node, struct watched *w, struct err *err)
{
    uint64_t now = loop_mono_ns(c->loop);
    uint64_t grace = (*c->clock)->grace;
    if (now - w->heard_ns >= grace && is_heard(c, object_name(*node), w)) {
        w->heard_ns = now;
    }
    uint64_t silence = now - w->heard_ns;
    if (silence < grace) {
        workqueue_add_after(c->queue, object_name(*node), grace - silence);
    } else if (mark_unknown(c, *node, node, err) < 0) {
        return -1;
    }
    w->belief = node_believed(*node);
    w->was_ready = w->was_ready || w->belief == NODE_READY;
    return 0;
}

static int look(struct lifecycle *c, const json_t *node, struct watched *w, struct err *err)
{
    w->gone_ns = 0;
    if (judge(c, &node, w, err) < 0) {
        return -1;
    }
    if (w->belief != NODE_READY || c->zone != ZONE_NORMAL) {
        node_zone_look(c);
    }
    if (write_taints(c, node, &node, err) < 0) {
        return -1;
    }
    w->evicts = w->belief != NODE_READY || node_taints_evict(jx_arr(node, "spec.taints"));
    if (w->evicts || map_count(w->waits) > 0) {
        node_eviction_look(c, node, w);
    }
    return 0;
}

/* It may come back, when its host is on; if it does not within a grace period, its pods go too. */
static void look_at_gone(struct lifecycle *c, const char *name, struct watched *w)
{
    uint64_t now = loop_mono_ns(c->loop);
    uint64_t grace = (*c->clock)->grace;
    w->gone_ns = w->gone_ns == 0 ? now : w->gone_ns;
    w->evicts = true; /* a pod that comes to it is seen */
    node_zone_look(c);
    if (now - w->gone_ns < grace) {
        workqueue_add_after(c->queue, name, grace - (now - w->gone_ns));
        return;
    }
    node_eviction_collect(c, name);
    map_remove(c->known, name);
}

static void begin_anew(struct lifecycle *c);

static int reconcile(void *arg, const char *name, struct err *err)
{
    struct lifecycle *c = arg;
    struct err gone;
    int rc = 0;
    const json_t *node = client_get(c->client, c->nodes, NULL, name, &gone);
    if (node == NULL) {
        look_at_gone(c, name, known_of(c, name));
    } else {
        rc = look(c, node, known_of(c, name), err);
    }
    if (rc < 0 && err->code == ERR_UNAVAILABLE) { /* then heartbeats are not written either */
        begin_anew(c);
    }
    return rc;
}

/* ---- what changes ---- */

static void tell(struct lifecycle *c, const json_t *node, const char *reason, const char *what)
{
    if (c->synced) {
        recorder_event(c->client, "node-controller", NULL, node, "Normal", reason,
                       "Node %s event: %s", object_name(node), what);
    }
}

static void on_added(struct lifecycle *c, const json_t *node)
{
    cleanup_free char *what = xasprintf("Registered Node %s in Controller", object_name(node));
    struct watched *w = known_of(c, object_name(node));
    w->heard_ns = loop_mono_ns(c->loop);
    w->gone_ns = 0;
    tell(c, node, "RegisteredNode", what);
}

static void on_node(void *arg, enum client_event type, const json_t *node, const json_t *prev)
{
    struct lifecycle *c = arg;
    if (type == CLIENT_SYNCED) {
        c->synced = true;
        return;
    }
    if (type == CLIENT_ADDED) {
        on_added(c, node);
    } else if (type == CLIENT_DELETED) {
        cleanup_free char *what = xasprintf("Removing Node %s from Controller", object_name(node));
        tell(c, node, "RemovingNode", what);
    }
    if (type != CLIENT_DELETED) {
        known_of(c, object_name(node))->belief = node_believed(node);
    }
    workqueue_add(c->queue, object_name(node));
}

static void on_lease(void *arg, enum client_event type, const struct store_entry *lease,
                     const struct store_entry *prev)
{
    struct lifecycle *c = arg;
    if (type == CLIENT_SYNCED || type == CLIENT_DELETED || strcmp(lease->key.ns, LEASES_NS) != 0) {
        return;
    }
    struct watched *w = map_find(c->known, lease->key.name);
    if (w != NULL) {
        w->heard_ns = loop_mono_ns(c->loop);
        w->lease_rev = lease->rev;
    }
    if (w != NULL && w->belief != NODE_READY) {
        workqueue_add(c->queue, lease->key.name);
    }
}

/* A pod that came to a node which gives up pods (it was bound by hand) is looked at, too. */
static void on_pod(void *arg, enum client_event type, const struct store_entry *pod,
                   const struct store_entry *prev)
{
    struct lifecycle *c = arg;
    if (type == CLIENT_SYNCED || type == CLIENT_DELETED || pod->node[0] == '\0') {
        return;
    }
    const struct watched *w = map_find(c->known, pod->node);
    bool came = prev == NULL || prev->node[0] == '\0';
    bool going = prev != NULL && pod->deleting && !prev->deleting;
    if ((came || going) && (w == NULL || w->evicts)) {
        workqueue_add(c->queue, pod->node);
    }
}

/* ---- waiting that begins again, or is another ---- */

static void begin_anew(struct lifecycle *c)
{
    uint64_t now = loop_mono_ns(c->loop);
    size_t it = 0;
    void *value;
    while (map_next(c->known, &it, NULL, &value)) {
        struct watched *w = value;
        w->heard_ns = now;
        w->gone_ns = w->gone_ns != 0 ? now : 0;
        map_clear(w->waits);
    }
}

static void look_at_all(struct lifecycle *c)
{
    size_t it = 0;
    const char *name;
    while (map_next(c->known, &it, &name, NULL)) {
        workqueue_add(c->queue, name);
    }
}

static void forgive(void *self)
{
    begin_anew(self);
    look_at_all(self);
}

/* After a closed lid nobody is overdue. */
static void on_gap(void *arg, uint64_t gap_ns)
{
    forgive(arg);
}

/* A silence that the old heartbeat explains says nothing under the new one. */
static void clock_changed(void *self, const struct clock *before)
{
    struct lifecycle *c = self;
    uint64_t now = loop_mono_ns(c->loop);
    uint64_t beat = (*c->clock)->heartbeat;
    uint64_t excused = before->heartbeat > beat ? before->heartbeat - beat : 0;
    size_t it = 0;
    void *value;
    while (map_next(c->known, &it, NULL, &value)) {
        struct watched *w = value;
        w->heard_ns = now - w->heard_ns > excused ? w->heard_ns + excused : now;
    }
    look_at_all(c);
}

static void *create(struct api *api, const struct clock *const *clock)
{
    struct lifecycle *c = xnew(struct lifecycle);
    c->client = client_new(api, "system:serviceaccount:kube-system:node-controller");
    c->loop = api_loop(api);
    c->clock = clock;
    c->nodes = kinds_find_gr("nodes");
    c->pods = kinds_find_gr("pods");
    c->leases = kinds_find_gr("leases.coordination.k8s.io");
    c->queue = workqueue_new(c->loop, "node-lifecycle", reconcile, c);
    c->known = map_new(free_watched);
    c->node_watch = client_watch(c->client, c->nodes, on_node, c);
    c->lease_watch = client_watch_entries(c->client, c->leases, on_lease, c);
    c->pod_watch = client_watch_entries(c->client, c->pods, on_pod, c);
    loop_on_gap(c->loop, on_gap, c);
    return c;
}

static void destroy(void *self)
{
    struct lifecycle *c = self;
    loop_off_gap(c->loop, on_gap, c);
    client_watch_free(c->node_watch);
    client_watch_free(c->lease_watch);
    client_watch_free(c->pod_watch);
    workqueue_free(c->queue);
    map_free(c->known);
    client_free(c->client);
    free(c);
}

const struct controller_ops node_lifecycle_controller = {
    .name = "node-lifecycle",
    .create = create,
    .destroy = destroy,
    .clock_changed = clock_changed,
    .forgive = forgive,
};
