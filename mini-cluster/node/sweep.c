/* SPDX-License-Identifier: Apache-2.0 */
/* One list at a time. A row that is older than what was learned since is not believed but looked
 * at; a container that is missing from the list is looked for once more by its name. */
#include "node/sweep.h"

#include <string.h>

#include "client/client.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/time.h"
#include "node/container.h"
#include "node/op.h"
#include "node/pod.h"
#include "node/warm.h"
#include "store/store.h"

#define RETRY LOOP_S(1)
/* A list now and then, whatever the events say: some of them may never have come. */
#define RESYNC LOOP_S(60)

/* ---- strays ---- */

static bool is_of_a_pod(const struct runtime_status *st)
{
    if (st->role != RUNTIME_SANDBOX && st->role != RUNTIME_APP) {
        return false;
    }
    return runtime_status_label(st, NODE_LABEL_POD_UID) != NULL ||
           runtime_status_label(st, NODE_LABEL_SPARE) != NULL;
}

static void on_stray_removed(struct op *op, enum runtime_result result,
                             const struct runtime_status *st, const struct err *err)
{
    struct nodes *n = op->nodes;
    (void)st;
    map_remove(n->names, op->name);
    if (result != RUNTIME_OK) {
        log_debug("node", "sweep %s: %s", op->name, err->msg);
        loop_timer_start(n->list_timer, RETRY); /* it is found again */
    }
}

static void remove_stray(struct nodes *n, const char *name)
{
    struct op *op = op_new(n, NULL, name, on_stray_removed);
    log_info("node", "sweep %s: no pod wants it", name);
    map_put(n->names, name, n->names);
    n->rt.ops->remove(n->rt.self, name, op_done, op);
}

/* The agent that answers for this container; NULL when it is not known yet whether it is wanted. */
static struct agent *judge_of(struct nodes *n, const struct runtime_status *st)
{
    struct agent *a = is_of_a_pod(st) ? map_find(n->agents, st->host) : NULL;
    return a != NULL && a->on && a->listed && !a->frozen ? a : NULL;
}

static bool is_present(const struct container *c, const struct runtime_status *st)
{
    return strcmp(c->runtime_name, st->name) == 0;
}

/* What ran before the host's last power-on, and an earlier attempt that runs still. */
static bool is_unwanted(const struct agent *a, const struct container *c,
                        const struct runtime_status *st)
{
    bool runs = st->state == RUNTIME_RUNNING || st->state == RUNTIME_PAUSED;
    return st->epoch != a->epoch || (!is_present(c, st) && runs);
}

/* The sandbox that the pod takes over: it has still to be given its own name. */
static bool is_claimed(const struct container *c, const struct runtime_status *st)
{
    return str_eq(c->pod->spare, st->name);
}

/* An attempt of an older epoch is over, whether it was ever seen or not. */
static void drop(struct container *c, const struct runtime_status *st)
{
    if (is_claimed(c, st)) {
        warm_forget_claim(c->pod);
    } else if (is_present(c, st)) {
        c->asked = true;
    } else {
        free(steal(c->previous));
    }
    pod_doom(c->pod, st->name);
}

/* ---- rows ---- */

static void take_row(struct nodes *n, struct container *c, const struct runtime_status *st)
{
    if (!is_present(c, st)) {
        return;
    }
    c->listed = n->lists;
    if (c->op != NULL || c->looking != NULL) {
        return; /* the answer to come is newer */
    }
    enum container_state before = c->state;
    if (c->changed_ns > n->list_ns) {
        container_look(c);
    } else {
        container_seen(c, st);
    }
    if (!n->resync || c->state != before) {
        pod_queue(c->pod);
    }
}

static void judge(struct nodes *n, const struct runtime_status *st)
{
    const struct agent *a = judge_of(n, st);
    struct container *c = map_find(n->names, st->name);
    if (warm_take_row(n->warm, st) || a == NULL || (void *)c == (void *)n->names) {
        return;
    }
    if (c == NULL) {
        remove_stray(n, st->name);
    } else if (is_claimed(c, st) && st->epoch == a->epoch) {
        pod_queue(c->pod);
    } else if (is_unwanted(a, c, st)) {
        drop(c, st);
    } else {
        take_row(n, c, st);
    }
}

static void look_if_missing(struct nodes *n, struct container *c)
{
    bool expected = c->asked && c->state != CONTAINER_ENDED;
    if (expected && c->listed != n->lists && c->op == NULL && c->looking == NULL &&
        c->changed_ns <= n->list_ns) {
        container_look(c);
    }
}

static void look_for_missing(struct nodes *n)
{
    void *value;
    for (size_t it = 0; map_next(n->pods, &it, NULL, &value);) {
        struct pod *p = value;
        if (p->agent->frozen) {
            continue;
        }
        look_if_missing(n, &p->sandbox);
        for (size_t i = 0; i < p->containers.n; i++) {
            look_if_missing(n, p->containers.v[i]);
        }
        if (!n->resync) {
            pod_queue(p);
        }
    }
}

/* ---- pods of an agent ---- */

static bool adopt_record(void *arg, const char *uid, const json_t *record)
{
    struct nodes *n = arg;
    const struct agent *a = map_find(n->agents, jx_get_str(record, "node", ""));
    if (a == NULL || !a->list_under_way || pod_find(n, uid) != NULL) {
        return true;
    }
    struct pod *p = record_adopt(n, uid, record);
    if (p != NULL) {
        pod_count(p, true);
    }
    return true;
}

static bool load_pod(void *arg, const struct store_entry *e)
{
    struct agent *a = arg;
    struct pod *p = pod_find(a->nodes, e->uid);
    if (p == NULL) {
        p = pod_new(a, e->uid, e->key.ns, e->key.name);
    }
    pod_set_seen(p, e);
    return true;
}

/* When it was asked to go; 0: it was not. */
static int64_t deleted_us(const json_t *tree)
{
    int64_t end_us = 0;
    if (!time_parse(jx_str(tree, "metadata.deletionTimestamp", ""), &end_us)) {
        return 0;
    }
    return end_us - 1000000 * jx_int(tree, "metadata.deletionGracePeriodSeconds", 0);
}

/* One that is cut off knows the pods that it had, as they were: another life of ours must not teach
 * it what happened since. (Times of deletion are in whole seconds.) */
static bool load_known(void *arg, const struct store_entry *e)
{
    struct agent *a = arg;
    struct pod *p = pod_find(a->nodes, e->uid);
    if (p == NULL || p->agent != a) {
        return true;
    }
    pod_set_seen(p, e);
    p->unaware = e->deleting &&
                 deleted_us(client_tree(a->nodes->client, e)) / 1000000 >= a->cut_us / 1000000;
    return true;
}

/* The pods were read before their commit: they wait for it. */
static void on_loaded(void *arg, bool ok)
{
    struct agent *a = arg;
    if (!ok) {
        sweep_load_pods(a);
        return;
    }
    void *value;
    for (size_t it = 0; map_next(a->nodes->pods, &it, NULL, &value);) {
        struct pod *p = value;
        if (p->agent == a) {
            pod_queue(p);
        }
    }
    a->loaded = true;
}

void sweep_load_pods(struct agent *a)
{
    struct nodes *n = a->nodes;
    struct client_filter here = {.node = a->name};
    void *value;
    for (size_t it = 0; map_next(n->pods, &it, NULL, &value);) {
        struct pod *p = value;
        if (p->agent == a) {
            pod_set_seen(p, NULL); /* unless it is found again now */
            p->unaware = a->cut;
        }
    }
    a->loaded = false;
    client_each_entry(n->client, n->pod_kind, &here, a->cut ? load_known : load_pod, a);
    client_off_commit(n->client, a);
    client_on_commit(n->client, on_loaded, a);
}

static void finish_agents(struct nodes *n)
{
    void *value;
    for (size_t it = 0; map_next(n->agents, &it, NULL, &value);) {
        struct agent *a = value;
        if (a->list_under_way) {
            a->list_under_way = false;
            sweep_load_pods(a);
        }
    }
}

/* ---- the list ---- */

static void begin_agents(struct nodes *n)
{
    void *value;
    for (size_t it = 0; map_next(n->agents, &it, NULL, &value);) {
        struct agent *a = value;
        if (!a->frozen) {
            a->list_under_way = a->list_under_way || a->waits_for_list;
            a->waits_for_list = false;
        }
    }
}

/* Those whose list this is know their containers from now on. */
static bool adopt_all(struct nodes *n)
{
    bool any = false;
    void *value;
    for (size_t it = 0; map_next(n->agents, &it, NULL, &value);) {
        struct agent *a = value;
        any |= a->list_under_way;
        a->listed = a->listed || a->list_under_way;
    }
    if (any) {
        client_record_each(n->client, record_table, adopt_record, n);
    }
    return any;
}

static void on_listed(void *arg, enum runtime_result result, const struct runtime_status *list,
                      size_t count, const struct err *err)
{
    struct nodes *n = arg;
    n->listing = false;
    n->list_failed = result != RUNTIME_OK;
    if (result != RUNTIME_OK) {
        log_debug("node", "list containers: %s", err->msg);
        loop_timer_start(n->list_timer, RETRY);
        return;
    }
    n->lists++;
    adopt_all(n);
    for (size_t i = 0; i < count; i++) {
        judge(n, &list[i]);
    }
    look_for_missing(n);
    warm_listed(n->warm);
    finish_agents(n);
    if (n->list_again) {
        sweep_list(n);
    } else {
        loop_timer_start(n->list_timer, RESYNC);
    }
}

void sweep_list(struct nodes *n)
{
    if (!n->ready) {
        return; /* nodes_runtime_ready begins */
    }
    if (n->listing) {
        n->list_again = true;
        return;
    }
    n->listing = true;
    n->list_again = n->resync = false;
    n->list_ns = loop_mono_ns(n->loop);
    loop_timer_stop(n->list_timer);
    begin_agents(n);
    n->rt.ops->list(n->rt.self, on_listed, n);
}

void sweep_resync(struct nodes *n)
{
    bool wanted = n->listing || n->list_failed; /* somebody waits for what comes of it */
    sweep_list(n);
    n->resync = !wanted;
}

/* ---- one of them ---- */

static void on_looked(struct op *op, enum runtime_result result, const struct runtime_status *st,
                      const struct err *err)
{
    struct nodes *n = op->nodes;
    if (result == RUNTIME_OK && map_find(n->names, op->name) == NULL) {
        judge(n, st);
    }
    (void)err;
}

void sweep_look(struct nodes *n, const char *runtime_name)
{
    struct op *op = op_new(n, NULL, runtime_name, on_looked);
    n->rt.ops->inspect(n->rt.self, runtime_name, op_done, op);
}
