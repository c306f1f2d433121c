/* SPDX-License-Identifier: Apache-2.0 */
/* Matches labels here, where asking the cluster again would cost a request. */
#include "kube/labels.h"

#include <ctype.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"

struct cursor {
    const char *p;
};

static void skip_space(struct cursor *c)
{
    while (isspace((unsigned char)*c->p)) {
        c->p++;
    }
}

static bool take_sign(struct cursor *c, const char *sign)
{
    skip_space(c);
    if (!str_has_prefix(c->p, sign)) {
        return false;
    }
    c->p += strlen(sign);
    return true;
}

/* A key, a value or a word; "" when there is none. */
static char *take_word(struct cursor *c)
{
    skip_space(c);
    size_t n = strcspn(c->p, " \t\n=!,()");
    char *word = xstrndup(c->p, n);
    c->p += n;
    return word;
}

/* "(a, b)": *ret_in says whether `value` is one of them. */
static bool take_set(struct cursor *c, const char *value, bool *ret_in)
{
    *ret_in = false;
    if (!take_sign(c, "(")) {
        return false;
    }
    do {
        cleanup_free char *word = take_word(c);
        *ret_in |= str_eq(word, value);
    } while (take_sign(c, ","));
    return take_sign(c, ")");
}

/* One requirement; false when it cannot be read. */
static bool take_one(struct cursor *c, const json_t *labels, bool *ret_holds)
{
    bool negated = take_sign(c, "!");
    cleanup_free char *key = take_word(c);
    const char *value = jx_get_str(labels, key, NULL);
    bool in;
    if (key[0] == '\0') {
        return false;
    }
    if (negated) {
        *ret_holds = value == NULL;
    } else if (take_sign(c, "!=")) {
        cleanup_free char *want = take_word(c);
        *ret_holds = !str_eq(value, want);
    } else if (take_sign(c, "==") || take_sign(c, "=")) {
        cleanup_free char *want = take_word(c);
        *ret_holds = str_eq(value, want);
    } else if (take_sign(c, "notin")) {
        if (!take_set(c, value, &in)) {
            return false;
        }
        *ret_holds = !in;
    } else if (take_sign(c, "in")) {
        if (!take_set(c, value, &in)) {
            return false;
        }
        *ret_holds = in;
    } else {
        *ret_holds = value != NULL;
    }
    return true;
}

bool kube_labels_match(const char *selector, const json_t *labels)
{
    struct cursor c = {selector != NULL ? selector : ""};
    skip_space(&c);
    if (*c.p == '\0') {
        return true;
    }
    bool all = true;
    do {
        bool holds = false;
        if (!take_one(&c, labels, &holds)) {
            return false;
        }
        all &= holds;
    } while (take_sign(&c, ","));
    skip_space(&c);
    return all && *c.p == '\0';
}

static bool has_pairs(const json_t *selector, const json_t *labels)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)selector, key, value)
    {
        if (!str_eq(jx_get_str(labels, key, NULL), json_string_value(value))) {
            return false;
        }
    }
    return true;
}

bool kube_labels_have(const json_t *selector, const json_t *labels)
{
    return json_object_size(selector) > 0 && has_pairs(selector, labels);
}

static bool holds(const json_t *expression, const json_t *labels)
{
    const char *operator= jx_get_str(expression, "operator", "");
    const char *value = jx_get_str(labels, jx_get_str(expression, "key", ""), NULL);
    bool in = false;
    size_t i;
    const json_t *v;
    jx_each(i, v, jx_get(expression, "values"))
    {
        in |= str_eq(json_string_value(v), value);
    }
    return str_eq(operator, "In")             ? in
           : str_eq(operator, "NotIn")        ? !in
           : str_eq(operator, "Exists")       ? value != NULL
           : str_eq(operator, "DoesNotExist") ? value == NULL
                                              : false;
}

bool kube_labels_match_object(const json_t *selector, const json_t *labels)
{
    size_t i;
    const json_t *expression;
    jx_each(i, expression, jx_get(selector, "matchExpressions"))
    {
        if (!holds(expression, labels)) {
            return false;
        }
    }
    return json_object_size(selector) > 0 && has_pairs(jx_get(selector, "matchLabels"), labels);
}
