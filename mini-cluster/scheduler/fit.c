/* SPDX-License-Identifier: Apache-2.0 */
/* Matches pods against taints and labels of nodes. */
#include "scheduler/fit.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/str.h"

static bool tolerates(const json_t *toleration, const json_t *taint)
{
    const char *effect = jx_get_str(toleration, "effect", "");
    if (effect[0] != '\0' && !str_eq(effect, jx_get_str(taint, "effect", ""))) {
        return false;
    }
    const char *key = jx_get_str(toleration, "key", "");
    bool exists = str_eq(jx_get_str(toleration, "operator", "Equal"), "Exists");
    if (key[0] == '\0') {
        return exists; /* tolerates everything */
    }
    return str_eq(key, jx_get_str(taint, "key", "")) &&
           (exists || str_eq(jx_get_str(toleration, "value", ""), jx_get_str(taint, "value", "")));
}

const json_t *fit_untolerated(const json_t *pod, const json_t *taints)
{
    const json_t *tolerations = jx_arr(pod, "spec.tolerations");
    size_t i;
    json_t *taint;
    jx_each(i, taint, taints)
    {
        if (str_eq(jx_get_str(taint, "effect", ""), "PreferNoSchedule")) {
            continue;
        }
        bool ok = false;
        size_t j;
        json_t *toleration;
        jx_each(j, toleration, tolerations)
        {
            ok = ok || tolerates(toleration, taint);
        }
        if (!ok) {
            return taint;
        }
    }
    return NULL;
}

static bool in_values(const json_t *values, const char *value)
{
    size_t i;
    json_t *v;
    jx_each(i, v, values)
    {
        if (str_eq(json_string_value(v), value)) {
            return true;
        }
    }
    return false;
}

/* Gt and Lt compare integers; a label that is none does not match. */
static bool compare(const json_t *values, const char *value, bool greater)
{
    int64_t have;
    int64_t bound;
    const char *text = json_string_value(json_array_get(values, 0));
    if (value == NULL || text == NULL || !str_to_i64(value, INT64_MIN, INT64_MAX, &have) ||
        !str_to_i64(text, INT64_MIN, INT64_MAX, &bound)) {
        return false;
    }
    return greater ? have > bound : have < bound;
}

static bool matches(const json_t *requirement, const char *value)
{
    const char *op = jx_get_str(requirement, "operator", "");
    const json_t *values = jx_get(requirement, "values");
    if (str_eq(op, "In")) {
        return value != NULL && in_values(values, value);
    }
    if (str_eq(op, "NotIn")) {
        return value == NULL || !in_values(values, value);
    }
    if (str_eq(op, "Exists")) {
        return value != NULL;
    }
    if (str_eq(op, "DoesNotExist")) {
        return value == NULL;
    }
    return compare(values, value, str_eq(op, "Gt"));
}

static bool term_matches(const json_t *term, const char *node_name, const json_t *labels)
{
    const json_t *expressions = jx_get(term, "matchExpressions");
    const json_t *fields = jx_get(term, "matchFields");
    if (json_array_size(expressions) + json_array_size(fields) == 0) {
        return false; /* an empty term selects nothing */
    }
    size_t i;
    json_t *r;
    jx_each(i, r, expressions)
    {
        if (!matches(r, json_string_value(jx_get(labels, jx_get_str(r, "key", ""))))) {
            return false;
        }
    }
    jx_each(i, r, fields)
    {
        bool is_name = str_eq(jx_get_str(r, "key", ""), "metadata.name");
        if (!is_name || !matches(r, node_name)) {
            return false;
        }
    }
    return true;
}

bool fit_selected(const json_t *pod, const char *node_name, const json_t *node_labels)
{
    const json_t *selector = jx_obj(pod, "spec.nodeSelector");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)selector, key, value)
    {
        if (!str_eq(json_string_value(value), json_string_value(jx_get(node_labels, key)))) {
            return false;
        }
    }
    const json_t *terms =
        jx_arr(pod, "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
                    "nodeSelectorTerms");
    if (terms == NULL) {
        return true;
    }
    size_t i;
    json_t *term;
    jx_each(i, term, terms)
    {
        if (term_matches(term, node_name, node_labels)) {
            return true;
        }
    }
    return false;
}
