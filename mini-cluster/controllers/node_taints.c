/* SPDX-License-Identifier: Apache-2.0 */
/* Turns conditions into taints, and tolerations into times. */
#include "controllers/node_taints.h"

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/time.h"

#define NOT_READY "node.kubernetes.io/not-ready"
#define UNREACHABLE "node.kubernetes.io/unreachable"

enum { DEFAULT_TOLERATION_S = 300 };

static bool has(const json_t *taints, const char *key, const char *effect)
{
    size_t i;
    json_t *t;
    jx_each(i, t, taints)
    {
        if (str_eq(jx_get_str(t, "key", ""), key) && str_eq(jx_get_str(t, "effect", ""), effect)) {
            return true;
        }
    }
    return false;
}

static void add(json_t *to, const json_t *old, const char *key, const char *effect, int64_t wall_us)
{
    char now[21];
    if (has(old, key, effect)) {
        return; /* kept below, with the time at which it was added */
    }
    time_format(now, wall_us);
    json_array_append_new(
        to, json_pack("{s:s, s:s, s:s}", "effect", effect, "key", key, "timeAdded", now));
}

json_t *node_taints(const json_t *taints, enum node_belief belief, int64_t wall_us)
{
    static const char *const keys[] = {NOT_READY, UNREACHABLE};
    const char *wanted = belief == NODE_READY       ? ""
                         : belief == NODE_NOT_READY ? NOT_READY
                                                    : UNREACHABLE;
    json_t *out = json_array();
    size_t i;
    json_t *t;
    jx_each(i, t, taints)
    {
        const char *key = jx_get_str(t, "key", "");
        bool ours = str_eq(key, keys[0]) || str_eq(key, keys[1]);
        if (!ours || str_eq(key, wanted)) {
            json_array_append(out, t);
        }
    }
    if (belief != NODE_READY) {
        add(out, taints, wanted, "NoSchedule", wall_us);
        add(out, taints, wanted, "NoExecute", wall_us);
    }
    return out;
}

static bool matches(const json_t *toleration, const json_t *taint)
{
    const char *key = jx_get_str(toleration, "key", "");
    const char *effect = jx_get_str(toleration, "effect", "");
    bool exists = str_eq(jx_get_str(toleration, "operator", "Equal"), "Exists");
    return (effect[0] == '\0' || str_eq(effect, "NoExecute")) &&
           (key[0] == '\0' ? exists : str_eq(key, jx_get_str(taint, "key", ""))) &&
           (exists || str_eq(jx_get_str(toleration, "value", ""), jx_get_str(taint, "value", "")));
}

/* The shortest of those that match; false: one of them has no end. *ret_any: at least one matched.
 */
static bool shortest(const json_t *pod, const json_t *taint, uint64_t dflt_ns, bool *ret_any,
                     uint64_t *ret_ns)
{
    size_t i;
    json_t *toleration;
    const json_t *list = jx_arr(pod, "spec.tolerations");
    bool ends = true;
    *ret_any = false;
    jx_each(i, toleration, list)
    {
        if (!matches(toleration, taint)) {
            continue;
        }
        const json_t *seconds = jx_get(toleration, "tolerationSeconds");
        if (seconds == NULL) {
            ends = *ret_any && ends; /* for ever, unless another one is shorter */
            *ret_any = true;
            continue;
        }
        int64_t s = json_integer_value(seconds);
        uint64_t ns = s == DEFAULT_TOLERATION_S ? dflt_ns : s > 0 ? LOOP_S(s) : 0;
        *ret_ns = *ret_any && ends && *ret_ns < ns ? *ret_ns : ns;
        *ret_any = true;
        ends = true;
    }
    return ends;
}

bool node_tolerance(const json_t *pod, const json_t *taints, uint64_t dflt_ns, uint64_t *ret_ns)
{
    bool leaves = false;
    size_t i;
    json_t *taint;
    jx_each(i, taint, taints)
    {
        bool any;
        uint64_t ns = 0;
        if (!str_eq(jx_get_str(taint, "effect", ""), "NoExecute")) {
            continue;
        }
        bool ends = shortest(pod, taint, dflt_ns, &any, &ns);
        ns = any ? ns : 0; /* not tolerated at all: it goes at once */
        if ((!any || ends) && (!leaves || ns < *ret_ns)) {
            *ret_ns = ns;
            leaves = true;
        }
    }
    return leaves;
}
