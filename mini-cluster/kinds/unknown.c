/* SPDX-License-Identifier: Apache-2.0 */
/* Names the fields that a kind does not have, so that a typing error does not pass for a wish. */
#include "kinds/walk.h"

enum { MAX_UNKNOWN = 100 }; /* each becomes a warning or a part of one sentence */

static void message_unknown(const struct kind_message *m, const json_t *obj,
                            const struct walk_at *at, json_t *paths);

static void value_unknown(const struct kind_field *f, json_t *v, const struct walk_at *at,
                          void *paths)
{
    message_unknown(f->message, v, at, paths);
}

static void message_unknown(const struct kind_message *m, const json_t *obj,
                            const struct walk_at *at, json_t *paths)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)obj, key, v)
    {
        const struct kind_field *f = kinds_field(m, key);
        struct walk_at here = {.up = at, .name = key};
        if (f == NULL && json_array_size(paths) < MAX_UNKNOWN) {
            cleanup_str struct str text = STR_INIT;
            json_array_append_new(paths, json_string(walk_text(&here, &text)));
        } else if (f != NULL && f->type == KIND_MESSAGE) {
            walk_values(f, v, &here, value_unknown, paths);
        }
    }
}

void kinds_unknown(const struct kind *k, const json_t *obj, json_t *paths)
{
    message_unknown(k->message, obj, NULL, paths);
}
