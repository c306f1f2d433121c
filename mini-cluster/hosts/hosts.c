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

/* What is remembered of its lives: not in the object, which anybody may edit or delete. */
static void recall(struct host *h, const json_t *obj)
{
    const json_t *record = client_record_find(h->hosts->client, "hosts", h->name);
    int64_t epoch = record != NULL ? jx_int(record, "epoch", 0) : jx_int(obj, "status.epoch", 0);
    h->epoch = epoch > 0 ? (uint64_t)epoch : 0;
    h->over = jx_bool(record, "over", false);
}

static void add_host(struct hosts *hs, const char *name, int n)
{
    struct host *h = xnew(struct host);
    h->hosts = hs;
    h->name = xstrdup(name);
    h->control_plane = n < 0;
    h->fresh = true;
    hosts_address(h->address, hs->subnet, n);
    map_put(hs->by_name, name, h);

    struct err err;
    const json_t *obj = client_get(hs->client, hs->kind, NULL, name, &err);
    recall(h, obj);
    if (obj == NULL && host_make_object(h, &err) < 0) {
        log_error("hosts", "make host %s: %s", name, err.msg);
        host_requeue(h);
    }
}

static void on_host(void *arg, enum client_event type, const json_t *obj, const json_t *prev)
{
    struct hosts *hs = arg;
    if (type == CLIENT_SYNCED) {
        return;
    }
    struct host *h = map_find(hs->by_name, object_name(obj));
    if (h == NULL) {
        if (type != CLIENT_DELETED) {
            hosts_say_unknown(hs, obj);
        }
        return;
    }
    if (prev != NULL && !json_equal(jx_get(obj, "spec"), jx_get(prev, "spec"))) {
        h->retry_ns = 0; /* somebody changed his mind: try at once */
    }
    host_requeue(h);
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
    hs->ops = *opts->ops;
    hs->arg = opts->arg;
    memcpy(hs->key, opts->key, sizeof(hs->key));
    hs->subnet = xstrdup(opts->subnet);
    hs->dns = xstrdup(opts->dns);
    add_host(hs, "control-plane", -1);
    for (int i = 0; opts->names[i] != NULL; i++) {
        add_host(hs, opts->names[i], i);
    }
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

void hosts_runtime_ready(struct hosts *hs)
{
    size_t it = 0;
    void *value;
    hs->ready = true;
    while (map_next(hs->by_name, &it, NULL, &value)) {
        struct host *h = value;
        h->retry_ns = 0;
        host_requeue(h);
    }
}

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

void hosts_runtime_event(struct hosts *hs, const struct runtime_event *ev)
{
    if (ev->type == RUNTIME_EV_CHANGED) {
        struct host *h = host_of_guest(hs, ev);
        if (h != NULL) {
            host_inspect(h);
        }
        return;
    }
    size_t it = 0;
    void *value;
    while (map_next(hs->by_name, &it, NULL, &value)) {
        struct host *h = value;
        h->lost_daemon = true;
        if (ev->type == RUNTIME_EV_BACK) {
            h->retry_ns = 0;
            host_inspect(h);
            host_requeue(h);
        }
    }
}
