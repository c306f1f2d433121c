/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold once nothing goes wrong any more and time has passed. */
#include <string.h>

#include "client/client.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "world.h"

struct moment {
    struct world *w;
    struct map *running; /* "pod/container" of what runs */
};

/* ---- deployments and pods ---- */

static const struct kind *pods(void)
{
    return kinds_find_gr("pods");
}

static bool count_ready(void *arg, const json_t *pod)
{
    int64_t *n = arg;
    *n += object_pod_ready(pod) && !object_deleting(pod);
    return true;
}

static void check_deployment(struct world *w, struct client *c, const char *name,
                             const struct promise *p)
{
    struct err err;
    const json_t *d = client_get(c, kinds_find_gr("deployments.apps"), "default", name, &err);
    if (!p->uncertain && p->exists != (d != NULL)) {
        world_break(w, "%s: an acknowledged %s was lost", name, p->exists ? "write" : "deletion");
        return;
    }
    if (d == NULL) {
        return;
    }
    int64_t wanted = jx_int(d, "spec.replicas", -1);
    if (!p->uncertain && p->replicas >= 0 && wanted != p->replicas) {
        world_break(w, "%s: replicas are %d, acknowledged were %d", name, (int)wanted,
                    (int)p->replicas);
    }
    if (jx_int(d, "status.readyReplicas", 0) != wanted ||
        jx_int(d, "status.updatedReplicas", 0) != wanted ||
        jx_int(d, "status.replicas", 0) != wanted) {
        cleanup_free char *status = jx_dump_text(jx_path(d, "status"));
        world_break(w, "%s: wants %d and stands at %s", name, (int)wanted, status);
    }
}

/* It waits for the word of a host that is off. */
static bool is_stuck(const struct world *w, const json_t *pod)
{
    return w->dark != NULL && object_deleting(pod) &&
           str_eq(jx_str(pod, "spec.nodeName", ""), w->dark->name);
}

/* One that its host refused, because it was still full, is over, and another one was made. */
static bool check_pod(void *arg, const json_t *pod)
{
    struct moment *m = arg;
    if (object_pod_terminal(pod) || is_stuck(m->w, pod)) {
        return true;
    }
    cleanup_free char *key = xasprintf("%s/web", object_uid(pod));
    if (object_deleting(pod)) {
        world_break(m->w, "pod %s is still Terminating", object_name(pod));
    } else if (!object_pod_ready(pod)) {
        cleanup_free char *status = jx_dump_text(jx_path(pod, "status"));
        world_break(m->w, "pod %s is not ready: %s", object_name(pod), status);
    } else if (map_find(m->running, key) == NULL) {
        world_break(m->w, "pod %s says it is ready, and nothing runs for it", object_name(pod));
    }
    map_remove(m->running, key);
    return true;
}

static void note_running(void *arg, const struct runtime_status *st)
{
    struct moment *m = arg;
    if (st->role == RUNTIME_APP && st->state == RUNTIME_RUNNING) {
        cleanup_free char *key = xasprintf("%s/%s", label_of(st, POD_UID), label_of(st, CONTAINER));
        map_put(m->running, key, m);
    }
}

struct sandboxes {
    struct world *w;
    size_t n;
};

static void count_sandboxes(void *arg, const struct runtime_status *st)
{
    struct sandboxes *s = arg;
    s->n += st->role == RUNTIME_SANDBOX && !world_is_spare(st);
}

static void check_pods(struct world *w)
{
    struct moment m = {.w = w, .running = map_new(NULL)};
    struct sandboxes boxes = {.w = w};
    size_t it = 0;
    const char *key;
    fake_each(w->fake, note_running, &m);
    client_each(w->eyes, pods(), NULL, check_pod, &m);
    if (map_next(m.running, &it, &key, NULL)) {
        world_break(w, "container %s runs and belongs to no pod", key);
    }
    int64_t ready = 0;
    client_each(w->eyes, pods(), NULL, count_ready, &ready);
    fake_each(w->fake, count_sandboxes, &boxes);
    if (boxes.n != (size_t)ready) {
        world_break(w, "%zu sandboxes for %d pods", boxes.n, (int)ready);
    }
    world_check_spares(w);
    map_free(m.running);
}

struct tally {
    const struct world *w;
    size_t n;
};

static bool count_pod(void *arg, const json_t *pod)
{
    struct tally *t = arg;
    t->n += !object_pod_terminal(pod) && !is_stuck(t->w, pod);
    return true;
}

static bool count_record(void *arg, const char *key, const json_t *value)
{
    (void)key, (void)value;
    ++*(size_t *)arg;
    return true;
}

/* What was written down to be done, or undone, is. */
static void check_records(struct world *w)
{
    size_t records = 0;
    struct tally all = {.w = w};
    client_each(w->eyes, pods(), NULL, count_pod, &all);
    client_record_each(w->eyes, "node.pods", count_record, &records);
    if (w->dark != NULL ? records < all.n : records != all.n) { /* the dark one's are kept for it */
        world_break(w, "%zu records for %zu pods", records, all.n);
    }
}

/* ---- hosts and nodes ---- */

static const json_t *find(struct world *w, const char *gr, const char *name)
{
    struct err err;
    return client_get(w->eyes, kinds_find_gr(gr), NULL, name, &err);
}

/* On what runs there, whatever it is. */
static void check_epoch(void *arg, const struct runtime_status *st)
{
    struct world *w = arg;
    struct sim_host *h = world_host(w, st->host);
    if (h == NULL || !is_alive(st)) {
        return;
    }
    int64_t epoch = jx_int(find(w, "hosts.podlab.dev", h->name), "status.epoch", -1);
    if ((int64_t)st->epoch != epoch) {
        world_break(w, "%s runs on %s since epoch %d, and now is epoch %d", st->name, h->name,
                    (int)st->epoch, (int)epoch);
    }
    h->alive++;
    h->guests += st->role == RUNTIME_HOST;
}

static void check_off(struct world *w, const struct sim_host *h)
{
    const char *power = jx_str(find(w, "hosts.podlab.dev", h->name), "status.power", "");
    const json_t *node = find(w, "nodes", h->name);
    if (!str_eq(power, "Off")) {
        world_break(w, "host %s is %s, not Off", h->name, power);
    } else if (node != NULL && !object_condition_is(node, "Ready", "Unknown")) {
        world_break(w, "host %s is off, and its node is not Unknown", h->name);
    }
}

static void check_gone(struct world *w, const struct sim_host *h)
{
    struct client_filter there = {.node = h->name};
    size_t n = client_count(w->eyes, pods(), &there);
    if (find(w, "hosts.podlab.dev", h->name) != NULL || find(w, "nodes", h->name) != NULL) {
        world_break(w, "%s was removed, and is still there", h->name);
    } else if (n > 0) {
        world_break(w, "%s was removed, and %zu pods are on it", h->name, n);
    }
}

static void check_on(struct world *w, const struct sim_host *h)
{
    const json_t *host = find(w, "hosts.podlab.dev", h->name);
    const json_t *node = find(w, "nodes", h->name);
    if (!str_eq(jx_str(host, "status.power", ""), "On") ||
        !str_eq(jx_str(host, "status.network", ""), "Connected")) {
        cleanup_free char *text = jx_dump_text(jx_path(host, "status"));
        world_break(w, "host %s is not on: %s", h->name, text);
    } else if (node == NULL || !object_condition_is(node, "Ready", "True")) {
        world_break(w, "node %s is not Ready", h->name);
    } else if (jx_len(node, "spec.taints") > 0) {
        cleanup_free char *text = jx_dump_text(jx_path(node, "spec.taints"));
        world_break(w, "node %s is tainted: %s", h->name, text);
    }
}

static void check_hosts(struct world *w)
{
    for (size_t i = 0; i < HOSTS; i++) {
        w->hosts[i].alive = w->hosts[i].guests = 0;
    }
    fake_each(w->fake, check_epoch, w);
    for (size_t i = 0; i < HOSTS; i++) {
        struct sim_host *h = &w->hosts[i];
        bool on = h->there && h != w->dark;
        if (on ? h->guests != 1 : h->alive != 0) {
            world_break(w, "%u containers are host %s, and %u run there", h->guests, h->name,
                        h->alive);
        }
        if (on) {
            check_on(w, h);
        } else if (h->there) {
            check_off(w, h);
        } else {
            check_gone(w, h);
        }
    }
}

/* ---- services ---- */

struct endpoints {
    struct world *w;
    struct map *ready; /* uids of the pods they should lead to; taken out when they do */
};

static bool want_pod(void *arg, const json_t *pod)
{
    struct endpoints *e = arg;
    struct err err;
    const char *app = object_label(pod, "app");
    if (app != NULL && object_pod_ready(pod) &&
        client_get(e->w->eyes, kinds_find_gr("services"), "default", app, &err) != NULL) {
        map_put(e->ready, object_uid(pod), e);
    }
    return true;
}

static bool check_slice(void *arg, const json_t *slice)
{
    struct endpoints *e = arg;
    size_t i;
    json_t *point;
    const json_t *points = jx_arr(slice, "endpoints");
    if (!str_eq(object_namespace(slice), "default") ||
        world_deployment(object_label(slice, "kubernetes.io/service-name")) == NULL) {
        return true;
    }
    jx_each(i, point, points)
    {
        const char *uid = jx_str(point, "targetRef.uid", "");
        if (jx_bool(point, "conditions.ready", false) && !map_remove(e->ready, uid)) {
            world_break(e->w, "%s leads to %s, which is not ready", object_name(slice),
                        jx_str(point, "targetRef.name", "?"));
        }
    }
    return true;
}

static void check_services(struct world *w)
{
    struct endpoints e = {.w = w, .ready = map_new(NULL)};
    client_each(w->eyes, pods(), NULL, want_pod, &e);
    client_each(w->eyes, kinds_find_gr("endpointslices.discovery.k8s.io"), NULL, check_slice, &e);
    if (map_count(e.ready) > 0) {
        world_break(w, "%zu ready pods are no endpoint of their service", map_count(e.ready));
    }
    map_free(e.ready);
}

void world_check_clock(struct world *w)
{
    struct err err;
    const json_t *clock =
        client_get(w->eyes, kinds_find_gr("clocks.podlab.dev"), NULL, "cluster", &err);
    if (w->broken.len > 0 || w->clock.uncertain) {
        return;
    }
    if (!str_eq(jx_str(clock, "spec.preset", ""), w->clock.preset) ||
        !str_eq(jx_str(clock, "spec.grace", ""), w->clock.grace)) {
        cleanup_free char *text = jx_dump_text(jx_path(clock, "spec"));
        world_break(w, "the clock is %s, acknowledged were %s %s", text, w->clock.preset,
                    w->clock.grace);
    }
}

void world_check_settled(struct world *w)
{
    size_t it = 0;
    const char *key;
    void *promise;
    check_hosts(w);
    while (map_next(w->promises, &it, &key, &promise)) {
        check_deployment(w, w->eyes, key, promise);
    }
    check_pods(w);
    check_records(w);
    check_services(w);
    world_check_clock(w);
}
