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
#include "controllers/node_taints.h"
#include "kinds/kinds.h"
#include "meta/clock.h"
#include "meta/object.h"
#include "store/store.h"

#define LEASES_NS "kube-node-lease"

/* What is known of one node, on the loop's own clock: a node's word for the time is not needed. */
struct heard {
    uint64_t at;        /* when its lease was last seen to change */
    uint64_t bad_since; /* when it stopped being Ready; 0: it is Ready */
};

struct lifecycle {
    struct client *client;
    struct loop *loop;
    const struct clock *const *clock;
    const struct kind *nodes, *pods, *leases;
    struct workqueue *queue; /* names of nodes */
    struct map *heard;       /* name -> struct heard */
    struct client_watch *node_watch, *lease_watch, *pod_watch;
};

static struct heard *heard_of(struct lifecycle *c, const char *name)
{
    struct heard *h = map_find(c->heard, name);
    if (h == NULL) {
        h = xnew(struct heard);
        h->at = loop_mono_ns(c->loop);
        map_put(c->heard, name, h);
    }
    return h;
}

/* ---- conditions and taints ---- */

static int mark_unknown(struct lifecycle *c, const json_t *node, const json_t **ret,
                        struct err *err)
{
    json_auto_t *edited = jx_edit(node);
    int64_t now = loop_wall_us(c->loop);
    static const char *const types[] = {"MemoryPressure", "DiskPressure", "PIDPressure", "Ready"};
    bool changed = false;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        changed |= object_set_condition(edited, types[i], "Unknown", "NodeStatusUnknown",
                                        "Kubelet stopped posting node status.", now, false);
    }
    *ret = node;
    if (!changed) {
        return 0;
    }
    recorder_event(c->client, "node-controller", NULL, node, "Normal", "NodeNotReady",
                   "Node %s status is now: NodeNotReady", object_name(node));
    return client_update_status(c->client, c->nodes, steal(edited), ret, err);
}

static int write_taints(struct lifecycle *c, const json_t *node, enum node_belief belief,
                        struct err *err)
{
    json_auto_t *taints = node_taints(jx_arr(node, "spec.taints"), belief, loop_wall_us(c->loop));
    const json_t *now = jx_arr(node, "spec.taints");
    if (json_array_size(taints) == 0 ? json_array_size(now) == 0 : jx_equal(taints, now)) {
        return 0;
    }
    json_t *patch = json_pack("{s:{s:O}}", "spec", "taints", taints);
    return client_patch(c->client, c->nodes, NULL, object_name(node), NULL, patch, NULL, err);
}

/* ---- the pods of a node that is not Ready ---- */

struct pod_walk {
    struct lifecycle *c;
    const json_t *taints;
    uint64_t silent_ns; /* how long the node has not been Ready */
    uint64_t next_ns;   /* until the next pod is given up; 0: none waits */
};

/* Endpoints must not lead to a pod of which nothing is heard. */
static void mark_not_ready(struct lifecycle *c, const json_t *pod)
{
    json_auto_t *edited = jx_edit(pod);
    struct err err;
    if (!object_pod_ready(pod) || !object_set_condition(edited, "Ready", "False", "NodeNotReady",
                                                        "", loop_wall_us(c->loop), false)) {
        return;
    }
    recorder_event(c->client, "node-controller", NULL, pod, "Warning", "NodeNotReady",
                   "Node is not ready");
    if (client_update_status(c->client, c->pods, steal(edited), NULL, &err) < 0) {
        log_warn("node-lifecycle", "mark %s not ready: %s", object_name(pod), err.msg);
    }
}

static void give_up(struct lifecycle *c, const json_t *pod)
{
    struct err err;
    struct client_delete_opts opts = {.grace_s = -1, .uid = object_uid(pod)};
    recorder_event(c->client, "taint-eviction-controller", NULL, pod, "Normal",
                   "TaintManagerEviction", "Marking for deletion Pod %s/%s", object_namespace(pod),
                   object_name(pod));
    if (client_delete(c->client, c->pods, object_namespace(pod), object_name(pod), &opts, &err) <
        0) {
        log_warn("node-lifecycle", "give up %s: %s", object_name(pod), err.msg);
    }
}

static bool visit_pod(void *arg, const json_t *pod)
{
    struct pod_walk *w = arg;
    uint64_t wait;
    if (object_pod_terminal(pod)) {
        return true;
    }
    mark_not_ready(w->c, pod);
    if (object_deleting(pod) || !node_tolerance(pod, w->taints, (*w->c->clock)->eviction, &wait)) {
        return true; /* it is going already, or it stays whatever happens */
    }
    if (w->silent_ns >= wait) {
        give_up(w->c, pod);
    } else if (w->next_ns == 0 || wait - w->silent_ns < w->next_ns) {
        w->next_ns = wait - w->silent_ns;
    }
    return true;
}

static void visit_pods(struct lifecycle *c, const char *name, const struct heard *h)
{
    struct err gone;
    const json_t *node = client_get(c->client, c->nodes, NULL, name, &gone);
    struct client_filter f = {.node = name};
    struct pod_walk w = {
        .c = c,
        .taints = jx_arr(node, "spec.taints"),
        .silent_ns = loop_mono_ns(c->loop) - h->bad_since,
    };
    client_each(c->client, c->pods, &f, visit_pod, &w);
    if (w.next_ns > 0) {
        workqueue_add_after(c->queue, name, w.next_ns);
    }
}

/* ---- one step ---- */

static int look(struct lifecycle *c, const json_t *node, struct heard *h, struct err *err)
{
    const char *name = object_name(node);
    uint64_t now = loop_mono_ns(c->loop);
    uint64_t grace = (*c->clock)->grace;
    bool silent = now - h->at >= grace;
    if (!silent) {
        workqueue_add_after(c->queue, name, grace - (now - h->at));
    }
    if (silent && mark_unknown(c, node, &node, err) < 0) {
        return -1;
    }
    enum node_belief belief = object_condition_is(node, "Ready", "True")      ? NODE_READY
                              : object_condition_is(node, "Ready", "Unknown") ? NODE_UNREACHABLE
                                                                              : NODE_NOT_READY;
    if (write_taints(c, node, belief, err) < 0) {
        return -1;
    }
    if (belief == NODE_READY) {
        h->bad_since = 0;
        return 0;
    }
    h->bad_since = h->bad_since == 0 ? now : h->bad_since;
    cleanup_free char *copy = xstrdup(name);
    visit_pods(c, copy, h);
    return 0;
}

static bool delete_lost_pod(void *arg, const json_t *pod)
{
    struct lifecycle *c = arg;
    struct err err;
    struct client_delete_opts opts = {.grace_s = 0, .uid = object_uid(pod)};
    if (client_delete(c->client, c->pods, object_namespace(pod), object_name(pod), &opts, &err) <
        0) {
        log_warn("node-lifecycle", "delete %s: %s", object_name(pod), err.msg);
    }
    return true;
}

static int reconcile(void *arg, const char *name, struct err *err)
{
    struct lifecycle *c = arg;
    struct err gone;
    const json_t *node = client_get(c->client, c->nodes, NULL, name, &gone);
    if (node != NULL) {
        return look(c, node, heard_of(c, name), err);
    }
    struct client_filter f = {.node = name}; /* a node that is no more leaves no pods behind */
    map_remove(c->heard, name);
    client_each(c->client, c->pods, &f, delete_lost_pod, c);
    return 0;
}

/* ---- what changes ---- */

static void on_node(void *arg, enum client_event type, const json_t *node, const json_t *prev)
{
    struct lifecycle *c = arg;
    if (type == CLIENT_SYNCED) {
        return;
    }
    if (type == CLIENT_ADDED) {
        heard_of(c, object_name(node))->at = loop_mono_ns(c->loop);
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
    struct heard *h = heard_of(c, lease->key.name);
    h->at = loop_mono_ns(c->loop);
    if (h->bad_since != 0) {
        workqueue_add(c->queue, lease->key.name);
    }
}

/* A pod that came to a node which is not Ready (it was bound by hand) waits as the others do. */
static void on_pod(void *arg, enum client_event type, const struct store_entry *pod,
                   const struct store_entry *prev)
{
    struct lifecycle *c = arg;
    if (type == CLIENT_SYNCED || type == CLIENT_DELETED || pod->node[0] == '\0' ||
        (prev != NULL && prev->node[0] != '\0')) {
        return;
    }
    const struct heard *h = map_find(c->heard, pod->node);
    if (h == NULL || h->bad_since != 0) {
        workqueue_add(c->queue, pod->node);
    }
}

/* After a closed lid nobody is overdue. */
static void on_gap(void *arg, uint64_t gap_ns)
{
    struct lifecycle *c = arg;
    size_t it = 0;
    const char *name;
    void *value;
    while (map_next(c->heard, &it, &name, &value)) {
        struct heard *h = value;
        h->at = loop_mono_ns(c->loop);
        h->bad_since = h->bad_since != 0 ? h->at : 0;
        workqueue_add(c->queue, name);
    }
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
    c->heard = map_new(free);
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
    map_free(c->heard);
    client_free(c->client);
    free(c);
}

const struct controller_ops node_lifecycle_controller = {"node-lifecycle", create, destroy};
