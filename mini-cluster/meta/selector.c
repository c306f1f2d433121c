/* SPDX-License-Identifier: Apache-2.0 */
/* Label selectors: built from JSON or by the parser, matched against an object's labels. */
#include "meta/selector.h"

#include <stdlib.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "meta/name.h"
#include "selector_impl.h"

void selector_values_fini(struct selector_values *values)
{
    for (size_t i = 0; i < values->n; i++) {
        free(values->v[i]);
    }
    vec_fini(values);
}

void selector_free(struct selector *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        free(s->v[i].key);
        selector_values_fini(&s->v[i].values);
    }
    vec_fini(s);
    free(s);
}

void selector_cleanup(struct selector **s)
{
    selector_free(*s);
}

/* ---- building ---- */

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_unique(struct selector_values *values)
{
    if (values->n > 1) {
        qsort(values->v, values->n, sizeof(*values->v), compare_text);
    }
    size_t kept = 0;
    for (size_t i = 0; i < values->n; i++) {
        if (kept > 0 && strcmp(values->v[kept - 1], values->v[i]) == 0) {
            free(values->v[i]);
        } else {
            values->v[kept++] = values->v[i];
        }
    }
    values->n = kept;
}

static int check_count(enum selector_op op, size_t n, struct err *err)
{
    switch (op) {
    case SELECTOR_IN:
    case SELECTOR_NOT_IN:
        return n > 0 ? 0
                     : err_set(err, ERR_BAD_REQUEST,
                               "values: Invalid value: []: for 'in', 'notin' operators, values set "
                               "can't be empty");
    case SELECTOR_EXISTS:
    case SELECTOR_NOT_EXISTS:
        return n == 0 ? 0
                      : err_set(err, ERR_BAD_REQUEST,
                                "values: Invalid value: values set must be empty for exists and "
                                "does not exist");
    default:
        return 0; /* the parser gives exactly one */
    }
}

static int check_values(const struct requirement *r, struct err *err)
{
    for (size_t i = 0; i < r->values.n; i++) {
        const char *wrong = name_check_label_value(r->values.v[i]);
        if (wrong != NULL) {
            return err_set(err, ERR_BAD_REQUEST, "values[%zu][%s]: Invalid value: \"%.100s\": %s",
                           i, r->key, r->values.v[i], wrong);
        }
    }
    return 0;
}

static int set_bound(struct requirement *r, struct err *err)
{
    if (r->op != SELECTOR_GREATER && r->op != SELECTOR_LESS) {
        return 0;
    }
    if (!str_to_i64(r->values.v[0], INT64_MIN, INT64_MAX, &r->bound)) {
        return err_set(
            err, ERR_BAD_REQUEST,
            "values[0]: Invalid value: \"%.100s\": for 'Gt', 'Lt' operators, the value must "
            "be an integer",
            r->values.v[0]);
    }
    return 0;
}

int selector_add(struct selector *s, const char *key, enum selector_op op,
                 struct selector_values *values, struct err *err)
{
    const char *wrong = name_check_key(key);
    if (wrong != NULL) {
        return err_set(err, ERR_BAD_REQUEST, "key: Invalid value: \"%.100s\": %s", key, wrong);
    }
    struct requirement r = {.key = xstrdup(key), .op = op, .values = *values};
    *values = (struct selector_values){0};
    sort_unique(&r.values);
    vec_push(s, r); /* owned by the selector whatever comes now */
    struct requirement *added = &s->v[s->n - 1];
    return check_count(op, added->values.n, err) < 0 || set_bound(added, err) < 0 ||
                   check_values(added, err) < 0
               ? -1
               : 0;
}

void selector_sort(struct selector *s)
{
    /* Insertion keeps equal keys in order; selectors are short, or already in order. */
    for (size_t i = 1; i < s->n; i++) {
        struct requirement r = s->v[i];
        size_t at = i;
        for (; at > 0 && strcmp(s->v[at - 1].key, r.key) > 0; at--) {
            s->v[at] = s->v[at - 1];
        }
        s->v[at] = r;
    }
}

static int add_one(struct selector *s, const char *key, const json_t *value, struct err *err)
{
    cleanup_values struct selector_values values = {0};
    if (!json_is_string(value)) {
        return err_set(err, ERR_INVALID, "matchLabels.%.100s: Invalid value: must be a string",
                       key);
    }
    vec_push(&values, xstrdup(json_string_value(value)));
    return selector_add(s, key, SELECTOR_EQUALS, &values, err);
}

static int add_labels(struct selector *s, const json_t *labels, struct err *err)
{
    json_t *walk = (json_t *)(uintptr_t)labels; /* the iterator takes no const */
    if (labels != NULL && !json_is_object(labels) && !json_is_null(labels)) {
        return err_set(err, ERR_INVALID, "matchLabels: Invalid value: must be a map of strings");
    }
    for (void *it = json_object_iter(walk); it != NULL; it = json_object_iter_next(walk, it)) {
        if (add_one(s, json_object_iter_key(it), json_object_iter_value(it), err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int read_operator(const char *text, enum selector_op *ret, struct err *err)
{
    static const struct {
        const char *text;
        enum selector_op op;
    } table[] = {{"DoesNotExist", SELECTOR_NOT_EXISTS},
                 {"Exists", SELECTOR_EXISTS},
                 {"In", SELECTOR_IN},
                 {"NotIn", SELECTOR_NOT_IN}};
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (strcmp(text, table[i].text) == 0) {
            *ret = table[i].op;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "\"%.100s\" is not a valid label selector operator", text);
}

static int add_expression(struct selector *s, const json_t *expression, struct err *err)
{
    cleanup_values struct selector_values values = {0};
    const json_t *texts = jx_get(expression, "values");
    enum selector_op op = SELECTOR_EXISTS;
    if (read_operator(jx_get_str(expression, "operator", ""), &op, err) < 0) {
        return -1;
    }
    if (texts != NULL && !json_is_array(texts) && !json_is_null(texts)) {
        return err_set(err, ERR_INVALID, "values: Invalid value: must be a list of strings");
    }
    size_t i;
    const json_t *text;
    jx_each(i, text, texts)
    {
        if (!json_is_string(text)) {
            return err_set(err, ERR_INVALID, "values[%zu]: Invalid value: must be a string", i);
        }
        vec_push(&values, xstrdup(json_string_value(text)));
    }
    return selector_add(s, jx_get_str(expression, "key", ""), op, &values, err);
}

static int add_expressions(struct selector *s, const json_t *expressions, struct err *err)
{
    if (expressions != NULL && !json_is_array(expressions) && !json_is_null(expressions)) {
        return err_set(err, ERR_INVALID, "matchExpressions: Invalid value: must be a list");
    }
    size_t i;
    const json_t *expression;
    jx_each(i, expression, expressions)
    {
        if (add_expression(s, expression, err) < 0) {
            return err_wrap(err, "matchExpressions[%zu]", i);
        }
    }
    return 0;
}

int selector_from_json(const json_t *label_selector, struct selector **ret, struct err *err)
{
    cleanup_selector struct selector *s = xnew(struct selector);
    if (label_selector == NULL || json_is_null(label_selector)) {
        s->nothing = true;
    } else if (!json_is_object(label_selector)) {
        return err_set(err, ERR_INVALID, "a label selector must be an object");
    }
    if (add_labels(s, jx_get(label_selector, "matchLabels"), err) < 0 ||
        add_expressions(s, jx_get(label_selector, "matchExpressions"), err) < 0) {
        err->code = ERR_INVALID;
        return -1;
    }
    selector_sort(s);
    *ret = steal(s);
    return 0;
}

struct selector *selector_from_map(const json_t *labels)
{
    struct selector *s = xnew(struct selector);
    struct err ignored = {0};
    s->nothing = json_object_size(labels) == 0 || add_labels(s, labels, &ignored) < 0;
    selector_sort(s);
    return s;
}

/* ---- matching ---- */

static bool has_value(const struct requirement *r, const char *value)
{
    for (size_t i = 0; i < r->values.n; i++) {
        if (strcmp(r->values.v[i], value) == 0) {
            return true;
        }
    }
    return false;
}

static bool match_bound(const struct requirement *r, const char *value)
{
    int64_t n = 0;
    if (value == NULL || !str_to_i64(value, INT64_MIN, INT64_MAX, &n)) {
        return false;
    }
    return r->op == SELECTOR_GREATER ? n > r->bound : n < r->bound;
}

static bool match_one(const struct requirement *r, const json_t *labels)
{
    const char *value = json_string_value(json_object_get(labels, r->key));
    switch (r->op) {
    case SELECTOR_EXISTS:
        return value != NULL;
    case SELECTOR_NOT_EXISTS:
        return value == NULL;
    case SELECTOR_EQUALS:
    case SELECTOR_DOUBLE_EQUALS:
    case SELECTOR_IN:
        return value != NULL && has_value(r, value);
    case SELECTOR_NOT_EQUALS:
    case SELECTOR_NOT_IN:
        return value == NULL || !has_value(r, value);
    default:
        return match_bound(r, value);
    }
}

bool selector_match(const struct selector *s, const json_t *labels)
{
    if (s == NULL) {
        return true;
    }
    if (s->nothing) {
        return false;
    }
    for (size_t i = 0; i < s->n; i++) {
        if (!match_one(&s->v[i], labels)) {
            return false;
        }
    }
    return true;
}

bool selector_is_everything(const struct selector *s)
{
    return s == NULL || (!s->nothing && s->n == 0);
}

/* ---- as text ---- */

static void format_one(const struct requirement *r, struct str *out)
{
    static const char *const between[] = {"", "", "=", "==", "!=", " in ", " notin ", ">", "<"};
    bool set = r->op == SELECTOR_IN || r->op == SELECTOR_NOT_IN;
    str_add(out, r->op == SELECTOR_NOT_EXISTS ? "!" : "");
    str_add(out, r->key);
    str_add(out, between[r->op]);
    str_add(out, set ? "(" : "");
    for (size_t i = 0; i < r->values.n; i++) {
        str_add(out, i > 0 ? "," : "");
        str_add(out, r->values.v[i]);
    }
    str_add(out, set ? ")" : "");
}

void selector_format(const struct selector *s, struct str *out)
{
    for (size_t i = 0; s != NULL && i < s->n; i++) {
        str_add(out, i > 0 ? "," : "");
        format_one(&s->v[i], out);
    }
}
