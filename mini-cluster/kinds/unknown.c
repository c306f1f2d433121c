/* SPDX-License-Identifier: Apache-2.0 */
/* Names the fields that a kind does not have, so that a typing error does not pass for a wish. */
#include "kinds/walk.h"

enum { MAX_UNKNOWN = 100 }; /* each becomes a warning or a part of one sentence */

static void message_unknown(const struct kind_message *m, const json_t *obj, struct str *path,
                            json_t *paths);

static void value_unknown(const struct kind_field *f, json_t *v, struct str *path, void *paths)
{
    message_unknown(f->message, v, path, paths);
}

static void message_unknown(const struct kind_message *m, const json_t *obj, struct str *path,
                            json_t *paths)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)obj, key, v)
    {
        const struct kind_field *f = kinds_field(m, key);
        size_t len = walk_field(path, key);
        if (f == NULL && json_array_size(paths) < MAX_UNKNOWN) {
            json_array_append_new(paths, json_string(str_c(path)));
        } else if (f != NULL && f->type == KIND_MESSAGE) {
            walk_values(f, v, path, value_unknown, paths);
        }
        walk_up(path, len);
    }
}

void kinds_unknown(const struct kind *k, const json_t *obj, json_t *paths)
{
    cleanup_str struct str path = STR_INIT;
    message_unknown(k->message, obj, &path, paths);
}
