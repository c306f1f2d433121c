/* SPDX-License-Identifier: Apache-2.0 */
/* All agents behind one watch: pods are handed to the agent of their node, events of the runtime to
 * the container they are about. */
#include <string.h>

#include "api/api.h"
#include "client/client.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "node/address.h"
#include "node/agent.h"
#include "node/container.h"
#include "node/links.h"
#include "node/logs.h"
#include "node/op.h"
#include "node/pipes.h"
#include "node/pod.h"
#include "node/pull.h"
#include "node/sweep.h"
#include "node/warm.h"
#include "store/store.h"

/* ---- pods ---- */

static void pod_changed(struct agent *a, const struct store_entry *e)
{
    struct pod *p = pod_find(a->nodes, e->uid);
    if (p == NULL) {
        p = pod_new(a, e->uid, e->key.ns, e->key.name);
    } else if (p->seen != NULL && e->rev <= p->seen->rev) {
        return; /* read before it was told */
    }
    pod_set_seen(p, e);
    if (e->rev != p->written) {
        pod_queue(p);
    }
}

static void on_pod(void *arg, enum client_event type, const struct store_entry *e,
                   const struct store_entry *prev)
{
    struct nodes *n = arg;
    (void)prev;
    struct agent *a = type == CLIENT_SYNCED ? NULL : map_find(n->agents, e->node);
    if (a == NULL || !agent_speaks(a) || !a->listed) {
        return; /* its pods are read when it is back */
    }
    if (type != CLIENT_DELETED) {
        pod_changed(a, e);
        return;
    }
    struct pod *p = pod_find(n, e->uid);
    if (p != NULL) {
        pod_set_seen(p, NULL);
        pod_queue(p);
    }
}

static void on_node(void *arg, enum client_event type, const struct store_entry *e,
                    const struct store_entry *prev)
{
    struct nodes *n = arg;
    struct agent *a = type == CLIENT_SYNCED ? NULL : map_find(n->agents, e->key.name);
    (void)prev;
    if (a != NULL) {
        agent_see_node(a, type == CLIENT_DELETED ? NULL : client_tree(n->client, e));
    }
}

/* What a pod waits for may have appeared. */
static void on_config(void *arg, enum client_event type, const struct store_entry *e,
                      const struct store_entry *prev)
{
    struct nodes *n = arg;
    void *value;
    (void)prev;
    if (type == CLIENT_SYNCED || type == CLIENT_DELETED) {
        return;
    }
    for (size_t it = 0; map_next(n->held_up, &it, NULL, &value);) {
        struct pod *p = value;
        for (size_t i = 0; strcmp(p->ns, e->key.ns) == 0 && i < p->containers.n; i++) {
            p->containers.v[i]->retry_ns = 0;
            pod_queue(p);
        }
    }
}

/* ---- the clock ---- */

static void beat_all(struct nodes *n)
{
    void *a;
    for (size_t it = 0; map_next(n->agents, &it, NULL, &a);) {
        agent_beat_now(a);
    }
}

void nodes_clock_changed(struct nodes *n)
{
    void *p;
    beat_all(n);
    for (size_t it = 0; map_next(n->pods, &it, NULL, &p);) {
        pod_queue(p); /* its waiting may be over */
    }
}

void nodes_say_again(struct nodes *n)
{
    void *value;
    for (size_t it = 0; map_next(n->agents, &it, NULL, &value);) {
        struct agent *a = value;
        a->status_dirty = true;
        agent_beat_now(a);
    }
}

/* After a closed lid the others begin their grace periods again; they should hear from us first. */
static void on_gap(void *arg, uint64_t gap_ns)
{
    (void)gap_ns;
    beat_all(arg);
}

static void on_list_timer(void *arg)
{
    sweep_resync(arg);
}

/* ---- the runtime ---- */

/* Words of events after which a container is what it was. */
static bool is_boring(const char *why)
{
    static const char *const boring[] = {"attach", "connect", "create", "disconnect", "exec",
                                         "kill",   "pause",   "rename", "resize",     "restart",
                                         "start",  "stop",    "top",    "unpause",    "update"};
    for (size_t i = 0; why != NULL && i < ARRAY_LEN(boring); i++) {
        if (str_has_prefix(why, boring[i])) {
            return true;
        }
    }
    return false;
}

static void container_changed(struct nodes *n, const struct runtime_event *ev)
{
    struct container *c = map_find(n->names, ev->name);
    if ((void *)c == (void *)n->names) {
        return; /* it is being removed */
    }
    if (warm_take_event(n->warm, ev, is_boring(ev->why))) {
        return;
    }
    if (c == NULL) {
        const struct agent *a = map_find(n->agents, ev->host != NULL ? ev->host : "");
        if (a != NULL && a->listed && !str_eq(ev->why, "destroy")) {
            sweep_look(n, ev->name);
        }
    } else if (strcmp(c->runtime_name, ev->name) == 0 && !is_boring(ev->why) &&
               !c->pod->agent->frozen) {
        container_look(c);
    }
}

void nodes_runtime_event(struct nodes *n, const struct runtime_event *ev)
{
    if (ev->type == RUNTIME_EV_CHANGED) {
        container_changed(n, ev);
    } else if (ev->type == RUNTIME_EV_LOST) {
        n->down = true;
    } else {
        n->down = false;
        pull_invalidate_all(n);
        sweep_list(n);
    }
}

void nodes_runtime_ready(struct nodes *n)
{
    n->ready = true;
    sweep_list(n);
}

/* ---- power ---- */

static void forget_pods(struct agent *a)
{
    struct nodes *n = a->nodes;
    void *value;
    for (size_t it = 0; map_next(n->pods, &it, NULL, &value);) {
        struct pod *p = value;
        if (p->agent == a) {
            pod_free(p);
        }
    }
}

static void set_node(struct agent *a)
{
    bool serves = agent_speaks(a);
    api_set_node(a->nodes->api, a->name, serves ? &logs_node_ops : NULL, a);
    if (!serves) {
        logs_cut(a->nodes, a);
        pipes_cut(a->nodes, a);
    }
}

void nodes_power_off(struct nodes *n, const char *name)
{
    struct agent *a = map_find(n->agents, name);
    if (a == NULL || !a->on) {
        return;
    }
    agent_end(a);
    a->cut = a->frozen = a->host_up = a->host_told = a->listed = a->loaded = a->waits_for_list =
        a->list_under_way = false;
    client_off_commit(n->client, a);
    warm_host_lost(n->warm, a);
    forget_pods(a);
    set_node(a);
}

void nodes_power_on(struct nodes *n, const struct node_opts *opts, uint64_t epoch)
{
    nodes_power_off(n, opts->name);
    struct agent *a = map_find(n->agents, opts->name);
    if (a == NULL) {
        a = agent_new(n, opts);
        map_put(n->agents, opts->name, a);
    }
    free(a->address);
    a->address = xstrdup(opts->address);
    a->opts = *opts;
    a->opts.name = a->name;
    a->opts.address = a->address;
    a->epoch = epoch;
    a->frozen = opts->frozen;
    a->cut = opts->cut_us != 0;
    a->cut_us = opts->cut_us;
    a->waits_for_list = true;
    agent_begin(a);
    set_node(a);
    sweep_list(n);
}

/* Its pods go on as the agent knows them; or as the API does, which it reaches again. */
static void go_on(struct agent *a)
{
    struct nodes *n = a->nodes;
    void *value;
    if (agent_speaks(a)) {
        a->status_dirty = true; /* whatever was said of the node meanwhile */
        agent_beat_now(a);
        if (a->listed) {
            sweep_load_pods(a);
        }
        return;
    }
    for (size_t it = 0; !a->frozen && map_next(n->pods, &it, NULL, &value);) {
        struct pod *p = value;
        if (p->agent == a) {
            pod_queue(p);
        }
    }
}

void nodes_cut(struct nodes *n, const char *name, bool cut)
{
    struct agent *a = map_find(n->agents, name);
    if (a == NULL || !a->on || a->cut == cut) {
        return;
    }
    a->cut = cut;
    a->cut_us = cut ? loop_wall_us(n->loop) : 0;
    set_node(a);
    if (cut) {
        warm_host_lost(n->warm, a);
    } else {
        go_on(a);
    }
}

void nodes_freeze(struct nodes *n, const char *name, bool frozen)
{
    struct agent *a = map_find(n->agents, name);
    if (a == NULL || !a->on || a->frozen == frozen) {
        return;
    }
    a->frozen = frozen;
    set_node(a);
    if (frozen) {
        warm_host_lost(n->warm, a);
    }
    if (frozen && a->list_under_way) { /* what comes of it is not looked at */
        a->list_under_way = false;
        a->waits_for_list = true;
    }
    if (!frozen) {
        go_on(a);
        sweep_list(n); /* what happened to its containers meanwhile was not looked at */
    }
}

void nodes_resize(struct nodes *n, const char *name, int64_t cpu_milli, int64_t memory, int pods)
{
    struct agent *a = map_find(n->agents, name);
    if (a != NULL &&
        (a->opts.cpu_milli != cpu_milli || a->opts.memory != memory || a->opts.pods != pods)) {
        a->opts.cpu_milli = cpu_milli;
        a->opts.memory = memory;
        a->opts.pods = pods;
        agent_write_status(a);
    }
}

void nodes_forget(struct nodes *n, const char *name)
{
    nodes_power_off(n, name);
    records_forget(n, name);
    map_remove(n->agents, name);
}

void nodes_host_up(struct nodes *n, const char *name, bool up)
{
    struct agent *a = map_find(n->agents, name);
    if (a != NULL && (a->host_up != up || !a->host_told)) {
        a->host_up = up;
        a->host_told = true;
        agent_write_status(a);
    }
}

/* ---- making and ending ---- */

static bool claim(void *arg, const char *uid, const json_t *record)
{
    (void)uid;
    address_claim(arg, jx_get_str(record, "address", ""));
    return true;
}

static void restore_addresses(struct nodes *n, const char *subnet)
{
    n->addresses = address_pool_new(subnet);
    client_record_each(n->client, record_table, claim, n->addresses);
    const json_t *cursor = client_record_find(n->client, "node.addresses", "cursor");
    if (json_is_integer(cursor) && json_integer_value(cursor) >= 0) {
        address_set_cursor(n->addresses, (unsigned)(json_integer_value(cursor) & 0xffffff));
    }
}

static void make_maps(struct nodes *n)
{
    n->agents = map_new(agent_free);
    n->pods = map_new(NULL);
    n->names = map_new(NULL);
    n->pulls = map_new(pull_free);
    n->held_up = map_new(NULL);
    n->links = map_new(links_free);
    n->fresh_end = &n->fresh;
}

static void begin_watches(struct nodes *n)
{
    static const char *const configs[] = {"configmaps", "secrets", "serviceaccounts"};
    n->pod_watch = client_watch_entries(n->client, n->pod_kind, on_pod, n);
    n->node_watch = client_watch_entries(n->client, n->node_kind, on_node, n);
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        n->watches[i] = client_watch_entries(n->client, kinds_find_gr(configs[i]), on_config, n);
    }
}

struct nodes *nodes_new(struct api *api, const struct runtime *rt, const struct nodes_opts *opts)
{
    struct nodes *n = xnew(struct nodes);
    n->api = api;
    n->client = client_new(api, "system:nodes");
    n->loop = api_loop(api);
    n->rt = *rt;
    n->clock = opts->clock;
    memcpy(n->key, opts->key, sizeof(n->key));
    n->dns = xstrdup(opts->dns);
    n->api_host = xstrdup(opts->api_host);
    n->ca_pem = xstrdup(opts->ca_pem);
    n->auth = opts->auth;
    n->pod_kind = kinds_find_gr("pods");
    n->node_kind = kinds_find_gr("nodes");
    n->lease_kind = kinds_find_gr("leases.coordination.k8s.io");
    make_maps(n);
    n->queue = workqueue_new(n->loop, "node", pod_reconcile, n);
    n->list_timer = loop_timer_new(n->loop, on_list_timer, n);
    restore_addresses(n, opts->subnet);
    n->warm = warm_new(n, opts);
    loop_on_gap(n->loop, on_gap, n);
    begin_watches(n);
    return n;
}

static void end_watches(struct nodes *n)
{
    client_watch_free(n->pod_watch);
    client_watch_free(n->node_watch);
    for (size_t i = 0; i < ARRAY_LEN(n->watches); i++) {
        client_watch_free(n->watches[i]);
    }
}

static void take_back_agents(struct nodes *n)
{
    void *a;
    for (size_t it = 0; map_next(n->agents, &it, NULL, &a);) {
        client_off_commit(n->client, a);
        api_set_node(n->api, ((struct agent *)a)->name, NULL, NULL);
    }
}

void nodes_free(struct nodes *n)
{
    void *p;
    if (n == NULL) {
        return;
    }
    loop_off_gap(n->loop, on_gap, n);
    end_watches(n);
    logs_cut(n, NULL);
    pipes_cut(n, NULL);
    for (size_t it = 0; map_next(n->pods, &it, NULL, &p);) {
        pod_free(p);
    }
    take_back_agents(n);
    warm_free(n->warm);
    op_free_orphans(n);
    workqueue_free(n->queue);
    loop_timer_free(n->list_timer);
    client_free(n->client);
    address_pool_free(n->addresses);
    map_free(n->agents);
    map_free(n->pods);
    map_free(n->names);
    map_free(n->pulls);
    map_free(n->held_up);
    map_free(n->links);
    free(n->dns);
    free(n->api_host);
    free(n->ca_pem);
    free(n);
}
