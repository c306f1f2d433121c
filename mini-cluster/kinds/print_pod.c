/* SPDX-License-Identifier: Apache-2.0 */
/* How a pod shows in a table: one word for what all its containers are doing, worked out as
 * Kubernetes does, so that every tutorial's output looks the same here. */
#include "kinds/print.h"

#include <string.h>

#include "common/json/jx.h"
#include "meta/object.h"
#include "meta/time.h"

struct summary {
    char reason[128];
    int64_t ready, total;
    int64_t restarts;
    const char *last_restart; /* NULL: never, or nobody knows when */
    /* Of init containers that run on beside the others (restartPolicy: Always). */
    int64_t sidecar_restarts;
    const char *sidecar_last_restart;
    bool initializing;
};

static void set_reason(struct summary *s, const char *prefix, const char *reason)
{
    snprintf(s->reason, sizeof(s->reason), "%s%s", prefix, reason);
}

/* RFC 3339 in UTC and whole seconds sorts as text; the API writes no other form. */
static void keep_latest(const char **latest, const json_t *container)
{
    const char *at = jx_str(container, "lastState.terminated.finishedAt", NULL);
    if (at != NULL && (*latest == NULL || strcmp(at, *latest) > 0)) {
        *latest = at;
    }
}

static bool is_sidecar(const json_t *pod, const char *name)
{
    const json_t *container = jx_find(jx_arr(pod, "spec.initContainers"), "name", name);
    return str_eq(jx_get_str(container, "restartPolicy", ""), "Always");
}

static int64_t count_sidecars(const json_t *pod)
{
    const json_t *containers = jx_arr(pod, "spec.initContainers");
    const json_t *c;
    int64_t n = 0;
    size_t i;
    jx_each(i, c, containers)
    {
        n += str_eq(jx_get_str(c, "restartPolicy", ""), "Always");
    }
    return n;
}

/* "Error", or "Signal:9", or "ExitCode:1" for a container that ended and left no reason. */
static void set_terminated(struct summary *s, const char *prefix, const json_t *terminated)
{
    const char *reason = jx_get_str(terminated, "reason", "");
    int64_t signal = jx_int(terminated, "signal", 0);
    if (*reason != '\0') {
        set_reason(s, prefix, reason);
    } else if (signal != 0) {
        snprintf(s->reason, sizeof(s->reason), "%sSignal:%lld", prefix, (long long)signal);
    } else {
        snprintf(s->reason, sizeof(s->reason), "%sExitCode:%lld", prefix,
                 (long long)jx_int(terminated, "exitCode", 0));
    }
}

/* Takes in one init container's status; false when it holds the pod up. */
static bool init_is_through(struct summary *s, const json_t *pod, const json_t *status,
                            size_t index)
{
    bool sidecar = is_sidecar(pod, jx_get_str(status, "name", ""));
    int64_t restarts = jx_int(status, "restartCount", 0);
    s->restarts += restarts;
    keep_latest(&s->last_restart, status);
    if (sidecar) {
        s->sidecar_restarts += restarts;
        keep_latest(&s->sidecar_last_restart, status);
    }
    const json_t *terminated = jx_obj(status, "state.terminated");
    const char *waiting = jx_str(status, "state.waiting.reason", "");
    if (terminated != NULL && jx_int(terminated, "exitCode", 0) == 0) {
        return true;
    }
    if (sidecar && jx_bool(status, "started", false)) {
        s->ready += jx_bool(status, "ready", false);
        return true;
    }
    if (terminated != NULL) {
        set_terminated(s, "Init:", terminated);
    } else if (*waiting != '\0' && !str_eq(waiting, "PodInitializing")) {
        set_reason(s, "Init:", waiting);
    } else {
        snprintf(s->reason, sizeof(s->reason), "Init:%zu/%zu", index,
                 jx_len(pod, "spec.initContainers"));
    }
    return false;
}

static void add_init_containers(struct summary *s, const json_t *pod)
{
    const json_t *statuses = jx_arr(pod, "status.initContainerStatuses");
    const json_t *status;
    size_t i;
    jx_each(i, status, statuses)
    {
        if (!init_is_through(s, pod, status, i)) {
            s->initializing = true;
            return;
        }
    }
}

/* Whether this container is running and ready. */
static bool add_container(struct summary *s, const json_t *status)
{
    s->restarts += jx_int(status, "restartCount", 0);
    keep_latest(&s->last_restart, status);
    const json_t *terminated = jx_obj(status, "state.terminated");
    const char *waiting = jx_str(status, "state.waiting.reason", "");
    if (*waiting != '\0') {
        set_reason(s, "", waiting);
    } else if (terminated != NULL) {
        set_terminated(s, "", terminated);
    } else if (jx_bool(status, "ready", false) && jx_obj(status, "state.running") != NULL) {
        s->ready++;
        return true;
    }
    return false;
}

static void add_containers(struct summary *s, const json_t *pod)
{
    const json_t *statuses = jx_arr(pod, "status.containerStatuses");
    bool running = false;
    s->restarts = s->sidecar_restarts;
    s->last_restart = s->sidecar_last_restart;
    /* Backwards: the first container that has something to say is the one that is shown. */
    for (size_t i = json_array_size(statuses); i > 0; i--) {
        running |= add_container(s, json_array_get(statuses, i - 1));
    }
    if (running && str_eq(s->reason, "Completed")) {
        set_reason(s, "", object_pod_ready(pod) ? "Running" : "NotReady");
    }
}

static void summarize(const json_t *pod, struct summary *s)
{
    const char *pod_reason = jx_str(pod, "status.reason", "");
    *s = (struct summary){.total = (int64_t)jx_len(pod, "spec.containers") + count_sidecars(pod)};
    set_reason(s, "", *pod_reason != '\0' ? pod_reason : jx_str(pod, "status.phase", ""));
    const json_t *scheduled = object_condition(pod, "PodScheduled");
    if (str_eq(jx_get_str(scheduled, "reason", ""), "SchedulingGated")) {
        set_reason(s, "", "SchedulingGated");
    }
    add_init_containers(s, pod);
    if (!s->initializing || object_condition_is(pod, "Initialized", "True")) {
        add_containers(s, pod);
    }
    if (object_deleting(pod) && str_eq(pod_reason, "NodeLost")) {
        set_reason(s, "", "Unknown");
    } else if (object_deleting(pod) && !object_pod_terminal(pod)) {
        set_reason(s, "", "Terminating");
    }
}

json_t *print_pod_ready(const struct print_args *a)
{
    struct summary s;
    summarize(a->obj, &s);
    return print_cell_f("%lld/%lld", (long long)s.ready, (long long)s.total);
}

json_t *print_pod_status(const struct print_args *a)
{
    struct summary s;
    summarize(a->obj, &s);
    return json_string(s.reason);
}

json_t *print_pod_restarts(const struct print_args *a)
{
    struct summary s;
    summarize(a->obj, &s);
    if (s.restarts == 0 || s.last_restart == NULL) {
        return print_cell_f("%lld", (long long)s.restarts);
    }
    char age[32];
    time_age(age, sizeof(age), s.last_restart, a->now_us);
    return print_cell_f("%lld (%s ago)", (long long)s.restarts, age);
}

json_t *print_pod_readiness_gates(const struct print_args *a)
{
    const json_t *gates = jx_arr(a->obj, "spec.readinessGates");
    const json_t *gate;
    size_t met = 0;
    size_t i;
    if (json_array_size(gates) == 0) {
        return json_string("<none>");
    }
    jx_each(i, gate, gates)
    {
        met += object_condition_is(a->obj, jx_get_str(gate, "conditionType", ""), "True");
    }
    return print_cell_f("%zu/%zu", met, json_array_size(gates));
}
