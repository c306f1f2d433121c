/* SPDX-License-Identifier: Apache-2.0 */
/* What comes before a pod's containers: the intent with its address, and the sandbox; and a new one
 * when it died. */

#include "client/client.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/clock.h"
#include "node/address.h"
#include "node/container.h"
#include "node/pod.h"
#include "node/spec.h"
#include "node/warm.h"

/* After so many addresses the place of the search is noted again, as far ahead. */
enum { CURSOR_STEP = 64 };

static uint64_t now_ns(const struct pod *p)
{
    return loop_mono_ns(p->nodes->loop);
}

uint64_t pod_sandbox_hash(const struct pod *p, const json_t *spec)
{
    cleanup_str struct str text = STR_INIT;
    str_add_f(&text, "%s\n%s\n%s", p->uid, jx_get_str(spec, "name", ""),
              jx_get_str(spec, "image", ""));
    return str_hash(text.p, text.len);
}

/* ---- the intent ---- */

/* Kept one step ahead, so that after a crash no address is given again too soon. */
static void keep_cursor(struct nodes *n)
{
    unsigned cursor = address_cursor(n->addresses);
    if (cursor % CURSOR_STEP == 1) {
        client_record_put(n->client, "node.addresses", "cursor",
                          json_integer(cursor + CURSOR_STEP));
    }
}

bool pod_take_address(struct nodes *n, char ret[16])
{
    if (!address_take(n->addresses, loop_mono_ns(n->loop), ret)) {
        return false;
    }
    keep_cursor(n);
    return true;
}

static bool take_address(struct pod *p)
{
    if (p->address[0] == '\0' && !pod_take_address(p->nodes, p->address)) {
        say_pod(p, "Warning", "FailedCreatePodSandBox",
                "Failed to create pod sandbox: no pod address is free in this cluster");
        pod_queue_after(p, LOOP_S(1));
        return false;
    }
    return true;
}

static void reject(struct pod *p, const char *reason, char *message)
{
    say_pod(p, "Warning", reason, "%s", message);
    pod_set_failed(p, reason, message);
    p->phase = POD_FAILED;
    p->final = true;
}

void pod_sandbox_intend(struct pod *p, const json_t *tree)
{
    cleanup_free char *why = NULL;
    const char *refused = admit_refuse(p, tree, &why);
    if (refused != NULL) {
        reject(p, refused, why);
        return;
    }
    if (!warm_claim(p, tree) && !take_address(p)) {
        return;
    }
    pod_count(p, true);
    p->epoch = p->agent->epoch;
    p->start_us = loop_wall_us(p->nodes->loop);
    p->volumes = spec_volumes(tree);
    container_claim_name(&p->sandbox);
    for (size_t i = 0; i < p->containers.n; i++) {
        struct container *c = p->containers.v[i];
        c->hash = pod_sandbox_hash(p, pod_container_spec(p, tree, c->name));
        container_claim_name(c);
    }
    p->recorded = p->staging = p->record_dirty = true;
}

/* ---- the sandbox ---- */

static bool has_run(const struct pod *p)
{
    for (size_t i = 0; i < p->containers.n; i++) {
        if (p->containers.v[i]->seen || p->containers.v[i]->last != NULL) {
            return true;
        }
    }
    return false;
}

/* Without its sandbox a container cannot be reached any more: nothing to be polite about. */
static bool kill_all(struct pod *p)
{
    bool alive = false;
    for (size_t i = 0; i < p->containers.n; i++) {
        struct container *c = p->containers.v[i];
        if (c->state == CONTAINER_RUNNING && !c->killing && c->retry_ns <= now_ns(p)) {
            container_stop(c, 0);
        }
        alive |= container_alive(c) || c->op != NULL;
    }
    return alive;
}

/* Everything that is still to do something begins anew in the next sandbox. What an earlier life of
 * ours asked for is not known: every name it may have used is given up. */
static void renew_all(struct pod *p, const json_t *tree)
{
    bool all = p->adopted && p->sandbox.seen;
    p->initialized = false;
    for (size_t i = 0; i < p->containers.n; i++) {
        struct container *c = p->containers.v[i];
        bool over =
            c->state == CONTAINER_ENDED && c->kind == CONTAINER_APP && !pod_restarts(p, tree, c);
        bool used = all || c->asked || c->burnt || c->state == CONTAINER_ENDED;
        c->restarting = used && !over;
    }
}

static void sandbox_ended(struct pod *p, const json_t *tree)
{
    struct container *s = &p->sandbox;
    const struct clock *clock = *p->nodes->clock;
    uint64_t left = backoff_left(&s->crashes, now_ns(p), LOOP_MS(200), clock->backoff_max);
    bool never = str_eq(jx_str(tree, "spec.restartPolicy", "Always"), "Never");
    if (kill_all(p)) {
        return; /* first they end */
    }
    if (never && has_run(p)) {
        pod_set_failed(p, NULL, NULL);
        p->phase = pod_phase_now(p, tree) == POD_SUCCEEDED ? POD_SUCCEEDED : POD_FAILED;
        p->final = true;
        return;
    }
    if (left > 0) {
        pod_queue_after(p, left);
        return;
    }
    if (!s->seen) { /* it never ran: perhaps the address is to blame */
        address_release(p->nodes->addresses, p->address, now_ns(p));
        p->address[0] = '\0';
    } else {
        say_pod(p, "Normal", "SandboxChanged",
                "Pod sandbox changed, it will be killed and re-created.");
    }
    if (take_address(p)) {
        renew_all(p, tree);
        p->epoch = p->agent->epoch;
        s->restarting = p->staging = p->record_dirty = true;
    }
}

bool pod_sandbox_step(struct pod *p, const json_t *tree)
{
    struct container *s = &p->sandbox;
    if (s->state == CONTAINER_ENDED) {
        sandbox_ended(p, tree);
    } else if (s->state == CONTAINER_WAITING && s->op == NULL && s->retry_ns <= now_ns(p)) {
        pod_start_sandbox(p, tree);
    }
    return s->state == CONTAINER_RUNNING;
}
