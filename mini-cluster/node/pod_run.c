/* SPDX-License-Identifier: Apache-2.0 */
/* The way up: is there room, then an intent, then a sandbox, then init containers one after the
 * other, then the others together; and whatever ends begins again, as the spec says. */
#include <stdio.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/clock.h"
#include "meta/object.h"
#include "node/container.h"
#include "node/hook.h"
#include "node/pod.h"
#include "node/probe.h"
#include "node/pull.h"

static uint64_t now_ns(const struct pod *p)
{
    return loop_mono_ns(p->nodes->loop);
}

const json_t *pod_container_spec(const struct pod *p, const json_t *tree, const char *name)
{
    (void)p;
    const json_t *spec = jx_find(jx_arr(tree, "spec.containers"), "name", name);
    return spec != NULL ? spec : jx_find(jx_arr(tree, "spec.initContainers"), "name", name);
}

/* ---- images ---- */

static bool image_ready(struct container *c, const json_t *spec)
{
    return pull_ready(c, jx_get_str(spec, "image", ""),
                      jx_get_str(spec, "imagePullPolicy", "IfNotPresent"));
}

/* While the sandbox starts, the images of those who come first are looked for. */
static void look_for_images(struct pod *p, const json_t *tree)
{
    for (size_t i = 0; i < p->containers.n; i++) {
        struct container *c = p->containers.v[i];
        if (c->state == CONTAINER_WAITING) {
            image_ready(c, pod_container_spec(p, tree, c->name));
        }
        if (c->kind == CONTAINER_INIT) {
            return;
        }
    }
}

/* ---- containers ---- */

static bool is_start_error(const struct container *c)
{
    return c->end != NULL && str_eq(c->end->reason, "StartError");
}

static void crash_loop(struct container *c, uint64_t left)
{
    struct pod *p = c->pod;
    const struct clock *clock = *p->nodes->clock;
    char delay[32];
    backoff_format(delay, sizeof(delay),
                   backoff_delay(&c->crashes, clock->backoff_first, clock->backoff_max));
    cleanup_free char *why = xasprintf("back-off %s restarting failed container=%s pod=%s_%s(%s)",
                                       delay, c->name, p->name, p->ns, p->uid);
    if (!str_eq(c->message, why)) {
        say_pod(p, "Warning", "BackOff", "Back-off restarting failed container %s in pod %s_%s(%s)",
                c->name, p->name, p->ns, p->uid);
    }
    container_wait(c, "CrashLoopBackOff", why);
    pod_queue_after(p, left);
}

/* The wait is counted from the end of the attempt, and there is none after the first crash. */
static bool waits_after_crash(struct container *c)
{
    const struct clock *clock = *c->pod->nodes->clock;
    struct backoff b = {c->crashes.steps, c->ended_ns};
    uint64_t left = backoff_left(&b, now_ns(c->pod), clock->backoff_first, clock->backoff_max);
    if (left == 0) {
        return false;
    }
    if (is_start_error(c) && c->crashes.steps == 1) {
        container_wait(c, "RunContainerError", c->end->message);
        pod_queue_after(c->pod, left);
    } else {
        crash_loop(c, left);
    }
    return true;
}

static void step_ended(struct container *c, const json_t *tree)
{
    struct pod *p = c->pod;
    if (!pod_restarts(p, tree, c)) {
        container_wait(c, NULL, NULL);
        return;
    }
    if (!c->changed && waits_after_crash(c)) {
        return;
    }
    if (!is_start_error(c)) { /* that one was counted when it happened */
        backoff_next(&c->crashes, now_ns(p));
    }
    c->restarting = p->staging = p->record_dirty = true;
}

static void step_waiting(struct container *c, const json_t *tree, const json_t *spec)
{
    struct pod *p = c->pod;
    const struct clock *clock = *p->nodes->clock;
    uint64_t now = now_ns(p);
    if (str_eq(c->reason, "CreateContainerError")) { /* the same attempt, later */
        uint64_t left = backoff_left(&c->crashes, now, clock->backoff_first, clock->backoff_max);
        if (left > 0) {
            pod_queue_after(p, left);
            return;
        }
    }
    if (c->burnt) {
        c->restarting = p->staging = p->record_dirty = true;
        return;
    }
    if (!image_ready(c, spec) || pod_doom_remains(p)) {
        return;
    }
    if (c->op != NULL || c->looking != NULL || c->retry_ns > now) {
        return;
    }
    pod_start_container(c, tree, spec);
}

static void step_started(struct container *c, const json_t *spec)
{
    hooks_load(c, spec);
    if (hooks_post_start(c)) {
        c->fresh = false;
        probes_begin(c, spec);
    }
}

static void step_container(struct container *c, const json_t *tree)
{
    const json_t *spec = pod_container_spec(c->pod, tree, c->name);
    if (spec == NULL) {
        return; /* of a damaged record */
    }
    if (c->state == CONTAINER_WAITING) {
        step_waiting(c, tree, spec);
    } else if (c->state == CONTAINER_ENDED && c->op == NULL) {
        step_ended(c, tree);
    } else if (c->state == CONTAINER_RUNNING && !c->probing && !c->killing) {
        step_started(c, spec);
    }
}

/* One after the other; a sidecar only has to be up. True when all are done. */
static bool step_inits(struct pod *p, const json_t *tree)
{
    for (size_t i = 0; i < p->containers.n; i++) {
        struct container *c = p->containers.v[i];
        if (c->kind == CONTAINER_APP) {
            break;
        }
        bool done = c->kind == CONTAINER_INIT ? p->initialized || pod_is_ready_to_serve(c) : false;
        if (done) {
            continue;
        }
        step_container(c, tree);
        if (c->kind == CONTAINER_INIT || (!c->started && !p->initialized)) {
            return false;
        }
    }
    return true;
}

static void step_apps(struct pod *p, const json_t *tree)
{
    for (size_t i = 0; i < p->containers.n; i++) {
        if (p->containers.v[i]->kind == CONTAINER_APP) {
            step_container(p->containers.v[i], tree);
        }
    }
}

/* The apps are done: sidecars have nobody left to serve. */
static void stop_sidecars(struct pod *p, const json_t *tree)
{
    for (size_t i = 0; i < p->containers.n; i++) {
        const struct container *c = p->containers.v[i];
        if (c->kind == CONTAINER_APP && (c->state != CONTAINER_ENDED || pod_restarts(p, tree, c))) {
            return;
        }
    }
    p->sidecars_done = true;
    for (size_t i = 0; i < p->containers.n; i++) {
        struct container *c = p->containers.v[i];
        if (c->kind == CONTAINER_SIDECAR && c->state == CONTAINER_RUNNING && !c->killing) {
            container_stop(c, p->grace_s);
        }
    }
}

/* ---- changes of the spec ---- */

/* Only images can change. What runs the old one is ended; what does not run yet asks anew. */
static void take_changes(struct pod *p, const json_t *tree)
{
    p->generation = object_generation(tree);
    for (size_t i = 0; i < p->containers.n; i++) {
        struct container *c = p->containers.v[i];
        const json_t *spec = pod_container_spec(p, tree, c->name);
        uint64_t hash = pod_sandbox_hash(p, spec);
        if (spec == NULL || hash == c->hash || c->kind == CONTAINER_INIT) {
            continue;
        }
        c->hash = hash;
        c->image_here = false;
        c->pulls.steps = 0;
        pull_forget(c);
        p->record_dirty = true;
        if (c->state == CONTAINER_WAITING) {
            c->burnt = c->asked;
            container_wait(c, NULL, NULL);
            continue;
        }
        c->changed = true;
        if (c->state == CONTAINER_RUNNING && !c->killing) {
            say_pod(p, "Normal", "Killing", "Container %s definition changed, will be restarted",
                    c->name);
            container_stop(c, p->grace_s);
        }
    }
}

/* ---- all of it ---- */

static bool past_deadline(struct pod *p, const json_t *tree)
{
    int64_t limit_s = jx_int(tree, "spec.activeDeadlineSeconds", 0);
    if (limit_s <= 0 || p->start_us == 0) {
        return false;
    }
    int64_t left_us = p->start_us + limit_s * 1000000 - loop_wall_us(p->nodes->loop);
    if (left_us > 0) {
        pod_queue_after(p, (uint64_t)left_us * 1000);
        return false;
    }
    static const char why[] = "Pod was active on the node longer than the specified deadline";
    say_pod(p, "Normal", "DeadlineExceeded", "%s", why);
    pod_set_failed(p, "DeadlineExceeded", why);
    p->phase = POD_FAILED;
    p->final = true;
    return true;
}

static void settle_phase(struct pod *p, const json_t *tree)
{
    p->phase = pod_phase_now(p, tree);
    p->final = p->final || p->phase == POD_SUCCEEDED || p->phase == POD_FAILED;
    if (p->final) {
        pod_count(p, false);
        p->staging = true; /* when that is committed, its sandbox may go */
    }
}

void pod_run(struct pod *p, const json_t *tree)
{
    if (p->final) {
        pod_remove_rest(p);
        return;
    }
    if (!p->recorded) {
        pod_sandbox_intend(p, tree);
        return;
    }
    if (p->generation != object_generation(tree)) {
        take_changes(p, tree);
    }
    if (past_deadline(p, tree)) {
        pod_queue(p);
        return;
    }
    if (pod_sandbox_step(p, tree)) {
        p->initialized = step_inits(p, tree);
        if (p->initialized) {
            step_apps(p, tree);
            stop_sidecars(p, tree);
        }
    } else if (!p->staging && p->sandbox.state != CONTAINER_ENDED) {
        look_for_images(p, tree);
    }
    settle_phase(p, tree);
}
