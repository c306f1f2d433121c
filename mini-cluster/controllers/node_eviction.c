/* SPDX-License-Identifier: Apache-2.0 */
/* The pods of a node that is not ready, or tainted: when nobody is sent to them any more, and when
 * they are given up so that others take their place. */
#include <string.h>

#include "client/client.h"
#include "client/recorder.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "controllers/node_impl.h"
#include "meta/clock.h"
#include "meta/object.h"

#define RETRY LOOP_S(1)

struct walk {
    struct lifecycle *c;
    const json_t *taints;
    bool ready;          /* the node is */
    bool out_of_service; /* ... and will not come back */
    struct map *before;  /* those that waited, and since when */
    struct map *waits;   /* those that still do */
    uint64_t now;
    uint64_t next_ns; /* until the next one is given up; UINT64_MAX: none waits */
};

static void warn(const char *what, const json_t *pod, const struct err *err)
{
    log_warn("node-lifecycle", "%s pod %s/%s: %s", what, object_namespace(pod), object_name(pod),
             err->msg);
}

/* Endpoints must not lead to a pod of which nothing is heard. Returns the pod as it is then. */
static const json_t *mark_not_ready(struct lifecycle *c, const json_t *pod)
{
    struct err err;
    json_auto_t *edited = object_pod_ready(pod) ? jx_edit(pod) : NULL;
    if (edited == NULL || !object_set_condition(edited, "Ready", "False", "NodeNotReady", "",
                                                loop_wall_us(c->loop), false)) {
        return pod;
    }
    recorder_event(c->client, "node-controller", NULL, pod, "Warning", "NodeNotReady",
                   "Node is not ready");
    if (client_update_status(c->client, c->pods, steal(edited), &pod, &err) < 0) {
        warn("mark", pod, &err);
    }
    return pod;
}

/* Whoever watches the pod can tell that it did not end of itself. */
static void say_why(struct lifecycle *c, const json_t *pod, const char *reason, const char *message)
{
    struct err err;
    json_auto_t *edited = jx_edit(pod);
    if (object_set_condition(edited, "DisruptionTarget", "True", reason, message,
                             loop_wall_us(c->loop), false) &&
        client_update_status(c->client, c->pods, steal(edited), NULL, &err) < 0) {
        warn("mark", pod, &err);
    }
}

static bool delete_pod(struct lifecycle *c, const json_t *pod, int64_t grace_s)
{
    struct err err;
    struct client_delete_opts opts = {.grace_s = grace_s, .uid = object_uid(pod)};
    if (client_delete(c->client, c->pods, object_namespace(pod), object_name(pod), &opts, &err) ==
        0) {
        return true;
    }
    warn("delete", pod, &err);
    return false;
}

/* ---- waiting ---- */

static bool give_up(struct walk *w, const json_t *pod)
{
    recorder_event(w->c->client, "taint-eviction-controller", NULL, pod, "Normal",
                   "TaintManagerEviction", "Marking for deletion Pod %s/%s", object_namespace(pod),
                   object_name(pod));
    say_why(w->c, pod, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint");
    return delete_pod(w->c, pod, -1);
}

static void spare(struct walk *w, const json_t *pod)
{
    if (map_find(w->before, object_uid(pod)) != NULL) {
        recorder_event(w->c->client, "taint-eviction-controller", NULL, pod, "Normal",
                       "TaintManagerEviction", "Cancelling deletion of Pod %s/%s",
                       object_namespace(pod), object_name(pod));
    }
}

/* A time stands in the map as the pointer itself. */
static uint64_t since(const struct walk *w, const char *uid)
{
    uintptr_t at = (uintptr_t)map_find(w->before, uid);
    return at != 0 ? (uint64_t)at : w->now;
}

/* It goes when it has waited as long as it tolerates, counted from when it was first seen there. */
static void weigh(struct walk *w, const json_t *pod)
{
    uint64_t wait;
    const char *uid = object_uid(pod);
    if (!node_tolerance(pod, w->taints, (*w->c->clock)->eviction, &wait)) {
        spare(w, pod);
        return;
    }
    uint64_t from = since(w, uid);
    uint64_t waited = w->now - from;
    uint64_t left = wait > waited ? wait - waited : 0;
    map_put(w->waits, uid, (void *)(uintptr_t)from);
    if (left == 0 && !give_up(w, pod)) {
        left = RETRY;
    }
    if (left > 0 && left < w->next_ns) {
        w->next_ns = left;
    }
}

static bool visit(void *arg, const json_t *pod)
{
    struct walk *w = arg;
    if (object_pod_terminal(pod)) {
        return true;
    }
    pod = w->ready ? pod : mark_not_ready(w->c, pod);
    if (!object_deleting(pod)) {
        weigh(w, pod);
    } else if (!w->ready && w->out_of_service) {
        delete_pod(w->c, pod, 0); /* nobody will ever say that it has ended */
    }
    return true;
}

void node_eviction_look(struct lifecycle *c, const json_t *node, struct watched *w)
{
    const json_t *taints = jx_arr(node, "spec.taints");
    struct client_filter f = {.node = object_name(node)};
    struct walk walk = {
        .c = c,
        .taints = taints,
        .ready = w->belief == NODE_READY,
        .out_of_service = node_taints_out_of_service(taints),
        .before = w->waits,
        .waits = map_new(NULL),
        .now = loop_mono_ns(c->loop),
        .next_ns = UINT64_MAX,
    };
    client_each(c->client, c->pods, &f, visit, &walk);
    map_free(w->waits);
    w->waits = walk.waits;
    if (walk.next_ns != UINT64_MAX) {
        workqueue_add_after(c->queue, object_name(node), walk.next_ns);
    }
}

/* ---- pods without a node ---- */

static bool collect(void *arg, const json_t *pod)
{
    struct lifecycle *c = arg;
    say_why(c, pod, "DeletionByPodGC", "PodGC: node no longer exists");
    delete_pod(c, pod, 0);
    return true;
}

void node_eviction_collect(struct lifecycle *c, const char *node)
{
    struct client_filter f = {.node = node};
    client_each(c->client, c->pods, &f, collect, c);
}
