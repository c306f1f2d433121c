/* SPDX-License-Identifier: Apache-2.0 */
/* Makes probes and counts their results. On a fast clock a container that is about to become ready
 * is asked four times a second during its first period, so that nobody waits for the second one. */
#include "node/probe.h"

#include <stdio.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "meta/clock.h"
#include "node/container.h"
#include "node/handler.h"
#include "node/pod.h"
#include "node/probe_impl.h"

#define QUICK LOOP_MS(250)

static void begin(struct probe *p);
static void begin_others(struct container *c);

/* ---- results ---- */

static bool is_quick(const struct probe *p, uint64_t now)
{
    const struct clock *clock = *p->container->pod->nodes->clock;
    return p->kind != PROBE_LIVENESS && !p->ever && clock->heartbeat <= LOOP_S(1) &&
           now - p->began_ns + QUICK < p->period_ns;
}

static void become_good(struct probe *p)
{
    struct container *c = p->container;
    p->good = true;
    if (p->kind == PROBE_READINESS) {
        c->ready = true;
    } else if (p->kind == PROBE_STARTUP) {
        c->started = true;
        c->ready = c->probes[PROBE_READINESS] == NULL;
        loop_timer_stop(p->timer); /* it has done its work */
        begin_others(c);
    }
    pod_queue(c->pod);
}

static void kill_container(struct probe *p)
{
    struct container *c = p->container;
    const char *what = p->kind == PROBE_LIVENESS ? "liveness" : "startup";
    if (c->killing || c->state != CONTAINER_RUNNING) {
        return;
    }
    say_pod(c->pod, "Normal", "Killing", "Container %s failed %s probe, will be restarted", c->name,
            what);
    container_stop(c, p->grace_s >= 0 ? p->grace_s : c->pod->grace_s);
}

static void become_bad(struct probe *p)
{
    struct container *c = p->container;
    if (p->kind != PROBE_READINESS) {
        kill_container(p);
    } else if (p->good) {
        p->good = false;
        c->ready = false;
        pod_queue(c->pod);
    }
}

static void succeeded(struct probe *p)
{
    p->failures = 0;
    p->successes++;
    p->ever = true;
    if (!p->good && p->successes >= p->successes_needed) {
        become_good(p);
    }
}

static void failed(struct probe *p, const char *why)
{
    p->successes = 0;
    p->failures++;
    say_pod(p->container->pod, "Warning", "Unhealthy", "%s probe failed: %s",
            probe_kind_name(p->kind), why);
    if (p->failures >= p->failures_needed) {
        become_bad(p);
    }
}

/* Nobody can tell: the runtime is away, the agent stands still, or the pod is out of its reach. */
static bool is_blind(const struct probe *p)
{
    const struct agent *a = p->container->pod->agent;
    return a->nodes->down || a->frozen || (a->cut && handler_how(p->handler) != HANDLER_EXEC);
}

static void finish(struct probe *p, bool ok, const char *why)
{
    uint64_t now = loop_mono_ns(p->container->pod->nodes->loop);
    loop_timer_start(p->timer, p->period_ns);
    if (is_blind(p)) {
        return; /* it became so meanwhile */
    }
    if (ok) {
        succeeded(p);
    } else if (is_quick(p, now)) {
        loop_timer_start(p->timer, QUICK); /* it is only starting: this one does not count */
    } else {
        failed(p, why);
    }
}

static void on_done(void *arg, bool ok, int status, const char *why)
{
    struct probe *p = arg;
    char text[64];
    if (ok && status != 0 && (status < 200 || status >= 400)) {
        snprintf(text, sizeof(text), "HTTP probe failed with statuscode: %d", status);
        finish(p, false, text);
    } else {
        finish(p, ok, why);
    }
}

/* ---- in turn ---- */

/* It says so once, and stays as it is: not ready, but not killed for it either. */
static void not_supported(struct probe *p)
{
    if (!p->told) {
        p->told = true;
        say_pod(p->container->pod, "Warning", "Unhealthy",
                "%s probe failed: gRPC probes are not supported by this cluster yet; use httpGet, "
                "tcpSocket or exec",
                probe_kind_name(p->kind));
    }
}

static void on_timer(void *arg)
{
    struct probe *p = arg;
    enum handler_how how = handler_how(p->handler);
    if (how == HANDLER_GRPC || how == HANDLER_NONE) {
        not_supported(p);
    } else if (is_blind(p)) {
        loop_timer_start(p->timer, p->period_ns);
    } else {
        handler_run(p->handler, p->timeout_ns, on_done, p);
    }
}

static void begin(struct probe *p)
{
    struct loop *loop = p->container->pod->nodes->loop;
    p->began_ns = loop_mono_ns(loop) + p->delay_ns;
    p->timer = loop_timer_new(loop, on_timer, p);
    loop_timer_start(p->timer, p->delay_ns);
}

static void begin_others(struct container *c)
{
    for (int kind = PROBE_LIVENESS; kind < PROBE_KINDS; kind++) {
        if (c->probes[kind] != NULL) {
            begin(c->probes[kind]);
        }
    }
}

/* ---- from outside ---- */

static struct probe *read_probe(struct container *c, int kind, const json_t *spec, const char *key)
{
    const json_t *probe = jx_get(spec, key);
    return probe != NULL ? probe_new(c, kind, probe, spec) : NULL;
}

void probes_begin(struct container *c, const json_t *spec)
{
    struct probe **v = c->probes;
    c->probing = true;
    v[PROBE_STARTUP] = c->started ? NULL : read_probe(c, PROBE_STARTUP, spec, "startupProbe");
    v[PROBE_LIVENESS] = read_probe(c, PROBE_LIVENESS, spec, "livenessProbe");
    v[PROBE_READINESS] = read_probe(c, PROBE_READINESS, spec, "readinessProbe");
    if (v[PROBE_LIVENESS] != NULL) {
        v[PROBE_LIVENESS]->good = v[PROBE_LIVENESS]->ever = true;
    }
    if (v[PROBE_READINESS] != NULL) {
        v[PROBE_READINESS]->good = v[PROBE_READINESS]->ever = c->ready;
    } else {
        c->ready = true;
    }
    if (v[PROBE_STARTUP] != NULL) {
        c->ready = false;
        begin(v[PROBE_STARTUP]);
    } else {
        c->started = true;
        begin_others(c);
    }
}

void probes_end(struct container *c)
{
    c->probing = false;
    for (int i = 0; i < PROBE_KINDS; i++) {
        probe_free(steal(c->probes[i]));
    }
}
