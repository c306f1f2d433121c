/* SPDX-License-Identifier: Apache-2.0 */
/* Watches for pods that have no node, places each, and says why when it cannot. */
#include "scheduler/scheduler.h"

#include <string.h>

#include "api/api.h"
#include "client/client.h"
#include "client/recorder.h"
#include "client/spares.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "scheduler/cache.h"
#include "store/store.h"

/* Room that appears is noticed by everyone who waits, but not more often than this. */
#define RETRY LOOP_MS(100)
/* The same reason is said again as an event after this long. */
#define REMIND LOOP_S(10)

struct waiting {
    char *message; /* why, when it was last said */
    uint64_t said_at;
};

struct scheduler {
    struct client *client;
    struct loop *loop;
    const struct kind *pods, *nodes;
    struct cache *cache;
    struct workqueue *queue;
    struct map *waiting; /* "ns/name" of pods that fit nowhere -> struct waiting */
    struct loop_timer *retry;
    struct client_watch *pod_watch, *node_watch;
};

static void free_waiting(void *arg)
{
    struct waiting *w = arg;
    free(w->message);
    free(w);
}

/* ---- placing one pod ---- */

static bool is_ours(const json_t *pod)
{
    return !object_deleting(pod) && !object_pod_terminal(pod) &&
           jx_str(pod, "spec.nodeName", "")[0] == '\0' &&
           str_eq(jx_str(pod, "spec.schedulerName", "default-scheduler"), "default-scheduler") &&
           jx_len(pod, "spec.schedulingGates") == 0;
}

static int say_no(struct scheduler *s, const char *key, const json_t *pod, const char *message,
                  struct err *err)
{
    struct waiting *w = map_find(s->waiting, key);
    uint64_t now = loop_mono_ns(s->loop);
    if (w != NULL && str_eq(w->message, message) && now - w->said_at < REMIND) {
        return 0;
    }
    if (w == NULL) {
        w = xnew(struct waiting);
        map_put(s->waiting, key, w);
    }
    free(w->message);
    w->message = xstrdup(message);
    w->said_at = now;
    recorder_event(s->client, "default-scheduler", NULL, pod, "Warning", "FailedScheduling", "%s",
                   message);
    json_auto_t *edited = jx_edit(pod);
    if (!object_set_condition(edited, "PodScheduled", "False", "Unschedulable", message,
                              loop_wall_us(s->loop), false)) {
        return 0;
    }
    return client_update_status(s->client, s->pods, steal(edited), NULL, err);
}

static int bind(struct scheduler *s, const char *key, const json_t *pod, const char *node,
                struct err *err)
{
    if (client_bind(s->client, object_namespace(pod), object_name(pod), node, err) < 0) {
        return -1;
    }
    cache_put_pod(s->cache, object_uid(pod), node, pod);
    map_remove(s->waiting, key);
    recorder_event(s->client, "default-scheduler", NULL, pod, "Normal", "Scheduled",
                   "Successfully assigned %s to %s", key, node);
    return 0;
}

/* Where a sandbox waits for this very pod; -1: nowhere. */
static int find_wished(struct scheduler *s, const char *ns, const char *name)
{
    const char *host = spares_host(s->client, ns, name);
    return host != NULL ? cache_find_node(s->cache, host) : -1;
}

static int schedule(void *arg, const char *key, struct err *err)
{
    struct scheduler *s = arg;
    char ns[254];
    char name[254];
    struct err missing;
    workqueue_split(key, ns, name);
    const json_t *pod = client_get(s->client, s->pods, ns, name, &missing);
    if (pod == NULL || !is_ours(pod)) {
        map_remove(s->waiting, key);
        return 0;
    }
    size_t n;
    const struct pick_node *nodes = cache_view(s->cache, pod, &n);
    struct pick_pod demand = cache_demand(pod);
    int best = pick(&demand, nodes, n);
    best = pick_wished(&demand, nodes, best, find_wished(s, ns, name));
    if (best >= 0) {
        return bind(s, key, pod, cache_node_name(s->cache, (size_t)best), err);
    }
    cleanup_str struct str why = STR_INIT;
    if (n == 0) {
        str_add(&why, "no nodes available to schedule pods");
    } else {
        pick_explain(&demand, nodes, n, &why);
    }
    return say_no(s, key, pod, str_c(&why), err);
}

/* ---- what changes ---- */

static void retry_waiting(void *arg)
{
    struct scheduler *s = arg;
    size_t it = 0;
    const char *key;
    while (map_next(s->waiting, &it, &key, NULL)) {
        workqueue_add(s->queue, key);
    }
}

static void room_appeared(struct scheduler *s)
{
    if (map_count(s->waiting) > 0 && !loop_timer_active(s->retry)) {
        loop_timer_start(s->retry, RETRY);
    }
}

static bool is_terminal(const struct store_entry *e)
{
    return strcmp(e->phase, "Succeeded") == 0 || strcmp(e->phase, "Failed") == 0;
}

static void on_pod(void *arg, enum client_event type, const struct store_entry *e,
                   const struct store_entry *prev)
{
    struct scheduler *s = arg;
    if (type == CLIENT_SYNCED) {
        return;
    }
    if (type == CLIENT_DELETED || is_terminal(e)) {
        if (cache_delete_pod(s->cache, e->uid)) {
            room_appeared(s);
        }
        return;
    }
    if (e->node[0] == '\0') {
        workqueue_add_object(s->queue, e->key.ns, e->key.name);
    } else if (!cache_has_pod(s->cache, e->uid)) {
        cache_put_pod(s->cache, e->uid, e->node, client_tree(s->client, e));
    }
}

static void on_node(void *arg, enum client_event type, const json_t *node, const json_t *prev)
{
    struct scheduler *s = arg;
    if (type == CLIENT_SYNCED) {
        return;
    }
    if (type == CLIENT_DELETED) {
        cache_delete_node(s->cache, object_name(node));
        return;
    }
    bool same =
        prev != NULL && jx_equal(jx_path(prev, "spec"), jx_path(node, "spec")) &&
        jx_equal(jx_path(prev, "status.allocatable"), jx_path(node, "status.allocatable")) &&
        jx_equal(object_labels(prev), object_labels(node));
    if (!same) {
        cache_put_node(s->cache, node);
        room_appeared(s);
    }
}

struct scheduler *scheduler_new(struct api *api)
{
    struct scheduler *s = xnew(struct scheduler);
    s->client = client_new(api, "system:kube-scheduler");
    s->loop = api_loop(api);
    s->pods = kinds_find_gr("pods");
    s->nodes = kinds_find_gr("nodes");
    s->cache = cache_new();
    s->queue = workqueue_new(s->loop, "scheduler", schedule, s);
    s->waiting = map_new(free_waiting);
    s->retry = loop_timer_new(s->loop, retry_waiting, s);
    s->node_watch = client_watch(s->client, s->nodes, on_node, s);
    s->pod_watch = client_watch_entries(s->client, s->pods, on_pod, s);
    return s;
}

void scheduler_free(struct scheduler *s)
{
    if (s == NULL) {
        return;
    }
    client_watch_free(s->pod_watch);
    client_watch_free(s->node_watch);
    workqueue_free(s->queue);
    loop_timer_free(s->retry);
    map_free(s->waiting);
    cache_free(s->cache);
    client_free(s->client);
    free(s);
}
