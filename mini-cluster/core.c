/* SPDX-License-Identifier: Apache-2.0 */
/* Introduces the rooms to each other. */
#include "core.h"

#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "auth/auth.h"
#include "client/client.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "controllers/cluster_clock.h"
#include "controllers/controllers.h"
#include "hosts/dock.h"
#include "hosts/hosts.h"
#include "kinds/kinds.h"
#include "meta/clock.h"
#include "meta/object.h"
#include "net/net.h"
#include "node/node.h"
#include "scheduler/scheduler.h"
#include "store/store.h"

/* How soon a runtime that did not recover is asked again. */
#define RETRY_FIRST LOOP_MS(200)
#define RETRY_MAX LOOP_S(3)

struct core {
    struct loop *loop;
    struct runtime rt;
    struct store *store;
    struct api *api;
    struct auth *auth;
    struct client *client; /* sees when the cluster is ready; its watches end with it */
    struct cluster_clock *clock;
    struct controllers *controllers;
    struct scheduler *scheduler;
    struct nodes *nodes;
    struct net *net;
    struct hosts *hosts;
    struct docks *docks;

    char *subnet, *name;
    struct core_addresses at;
    int64_t cpu_milli, memory;
    struct map *missing; /* what the cluster needs to be ready: "node/NAME", "account/NAMESPACE" */

    struct loop_timer *retry; /* of the runtime's recovery */
    uint64_t retry_ns;
    bool recovering, recovered;
    char why[256]; /* it did not recover last time; each reason is said once */
    void (*on_ready)(void *arg);
    void (*on_runtime)(void *arg);
    void *arg;
};

bool core_addresses(const char *subnet, struct core_addresses *ret)
{
    unsigned a;
    unsigned b;
    int end = 0;
    if (sscanf(subnet, "%3u.%3u.0.0/16%n", &a, &b, &end) != 2 || subnet[end] != '\0' || end == 0 ||
        a > 255 || b > 255) {
        return false;
    }
    snprintf(ret->gateway, sizeof(ret->gateway), "%u.%u.0.1", a, b);
    snprintf(ret->ip_range, sizeof(ret->ip_range), "%u.%u.0.240/28", a, b);
    snprintf(ret->service_cidr, sizeof(ret->service_cidr), "%u.%u.128.0/17", a, b);
    snprintf(ret->api_service, sizeof(ret->api_service), "%u.%u.128.1", a, b);
    snprintf(ret->dns, sizeof(ret->dns), "%u.%u.128.10", a, b);
    return true;
}

/* ---- what the rooms tell each other ---- */

/* Nobody could renew a lease meanwhile. */
static void forgive(void *arg)
{
    struct core *c = arg;
    nodes_say_again(c->nodes);
    controllers_forgive(c->controllers);
}

static void on_health(void *arg, bool writable, const char *why)
{
    struct core *c = arg;
    if (writable) {
        log_info("store", "writes work again");
        loop_undefer(c->loop, c);
        loop_defer(c->loop, forgive, c);
    } else {
        log_error("store", "read-only: %s", why);
    }
}

/* Recovery failed: the driver leaves it at that, so it is asked again, after a while or when the
 * daemon is heard of. */
static void recover_later(struct core *c, const struct err *err)
{
    if (strncmp(c->why, err->msg, sizeof(c->why) - 1) != 0) {
        str_copy(c->why, sizeof(c->why), err->msg);
        log_error("runtime", "%s: %s; it is tried again until it answers", c->rt.ops->name,
                  err->msg);
        hosts_runtime_away(c->hosts, err->msg);
    }
    loop_timer_start(c->retry, c->retry_ns);
    c->retry_ns = c->retry_ns * 2 < RETRY_MAX ? c->retry_ns * 2 : RETRY_MAX;
}

static void on_recovered(void *arg, enum runtime_result result, const struct runtime_status *st,
                         const struct err *err)
{
    struct core *c = arg;
    (void)st;
    c->recovering = false;
    if (result != RUNTIME_OK) {
        recover_later(c, err);
        return;
    }
    if (c->why[0] != '\0') {
        log_info("runtime", "%s answers", c->rt.ops->name);
    }
    c->recovered = true;
    hosts_runtime_away(c->hosts, NULL);
    hosts_runtime_ready(c->hosts);
    docks_runtime_ready(c->docks);
    nodes_runtime_ready(c->nodes);
    if (c->on_runtime != NULL) {
        c->on_runtime(c->arg);
    }
}

static void recover(void *arg)
{
    struct core *c = arg;
    if (!c->recovering && !c->recovered) {
        c->recovering = true;
        loop_timer_stop(c->retry);
        c->rt.ops->recover(c->rt.self, on_recovered, c);
    }
}

static void on_runtime_event(void *arg, const struct runtime_event *ev)
{
    struct core *c = arg;
    if (ev->type == RUNTIME_EV_LOST) {
        log_warn("runtime", "%s does not answer: %s; state is kept", c->rt.ops->name, ev->why);
        hosts_runtime_away(c->hosts, ev->why);
    } else if (ev->type == RUNTIME_EV_BACK) {
        log_info("runtime", "%s answers again", c->rt.ops->name);
        if (c->recovered) {
            hosts_runtime_away(c->hosts, NULL);
        } else {
            c->retry_ns = RETRY_FIRST;
            recover(c);
        }
    }
    hosts_runtime_event(c->hosts, ev);
    docks_runtime_event(c->docks, ev);
    nodes_runtime_event(c->nodes, ev);
}

static void on_power(void *arg, const struct hosts_machine *m, bool on)
{
    struct core *c = arg;
    docks_power(c->docks, m->name, m->address, m->epoch, on);
    if (!on) {
        nodes_power_off(c->nodes, m->name);
        return;
    }
    struct node_opts node = {
        .name = m->name,
        .address = m->address,
        .cpu_milli = m->cpu_milli,
        .memory = m->memory,
        .pods = m->pods,
        .control_plane = m->control_plane,
        .frozen = m->paused,
        .cut_us = m->cut_us,
    };
    nodes_power_on(c->nodes, &node, m->epoch);
}

static void on_change(void *arg, const struct hosts_machine *m)
{
    struct core *c = arg;
    nodes_resize(c->nodes, m->name, m->cpu_milli, m->memory, m->pods);
    nodes_cut(c->nodes, m->name, m->cut_us != 0);
    nodes_freeze(c->nodes, m->name, m->paused);
}

static void on_guest(void *arg, const char *name, const char *container)
{
    struct core *c = arg;
    nodes_host_up(c->nodes, name, container != NULL);
    docks_guest(c->docks, name, container != NULL);
    if (container != NULL) {
        net_guest_up(c->net, name, container);
    } else {
        net_guest_down(c->net, name);
    }
}

/* The agents first: whoever is told to wait less long hears from them before. */
static void on_clock(void *arg, const struct clock *before)
{
    struct core *c = arg;
    nodes_clock_changed(c->nodes);
    controllers_clock_changed(c->controllers, before);
}

/* The ports that are published on hosts, for the net room. */
static int on_port_put(void *arg, const char *host, const struct dock_port *p, struct err *err)
{
    struct core *c = arg;
    const struct net_port port = {
        .key = p->key,
        .udp = p->udp,
        .port = p->port,
        .address = p->address,
        .target_port = p->target_port,
    };
    return net_port_put(c->net, host, &port, err);
}

static void on_port_delete(void *arg, const char *host, const char *key)
{
    struct core *c = arg;
    net_port_delete(c->net, host, key);
}

static const char *on_port_owner(void *arg, const char *host, bool udp, int port)
{
    struct core *c = arg;
    return net_port_owner(c->net, host, udp, port);
}

/* ---- readiness ---- */

/* Something that was waited for is there; with the last of it the cluster is ready. */
static void found(struct core *c, const char *what, const char *name)
{
    cleanup_free char *key = xasprintf("%s/%s", what, name);
    if (map_remove(c->missing, key) && map_count(c->missing) == 0 && c->on_ready != NULL) {
        c->on_ready(c->arg);
    }
}

static void on_node(void *arg, enum client_event type, const json_t *obj, const json_t *prev)
{
    struct core *c = arg;
    (void)prev;
    if ((type == CLIENT_ADDED || type == CLIENT_MODIFIED) && map_count(c->missing) > 0 &&
        json_array_size(jx_arr(obj, "status.addresses")) > 0) {
        found(c, "node", object_name(obj));
    }
}

/* It is not waited for any more. */
static void on_removed(void *arg, const char *name)
{
    struct core *c = arg;
    nodes_forget(c->nodes, name);
    found(c, "node", name);
}

static void on_account(void *arg, enum client_event type, const json_t *obj, const json_t *prev)
{
    struct core *c = arg;
    (void)prev;
    if (type == CLIENT_ADDED && str_eq(object_name(obj), "default")) {
        found(c, "account", object_namespace(obj));
    }
}

static void want(struct core *c, const char *what, const char *name)
{
    cleanup_free char *key = xasprintf("%s/%s", what, name);
    map_put(c->missing, key, c);
}

static void want_node(void *arg, const char *name)
{
    want(arg, "node", name);
}

static void want_all(struct core *c)
{
    static const char *const namespaces[] = {"default", "kube-node-lease", "kube-public",
                                             "kube-system"};
    hosts_each_expected(c->hosts, want_node, c);
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
        want(c, "account", namespaces[i]);
    }
}

/* ---- making and ending ---- */

static void copy_opts(struct core *c, const struct core_opts *o)
{
    c->name = xstrdup(o->name);
    c->subnet = xstrdup(o->subnet);
    c->cpu_milli = o->cpu_milli > 0 ? o->cpu_milli : 2000;
    c->memory = o->memory > 0 ? o->memory : (int64_t)2 << 30;
    c->on_ready = o->on_ready;
    c->on_runtime = o->on_runtime;
    c->arg = o->arg;
    c->retry = loop_timer_new(c->loop, recover, c);
    c->retry_ns = RETRY_FIRST;
    c->missing = map_new(NULL);
}

static int open_api(struct core *c, const struct core_opts *o, struct err *err)
{
    struct store_opts store = {
        .path = o->db_path,
        .vfs = o->vfs,
        .on_health = on_health,
        .arg = c,
    };
    if (store_open(c->loop, &store, &c->store, err) < 0) {
        return -1;
    }
    struct api_opts api = {
        .service_cidr = c->at.service_cidr,
        .version = CORE_VERSION,
        .cluster_name = c->name,
    };
    c->api = api_new(c->loop, c->store, &api);
    c->auth = auth_new(o->admin_token, o->key);
    api_set_auth(c->api, c->auth);
    return api_bootstrap(c->api, c->at.gateway, o->api_port, err);
}

static void start_workers(struct core *c, const struct core_opts *o)
{
    c->clock = cluster_clock_new(c->api, o->clock, on_clock, c);
    c->controllers = controllers_new(c->api, cluster_clock_now(c->clock));
    c->scheduler = scheduler_new(c->api);

    struct nodes_opts nodes = {
        .clock = cluster_clock_now(c->clock),
        .subnet = c->subnet,
        .dns = c->at.dns,
        .api_host = c->at.api_service,
        .ca_pem = o->ca_pem,
        .auth = c->auth,
        .spares = o->spares,
        .memory_left = o->memory_left,
    };
    memcpy(nodes.key, o->key, sizeof(nodes.key));
    c->nodes = nodes_new(c->api, &c->rt, &nodes);

    struct net_opts net = {
        .dns = c->at.dns,
        .control_plane = "control-plane",
        .subnet = c->subnet,
        .real_port = o->real_port,
        .arg = o->arg,
    };
    c->net = net_new(c->api, &c->rt, &net);

    static const struct docks_ops docks_ops = {on_port_put, on_port_delete, on_port_owner};
    struct docks_opts docks = {
        .dir = o->docks_dir,
        .control_plane = "control-plane",
        .subnet = c->subnet,
        .cpu_milli = c->cpu_milli,
        .memory = c->memory,
        .ops = &docks_ops,
        .arg = c,
    };
    memcpy(docks.key, o->key, sizeof(docks.key));
    c->docks = docks_new(c->api, &c->rt, &docks);

    static const struct hosts_ops hosts_ops = {
        .on_power = on_power,
        .on_change = on_change,
        .on_guest = on_guest,
        .on_removed = on_removed,
    };
    struct hosts_opts hosts = {
        .names = o->workers,
        .cpu_milli = c->cpu_milli,
        .memory = c->memory,
        .pods = o->pods,
        .subnet = c->subnet,
        .dns = c->at.dns,
        .ops = &hosts_ops,
        .arg = c,
    };
    memcpy(hosts.key, o->key, sizeof(hosts.key));
    c->hosts = hosts_new(c->api, &c->rt, &hosts);
}

static void watch_for_ready(struct core *c)
{
    want_all(c);
    c->client = client_new(c->api, "system:podlab");
    client_watch(c->client, kinds_find_gr("nodes"), on_node, c);
    client_watch(c->client, kinds_find_gr("serviceaccounts"), on_account, c);
}

int core_new(struct loop *loop, const struct core_opts *opts, const struct runtime *rt,
             struct core **ret, struct err *err)
{
    struct core *c = xnew(struct core);
    c->loop = loop;
    c->rt = *rt;
    copy_opts(c, opts);
    if (!core_addresses(opts->subnet, &c->at)) {
        err_set(err, ERR_INVALID, "subnet \"%s\" is not of the form A.B.0.0/16", opts->subnet);
        core_free(c);
        return -1;
    }
    if (open_api(c, opts, err) < 0) {
        core_free(c);
        return -1;
    }
    start_workers(c, opts);
    watch_for_ready(c);
    rt->ops->subscribe(rt->self, on_runtime_event, c);
    recover(c);
    *ret = c;
    return 0;
}

static void let_go(struct core *c, void (*close_store)(struct store *))
{
    if (c == NULL) {
        return;
    }
    loop_undefer(c->loop, c);
    client_free(c->client);
    hosts_free(c->hosts);
    docks_free(c->docks);
    net_free(c->net);
    nodes_free(c->nodes);
    scheduler_free(c->scheduler);
    controllers_free(c->controllers);
    cluster_clock_free(c->clock);
    api_free(c->api);
    auth_free(c->auth);
    close_store(c->store);
    loop_timer_free(c->retry);
    map_free(c->missing);
    free(c->subnet);
    free(c->name);
    free(c);
}

void core_free(struct core *c)
{
    let_go(c, store_close);
}

void core_abandon(struct core *c)
{
    let_go(c, store_abandon);
}

struct api *core_api(struct core *c)
{
    return c->api;
}

struct auth *core_auth(struct core *c)
{
    return c->auth;
}
