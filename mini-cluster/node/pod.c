/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's place in the agent: it is queued when something about it changed, looked at, and what
 * came of that is written in one commit. */
#include "node/pod.h"

#include <string.h>

#include "client/client.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "node/address.h"
#include "node/container.h"
#include "node/op.h"
#include "node/pull.h"
#include "store/store.h"

#define RETRY LOOP_S(1)

/* So many pods make steps at the same time; the runtime has its own bounds. */
enum { BUSY_MAX = 256 };

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

static void free_doomed(struct pod *p, size_t i)
{
    struct doomed *d = p->doomed.v[i];
    op_orphan(d->op);
    map_remove(p->nodes->names, d->name);
    free(d->name);
    free(d);
    vec_remove(&p->doomed, i);
}

/* ---- one after the other ---- */

static void leave_fresh(struct pod *p)
{
    struct nodes *n = p->nodes;
    if (p->fresh_at == NULL) {
        return;
    }
    *p->fresh_at = p->fresh_next;
    if (p->fresh_next != NULL) {
        p->fresh_next->fresh_at = p->fresh_at;
    } else {
        n->fresh_end = p->fresh_at;
    }
    p->fresh_at = NULL;
}

/* What was begun is brought to its end first: then ten thousand new pods are ready one by one, and
 * not all at the very end. */
static bool must_wait(struct pod *p)
{
    struct nodes *n = p->nodes;
    if (p->recorded || p->busy || p->seen == NULL || p->seen->deleting || n->busy < BUSY_MAX) {
        leave_fresh(p);
        return false;
    }
    if (p->fresh_at == NULL) {
        p->fresh_next = NULL;
        p->fresh_at = n->fresh_end;
        *n->fresh_end = p;
        n->fresh_end = &p->fresh_next;
    }
    return true;
}

static void begin_next(struct nodes *n)
{
    struct pod *p = n->fresh;
    if (p != NULL && n->busy < BUSY_MAX) {
        leave_fresh(p);
        pod_queue(p);
    }
}

static void set_busy(struct pod *p, bool busy)
{
    if (p->busy != busy) {
        p->nodes->busy += busy ? 1 : -1u;
        p->busy = busy;
    }
    if (!busy) {
        json_decref(steal(p->tree));
    }
}

/* Looks whether anything is under way; keeps the parsed object as long. */
static void settle_busy(struct pod *p, const json_t *tree)
{
    bool busy = p->staging || p->sandbox.op != NULL;
    for (size_t i = 0; !busy && i < p->containers.n; i++) {
        busy = p->containers.v[i]->op != NULL;
    }
    set_busy(p, busy);
    if (busy && tree != NULL && p->tree == NULL) {
        p->tree = json_incref((json_t *)(uintptr_t)tree);
    }
}

void pod_free(struct pod *p)
{
    struct nodes *n = p->nodes;
    leave_fresh(p);
    set_busy(p, false);
    begin_next(n);
    if (p->staging) {
        client_off_commit(n->client, p);
    }
    op_orphan_all(p);
    while (p->doomed.n > 0) {
        free_doomed(p, p->doomed.n - 1);
    }
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

/* ---- removing containers ---- */

static void on_removed(struct op *op, enum runtime_result result, const struct runtime_status *st,
                       const struct err *err)
{
    struct pod *p = op->pod;
    (void)st;
    for (size_t i = 0; i < p->doomed.n; i++) {
        struct doomed *d = p->doomed.v[i];
        if (d->op != op) {
            continue;
        }
        d->op = NULL;
        if (result == RUNTIME_OK) {
            free_doomed(p, i);
        } else {
            log_debug("node", "remove %s: %s", d->name, err->msg);
            d->retry_ns = loop_mono_ns(p->nodes->loop) + RETRY;
            pod_queue_after(p, RETRY);
        }
        break;
    }
    pod_queue(p);
}

static void step_doomed(struct pod *p)
{
    struct nodes *n = p->nodes;
    uint64_t now = loop_mono_ns(n->loop);
    for (size_t i = 0; i < p->doomed.n; i++) {
        struct doomed *d = p->doomed.v[i];
        if (d->op == NULL && d->retry_ns <= now) {
            d->op = op_new(n, p, d->name, on_removed);
            n->rt.ops->remove(n->rt.self, d->name, op_done, d->op);
        }
    }
}

void pod_doom(struct pod *p, const char *runtime_name)
{
    struct nodes *n = p->nodes;
    for (size_t i = 0; i < p->doomed.n; i++) {
        if (strcmp(p->doomed.v[i]->name, runtime_name) == 0) {
            return;
        }
    }
    struct doomed *d = xnew(struct doomed);
    d->name = xstrdup(runtime_name);
    vec_push(&p->doomed, d);
    map_put(n->names, runtime_name, n->names);
    step_doomed(p);
}

void pod_doom_alive(struct pod *p, const char *runtime_name)
{
    pod_doom(p, runtime_name);
    for (size_t i = 0; i < p->doomed.n; i++) {
        struct doomed *d = p->doomed.v[i];
        d->may_run |= strcmp(d->name, runtime_name) == 0;
    }
}

bool pod_has_remains(const struct pod *p)
{
    for (size_t i = 0; i < p->doomed.n; i++) {
        if (p->doomed.v[i]->may_run) {
            return true;
        }
    }
    return false;
}

static void doom_container(struct container *c)
{
    struct pod *p = c->pod;
    if (c->asked) {
        pod_doom(p, c->runtime_name);
        c->asked = false;
    }
    if (c->previous != NULL) {
        pod_doom(p, c->previous);
        free(steal(c->previous));
    }
}

void pod_doom_all(struct pod *p)
{
    for (size_t i = 0; i < p->containers.n; i++) {
        pull_forget(p->containers.v[i]);
        doom_container(p->containers.v[i]);
    }
    doom_container(&p->sandbox);
}

/* ---- commits ---- */

static void apply(struct pod *p)
{
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
    step_doomed(p);
    if (tree == NULL) {
        pod_remove_rest(p);
        return;
    }
    look_again(p);
    if (!p->loaded) {
        pod_load(p, tree);
    }
    if (p->seen->deleting) {
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
    if (p == NULL || !p->agent->loaded || p->staging || must_wait(p)) {
        return 0;
    }
    map_remove(n->held_up, p->uid);
    const json_t *tree = tree_of(p);
    step(p, tree);
    int rc = publish(p, tree, err);
    settle_busy(p, tree);
    appoint(p);
    begin_next(n);
    return rc;
}
