/* SPDX-License-Identifier: Apache-2.0 */
/* Turns conditions into taints, and tolerations into times. */
#include "controllers/node_taints.h"

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/object.h"
#include "meta/time.h"

#define NOT_READY "node.kubernetes.io/not-ready"
#define UNREACHABLE "node.kubernetes.io/unreachable"
#define UNSCHEDULABLE "node.kubernetes.io/unschedulable"
#define OUT_OF_SERVICE "node.kubernetes.io/out-of-service"

enum { DEFAULT_TOLERATION_S = 300, SMALL_ZONE = 50 };

enum node_belief node_believed(const json_t *node)
{
    return object_condition_is(node, "Ready", "True")      ? NODE_READY
           : object_condition_is(node, "Ready", "Unknown") ? NODE_UNREACHABLE
                                                           : NODE_NOT_READY;
}

enum node_zone node_zone_of(size_t ready, size_t not_ready)
{
    size_t all = ready + not_ready;
    if (ready == 0 && not_ready > 0) {
        return ZONE_FULL;
    }
    /* Kubernetes goes on in a larger zone, only more slowly; here it just goes on. */
    bool most = not_ready > 2 && not_ready * 100 >= all * 55;
    return most && all <= SMALL_ZONE ? ZONE_PARTIAL : ZONE_NORMAL;
}

/* ---- taints ---- */

/* Those of conditions: keys that nobody else may set for long. */
static const struct {
    const char *condition, *key;
} pressures[] = {
    {"DiskPressure", "node.kubernetes.io/disk-pressure"},
    {"MemoryPressure", "node.kubernetes.io/memory-pressure"},
    {"NetworkUnavailable", "node.kubernetes.io/network-unavailable"},
    {"PIDPressure", "node.kubernetes.io/pid-pressure"},
};

static bool is(const json_t *taint, const char *key, const char *effect)
{
    return str_eq(jx_get_str(taint, "key", ""), key) &&
           str_eq(jx_get_str(taint, "effect", ""), effect);
}

static bool has(const json_t *taints, const char *key, const char *effect)
{
    size_t i;
    json_t *t;
    jx_each(i, t, taints)
    {
        if (is(t, key, effect)) {
            return true;
        }
    }
    return false;
}

/* Whether the taint is one that comes and goes with what is known of the node. */
static bool is_ours(const json_t *taint)
{
    bool ours = is(taint, NOT_READY, "NoSchedule") || is(taint, NOT_READY, "NoExecute") ||
                is(taint, UNREACHABLE, "NoSchedule") || is(taint, UNREACHABLE, "NoExecute") ||
                is(taint, UNSCHEDULABLE, "NoSchedule");
    for (size_t i = 0; i < ARRAY_LEN(pressures); i++) {
        ours = ours || is(taint, pressures[i].key, "NoSchedule");
    }
    return ours;
}

struct wanted {
    const json_t *old;
    json_t *list; /* those of ours that should be there */
    char now[21];
};

/* One that was there already keeps the time at which it was added. */
static void want(struct wanted *w, const char *key, const char *effect)
{
    size_t i;
    json_t *t;
    jx_each(i, t, w->old)
    {
        if (is(t, key, effect)) {
            json_array_append(w->list, t);
            return;
        }
    }
    json_array_append_new(
        w->list, json_pack("{s:s, s:s, s:s}", "effect", effect, "key", key, "timeAdded", w->now));
}

static void want_of_belief(struct wanted *w, enum node_belief belief, enum node_zone zone)
{
    const char *key = belief == NODE_NOT_READY ? NOT_READY : UNREACHABLE;
    bool going_on = has(w->old, NOT_READY, "NoExecute") || has(w->old, UNREACHABLE, "NoExecute");
    if (belief == NODE_READY) {
        return;
    }
    want(w, key, "NoSchedule");
    if (zone == ZONE_NORMAL || (zone == ZONE_PARTIAL && going_on)) {
        want(w, key, "NoExecute");
    }
}

json_t *node_taints(const json_t *node, enum node_zone zone, int64_t wall_us)
{
    struct wanted w = {.old = jx_arr(node, "spec.taints"), .list = json_array()};
    time_format(w.now, wall_us);
    want_of_belief(&w, node_believed(node), zone);
    if (jx_bool(node, "spec.unschedulable", false)) {
        want(&w, UNSCHEDULABLE, "NoSchedule");
    }
    for (size_t i = 0; i < ARRAY_LEN(pressures); i++) {
        if (object_condition_is(node, pressures[i].condition, "True")) {
            want(&w, pressures[i].key, "NoSchedule");
        }
    }
    json_t *out = json_array(); /* everything keeps its place; what is new comes last */
    size_t i;
    json_t *t;
    jx_each(i, t, w.old)
    {
        bool stays =
            !is_ours(t) || has(w.list, jx_get_str(t, "key", ""), jx_get_str(t, "effect", ""));
        if (stays) {
            json_array_append(out, t);
        }
    }
    jx_each(i, t, w.list)
    {
        if (!has(out, jx_get_str(t, "key", ""), jx_get_str(t, "effect", ""))) {
            json_array_append(out, t);
        }
    }
    json_decref(w.list);
    return out;
}

bool node_taints_evict(const json_t *taints)
{
    size_t i;
    json_t *t;
    jx_each(i, t, taints)
    {
        if (str_eq(jx_get_str(t, "effect", ""), "NoExecute")) {
            return true;
        }
    }
    return false;
}

bool node_taints_out_of_service(const json_t *taints)
{
    return has(taints, OUT_OF_SERVICE, "NoExecute") || has(taints, OUT_OF_SERVICE, "NoSchedule");
}

/* ---- tolerations ---- */

static bool matches(const json_t *toleration, const json_t *taint)
{
    const char *key = jx_get_str(toleration, "key", "");
    const char *effect = jx_get_str(toleration, "effect", "");
    bool exists = str_eq(jx_get_str(toleration, "operator", "Equal"), "Exists");
    return (effect[0] == '\0' || str_eq(effect, "NoExecute")) &&
           (key[0] == '\0' ? exists : str_eq(key, jx_get_str(taint, "key", ""))) &&
           (exists || str_eq(jx_get_str(toleration, "value", ""), jx_get_str(taint, "value", "")));
}

/* Admission gives every pod that says nothing else these two, word for word. */
static bool is_default(const json_t *toleration)
{
    const char *key = jx_get_str(toleration, "key", "");
    return (str_eq(key, NOT_READY) || str_eq(key, UNREACHABLE)) &&
           str_eq(jx_get_str(toleration, "operator", ""), "Exists") &&
           str_eq(jx_get_str(toleration, "effect", ""), "NoExecute") &&
           json_integer_value(jx_get(toleration, "tolerationSeconds")) == DEFAULT_TOLERATION_S;
}

/* The first toleration that matches counts, as in Kubernetes; NULL: none does. */
static const json_t *toleration_of(const json_t *pod, const json_t *taint)
{
    size_t i;
    json_t *toleration;
    const json_t *list = jx_arr(pod, "spec.tolerations");
    jx_each(i, toleration, list)
    {
        if (matches(toleration, taint)) {
            return toleration;
        }
    }
    return NULL;
}

/* How long this taint is put up with; false: for ever. */
static bool time_with(const json_t *pod, const json_t *taint, uint64_t dflt_ns, uint64_t *ret_ns)
{
    const json_t *toleration = toleration_of(pod, taint);
    const json_t *seconds = jx_get(toleration, "tolerationSeconds");
    int64_t s = json_integer_value(seconds);
    if (toleration != NULL && seconds == NULL) {
        return false;
    }
    *ret_ns = toleration == NULL ? 0 : is_default(toleration) ? dflt_ns : s > 0 ? LOOP_S(s) : 0;
    return true;
}

bool node_tolerance(const json_t *pod, const json_t *taints, uint64_t dflt_ns, uint64_t *ret_ns)
{
    bool leaves = false;
    size_t i;
    json_t *taint;
    jx_each(i, taint, taints)
    {
        uint64_t ns;
        if (str_eq(jx_get_str(taint, "effect", ""), "NoExecute") &&
            time_with(pod, taint, dflt_ns, &ns) && (!leaves || ns < *ret_ns)) {
            *ret_ns = ns;
            leaves = true;
        }
    }
    return leaves;
}
