/* SPDX-License-Identifier: Apache-2.0 */
/* JSON merge patch: what is in the patch replaces, null deletes, objects go deeper. As in
 * Kubernetes, members that are null do not survive inside lists of the patch either. */
#include "patch/patch.h"

#include "common/json/jx.h"
#include "common/mem.h"

static json_t *merge(const json_t *old, const json_t *patch);

static json_t *copy_list(const json_t *patch)
{
    json_t *list = json_array();
    size_t i;
    const json_t *item;
    jx_each(i, item, patch)
    {
        json_array_append_new(list, merge(NULL, item));
    }
    return list;
}

static void put(json_t *object, void *it, json_t *value)
{
    json_object_setn_new_nocheck(object, json_object_iter_key(it), json_object_iter_key_len(it),
                                 value);
}

static json_t *merge_objects(const json_t *old, const json_t *patch)
{
    json_t *out = json_object();
    json_t *walk = (json_t *)(uintptr_t)old; /* the iterator takes no const, but writes nothing */
    for (void *it = json_object_iter(walk); it != NULL; it = json_object_iter_next(walk, it)) {
        const json_t *change =
            json_object_getn(patch, json_object_iter_key(it), json_object_iter_key_len(it));
        if (change == NULL) {
            put(out, it, jx_edit(json_object_iter_value(it)));
        } else if (!json_is_null(change)) {
            put(out, it, merge(json_object_iter_value(it), change));
        }
    }
    walk = (json_t *)(uintptr_t)patch;
    for (void *it = json_object_iter(walk); it != NULL; it = json_object_iter_next(walk, it)) {
        const char *key = json_object_iter_key(it);
        if (!json_is_null(json_object_iter_value(it)) &&
            json_object_getn(old, key, json_object_iter_key_len(it)) == NULL) {
            put(out, it, merge(NULL, json_object_iter_value(it)));
        }
    }
    return out;
}

/* `old` may be NULL. Depth is the greater of both, so it stays bounded. */
static json_t *merge(const json_t *old, const json_t *patch)
{
    if (json_is_object(patch)) {
        return merge_objects(json_is_object(old) ? old : NULL, patch);
    }
    return json_is_array(patch) ? copy_list(patch) : jx_edit(patch);
}

int patch_merge(const json_t *old, const json_t *patch, json_t **ret, struct err *err)
{
    if (!json_is_object(patch)) {
        return err_set(err, ERR_BAD_REQUEST, "a merge patch must be a JSON object");
    }
    *ret = merge(old, patch);
    return 0;
}
