/* SPDX-License-Identifier: Apache-2.0 */
/* What a container asks of the runtime, and what it makes of the answers. An answer that is not
 * known is asked for again by the same name, which is the lock against a second start. */
#include <inttypes.h>
#include <stdio.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "node/container.h"
#include "node/hook.h"
#include "node/op.h"
#include "node/pod.h"
#include "node/pull.h"
#include "node/warm.h"

#define RETRY_FIRST LOOP_MS(100)
#define RETRY_MAX LOOP_S(2)

/* Not before a while, which grows. */
static void retry_later(struct container *c)
{
    uint64_t delay = RETRY_FIRST << (c->retries < 5 ? c->retries : 5);
    delay = delay < RETRY_MAX ? delay : RETRY_MAX;
    c->retries++;
    c->retry_ns = loop_mono_ns(c->pod->nodes->loop) + delay;
    pod_queue_after(c->pod, delay);
}

static bool is_unknown(enum runtime_result result, const struct err *err)
{
    return result == RUNTIME_UNKNOWN || (result == RUNTIME_FAILED && err->code == ERR_UNAVAILABLE);
}

/* ---- looking ---- */

static void on_looked(struct op *op, enum runtime_result result, const struct runtime_status *st,
                      const struct err *err)
{
    struct container *c = op->container;
    struct pod *p = op->pod;
    if (c->op != NULL || !str_eq(op->name, c->runtime_name)) {
        pod_queue(p); /* that answer will tell; or it is the next attempt by now, which waited */
        return;
    }
    if (result == RUNTIME_OK) {
        container_seen(c, st);
    } else if (result == RUNTIME_FAILED && err->code == ERR_NOT_FOUND) {
        container_missing(c);
    } else {
        c->look = true;
        retry_later(c);
        return;
    }
    if (c->look) {
        container_look(c);
    }
    pod_queue(p);
}

void container_look(struct container *c)
{
    struct nodes *n = c->pod->nodes;
    if (c->op != NULL || c->looking != NULL) {
        c->look = true; /* after the answer that is on its way */
        return;
    }
    c->look = false;
    struct op *op = op_new(n, c->pod, c->runtime_name, on_looked);
    op->container = c;
    c->looking = op;
    n->rt.ops->inspect(n->rt.self, c->runtime_name, op_done, op);
}

/* ---- starting ---- */

static void start_failed(struct container *c, const char *why)
{
    struct pod *p = c->pod;
    container_set_end(c, 128, "StartError", why);
    if (c->kind != CONTAINER_SANDBOX) {
        say_pod(p, "Warning", "Failed", "Error: %s", why);
    } else {
        say_pod(p, "Warning", "FailedCreatePodSandBox", "Failed to create pod sandbox: %s", why);
    }
    backoff_next(&c->crashes, loop_mono_ns(p->nodes->loop));
}

/* It could not even be made: the name is still free. */
static void create_failed(struct container *c, const char *why)
{
    c->state = CONTAINER_WAITING;
    c->asked = false;
    backoff_next(&c->crashes, loop_mono_ns(c->pod->nodes->loop));
    say_pod(c->pod, "Warning", "Failed", "Error: %s", why);
    container_wait(c, "CreateContainerError", why);
}

/* A start failed; does the container exist? */
static void on_failure_looked(struct op *op, enum runtime_result result,
                              const struct runtime_status *st, const struct err *err)
{
    struct container *c = op->container;
    struct pod *p = op->pod;
    cleanup_free char *why = steal(c->message);
    char hash[24];
    snprintf(hash, sizeof(hash), "%016" PRIx64, c->hash);
    bool sandbox = c->kind == CONTAINER_SANDBOX;
    if (!sandbox && p->sandbox.state != CONTAINER_RUNNING) {
        c->state = CONTAINER_WAITING; /* everything begins anew */
    } else if (result == RUNTIME_OK && str_eq(st->hash, hash) && st->state != RUNTIME_CREATED) {
        container_seen(c, st); /* it did start */
    } else if (result == RUNTIME_OK || (sandbox && result == RUNTIME_FAILED)) {
        start_failed(c, why);
    } else if (result == RUNTIME_FAILED && err->code == ERR_NOT_FOUND) {
        create_failed(c, why);
    } else {
        c->state = CONTAINER_WAITING;
        retry_later(c);
    }
    pod_queue(p);
}

static void look_after_failure(struct container *c, const struct err *err)
{
    struct nodes *n = c->pod->nodes;
    free(c->message);
    c->message = xstrdup(err->msg);
    op_orphan(c->looking);
    struct op *op = op_new(n, c->pod, c->runtime_name, on_failure_looked);
    op->container = c;
    c->op = op;
    n->rt.ops->inspect(n->rt.self, c->runtime_name, op_done, op);
}

/* The image was there when it was looked for, or the sandbox went: both are looked at again. */
static void something_missing(struct container *c)
{
    c->state = CONTAINER_WAITING;
    c->asked = false;
    c->image_here = false;
    pull_invalidate(c);
    retry_later(c);
    container_look(&c->pod->sandbox);
}

static void on_ensured(struct op *op, enum runtime_result result, const struct runtime_status *st,
                       const struct err *err)
{
    struct container *c = op->container;
    struct pod *p = op->pod;
    if (result == RUNTIME_OK) {
        container_seen(c, st);
    } else if (is_unknown(result, err)) {
        c->state = CONTAINER_WAITING;
        retry_later(c);
    } else if (err->code == ERR_NOT_FOUND && c->kind != CONTAINER_SANDBOX) {
        something_missing(c);
    } else {
        look_after_failure(c, err);
        return;
    }
    if (c->look) {
        container_look(c);
    }
    pod_queue(p);
}

void container_ensure(struct container *c, const struct runtime_spec *spec)
{
    struct nodes *n = c->pod->nodes;
    struct op *op = op_new(n, c->pod, c->runtime_name, on_ensured);
    op->container = c;
    c->op = op;
    c->asked = true;
    c->look = false;
    c->state = CONTAINER_STARTING;
    n->rt.ops->ensure(n->rt.self, spec, c->pod->epoch, op_done, op);
}

/* ---- taking over what was made before ---- */

static void on_renamed(struct op *op, enum runtime_result result, const struct runtime_status *st,
                       const struct err *err)
{
    struct container *c = op->container;
    struct pod *p = op->pod;
    if (result == RUNTIME_OK) {
        container_seen(c, st);
    } else if (is_unknown(result, err)) {
        c->state = CONTAINER_WAITING;
        retry_later(c);
    } else if (err->code == ERR_NOT_FOUND) { /* then it is made as any other is */
        warm_forget_claim(p);
        c->state = CONTAINER_WAITING;
        c->asked = false;
    } else {
        warm_give_up_claim(p);
        look_after_failure(c, err);
        return;
    }
    if (c->look) {
        container_look(c);
    }
    pod_queue(p);
}

void container_rename(struct container *c)
{
    struct nodes *n = c->pod->nodes;
    struct op *op = op_new(n, c->pod, c->runtime_name, on_renamed);
    op->container = c;
    c->op = op;
    c->asked = true;
    c->look = false;
    c->state = CONTAINER_STARTING;
    n->rt.ops->rename(n->rt.self, c->pod->spare, c->runtime_name, op_done, op);
}

/* ---- stopping ---- */

static void on_stopped(struct op *op, enum runtime_result result, const struct runtime_status *st,
                       const struct err *err)
{
    struct container *c = op->container;
    (void)st;
    if (result != RUNTIME_OK) {
        log_debug("node", "stop %s: %s", op->name, err->msg);
        c->killing = false;
        c->pod->stopping_grace = -1;
        retry_later(c);
    }
    container_look(c); /* how it ended */
}

void container_stop(struct container *c, int64_t grace_s)
{
    if (hooks_pre_stop(c, grace_s)) {
        container_stop_now(c, grace_s);
    }
}

void container_stop_now(struct container *c, int64_t grace_s)
{
    struct nodes *n = c->pod->nodes;
    struct op *op = op_new(n, c->pod, c->runtime_name, on_stopped);
    op->container = c;
    c->op = op;
    c->killing = true;
    c->fresh = false;
    n->rt.ops->stop(n->rt.self, c->runtime_name, grace_s, op_done, op);
}
