/* SPDX-License-Identifier: Apache-2.0 */
/* Reads progress from the states of pods and from what Deployments and ReplicaSets count. */
#include "check/motion.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/str.h"
#include "kube/units.h"

#define STARTING_US 5000000 /* so long may a container take until its first probe */

static void sign(struct motion *m, const char *text)
{
    m->signature = m->signature * 1099511628211u + str_hash(text, strlen(text));
}

static void sign_number(struct motion *m, int64_t n)
{
    m->signature = m->signature * 1099511628211u + str_hash(&n, sizeof(n));
}

static const json_t *condition(const json_t *obj, const char *type)
{
    return jx_find(jx_arr(obj, "status.conditions"), "type", type);
}

static bool is_true(const json_t *cond)
{
    return str_eq(jx_get_str(cond, "status", ""), "True");
}

/* ---- pods ---- */

/* Waiting for these ends only when somebody changes something. */
static bool is_stuck(const char *reason)
{
    static const char *const stuck[] = {
        "ImagePullBackOff",     "ErrImagePull",
        "ErrImageNeverPull",    "InvalidImageName",
        "CrashLoopBackOff",     "RunContainerError",
        "CreateContainerError", "CreateContainerConfigError",
    };
    for (size_t i = 0; i < sizeof(stuck) / sizeof(stuck[0]); i++) {
        if (strcmp(stuck[i], reason) == 0) {
            return true;
        }
    }
    return false;
}

enum rest { MOVES, RESTS, STUCK };

static enum rest container_rest(const json_t *c, int64_t now_us)
{
    const char *reason = jx_str(c, "state.waiting.reason", "");
    int64_t started;
    if (jx_path(c, "state.waiting") != NULL) {
        return is_stuck(reason) ? STUCK : MOVES;
    }
    if (jx_path(c, "state.running") == NULL) {
        return MOVES; /* ended, and about to be started again */
    }
    if (jx_bool(c, "ready", false)) {
        return RESTS;
    }
    bool young = kube_time(jx_str(c, "state.running.startedAt", ""), &started) &&
                 now_us - started < STARTING_US;
    return young ? MOVES : STUCK;
}

static const json_t *find_named(const json_t *list, const char *name)
{
    size_t i;
    const json_t *obj;
    jx_each(i, obj, list)
    {
        if (str_eq(jx_str(obj, "metadata.name", ""), name)) {
            return obj;
        }
    }
    return NULL;
}

static bool host_is_up(const struct motion_view *view, const char *name)
{
    const json_t *host = find_named(view->hosts, name);
    return str_eq(jx_str(host, "spec.power", "On"), "On") &&
           !str_eq(jx_str(host, "spec.network", ""), "Partitioned");
}

/* Given up soon, or back soon. */
static bool node_is_silent(const struct motion_view *view, const char *name)
{
    const json_t *ready = condition(find_named(view->nodes, name), "Ready");
    return (ready != NULL && !is_true(ready)) || !host_is_up(view, name);
}

/* Known to be away, and not about to come back: what was told to end there never says that it has.
 */
static bool node_is_lost(const struct motion_view *view, const char *name)
{
    const json_t *ready = condition(find_named(view->nodes, name), "Ready");
    return ready != NULL && !is_true(ready) && (view->hosts == NULL || !host_is_up(view, name));
}

static void look_at_node(const struct motion_view *view, const json_t *node, struct motion *m)
{
    bool ready = is_true(condition(node, "Ready"));
    sign(m, jx_str(node, "metadata.name", ""));
    sign_number(m, ready);
    if (view->hosts != NULL && ready != host_is_up(view, jx_str(node, "metadata.name", ""))) {
        m->moving = true;
        m->steady = false;
    }
}

/* What its Docker runs, started by hand or by its agent. */
static void look_at_host(const json_t *host, struct motion *m)
{
    size_t i;
    const json_t *c;
    sign(m, jx_str(host, "status.power", ""));
    sign(m, jx_str(host, "status.network", ""));
    jx_each(i, c, jx_arr(host, "status.containers"))
    {
        sign(m, jx_str(c, "id", ""));
        sign(m, jx_str(c, "state", ""));
    }
    const char *power = jx_str(host, "spec.power", "On");
    m->moving |= !str_eq(power, jx_str(host, "status.power", power));
}

static enum rest containers_rest(const json_t *pod, int64_t now_us)
{
    const json_t *statuses = jx_arr(pod, "status.containerStatuses");
    enum rest all = json_array_size(statuses) > 0 ? RESTS : MOVES;
    size_t i;
    const json_t *c;
    jx_each(i, c, statuses)
    {
        enum rest one = container_rest(c, now_us);
        all = one == STUCK || all == STUCK ? STUCK : one == MOVES ? MOVES : all;
    }
    if (all == RESTS && !is_true(condition(pod, "Ready"))) {
        return MOVES; /* its containers are ready, and it is about to be */
    }
    return all;
}

static enum rest pod_rest(const struct motion_view *view, const json_t *pod)
{
    const char *phase = jx_str(pod, "status.phase", "");
    const char *node = jx_str(pod, "spec.nodeName", "");
    if (jx_path(pod, "metadata.deletionTimestamp") != NULL) {
        return node_is_lost(view, node) ? RESTS : MOVES;
    }
    if (str_eq(phase, "Succeeded") || str_eq(phase, "Failed")) {
        return RESTS;
    }
    if (node[0] == '\0') {
        const json_t *scheduled = condition(pod, "PodScheduled");
        return str_eq(jx_get_str(scheduled, "reason", ""), "Unschedulable") ? RESTS : MOVES;
    }
    return node_is_silent(view, node) ? MOVES : containers_rest(pod, view->now_us);
}

static void look_at_pod(const struct motion_view *view, const json_t *pod, struct motion *m)
{
    size_t i;
    const json_t *c;
    sign(m, jx_str(pod, "metadata.uid", ""));
    sign(m, jx_str(pod, "metadata.name", ""));
    sign(m, jx_str(pod, "status.phase", ""));
    sign(m, jx_str(pod, "spec.nodeName", ""));
    sign(m, jx_get_str(condition(pod, "Ready"), "status", ""));
    sign_number(m, jx_path(pod, "metadata.deletionTimestamp") != NULL);
    jx_each(i, c, jx_arr(pod, "status.containerStatuses"))
    {
        const char *reason = jx_str(c, "state.waiting.reason", "");
        sign(m, is_stuck(reason) ? "stuck" : reason); /* back-offs come and go */
        sign_number(m, jx_int(c, "restartCount", 0));
        sign_number(m, jx_path(c, "state.running") != NULL);
    }
    enum rest rest = pod_rest(view, pod);
    m->moving |= rest == MOVES;
    m->steady &= rest == RESTS;
}

/* ---- what counts pods ---- */

static void look_at_counts(const json_t *obj, struct motion *m, bool deployment)
{
    static const char *const counts[] = {"spec.replicas",        "status.replicas",
                                         "status.readyReplicas", "status.updatedReplicas",
                                         "metadata.generation",  "status.observedGeneration"};
    sign(m, jx_str(obj, "metadata.uid", ""));
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        sign_number(m, jx_int(obj, counts[i], 0));
    }
    int64_t want = jx_int(obj, "spec.replicas", 1);
    bool observed =
        jx_int(obj, "status.observedGeneration", 0) >= jx_int(obj, "metadata.generation", 0);
    m->observed &= observed;
    m->steady &= observed && jx_int(obj, "status.replicas", 0) == want;
    if (deployment && !jx_bool(obj, "spec.paused", false)) {
        m->steady &= jx_int(obj, "status.updatedReplicas", 0) == want;
    }
}

static void look_at_list(const struct motion_view *view, const json_t *list, struct motion *m,
                         bool deployments)
{
    size_t i;
    const json_t *obj;
    jx_each(i, obj, list)
    {
        if (view->is_about(view->arg, obj)) {
            look_at_counts(obj, m, deployments);
        }
    }
}

void motion_look(const struct motion_view *view, struct motion *ret)
{
    struct motion m = {.observed = true, .steady = true, .signature = 14695981039346656037u};
    size_t i;
    const json_t *obj;
    look_at_list(view, view->deployments, &m, true);
    look_at_list(view, view->replicasets, &m, false);
    jx_each(i, obj, view->pods)
    {
        if (view->is_about(view->arg, obj)) {
            look_at_pod(view, obj, &m);
        }
    }
    m.moving |= !m.observed;
    jx_each(i, obj, view->nodes)
    {
        if (view->is_about(view->arg, obj)) {
            look_at_node(view, obj, &m);
        }
    }
    jx_each(i, obj, view->hosts)
    {
        if (view->is_about(view->arg, obj)) {
            look_at_host(obj, &m);
        }
    }
    *ret = m;
}
