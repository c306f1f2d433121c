/* SPDX-License-Identifier: Apache-2.0 */
/* Strategic merge, maps: merge patch with directives, and lists that know their keys. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "patch_impl.h"

enum { MAX_RETAINED = 200 }; /* each is compared with each member */

static const char PATCH[] = "$patch";
static const char RETAIN_KEYS[] = "$retainKeys";
static const char ORDER_PREFIX[] = "$setElementOrder/";
static const char REMOVE_PREFIX[] = "$deleteFromPrimitiveList/";

/* ---- where we are ---- */

bool patch_strategic_enter(struct strategic *s, const char *key, size_t index)
{
    if (s->depth == JX_MAX_DEPTH + 1) {
        patch_strategic_fail(s, ERR_BAD_REQUEST, "nested deeper than %d levels", (int)JX_MAX_DEPTH);
        return false;
    }
    s->keys[s->depth] = key;
    s->indices[s->depth++] = index;
    return true;
}

void patch_strategic_leave(struct strategic *s)
{
    s->depth--;
}

int patch_strategic_fail(struct strategic *s, enum err_code code, const char *fmt, ...)
{
    cleanup_str struct str text = STR_INIT;
    for (size_t i = 0; i < s->depth && text.len < 200; i++) {
        if (s->keys[i] != NULL) {
            str_add_f(&text, "%s%.100s", text.len > 0 ? "." : "", s->keys[i]);
        } else {
            str_add_f(&text, "[%zu]", s->indices[i]);
        }
    }
    str_add(&text, text.len > 0 ? ": " : "");
    va_list ap;
    va_start(ap, fmt);
    str_add_vf(&text, fmt, ap);
    va_end(ap);
    return err_set(s->err, code, "%s", str_c(&text));
}

const void *patch_strategic_child(const struct strategic *s, const void *node, const char *field)
{
    return node != NULL ? s->schema->child(node, field) : NULL;
}

/* ---- directives ---- */

/* Keys with a dollar that are data: a CustomResourceDefinition's schema has them. */
static bool is_plain(const char *key)
{
    return *key != '$' || strcmp(key, "$ref") == 0 || strcmp(key, "$schema") == 0;
}

static int check_key(struct strategic *s, const char *key)
{
    if (is_plain(key) || strcmp(key, PATCH) == 0 || strcmp(key, RETAIN_KEYS) == 0 ||
        str_has_prefix(key, ORDER_PREFIX) || str_has_prefix(key, REMOVE_PREFIX)) {
        return 0;
    }
    return patch_strategic_fail(s, ERR_BAD_REQUEST,
                                "unknown directive %.100s: known are $patch, $retainKeys, "
                                "$setElementOrder/FIELD and $deleteFromPrimitiveList/FIELD",
                                key);
}

/* Checks every key of a patch's map. *ret_any: whether it has directives about its lists. */
static int check_keys(struct strategic *s, const json_t *patch, bool *ret_any)
{
    *ret_any = false;
    json_t *walk = (json_t *)(uintptr_t)patch; /* the iterator takes no const */
    for (void *it = json_object_iter(walk); it != NULL; it = json_object_iter_next(walk, it)) {
        const char *key = json_object_iter_key(it);
        if (check_key(s, key) < 0) {
            return -1;
        }
        *ret_any =
            *ret_any || str_has_prefix(key, ORDER_PREFIX) || str_has_prefix(key, REMOVE_PREFIX);
    }
    return 0;
}

/* The value of "PREFIXkey", a list; NULL when there is none. */
static int find_directive(struct strategic *s, const json_t *patch, const char *prefix,
                          const char *key, const json_t **ret)
{
    cleanup_free char *name = xasprintf("%s%s", prefix, key);
    const json_t *v = jx_get(patch, name);
    if (v != NULL && !json_is_array(v)) {
        return patch_strategic_fail(s, ERR_BAD_REQUEST, "%.100s must be a list", name);
    }
    *ret = v;
    return 0;
}

static bool is_retained(const json_t *retain, const char *key)
{
    size_t i;
    const json_t *item;
    jx_each(i, item, retain)
    {
        if (str_eq(json_string_value(item), key)) {
            return true;
        }
    }
    return false;
}

/* Everything the patch sets must be in its own $retainKeys. */
static int check_retain(struct strategic *s, const json_t *patch, const json_t *retain)
{
    if (!json_is_array(retain) || json_array_size(retain) > MAX_RETAINED) {
        return patch_strategic_fail(
            s, ERR_BAD_REQUEST,
            "invalid patch format of retainKeys: $retainKeys must be a list of at most %d fields",
            (int)MAX_RETAINED);
    }
    json_t *walk = (json_t *)(uintptr_t)patch; /* the iterator takes no const */
    for (void *it = json_object_iter(walk); it != NULL; it = json_object_iter_next(walk, it)) {
        const char *key = json_object_iter_key(it);
        if (is_plain(key) && !json_is_null(json_object_iter_value(it)) &&
            !is_retained(retain, key)) {
            return patch_strategic_fail(
                s, ERR_BAD_REQUEST,
                "invalid patch format of retainKeys: %.100s is set, but not in "
                "$retainKeys",
                key);
        }
    }
    return 0;
}

static int check_directive(struct strategic *s, const json_t *patch)
{
    const json_t *v = jx_get(patch, PATCH);
    const char *name = json_string_value(v);
    if (v == NULL || str_eq(name, "delete") || str_eq(name, "merge") || str_eq(name, "replace")) {
        return 0;
    }
    return patch_strategic_fail(s, ERR_BAD_REQUEST,
                                "unknown patch type: %.100s: $patch is delete, merge or replace",
                                name != NULL ? name : "not a string");
}

/* ---- what is new ---- */

static int clean_map(struct strategic *s, const json_t *patch, json_t **ret)
{
    json_auto_t *out = json_object();
    json_t *walk = (json_t *)(uintptr_t)patch; /* the iterator takes no const */
    if (check_directive(s, patch) < 0) {
        return -1;
    }
    if (str_eq(jx_get_str(patch, PATCH, NULL), "delete")) {
        *ret = NULL;
        return 0;
    }
    for (void *it = json_object_iter(walk); it != NULL; it = json_object_iter_next(walk, it)) {
        const char *key = json_object_iter_key(it);
        json_t *value = NULL;
        if (check_key(s, key) < 0) {
            return -1;
        }
        if (!is_plain(key) || json_is_null(json_object_iter_value(it))) {
            continue;
        }
        if (!patch_strategic_enter(s, key, 0) ||
            patch_strategic_clean(s, json_object_iter_value(it), &value) < 0) {
            return -1;
        }
        patch_strategic_leave(s);
        if (value != NULL) {
            json_object_setn_new_nocheck(out, key, json_object_iter_key_len(it), value);
        }
    }
    *ret = steal(out);
    return 0;
}

static int clean_list(struct strategic *s, const json_t *patch, json_t **ret)
{
    json_auto_t *out = json_array();
    size_t i;
    const json_t *item;
    jx_each(i, item, patch)
    {
        json_t *value = NULL;
        if (str_eq(jx_get_str(item, PATCH, NULL), "replace")) {
            continue; /* the mark of a list that replaces */
        }
        if (!patch_strategic_enter(s, NULL, i) || patch_strategic_clean(s, item, &value) < 0) {
            return -1;
        }
        patch_strategic_leave(s);
        if (value != NULL) {
            json_array_append_new(out, value);
        }
    }
    *ret = steal(out);
    return 0;
}

int patch_strategic_clean(struct strategic *s, const json_t *patch, json_t **ret)
{
    if (json_is_object(patch)) {
        return clean_map(s, patch, ret);
    }
    if (json_is_array(patch)) {
        return clean_list(s, patch, ret);
    }
    *ret = jx_edit(patch);
    return 0;
}

/* ---- merging ---- */

/* One map being merged. */
struct map_merge {
    const json_t *old, *patch;
    const json_t *retain; /* $retainKeys, or NULL */
    const void *node;
    bool lists; /* the patch has directives about lists */
    json_t *out;
};

static int merge_list(struct strategic *s, const struct map_merge *m, const char *key,
                      const json_t *old, const json_t *patch, json_t **ret)
{
    struct list_patch lp = {.items = json_is_array(patch) ? patch : NULL};
    if (m->lists && (find_directive(s, m->patch, ORDER_PREFIX, key, &lp.order) < 0 ||
                     find_directive(s, m->patch, REMOVE_PREFIX, key, &lp.remove) < 0)) {
        return -1;
    }
    return patch_list_merge(s, json_is_array(old) ? old : NULL, &lp,
                            patch_strategic_child(s, m->node, key), ret);
}

/* A member's new value; *ret stays NULL when it goes. `old` or `patch` may be NULL, not both. */
static int merge_value(struct strategic *s, const struct map_merge *m, const char *key,
                       const json_t *old, const json_t *patch, json_t **ret)
{
    bool lists = m->lists && (patch == NULL || json_is_array(patch));
    if (json_is_null(patch)) {
        return 0;
    }
    if (json_is_object(old) && json_is_object(patch)) {
        *ret = patch_strategic_map(s, old, patch, patch_strategic_child(s, m->node, key));
        return *ret != NULL ? 0 : -1;
    }
    if ((json_is_array(old) && json_is_array(patch)) ||
        (lists && (json_is_array(old) || json_is_array(patch)))) {
        return merge_list(s, m, key, old, patch, ret);
    }
    if (patch == NULL) {
        *ret = jx_edit(old);
        return 0;
    }
    return patch_strategic_clean(s, patch, ret);
}

static int merge_member(struct strategic *s, const struct map_merge *m, const char *key,
                        const json_t *old, const json_t *patch)
{
    json_t *value = NULL;
    if (!patch_strategic_enter(s, key, 0) || merge_value(s, m, key, old, patch, &value) < 0) {
        return -1;
    }
    patch_strategic_leave(s);
    if (value != NULL) {
        json_object_set_new_nocheck(m->out, key, value);
    }
    return 0;
}

/* First what was there, in its order, then what is new. */
static int merge_members(struct strategic *s, const struct map_merge *m)
{
    json_t *walk = (json_t *)(uintptr_t)m->old; /* the iterator takes no const */
    for (void *it = json_object_iter(walk); it != NULL; it = json_object_iter_next(walk, it)) {
        const char *key = json_object_iter_key(it);
        if (m->retain != NULL && !is_retained(m->retain, key)) {
            continue;
        }
        if (merge_member(s, m, key, json_object_iter_value(it), jx_get(m->patch, key)) < 0) {
            return -1;
        }
    }
    walk = (json_t *)(uintptr_t)m->patch;
    for (void *it = json_object_iter(walk); it != NULL; it = json_object_iter_next(walk, it)) {
        const char *key = json_object_iter_key(it);
        bool was_there = jx_get(m->old, key) != NULL;
        if (is_plain(key) && !was_there &&
            merge_member(s, m, key, NULL, json_object_iter_value(it)) < 0) {
            return -1;
        }
    }
    return 0;
}

json_t *patch_strategic_map(struct strategic *s, const json_t *old, const json_t *patch,
                            const void *node)
{
    struct map_merge m = {.old = old, .patch = patch, .node = node};
    const char *directive = jx_get_str(patch, PATCH, NULL);
    json_t *replaced = NULL;
    m.retain = jx_get(patch, RETAIN_KEYS);
    if (check_keys(s, patch, &m.lists) < 0 || check_directive(s, patch) < 0) {
        return NULL;
    }
    if (str_eq(directive, "delete")) {
        return json_object();
    }
    if (str_eq(directive, "replace")) {
        return patch_strategic_clean(s, patch, &replaced) < 0 ? NULL : replaced;
    }
    if (m.retain != NULL && check_retain(s, patch, m.retain) < 0) {
        return NULL;
    }
    json_auto_t *out = json_object();
    m.out = out;
    return merge_members(s, &m) < 0 ? NULL : steal(out);
}

int patch_strategic(const json_t *old, const json_t *patch, const struct patch_schema *schema,
                    json_t **ret, struct err *err)
{
    struct strategic s = {.schema = schema, .err = err};
    if (!json_is_object(patch)) {
        return err_set(err, ERR_BAD_REQUEST, "a strategic merge patch must be a JSON object");
    }
    json_t *out = patch_strategic_map(&s, old, patch, schema->root);
    if (out == NULL) {
        return -1;
    }
    *ret = out;
    return 0;
}
