/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's place in the agent: it is queued when something about it changed, looked at, and what
 * came of that is written in one commit. */
#include "node/pod.h"

#include "client/client.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/object.h"
#include "node/address.h"
#include "node/container.h"
#include "node/op.h"
#include "node/pipes.h"
#include "node/warm.h"
#include "store/store.h"

#define RETRY LOOP_S(1)

/* ---- making and forgetting ---- */

struct pod *pod_new(struct agent *a, const char *uid, const char *ns, const char *name)
{
    struct pod *p = xnew(struct pod);
    p->nodes = a->nodes;
    p->agent = a;
    p->uid = xstrdup(uid);
    p->ns = xstrdup(ns);
    p->name = xstrdup(name);
    p->stopping_grace = -1;
    p->grace_s = 30;
    container_init(&p->sandbox, p, "", CONTAINER_SANDBOX);
    map_put(a->nodes->pods, uid, p);
    return p;
}

struct container *pod_add_container(struct pod *p, const char *name, enum container_kind kind)
{
    struct container *c = xmalloc(sizeof(*c));
    container_init(c, p, name, kind);
    vec_push(&p->containers, c);
    return c;
}

void pod_free(struct pod *p)
{
    struct nodes *n = p->nodes;
    pipes_pod_gone(p);
    warm_settle(p, true);
    warm_forget_claim(p);
    pod_turn_end(p);
    if (p->staging) {
        client_off_commit(n->client, p);
    }
    op_orphan_all(p);
    pod_doom_forget(p);
    for (size_t i = 0; i < p->containers.n; i++) {
        container_fini(p->containers.v[i]);
        free(p->containers.v[i]);
    }
    container_fini(&p->sandbox);
    vec_fini(&p->containers);
    vec_fini(&p->doomed);
    pod_count(p, false);
    map_remove(n->held_up, p->uid);
    store_entry_unref(p->seen);
    json_decref(p->volumes);
    if (map_find(n->pods, p->uid) == p) {
        map_remove(n->pods, p->uid);
    }
    free(p->uid);
    free(p->ns);
    free(p->name);
    free(p->message);
    free(p);
}

struct pod *pod_find(struct nodes *n, const char *uid)
{
    return map_find(n->pods, uid);
}

void pod_queue(struct pod *p)
{
    workqueue_add(p->nodes->queue, p->uid);
}

void pod_queue_after(struct pod *p, uint64_t delay_ns)
{
    workqueue_add_after(p->nodes->queue, p->uid, delay_ns);
}

void pod_set_seen(struct pod *p, const struct store_entry *e)
{
    const struct store_entry *old = p->seen;
    if (e == NULL || e->rev != p->written) { /* our own change is none that we act upon */
        json_decref(steal(p->tree));
    }
    p->seen = e != NULL ? store_entry_ref(e) : NULL;
    store_entry_unref(old);
}

void pod_count(struct pod *p, bool counted)
{
    struct agent *a = p->agent;
    if (p->counted != counted) {
        int sign = counted ? 1 : -1;
        a->cpu_milli += sign * p->cpu_milli;
        a->memory += sign * p->memory;
        a->pods += sign;
        p->counted = counted;
    }
}

void pod_set_failed(struct pod *p, const char *reason, const char *message)
{
    p->reason = reason;
    free(p->message);
    p->message = xstrdup(message);
}

/* ---- commits ---- */

static void apply(struct pod *p)
{
    warm_settle(p, true);
    p->committed = true;
    if (p->sandbox.restarting) {
        container_renew(&p->sandbox);
    }
    for (size_t i = 0; i < p->containers.n; i++) {
        if (p->containers.v[i]->restarting) {
            container_renew(p->containers.v[i]);
        }
    }
}

/* Nothing of it happened: back to what the record says. */
static void revert(struct pod *p)
{
    p->finishing = false;
    p->record_dirty = p->recorded;
    p->sandbox.restarting = false;
    for (size_t i = 0; i < p->containers.n; i++) {
        p->containers.v[i]->restarting = false;
    }
    if (!p->committed && p->recorded) {
        warm_settle(p, false); /* its address, too, is the spare's again */
        address_release(p->nodes->addresses, p->address, loop_mono_ns(p->nodes->loop));
        p->address[0] = '\0';
        p->recorded = p->record_dirty = false;
        pod_count(p, false);
        json_decref(steal(p->volumes));
    }
}

static void on_commit(void *arg, bool ok)
{
    struct pod *p = arg;
    p->staging = false;
    if (!ok) {
        revert(p);
        pod_queue_after(p, RETRY);
        return;
    }
    if (p->finishing) {
        address_release(p->nodes->addresses, p->address, loop_mono_ns(p->nodes->loop));
        pod_free(p);
        return;
    }
    apply(p);
    pod_queue(p);
}

/* ---- writing ---- */

static int write_status(struct pod *p, const json_t *tree, struct err *err)
{
    struct nodes *n = p->nodes;
    const json_t *now = client_get(n->client, n->pod_kind, p->ns, p->name, err);
    if (p->agent->cut || p->frozen || now == NULL || !str_eq(object_uid(now), p->uid)) {
        return 0;
    }
    const json_t *old = jx_get(now, "status");
    json_t *status = pod_status(p, tree, old);
    if (old != NULL && jx_equal(old, status)) {
        json_decref(status);
        return 0;
    }
    json_t *obj = json_pack("{s:{s:s, s:s, s:s}, s:o}", "metadata", "name", p->name, "namespace",
                            p->ns, "uid", p->uid, "status", status);
    const json_t *written = NULL;
    if (client_update_status(n->client, n->pod_kind, obj, &written, err) < 0) {
        return -1;
    }
    p->written = object_revision(written);
    return 0;
}

/* The first container is about to run: that its sandbox does is told together with it. */
static bool is_about_to_run(const struct pod *p)
{
    for (size_t i = 0; i < p->containers.n; i++) {
        const struct container *c = p->containers.v[i];
        if (p->phase == POD_PENDING && c->state == CONTAINER_STARTING && c->attempt == 0) {
            return true;
        }
    }
    return false;
}

static int publish(struct pod *p, const json_t *tree, struct err *err)
{
    int rc = 0;
    if (p->recorded && p->record_dirty && !p->finishing) {
        record_put(p);
    }
    if (tree != NULL && !p->finishing && !is_about_to_run(p)) {
        rc = write_status(p, tree, err);
    }
    if (p->staging) {
        client_on_commit(p->nodes->client, on_commit, p);
    }
    return rc;
}

/* ---- looking ---- */

static void look_again(struct pod *p)
{
    uint64_t now = loop_mono_ns(p->nodes->loop);
    for (size_t i = 0; i < p->containers.n; i++) {
        struct container *c = p->containers.v[i];
        if (c->look && c->op == NULL && c->looking == NULL && c->retry_ns <= now) {
            container_look(c);
        }
    }
    struct container *s = &p->sandbox;
    if (s->look && s->op == NULL && s->looking == NULL && s->retry_ns <= now) {
        container_look(s);
    }
}

/* One step, as what is wanted and what is say. */
static void step(struct pod *p, const json_t *tree)
{
    pod_doom_step(p);
    if (tree == NULL) {
        if (!p->unaware) {
            pod_remove_rest(p);
        }
        return;
    }
    look_again(p);
    if (!p->loaded) {
        pod_load(p, tree);
    }
    if (p->seen->deleting && !p->unaware) {
        pod_stop(p, tree);
    } else {
        pod_run(p, tree);
    }
}

static const json_t *tree_of(struct pod *p)
{
    if (p->tree != NULL || p->seen == NULL) {
        return p->tree;
    }
    return client_tree(p->nodes->client, p->seen);
}

static void sooner(uint64_t *due, uint64_t ns, uint64_t now)
{
    if (ns > now && ns < *due) {
        *due = ns;
    }
}

/* The next look, when nothing else asks for one: an appointment may have been made in favour of an
 * earlier one, which was this look. */
static void appoint(struct pod *p)
{
    uint64_t now = loop_mono_ns(p->nodes->loop);
    uint64_t due = UINT64_MAX;
    sooner(&due, p->sandbox.retry_ns, now);
    for (size_t i = 0; i < p->containers.n; i++) {
        sooner(&due, p->containers.v[i]->retry_ns, now);
    }
    for (size_t i = 0; i < p->doomed.n; i++) {
        sooner(&due, p->doomed.v[i]->retry_ns, now);
    }
    if (due != UINT64_MAX) {
        pod_queue_after(p, due - now);
    }
}

int pod_reconcile(void *arg, const char *uid, struct err *err)
{
    struct nodes *n = arg;
    struct pod *p = pod_find(n, uid);
    if (p == NULL || !p->agent->loaded || p->agent->frozen || p->staging || pod_turn_waits(p)) {
        return 0;
    }
    map_remove(n->held_up, p->uid);
    const json_t *tree = tree_of(p);
    step(p, tree);
    int rc = publish(p, tree, err);
    appoint(p);
    pod_turn_over(p, tree);
    return rc;
}
