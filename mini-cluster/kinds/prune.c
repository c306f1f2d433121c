/* SPDX-License-Identifier: Apache-2.0 */
/* Brings an object down to what its kind has: what remains is what a typed server would have kept.
 */
#include "kinds/walk.h"

/* What Go has in a list or map where JSON has null; NULL: leave it. */
static json_t *zero_of(const struct kind_field *f)
{
    switch (f->type) {
    case KIND_BOOL:
        return json_false();
    case KIND_INT32:
    case KIND_INT64:
    case KIND_DOUBLE:
    case KIND_INT_OR_STRING:
        return json_integer(0);
    case KIND_STRING:
    case KIND_BYTES:
        return json_string("");
    case KIND_QUANTITY:
        return json_string("0");
    case KIND_MESSAGE:
        return json_object();
    case KIND_TIME:
    case KIND_MICRO_TIME:
    case KIND_ANY:
        break;
    }
    return NULL;
}

static void fill_nulls(const struct kind_field *f, json_t *v)
{
    for (size_t i = 0; f->shape == KIND_LIST && i < json_array_size(v); i++) {
        json_t *zero = json_is_null(json_array_get(v, i)) ? zero_of(f) : NULL;
        if (zero != NULL) {
            json_array_set_new(v, i, zero);
        }
    }
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(f->shape == KIND_MAP ? v : NULL, next, key, value)
    {
        json_t *zero = json_is_null(value) ? zero_of(f) : NULL;
        if (zero != NULL) {
            json_object_set_new(v, key, zero);
        }
    }
}

static void message_prune(const struct kind_message *m, json_t *obj);

static void value_prune(const struct kind_field *f, json_t *v, const struct walk_at *at, void *ctx)
{
    (void)at, (void)ctx;
    message_prune(f->message, v);
}

static void message_prune(const struct kind_message *m, json_t *obj)
{
    const char *key;
    json_t *v;
    void *next;
    json_object_foreach_safe(obj, next, key, v)
    {
        const struct kind_field *f = kinds_field(m, key);
        if (f == NULL || json_is_null(v)) {
            json_object_del(obj, key);
            continue;
        }
        fill_nulls(f, v);
        if (f->type == KIND_MESSAGE) {
            walk_values(f, v, NULL, value_prune, NULL);
        }
    }
}

void kinds_prune(const struct kind *k, json_t *obj)
{
    message_prune(k->message, obj);
}
