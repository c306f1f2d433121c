/* SPDX-License-Identifier: Apache-2.0 */
/* Column printers that know no kind: a kind added as data needs no others. */
#include "kinds/print.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "meta/selector.h"
#include "meta/time.h"

void print_walk(const json_t *v, const char *path, void (*visit)(const json_t *v, void *ctx),
                void *ctx)
{
    const char *brackets = strstr(path, "[]");
    if (brackets == NULL) {
        const json_t *found = *path != '\0' ? jx_path(v, path) : v;
        if (found != NULL) {
            visit(found, ctx);
        }
        return;
    }
    cleanup_free char *head = xstrndup(path, (size_t)(brackets - path));
    const char *rest = brackets[2] == '.' ? brackets + 3 : brackets + 2;
    const json_t *list = *head != '\0' ? jx_arr(v, head) : v;
    const json_t *item;
    size_t i;
    jx_each(i, item, list)
    {
        print_walk(item, rest, visit, ctx);
    }
}

static const char *path_of(const struct print_args *a)
{
    return a->column->path != NULL ? a->column->path : "";
}

static const char *dflt_of(const struct print_args *a, const char *fallback)
{
    const char *dflt = a->column->dflt;
    return dflt != NULL && *dflt != '\0' ? dflt : fallback;
}

static json_t *integer_cell(const struct print_args *a, const json_t *v)
{
    int64_t n = 0;
    if (json_is_integer(v)) {
        n = json_integer_value(v);
    } else if (!str_to_i64(dflt_of(a, "0"), INT64_MIN, INT64_MAX, &n)) {
        return json_string(dflt_of(a, ""));
    }
    return json_integer(n);
}

json_t *print_path(const struct print_args *a)
{
    const json_t *v = jx_path(a->obj, path_of(a));
    if (str_eq(a->column->type, "integer")) {
        return integer_cell(a, v);
    }
    if (str_eq(a->column->type, "boolean")) {
        return json_boolean(v != NULL ? json_is_true(v) : str_eq(a->column->dflt, "true"));
    }
    cleanup_str struct str text = STR_INIT;
    print_scalar(&text, v);
    return print_cell_or(&text, dflt_of(a, ""));
}

json_t *print_age(const struct print_args *a)
{
    const char *since = jx_str(a->obj, path_of(a), NULL);
    if (since == NULL) {
        return json_string(dflt_of(a, "<unknown>"));
    }
    char age[32];
    time_age(age, sizeof(age), since, a->now_us);
    return json_string(age);
}

json_t *print_bool(const struct print_args *a)
{
    const json_t *v = jx_path(a->obj, path_of(a));
    if (!json_is_boolean(v)) {
        return json_string(dflt_of(a, "<unset>"));
    }
    return json_string(json_is_true(v) ? "True" : "False");
}

static void add_size(const json_t *v, void *ctx)
{
    size_t *total = ctx;
    *total += json_is_array(v) ? json_array_size(v) : json_object_size(v);
}

json_t *print_count_cell(const struct print_args *a, size_t n)
{
    bool number = str_eq(a->column->type, "integer");
    return number ? json_integer((json_int_t)n) : print_cell_f("%zu", n);
}

json_t *print_count(const struct print_args *a)
{
    size_t total = 0;
    print_walk(a->obj, path_of(a), add_size, &total);
    return print_count_cell(a, total);
}

static void add_scalar(const json_t *v, void *ctx)
{
    struct str *list = ctx;
    size_t before = list->len;
    if (before > 0) {
        str_add_c(list, ',');
    }
    size_t comma = list->len;
    print_scalar(list, v);
    if (list->len == comma && before > 0) { /* nothing was there: take the comma back */
        list->len = before;
        list->p[before] = '\0';
    }
}

json_t *print_join(const struct print_args *a)
{
    cleanup_str struct str list = STR_INIT;
    print_walk(a->obj, path_of(a), add_scalar, &list);
    return print_cell_or(&list, dflt_of(a, "<none>"));
}

json_t *print_labels(const struct print_args *a)
{
    const json_t *labels = jx_obj(a->obj, path_of(a));
    size_t n = 0;
    cleanup_free const char **keys = print_sorted_keys(labels, &n);
    cleanup_str struct str list = STR_INIT;
    for (size_t i = 0; i < n; i++) {
        str_add_f(&list, "%s%s=%s", i > 0 ? "," : "", keys[i], jx_get_str(labels, keys[i], ""));
    }
    return print_cell_or(&list, dflt_of(a, "<none>"));
}

static void cleanup_selector(struct selector **s)
{
    selector_free(*s);
}

json_t *print_selector(const struct print_args *a)
{
    const json_t *v = jx_path(a->obj, path_of(a));
    if (v == NULL) {
        return json_string(dflt_of(a, "<none>"));
    }
    __attribute__((cleanup(cleanup_selector))) struct selector *selector = NULL;
    struct err err = {0};
    if (selector_from_json(v, &selector, &err) != 0) {
        return json_string("<error>");
    }
    cleanup_str struct str text = STR_INIT;
    selector_format(selector, &text);
    return print_cell_or(&text, dflt_of(a, "<none>"));
}

json_t *print_owner_ref(const struct print_args *a)
{
    const json_t *ref = jx_obj(a->obj, path_of(a));
    if (ref == NULL) {
        return json_string(dflt_of(a, "<none>"));
    }
    return print_cell_f("%s/%s", jx_get_str(ref, "kind", ""), jx_get_str(ref, "name", ""));
}
