/* SPDX-License-Identifier: Apache-2.0 */
/* The places and the shapes that every walk through an object has in common. */
#include "kinds/walk.h"

static void put_place(const struct walk_at *at, bool items, struct str *out)
{
    if (at == NULL) {
        return;
    }
    put_place(at->up, items, out);
    if (at->name != NULL) {
        str_add(out, out->len > 0 ? "." : "");
        str_add(out, at->name);
    } else if (items && at->key != NULL) {
        str_add_f(out, "[%s]", at->key);
    } else if (items) {
        str_add_f(out, "[%zu]", at->index);
    }
}

const char *walk_text(const struct walk_at *at, struct str *out)
{
    put_place(at, true, out);
    return str_c(out);
}

const char *walk_fields(const struct walk_at *at, struct str *out)
{
    put_place(at, false, out);
    return str_c(out);
}

void walk_values(const struct kind_field *f, json_t *v, const struct walk_at *at, walk_fn *visit,
                 void *ctx)
{
    struct walk_at item = {.up = at};
    if (f->shape == KIND_ONE) {
        visit(f, v, at, ctx);
    } else if (f->shape == KIND_LIST && json_is_array(v)) {
        for (; item.index < json_array_size(v); item.index++) {
            visit(f, json_array_get(v, item.index), &item, ctx);
        }
    } else if (f->shape == KIND_MAP && json_is_object(v)) {
        json_t *value;
        json_object_foreach(v, item.key, value)
        {
            visit(f, value, &item, ctx);
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
