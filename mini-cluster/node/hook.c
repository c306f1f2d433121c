/* SPDX-License-Identifier: Apache-2.0 */
/* A hook delays what comes after it, and nothing else: no hook keeps a pod from ending. */
#include "node/hook.h"

#include <stdio.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "node/container.h"
#include "node/handler.h"
#include "node/pod.h"

struct hooks {
    struct container *container;
    struct handler *post_start, *pre_stop; /* NULL: none */
    bool started;                          /* postStart is done */
    bool stopped;                          /* preStop is */
    bool overran;
    bool over; /* it was done while the agent stood still: what follows is yet to be done */
    uint64_t deadline_ns; /* of preStop */
    struct loop_timer *deadline;
};

static uint64_t now_ns(const struct container *c)
{
    return loop_mono_ns(c->pod->nodes->loop);
}

/* ---- postStart ---- */

static void start_failed(struct container *c, const char *why)
{
    say_pod(c->pod, "Warning", "FailedPostStartHook", "PostStartHook failed: %s", why);
    if (c->state == CONTAINER_RUNNING && !c->killing) {
        say_pod(c->pod, "Normal", "Killing", "FailedPostStartHook");
        container_stop(c, c->pod->grace_s);
    }
}

/* Of a call any answer will do: nobody said what a good one is. */
static void on_started(void *arg, bool ok, int status, const char *why)
{
    struct hooks *h = arg;
    struct container *c = h->container;
    (void)status;
    h->started = ok;
    if (!ok) {
        start_failed(c, why);
    }
    pod_queue(c->pod);
}

bool hooks_post_start(struct container *c)
{
    struct hooks *h = c->hooks;
    if (h == NULL || h->post_start == NULL || h->started || !c->fresh) {
        return true;
    }
    if (handler_is_running(h->post_start) || c->killing) {
        return false;
    }
    if (handler_how(h->post_start) == HANDLER_TCP) {
        c->fresh = false;
        start_failed(c, "tcpSocket cannot be done here; use exec, httpGet or sleep");
        return false;
    }
    handler_run(h->post_start, 0, on_started, h);
    return false;
}

/* ---- preStop ---- */

/* Whole seconds, and a little more than nothing. */
static int64_t seconds_left(const struct hooks *h)
{
    uint64_t now = now_ns(h->container);
    int64_t left = now < h->deadline_ns ? (int64_t)((h->deadline_ns - now) / LOOP_S(1)) : 0;
    return left > HOOK_LEAST_GRACE_S ? left : HOOK_LEAST_GRACE_S;
}

static void stop_now(struct hooks *h)
{
    struct container *c = h->container;
    h->over = c->pod->agent->frozen;
    if (h->over) {
        loop_timer_start(h->deadline, LOOP_S(1));
        return;
    }
    h->stopped = true;
    loop_timer_stop(h->deadline);
    if (c->state == CONTAINER_RUNNING) {
        container_stop_now(c, seconds_left(h));
    }
    pod_queue(c->pod);
}

static void on_stopped(void *arg, bool ok, int status, const char *why)
{
    struct hooks *h = arg;
    (void)status;
    if (!ok) {
        say_pod(h->container->pod, "Warning", "FailedPreStopHook", "PreStopHook failed: %s", why);
    }
    stop_now(h);
}

static void on_deadline(void *arg)
{
    struct hooks *h = arg;
    if (h->over) {
        stop_now(h);
        return;
    }
    handler_cancel(h->pre_stop);
    h->overran = true;
    say_pod(h->container->pod, "Warning", "FailedPreStopHook",
            "PreStopHook failed: it was not done within the grace period");
    stop_now(h);
}

static void set_deadline(struct hooks *h, int64_t grace_s)
{
    uint64_t deadline = now_ns(h->container) + LOOP_S(grace_s);
    if (h->deadline_ns == 0 || deadline < h->deadline_ns) {
        h->deadline_ns = deadline;
        loop_timer_start(h->deadline, LOOP_S(grace_s));
    }
}

bool hooks_pre_stop(struct container *c, int64_t grace_s)
{
    struct hooks *h = c->hooks;
    if (h == NULL || h->pre_stop == NULL || h->stopped || c->state != CONTAINER_RUNNING) {
        return true;
    }
    if (grace_s <= 0) {
        handler_cancel(h->pre_stop);
        loop_timer_stop(h->deadline);
        h->stopped = true;
        return true;
    }
    c->killing = true;
    c->fresh = false;
    set_deadline(h, grace_s);
    if (!h->over && !handler_is_running(h->pre_stop)) {
        handler_run(h->pre_stop, 0, on_stopped, h);
    }
    return false;
}

bool hooks_overran(const struct container *c)
{
    return c->hooks != NULL && c->hooks->overran;
}

/* ---- making and ending ---- */

void hooks_load(struct container *c, const json_t *spec)
{
    const json_t *lifecycle = jx_get(spec, "lifecycle");
    const json_t *post_start = jx_get(lifecycle, "postStart");
    const json_t *pre_stop = jx_get(lifecycle, "preStop");
    if (c->hooks != NULL || (post_start == NULL && pre_stop == NULL)) {
        return;
    }
    struct hooks *h = xnew(struct hooks);
    h->container = c;
    h->deadline = loop_timer_new(c->pod->nodes->loop, on_deadline, h);
    h->post_start = post_start != NULL ? handler_new(c, post_start, spec) : NULL;
    h->pre_stop = pre_stop != NULL ? handler_new(c, pre_stop, spec) : NULL;
    c->hooks = h;
}

void hooks_end(struct container *c)
{
    struct hooks *h = steal(c->hooks);
    if (h != NULL) {
        loop_timer_free(h->deadline);
        handler_free(h->post_start);
        handler_free(h->pre_stop);
        free(h);
    }
}
