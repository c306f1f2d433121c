/* SPDX-License-Identifier: Apache-2.0 */
/* The way down: containers end in their own time, then everything is removed, then the address is
 * free, then the record and the object go in one commit. */

#include "client/client.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "meta/time.h"
#include "node/address.h"
#include "node/container.h"
#include "node/hook.h"
#include "node/op.h"
#include "node/pod.h"
#include "node/warm.h"

/* ---- ending containers ---- */

static bool is_sidecar(const struct container *c)
{
    return c->kind == CONTAINER_SIDECAR;
}

/* Tells those of one sort to end, again when the grace got shorter. True while one is alive. */
static bool stop_some(struct pod *p, const json_t *tree, bool sidecars, int64_t grace_s, bool again)
{
    bool alive = false;
    uint64_t now = loop_mono_ns(p->nodes->loop);
    for (size_t i = 0; i < p->containers.n; i++) {
        struct container *c = p->containers.v[i];
        if (is_sidecar(c) != sidecars) {
            continue;
        }
        bool told = c->killing && !again;
        if (c->state == CONTAINER_RUNNING && !told && c->retry_ns <= now) {
            if (!c->killing) {
                say_pod(p, "Normal", "Killing", "Stopping container %s", c->name);
            }
            hooks_load(c, tree != NULL ? pod_container_spec(p, tree, c->name) : NULL);
            container_stop(c, grace_s);
        }
        alive |= container_alive(c) || c->op != NULL;
    }
    return alive;
}

/* Apps first, then those who serve them. */
static bool stop_all(struct pod *p, const json_t *tree, int64_t grace_s)
{
    bool again = p->stopping_grace > grace_s;
    if (p->stopping_grace < 0 || again) {
        p->stopping_grace = grace_s;
    }
    return stop_some(p, tree, false, grace_s, again) || stop_some(p, tree, true, grace_s, again);
}

static bool has_overrun(const struct pod *p)
{
    for (size_t i = 0; i < p->containers.n; i++) {
        if (hooks_overran(p->containers.v[i])) {
            return true;
        }
    }
    return false;
}

/* What is left of the grace: the end is fixed, also for a later life of ours. */
static int64_t grace_left(const struct pod *p, const json_t *tree)
{
    int64_t grace_s = jx_int(tree, "metadata.deletionGracePeriodSeconds", p->grace_s);
    int64_t end_us = 0;
    if (!time_parse(jx_str(tree, "metadata.deletionTimestamp", ""), &end_us)) {
        return grace_s;
    }
    int64_t left_s = (end_us - loop_wall_us(p->nodes->loop) + 999999) / 1000000;
    left_s = left_s > 0 ? left_s : 0;
    if (left_s < HOOK_LEAST_GRACE_S && grace_s > 0 && has_overrun(p)) {
        return HOOK_LEAST_GRACE_S; /* their hooks took what there was */
    }
    return left_s < grace_s ? left_s : grace_s;
}

/* ---- volumes ---- */

static void on_volume_removed(struct op *op, enum runtime_result result,
                              const struct runtime_status *st, const struct err *err)
{
    struct pod *p = op->pod;
    (void)st;
    p->volume_busy = false;
    if (result != RUNTIME_OK) {
        log_debug("node", "remove volume %s: %s", op->name, err->msg);
        pod_queue_after(p, LOOP_S(1));
        return;
    }
    json_array_remove(p->volumes, 0);
    pod_queue(p);
}

/* True when none is left. */
static bool remove_volumes(struct pod *p)
{
    const char *volume = json_string_value(json_array_get(p->volumes, 0));
    struct nodes *n = p->nodes;
    if (volume != NULL && !p->volume_busy) {
        struct op *op = op_new(n, p, volume, on_volume_removed);
        p->volume_busy = true;
        n->rt.ops->volume_remove(n->rt.self, volume, op_done, op);
    }
    return volume == NULL;
}

/* ---- the end ---- */

static bool settled(const struct pod *p)
{
    bool busy = p->doomed.n > 0 || p->sandbox.op != NULL;
    for (size_t i = 0; i < p->containers.n; i++) {
        busy |= p->containers.v[i]->op != NULL;
    }
    return !busy;
}

static int delete_object(struct pod *p, struct err *err)
{
    struct client_delete_opts now = {.grace_s = 0, .uid = p->uid};
    if (p->seen == NULL ||
        client_delete(p->nodes->client, p->nodes->pod_kind, p->ns, p->name, &now, err) == 0) {
        return 0;
    }
    return err->code == ERR_NOT_FOUND || err->code == ERR_CONFLICT ? 0 : -1;
}

/* Record and object go together. While the host is cut off, the object has to wait. */
static void finish(struct pod *p)
{
    struct err err;
    if (p->agent->cut && p->seen != NULL) {
        return;
    }
    if (delete_object(p, &err) < 0) {
        log_warn("node", "delete pod %s/%s: %s", p->ns, p->name, err.msg);
        pod_queue_after(p, LOOP_S(1));
        return;
    }
    if (p->recorded) {
        record_delete(p);
    }
    p->finishing = p->staging = true;
}

static void remove_all(struct pod *p)
{
    pod_doom_all(p);
    if (settled(p) && remove_volumes(p)) {
        finish(p);
    }
}

void pod_stop(struct pod *p, const json_t *tree)
{
    if (p->recorded && stop_all(p, tree, grace_left(p, tree))) {
        return;
    }
    p->phase = pod_phase_now(p, tree);
    if (p->phase == POD_SUCCEEDED || p->phase == POD_FAILED) {
        pod_count(p, false); /* the scheduler counts on its room from now on, and so must we */
    }
    if (p->recorded && !p->emptied) {
        p->emptied = p->staging = true; /* how it ended is kept before anything is removed */
        return;
    }
    remove_all(p);
}

/* ---- pods that are over, and pods whose object is gone ---- */

static void free_address(struct pod *p)
{
    if (p->address[0] != '\0') {
        address_release(p->nodes->addresses, p->address, loop_mono_ns(p->nodes->loop));
        p->address[0] = '\0';
        p->record_dirty = p->recorded;
    }
}

bool pod_remove_rest(struct pod *p)
{
    if (p->seen == NULL) {
        remove_all(p);
        return false;
    }
    if (stop_all(p, NULL, p->grace_s)) {
        return false;
    }
    for (size_t i = 0; i < p->containers.n; i++) {
        struct container *c = p->containers.v[i];
        if (c->state == CONTAINER_WAITING && c->asked) { /* nobody knows whether it runs */
            pod_doom(p, c->runtime_name);
            c->asked = false;
        }
    }
    warm_give_up_claim(p);
    if (p->sandbox.asked) { /* its containers stay, for their logs */
        pod_doom(p, p->sandbox.runtime_name);
        p->sandbox.asked = false;
        p->sandbox.state = CONTAINER_ENDED;
    }
    if (p->doomed.n == 0) {
        free_address(p);
    }
    return p->doomed.n == 0;
}
