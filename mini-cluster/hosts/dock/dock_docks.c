/* SPDX-License-Identifier: Apache-2.0 */
/* All hosts' Dockers: made when a host is switched on, told what happens to it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "client/client.h"
#include "common/http_client.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "hosts/dock/dock_impl.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "runtime/names.h"

enum { PREFIX_DIGITS = 8, CALLS = 64, STREAMS = 1024 };

/* ---- one ---- */

/* "podlab-worker-1-1a2b3c4d-": for people who read `docker ps` of the machine; the digits keep
 * hosts and clusters apart. */
static void make_prefix(const struct docks *all, const char *host, char ret[DOCK_PREFIX_SIZE])
{
    char name[RUNTIME_NAME_SIZE];
    cleanup_free char *identity = xasprintf("dock/%s", host);
    runtime_name(name, all->key, host, identity);
    const char *digits = strrchr(name, '-') + 1;
    snprintf(ret, DOCK_PREFIX_SIZE, "%.*s%.*s-", (int)(digits - name), name, PREFIX_DIGITS, digits);
}

static struct dock *dock_new(struct docks *all, const char *host)
{
    struct dock *d = xnew(struct dock);
    d->all = all;
    d->host = xstrdup(host);
    d->path = dock_socket(all->dir, host);
    make_prefix(all, host, d->prefix);
    d->boxes = map_new(dock_box_free);
    d->to_look = map_new(NULL);
    d->execs = map_new(free);
    d->look_timer = loop_timer_new(all->loop, dock_agent_go_on, d);
    d->status_timer = loop_timer_new(all->loop, dock_status_write, d);
    d->refusals = json_array();
    map_put(all->by_host, host, d);
    return d;
}

static void dock_free(void *arg)
{
    struct dock *d = arg;
    dock_serve_end(d);
    while (d->reqs != NULL) {
        if (d->reqs == d->looking) {
            d->looking = NULL;
        }
        dock_req_free(d->reqs);
    }
    loop_timer_free(d->look_timer);
    loop_timer_free(d->status_timer);
    map_free(d->boxes);
    map_free(d->to_look);
    map_free(d->execs);
    json_decref(d->refusals);
    free(d->host);
    free(d->path);
    free(d);
}

static struct dock *find(const struct docks *all, const char *host)
{
    return all != NULL && host != NULL ? map_find(all->by_host, host) : NULL;
}

/* ---- the Host object: paused or cut off ---- */

static void see(struct dock *d, const json_t *host)
{
    bool paused = str_eq(jx_str(host, "status.power", ""), "Paused");
    bool cut = str_eq(jx_str(host, "status.network", ""), "Partitioned");
    bool resumed = d->paused && !paused;
    d->cut = cut;
    d->paused = paused;
    dock_serve_update(d);
    if (resumed) {
        dock_agent_settle_all(d);
        dock_opened(d);
    }
    if (jx_get(jx_obj(host, "status"), "containers") == NULL || resumed) {
        dock_status_changed(d);
    }
}

static void on_host(void *arg, enum client_event type, const json_t *obj, const json_t *prev)
{
    struct docks *all = arg;
    struct dock *d = type != CLIENT_SYNCED ? find(all, object_name(obj)) : NULL;
    (void)prev;
    if (d == NULL) {
        return;
    }
    if (type != CLIENT_DELETED) {
        see(d, obj);
    } else if (!d->on) { /* it was taken away */
        map_remove(all->by_host, object_name(obj));
    }
}

/* ---- what main tells ---- */

static void switch_off(struct dock *d)
{
    d->on = d->up = d->paused = false;
    dock_agent_end(d);
    map_clear(d->execs);
    dock_serve_update(d);
    dock_status_changed(d);
}

void docks_power(struct docks *all, const char *host, const char *address, uint64_t epoch, bool on)
{
    if (all == NULL || str_eq(host, all->control_plane)) {
        return;
    }
    struct dock *d = find(all, host);
    if (d == NULL && on) { /* its object was perhaps seen before */
        struct err err;
        d = dock_new(all, host);
        const json_t *obj = client_get(all->client, all->kind, NULL, host, &err);
        d->paused = str_eq(jx_str(obj, "status.power", ""), "Paused");
        d->cut = str_eq(jx_str(obj, "status.network", ""), "Partitioned");
    }
    if (d == NULL) {
        return;
    }
    if (!on || (d->on && d->epoch != epoch)) {
        switch_off(d);
    }
    d->on = on;
    d->epoch = epoch;
    str_copy(d->address, sizeof(d->address), address);
    dock_serve_update(d);
}

void docks_guest(struct docks *all, const char *host, bool up)
{
    struct dock *d = find(all, host);
    if (d == NULL || d->up == up) {
        return;
    }
    d->up = up && d->on;
    if (d->up) {
        dock_agent_load(d);
    } else {
        dock_agent_end(d);
    }
}

void docks_runtime_ready(struct docks *all)
{
    void *value;
    if (all == NULL) {
        return;
    }
    all->ready = true;
    for (size_t it = 0; map_next(all->by_host, &it, NULL, &value);) {
        dock_agent_load(value);
    }
}

void docks_runtime_event(struct docks *all, const struct runtime_event *ev)
{
    void *value;
    if (all == NULL) {
        return;
    }
    if (ev->type == RUNTIME_EV_CHANGED) {
        struct dock *d = find(all, ev->host);
        if (d != NULL) {
            dock_agent_look(d, ev->name);
        }
        return;
    }
    for (size_t it = 0; ev->type == RUNTIME_EV_BACK && map_next(all->by_host, &it, NULL, &value);) {
        dock_agent_load(value);
    }
}

/* ---- making and ending ---- */

struct docks *docks_new(struct api *api, const struct runtime *rt, const struct docks_opts *opts)
{
    struct docker_endpoint at;
    struct err err;
    if (opts->dir == NULL || !docker_endpoint(rt, &at)) {
        return NULL;
    }
    if (dock_dir_make(opts->dir, &err) != 0) {
        log_error("hosts", "hosts have no Docker of their own: %s", err.msg);
        return NULL;
    }
    struct docks *all = xnew(struct docks);
    const struct http_client_opts calls = {.unix_path = at.socket, .max_connections = CALLS};
    const struct http_client_opts streams = {.unix_path = at.socket, .max_connections = STREAMS};
    all->loop = api_loop(api);
    all->rt = *rt;
    all->client = client_new(api, "system:podlab-docker");
    all->kind = kinds_find_gr("hosts.podlab.dev");
    all->ops = *opts->ops;
    all->arg = opts->arg;
    memcpy(all->key, opts->key, sizeof(all->key));
    all->dir = xstrdup(opts->dir);
    all->control_plane = xstrdup(opts->control_plane);
    all->cpu_milli = opts->cpu_milli;
    all->memory = opts->memory;
    all->calls = http_client_new(all->loop, &calls);
    all->streams = http_client_new(all->loop, &streams);
    all->addresses = dock_addresses_new(opts->subnet);
    all->by_host = map_new(dock_free);
    all->watch = client_watch(all->client, all->kind, on_host, all);
    return all;
}

void docks_free(struct docks *all)
{
    if (all == NULL) {
        return;
    }
    client_watch_free(all->watch);
    map_free(all->by_host);
    dock_pulls_free(all);
    http_client_free(all->calls);
    http_client_free(all->streams);
    client_free(all->client);
    dock_addresses_free(all->addresses);
    dock_dir_remove(all->dir);
    free(all->dir);
    free(all->control_plane);
    free(all);
}
