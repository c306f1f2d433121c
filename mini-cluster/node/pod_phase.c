/* SPDX-License-Identifier: Apache-2.0 */
/* What the states of the containers make of the pod: its phase and its conditions. */
#include <string.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/object.h"
#include "node/container.h"
#include "node/pod.h"

const char *pod_phase_name(enum pod_phase phase)
{
    static const char *const names[] = {"Pending", "Running", "Succeeded", "Failed"};
    return names[phase];
}

/* ---- phase ---- */

bool pod_restarts(const struct pod *p, const json_t *tree, const struct container *c)
{
    const char *policy = jx_str(tree, "spec.restartPolicy", "Always");
    bool always = strcmp(policy, "Always") == 0;
    bool never = strcmp(policy, "Never") == 0;
    bool failed = c->end != NULL && c->end->exit_code != 0;
    if (p->final || (p->seen != NULL && object_deleting(tree))) {
        return false;
    }
    if (c->kind == CONTAINER_SIDECAR || c->changed) {
        return !p->sidecars_done;
    }
    return c->kind == CONTAINER_INIT ? failed && !never : always || (failed && !never);
}

/* Counted over the app containers. */
struct counts {
    size_t waiting, running, stopped, succeeded;
};

static void count(const struct container *c, struct counts *n)
{
    switch (container_is_beginning(c) ? CONTAINER_WAITING : c->state) {
    case CONTAINER_RUNNING:
        n->running++;
        break;
    case CONTAINER_ENDED:
        n->stopped++;
        n->succeeded += c->end != NULL && c->end->exit_code == 0;
        break;
    default: /* between two attempts it counts as stopped, before the first as waiting */
        n->stopped += c->last != NULL;
        n->waiting += c->last == NULL;
        break;
    }
}

static bool init_failed(const struct pod *p, const json_t *tree)
{
    for (size_t i = 0; i < p->containers.n; i++) {
        const struct container *c = p->containers.v[i];
        if (c->kind == CONTAINER_INIT && c->state == CONTAINER_ENDED && c->end != NULL &&
            c->end->exit_code != 0 && !pod_restarts(p, tree, c)) {
            return true;
        }
    }
    return false;
}

/* Sidecars that still run keep a pod from being over, but do not decide how it ended. */
static bool sidecars_alive(const struct pod *p)
{
    for (size_t i = 0; i < p->containers.n; i++) {
        const struct container *c = p->containers.v[i];
        if (c->kind == CONTAINER_SIDECAR && (container_alive(c) || c->op != NULL)) {
            return true;
        }
    }
    return false;
}

static bool will_restart(const struct pod *p, const json_t *tree)
{
    for (size_t i = 0; i < p->containers.n; i++) {
        const struct container *c = p->containers.v[i];
        bool over = c->state == CONTAINER_ENDED || object_deleting(tree);
        if (c->kind == CONTAINER_APP && (!over || pod_restarts(p, tree, c))) {
            return true;
        }
    }
    return false;
}

enum pod_phase pod_phase_now(const struct pod *p, const json_t *tree)
{
    struct counts n = {0};
    if (p->final || p->reason != NULL) {
        return p->final ? p->phase : POD_FAILED;
    }
    for (size_t i = 0; i < p->containers.n; i++) {
        if (p->containers.v[i]->kind == CONTAINER_APP) {
            count(p->containers.v[i], &n);
        }
    }
    bool deleting = object_deleting(tree);
    if (init_failed(p, tree) && !deleting) {
        return sidecars_alive(p) ? POD_PENDING : POD_FAILED;
    }
    if (!p->initialized || n.waiting > 0) {
        return p->phase == POD_RUNNING ? POD_RUNNING : POD_PENDING;
    }
    if (n.running > 0 || n.stopped == 0) {
        return POD_RUNNING;
    }
    if (will_restart(p, tree) || sidecars_alive(p)) {
        return POD_RUNNING;
    }
    return n.succeeded == n.stopped ? POD_SUCCEEDED : POD_FAILED;
}

/* ---- conditions ---- */

bool pod_is_ready_to_serve(const struct container *c)
{
    if (c->kind == CONTAINER_INIT) {
        return c->state == CONTAINER_ENDED && c->end != NULL && c->end->exit_code == 0;
    }
    return c->state == CONTAINER_RUNNING && c->ready && !c->restarting;
}

/* "[a b]" of the containers that are not; false when there are none. */
static bool list_unready(const struct pod *p, bool init, struct str *out)
{
    for (size_t i = 0; i < p->containers.n; i++) {
        const struct container *c = p->containers.v[i];
        bool done =
            pod_is_ready_to_serve(c) || (init && c->kind == CONTAINER_SIDECAR && c->started);
        if ((c->kind == CONTAINER_APP) != init && !done) {
            str_add_f(out, "%s%s", out->len > 0 ? " " : "[", c->name);
        }
    }
    if (out->len > 0) {
        str_add_c(out, ']');
    }
    return out->len > 0;
}

struct setter {
    json_t *obj; /* {"status": {...}} */
    int64_t now;
};

static void set(struct setter *s, const char *type, bool yes, const char *reason,
                const char *message)
{
    object_set_condition(s->obj, type, yes ? "True" : "False", reason, message, s->now, false);
}

static bool set_if_over(struct setter *s, const struct pod *p, const char *type)
{
    if (p->phase != POD_SUCCEEDED && p->phase != POD_FAILED) {
        return false;
    }
    set(s, type, false, p->phase == POD_SUCCEEDED ? "PodCompleted" : "PodFailed", NULL);
    return true;
}

/* Readiness gates: conditions that others set. The first that does not hold is named. */
static bool gates_hold(const json_t *tree, const json_t *obj, struct str *why)
{
    size_t i;
    const json_t *gate;
    jx_each(i, gate, jx_arr(tree, "spec.readinessGates"))
    {
        const char *type = jx_get_str(gate, "conditionType", "");
        if (object_condition_is(obj, type, "True")) {
            continue;
        }
        bool there = object_condition(obj, type) != NULL;
        str_add_f(why, "%scorresponding condition of pod readiness gate \"%s\" %s",
                  why->len > 0 ? ", " : "", type, there ? "is not \"True\"." : "does not exist.");
    }
    return why->len == 0;
}

static void set_ready(struct setter *s, const struct pod *p, const json_t *tree)
{
    cleanup_str struct str unready = STR_INIT;
    cleanup_str struct str gates = STR_INIT;
    bool all = !list_unready(p, false, &unready);
    cleanup_free char *why = xasprintf("containers with unready status: %s", str_c(&unready));
    if (!set_if_over(s, p, "ContainersReady")) {
        set(s, "ContainersReady", all, all ? NULL : "ContainersNotReady", all ? NULL : why);
    }
    if (set_if_over(s, p, "Ready")) {
        return;
    }
    if (!all) {
        set(s, "Ready", false, "ContainersNotReady", why);
    } else if (!gates_hold(tree, s->obj, &gates)) {
        set(s, "Ready", false, "ReadinessGatesNotReady", str_c(&gates));
    } else {
        set(s, "Ready", true, NULL, NULL);
    }
}

static void set_initialized(struct setter *s, const struct pod *p)
{
    cleanup_str struct str incomplete = STR_INIT;
    if (p->initialized || !list_unready(p, true, &incomplete)) {
        set(s, "Initialized", true, p->phase == POD_SUCCEEDED ? "PodCompleted" : NULL, NULL);
        return;
    }
    cleanup_free char *why = xasprintf("containers with incomplete status: %s", str_c(&incomplete));
    set(s, "Initialized", false, "ContainersNotInitialized", why);
}

void pod_conditions(const struct pod *p, const json_t *tree, const json_t *old, json_t *status)
{
    json_auto_t *obj = json_object();
    struct setter s = {obj, loop_wall_us(p->nodes->loop)};
    json_t *conditions = json_object_get(old, "conditions"); /* only read */
    json_object_set(obj, "status", status);
    json_object_set_new(status, "conditions",
                        conditions != NULL ? json_copy(conditions) : json_array());
    set(&s, "PodReadyToStartContainers", p->sandbox.state == CONTAINER_RUNNING && !p->final, NULL,
        NULL);
    set_initialized(&s, p);
    set_ready(&s, p, tree);
    set(&s, "PodScheduled", true, NULL, NULL);
}
