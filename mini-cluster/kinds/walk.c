/* SPDX-License-Identifier: Apache-2.0 */
/* The paths and the shapes that every walk through an object has in common. */
#include "kinds/walk.h"

size_t walk_field(struct str *path, const char *name)
{
    size_t len = path->len;
    if (len > 0) {
        str_add_c(path, '.');
    }
    str_add(path, name);
    return len;
}

size_t walk_index(struct str *path, size_t i)
{
    size_t len = path->len;
    str_add_f(path, "[%zu]", i);
    return len;
}

size_t walk_key(struct str *path, const char *key)
{
    size_t len = path->len;
    str_add_f(path, "[%s]", key);
    return len;
}

void walk_up(struct str *path, size_t len)
{
    path->len = len;
    if (path->p != NULL) {
        path->p[len] = '\0';
    }
}

void walk_values(const struct kind_field *f, json_t *v, struct str *path, walk_fn *visit, void *ctx)
{
    if (f->shape == KIND_ONE) {
        visit(f, v, path, ctx);
    } else if (f->shape == KIND_LIST && json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v); i++) {
            size_t len = walk_index(path, i);
            visit(f, json_array_get(v, i), path, ctx);
            walk_up(path, len);
        }
    } else if (f->shape == KIND_MAP && json_is_object(v)) {
        const char *key;
        json_t *value;
        json_object_foreach(v, key, value)
        {
            size_t len = walk_key(path, key);
            visit(f, value, path, ctx);
            walk_up(path, len);
        }
    }
}

bool walk_unset(const struct kind_field *f, const json_t *v)
{
    if (v == NULL || json_is_null(v)) {
        return true;
    }
    if (f->pointer || f->shape != KIND_ONE) {
        return false;
    }
    switch (json_typeof(v)) {
    case JSON_STRING:
        return json_string_length(v) == 0 && f->type != KIND_INT_OR_STRING;
    case JSON_INTEGER:
        return json_integer_value(v) == 0 && f->type != KIND_INT_OR_STRING;
    case JSON_FALSE:
        return f->bool_words == NULL;
    default:
        return false;
    }
}
