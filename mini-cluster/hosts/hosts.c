/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the Host objects, watches them, and listens to what happens to their containers. */
#include "hosts/hosts.h"

#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "client/client.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hosts/hosts_impl.h"
#include "kinds/kinds.h"
#include "meta/object.h"

#define SURVEY_RETRY LOOP_MS(500)
/* A look at every machine now and then, whatever the events say: some of them may never have come.
 */
#define RESYNC LOOP_S(60)

enum { FIRST_HOST = 11, LAST_HOST = 239, PER_NET = 250, MORE_NETS = 120 };

void hosts_address(char buf[16], const char *subnet, int n)
{
    unsigned a = 0;
    unsigned b = 0;
    if (sscanf(subnet, "%u.%u.", &a, &b) != 2) {
        a = b = 0;
    }
    int low = LAST_HOST - FIRST_HOST + 1;
    if (n < 0) {
        snprintf(buf, 16, "%u.%u.0.2", a & 255u, b & 255u);
    } else if (n < low) {
        snprintf(buf, 16, "%u.%u.0.%d", a & 255u, b & 255u, FIRST_HOST + n);
    } else {
        snprintf(buf, 16, "%u.%u.%u.%u", a & 255u, b & 255u,
                 (unsigned)(MORE_NETS + (n - low) / PER_NET) & 255u,
                 (unsigned)(1 + (n - low) % PER_NET) & 255u);
    }
}

/* ---- the objects ---- */

static void free_host(void *arg)
{
    struct host *h = arg;
    json_decref(h->spec);
    free(h->name);
    free(h);
}

static void on_host(void *arg, enum client_event type, const json_t *obj, const json_t *prev)
{
    struct hosts *hs = arg;
    if (type == CLIENT_SYNCED) {
        return;
    }
    struct host *h = map_find(hs->by_name, object_name(obj));
    if (h != NULL && prev != NULL && !json_equal(jx_get(obj, "spec"), jx_get(prev, "spec"))) {
        h->retry_ns = 0; /* somebody changed his mind: try at once */
    }
    workqueue_add(hs->queue, object_name(obj));
}

struct expected {
    void (*fn)(void *arg, const char *name);
    void *arg;
};

static bool expect(void *arg, const json_t *obj)
{
    const struct expected *e = arg;
    if (str_eq(jx_str(obj, "spec.power", "On"), "On") && !host_wished_fault(obj).cut &&
        !object_deleting(obj)) {
        e->fn(e->arg, object_name(obj));
    }
    return true;
}

void hosts_each_expected(struct hosts *hs, void (*fn)(void *arg, const char *name), void *arg)
{
    struct expected e = {fn, arg};
    client_each(hs->client, hs->kind, NULL, expect, &e);
}

/* ---- what there is ---- */

static void on_stray_removed(void *arg, enum runtime_result result, const struct runtime_status *st,
                             const struct err *err)
{
    (void)arg, (void)result, (void)st, (void)err; /* it is found again */
}

/* Something runs where nothing can: it was asked for before the power went, or the machine, and
 * came after. */
static void came_too_late(struct hosts *hs, const char *host, const char *container)
{
    struct host *h = map_find(hs->by_name, host);
    if (h == NULL) {
        log_info("hosts", "%s is removed: %s, its machine, is no more", container, host);
        hs->rt.ops->remove(hs->rt.self, container, on_stray_removed, NULL);
    } else if (h->state == HOST_OFF && h->over && !h->revived) {
        h->dirty = h->late = true;
        host_requeue(h);
    }
}

static bool is_dark(const struct hosts *hs, const char *host)
{
    const struct host *h = map_find(hs->by_name, host);
    return h == NULL || h->state == HOST_OFF;
}

static void on_surveyed(void *arg, enum runtime_result result, const struct runtime_status *list,
                        size_t n, const struct err *err)
{
    struct hosts *hs = arg;
    void *value;
    if (result != RUNTIME_OK) {
        log_warn("hosts", "what the machines have is not known yet: %s", err->msg);
        loop_timer_start(hs->survey, SURVEY_RETRY);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct host *h = map_find(hs->by_name, list[i].host != NULL ? list[i].host : "");
        if (h != NULL && (list[i].cut || list[i].state == RUNTIME_PAUSED)) {
            h->stray = true; /* we may have died in the middle of that */
        }
    }
    hs->ready = true;
    for (size_t it = 0; map_next(hs->by_name, &it, NULL, &value);) {
        struct host *h = value;
        h->retry_ns = 0;
        host_requeue(h);
    }
}

static void survey(void *arg)
{
    struct hosts *hs = arg;
    hs->rt.ops->list(hs->rt.self, on_surveyed, hs);
}

static void on_resynced(void *arg, enum runtime_result result, const struct runtime_status *list,
                        size_t n, const struct err *err)
{
    struct hosts *hs = arg;
    void *value;
    for (size_t i = 0; result == RUNTIME_OK && i < n; i++) {
        bool runs = list[i].state == RUNTIME_RUNNING || list[i].state == RUNTIME_PAUSED;
        bool guest = list[i].role == RUNTIME_HOST || list[i].role == RUNTIME_SERVICES;
        const char *host = list[i].host != NULL ? list[i].host : "";
        if (runs && !guest && host[0] != '\0' && is_dark(hs, host)) {
            came_too_late(hs, host, list[i].name);
        }
    }
    for (size_t it = 0; map_next(hs->by_name, &it, NULL, &value);) {
        host_inspect(value, "");
    }
    loop_timer_start(hs->resync, RESYNC);
}

static void resync(void *arg)
{
    struct hosts *hs = arg;
    if (hs->ready) {
        hs->rt.ops->list(hs->rt.self, on_resynced, hs);
    } else {
        loop_timer_start(hs->resync, RESYNC);
    }
}

void hosts_runtime_ready(struct hosts *hs)
{
    survey(hs);
}

struct hosts *hosts_new(struct api *api, const struct runtime *rt, const struct hosts_opts *opts)
{
    struct hosts *hs = xnew(struct hosts);
    hs->client = client_new(api, "system:podlab-hosts");
    hs->rt = *rt;
    hs->kind = kinds_find_gr("hosts.podlab.dev");
    hs->node_kind = kinds_find_gr("nodes");
    hs->queue = workqueue_new(api_loop(api), "hosts", host_reconcile, hs);
    hs->by_name = map_new(free_host);
    hs->verdict = loop_timer_new(api_loop(api), hosts_verdict, hs);
    hs->survey = loop_timer_new(api_loop(api), survey, hs);
    hs->resync = loop_timer_new(api_loop(api), resync, hs);
    loop_timer_start(hs->resync, RESYNC);
    hs->ops = *opts->ops;
    hs->arg = opts->arg;
    memcpy(hs->key, opts->key, sizeof(hs->key));
    hs->subnet = xstrdup(opts->subnet);
    hs->dns = xstrdup(opts->dns);
    hs->cpu_milli = opts->cpu_milli;
    hs->memory = opts->memory;
    hs->pods = opts->pods;
    hosts_recall(hs, opts->names);
    hs->watch = client_watch(hs->client, hs->kind, on_host, hs);
    return hs;
}

void hosts_free(struct hosts *hs)
{
    if (hs == NULL) {
        return;
    }
    size_t it = 0;
    void *h;
    while (map_next(hs->by_name, &it, NULL, &h)) {
        client_off_commit(hs->client, h);
    }
    loop_timer_free(hs->verdict);
    loop_timer_free(hs->survey);
    loop_timer_free(hs->resync);
    client_watch_free(hs->watch);
    workqueue_free(hs->queue);
    client_free(hs->client);
    map_free(hs->by_name);
    free(hs->subnet);
    free(hs->dns);
    free(hs->away);
    free(hs);
}

/* ---- the runtime ---- */

/* Whose guest the event is about; NULL: nobody's. Everything that happens to any container comes by
 * here, so it is not looked for among a thousand hosts when it says where it belongs. */
static struct host *host_of_guest(struct hosts *hs, const struct runtime_event *ev)
{
    size_t it = 0;
    void *value;
    if (ev->host != NULL && ev->host[0] != '\0') {
        struct host *h = map_find(hs->by_name, ev->host);
        return h != NULL && strcmp(h->container, ev->name) == 0 ? h : NULL;
    }
    while (map_next(hs->by_name, &it, NULL, &value)) {
        struct host *h = value;
        if (strcmp(h->container, ev->name) == 0) {
            return h;
        }
    }
    return NULL;
}

static void container_changed(struct hosts *hs, const struct runtime_event *ev)
{
    struct host *h = host_of_guest(hs, ev);
    if (h != NULL) {
        host_inspect(h, ev->why);
        return;
    }
    if (!str_eq(ev->why, "start") || ev->host == NULL || ev->host[0] == '\0' || !hs->ready) {
        return;
    }
    h = map_find(hs->by_name, ev->host);
    if (h != NULL) {
        host_fault_stray(h);
    }
    if (is_dark(hs, ev->host)) {
        came_too_late(hs, ev->host, ev->name);
    }
}

void hosts_runtime_event(struct hosts *hs, const struct runtime_event *ev)
{
    size_t it = 0;
    void *value;
    if (ev->type == RUNTIME_EV_CHANGED) {
        container_changed(hs, ev);
        return;
    }
    while (map_next(hs->by_name, &it, NULL, &value)) {
        struct host *h = value;
        h->lost_daemon = true;
        if (ev->type == RUNTIME_EV_BACK) {
            h->retry_ns = 0;
            host_fault_stray(h);
            host_inspect(h, "");
            host_requeue(h);
        }
    }
}
