/* SPDX-License-Identifier: Apache-2.0 */
/* Strategic merge, lists: items found by their merge key, and the order of what comes out. Items
 * are looked up by hash, because a list and its patch may have a hundred thousand each. */
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "patch_impl.h"

#define NOWHERE ((size_t)-1)

enum { MAX_REPEATS = 100 };

struct item {
    json_t *value;       /* owned; NULL once it moved to the result */
    size_t server_place; /* in the old list, or NOWHERE */
    size_t wanted_place; /* in the patch or its $setElementOrder, or NOWHERE */
    bool touched;        /* the patch has named it before */
};

struct list_merge {
    struct strategic *s;
    const void *item_node;
    const char *key; /* the merge key; "" when the items are their own keys */
    VEC(struct item) items;
    struct map *by_key; /* key text -> index in items + 1 */
    struct str scratch; /* the key text of the item in hand */
};

static void *to_pointer(size_t i)
{
    return (void *)(uintptr_t)(i + 1);
}

static size_t find_place(const struct map *map, const char *key)
{
    const void *p = map_find(map, key);
    return p == NULL ? NOWHERE : (size_t)(uintptr_t)p - 1;
}

/* The first place counts. */
static void put_place(struct map *map, const char *key, size_t i)
{
    if (map_find(map, key) == NULL) {
        map_put(map, key, to_pointer(i));
    }
}

/* ---- keys ---- */

/* What an item is known by, as text; NULL when it has no key. 80 and 80.0 are the same. */
static const char *key_text(struct list_merge *m, const json_t *item)
{
    const json_t *v = m->key[0] == '\0' ? item : jx_get(item, m->key);
    if (v == NULL || (json_is_null(v) && m->key[0] != '\0')) {
        return NULL;
    }
    str_clear(&m->scratch);
    if (json_is_real(v)) {
        str_add_f(&m->scratch, "%.17g", json_real_value(v));
    } else {
        jx_dump(&m->scratch, v);
    }
    return str_c(&m->scratch);
}

static int fail_no_key(struct list_merge *m, const json_t *item)
{
    cleanup_free char *text = jx_dump_text(item);
    return patch_strategic_fail(
        m->s, ERR_BAD_REQUEST, "map: %.200s does not contain declared merge key: %s", text, m->key);
}

/* The key text of an item that a patch brings, which must have one. */
static int patch_key(struct list_merge *m, const json_t *item, const char **ret)
{
    bool scalar = !json_is_object(item) && !json_is_array(item);
    if (json_is_array(item)) {
        return patch_strategic_fail(m->s, ERR_BAD_REQUEST, "lists of lists are not supported");
    }
    if (scalar != (m->key[0] == '\0')) {
        return patch_strategic_fail(m->s, ERR_BAD_REQUEST,
                                    m->key[0] == '\0' ? "an item must be a plain value, not a map"
                                                      : "an item must be a map with the key \"%s\"",
                                    m->key);
    }
    *ret = key_text(m, item);
    return *ret != NULL ? 0 : fail_no_key(m, item);
}

/* key text -> place, of the items of a list that a patch brings. */
static int index_places(struct list_merge *m, const json_t *list, struct map **ret)
{
    struct map *places = map_new(NULL);
    size_t i;
    const json_t *item;
    jx_each(i, item, list)
    {
        const char *key = NULL;
        if (!patch_strategic_enter(m->s, NULL, i) || patch_key(m, item, &key) < 0) {
            map_free(places);
            return -1;
        }
        patch_strategic_leave(m->s);
        put_place(places, key, i);
    }
    *ret = places;
    return 0;
}

static void free_places(struct map **m)
{
    map_free(*m);
}
#define cleanup_places __attribute__((cleanup(free_places)))

/* ---- taking in ---- */

static void add_item(struct list_merge *m, const char *key, json_t *value, size_t server_place)
{
    struct item item = {value, server_place, NOWHERE, server_place == NOWHERE};
    if (key != NULL) {
        put_place(m->by_key, key, m->items.n);
    }
    vec_push(&m->items, item);
}

/* The old list without what is to be removed. */
static void take_old(struct list_merge *m, const json_t *old, const struct map *removed)
{
    size_t i;
    const json_t *item;
    jx_each(i, item, old)
    {
        const char *key = key_text(m, item);
        bool again = m->key[0] == '\0' && key != NULL && map_find(m->by_key, key) != NULL;
        if (!again && (key == NULL || map_find(removed, key) == NULL)) {
            add_item(m, key, jx_edit(item), i);
        }
    }
}

static int merge_item(struct list_merge *m, struct item *item, const json_t *patch)
{
    if (item->touched && ++m->s->repeats > MAX_REPEATS) {
        return patch_strategic_fail(m->s, ERR_BAD_REQUEST,
                                    "the patch names items again and again: at most %d times",
                                    (int)MAX_REPEATS);
    }
    json_t *merged = patch_strategic_map(m->s, item->value, patch, m->item_node);
    if (merged == NULL) {
        return -1;
    }
    json_decref(item->value);
    item->value = merged;
    item->touched = true;
    return 0;
}

/* Merges an item into the one of the same key, or adds it. */
static int take_item(struct list_merge *m, const json_t *patch)
{
    const char *key = NULL;
    if (patch_key(m, patch, &key) < 0) {
        return -1;
    }
    size_t at = find_place(m->by_key, key);
    if (at == NOWHERE) {
        cleanup_free char *kept = xstrdup(key); /* the scratch is used again below */
        json_t *value = NULL;
        if (patch_strategic_clean(m->s, patch, &value) < 0) {
            return -1;
        }
        if (value != NULL) {
            add_item(m, kept, value, NOWHERE);
        }
        return 0;
    }
    if (m->key[0] == '\0') {
        return 0; /* it is there already */
    }
    return merge_item(m, &m->items.v[at], patch);
}

/* The patch's items sorted by what they are for. */
struct sorted_patch {
    struct map *removed; /* key texts of {$patch: delete} and $deleteFromPrimitiveList */
    json_t *items;       /* the others: borrowed values */
    bool replace;
};

static int sort_item(struct list_merge *m, const json_t *item, struct sorted_patch *ret)
{
    const json_t *directive = jx_get(item, "$patch");
    const char *name = json_string_value(directive);
    const char *key = NULL;
    if (directive == NULL || str_eq(name, "merge")) {
        json_array_append(ret->items, (json_t *)(uintptr_t)item);
        return 0;
    }
    if (str_eq(name, "replace")) {
        ret->replace = true;
        return 0;
    }
    if (!str_eq(name, "delete")) {
        return patch_strategic_fail(
            m->s, ERR_BAD_REQUEST, "unknown patch type: %.100s: $patch is delete, merge or replace",
            name != NULL ? name : "not a string");
    }
    if (patch_key(m, item, &key) < 0) {
        return -1;
    }
    put_place(ret->removed, key, 0);
    return 0;
}

static int sort_patch(struct list_merge *m, const struct list_patch *patch,
                      struct sorted_patch *ret)
{
    size_t i;
    const json_t *item;
    jx_each(i, item, patch->items)
    {
        if (!patch_strategic_enter(m->s, NULL, i) || sort_item(m, item, ret) < 0) {
            return -1;
        }
        patch_strategic_leave(m->s);
    }
    if (patch->remove != NULL && m->key[0] != '\0') {
        return patch_strategic_fail(
            m->s, ERR_BAD_REQUEST,
            "invalid patch format of primitive list: the items are maps; delete "
            "one with {\"$patch\": \"delete\", \"%s\": ...}",
            m->key);
    }
    jx_each(i, item, patch->remove)
    {
        const char *key = key_text(m, item);
        put_place(ret->removed, key, 0);
    }
    return 0;
}

static int take_items(struct list_merge *m, const json_t *items)
{
    size_t i;
    const json_t *item;
    jx_each(i, item, items)
    {
        if (!patch_strategic_enter(m->s, NULL, i) || take_item(m, item) < 0) {
            return -1;
        }
        patch_strategic_leave(m->s);
    }
    return 0;
}

/* ---- order ---- */

/* What the patch sets must stand in $setElementOrder, in the same order. */
static int check_order(struct list_merge *m, const json_t *items, const struct map *places)
{
    size_t last = 0;
    size_t i;
    const json_t *item;
    jx_each(i, item, items)
    {
        const char *key = NULL;
        if (patch_key(m, item, &key) < 0) {
            return -1;
        }
        size_t at = find_place(places, key);
        if (at == NOWHERE || at < last) {
            return patch_strategic_fail(
                m->s, ERR_BAD_REQUEST,
                "The order in patch list doesn't match $setElementOrder list: "
                "%.100s is %s",
                key, at == NOWHERE ? "not in it" : "not in its place");
        }
        last = at;
    }
    return 0;
}

static int by_wanted_place(const void *a, const void *b)
{
    const struct item *x = *(const struct item *const *)a;
    const struct item *y = *(const struct item *const *)b;
    if (x->wanted_place != y->wanted_place) {
        return x->wanted_place < y->wanted_place ? -1 : 1;
    }
    return (x > y) - (x < y); /* as they stand */
}

/* Items that the patch names come in its order; the others keep theirs, and their places relative
 * to those where the old list tells. */
static json_t *emit(struct list_merge *m, const struct map *places)
{
    VEC(struct item *) named = {0};
    VEC(struct item *) others = {0};
    for (size_t i = 0; i < m->items.n; i++) {
        struct item *item = &m->items.v[i];
        const char *key = key_text(m, item->value);
        item->wanted_place = key != NULL ? find_place(places, key) : NOWHERE;
        if (item->wanted_place != NOWHERE) {
            vec_push(&named, item);
        } else {
            vec_push(&others, item);
        }
    }
    if (named.n > 1) {
        qsort(named.v, named.n, sizeof(*named.v), by_wanted_place);
    }
    json_t *out = json_array();
    for (size_t i = 0, j = 0; i < others.n || j < named.n;) {
        bool other = j == named.n || (i < others.n && others.v[i]->server_place != NOWHERE &&
                                      named.v[j]->server_place != NOWHERE &&
                                      others.v[i]->server_place < named.v[j]->server_place);
        struct item *item = other ? others.v[i++] : named.v[j++];
        json_array_append_new(out, steal(item->value));
    }
    vec_fini(&named);
    vec_fini(&others);
    return out;
}

static int merge_keyed(struct list_merge *m, const json_t *old, const struct list_patch *patch,
                       struct sorted_patch *sorted, json_t **ret)
{
    if (sort_patch(m, patch, sorted) < 0) {
        return -1;
    }
    if (sorted->replace) {
        return patch_strategic_clean(m->s, sorted->items, ret);
    }
    cleanup_places struct map *places = NULL;
    if (index_places(m, patch->order != NULL ? patch->order : sorted->items, &places) < 0 ||
        (patch->order != NULL && check_order(m, sorted->items, places) < 0)) {
        return -1;
    }
    take_old(m, old, sorted->removed);
    if (take_items(m, sorted->items) < 0) {
        return -1;
    }
    *ret = emit(m, places);
    return 0;
}

int patch_list_merge(struct strategic *s, const json_t *old, const struct list_patch *patch,
                     const void *node, json_t **ret)
{
    const char *key = node != NULL ? s->schema->merge_key(node) : NULL;
    if (key == NULL && patch->items == NULL && patch->remove != NULL) {
        key = ""; /* removal of plain values needs no schema */
    }
    if (key == NULL) { /* a list that is replaced as a whole has no order of its own to keep */
        return patch_strategic_clean(s, patch->items != NULL ? patch->items : old, ret);
    }
    if (old == NULL && patch->items == NULL) {
        return 0;
    }
    struct list_merge m = {.s = s, .key = key, .by_key = map_new(NULL)};
    struct sorted_patch sorted = {.removed = map_new(NULL), .items = json_array()};
    m.item_node = patch_strategic_child(s, node, NULL);
    int rc = merge_keyed(&m, old, patch, &sorted, ret);
    for (size_t i = 0; i < m.items.n; i++) {
        json_decref(m.items.v[i].value);
    }
    vec_fini(&m.items);
    map_free(m.by_key);
    str_fini(&m.scratch);
    map_free(sorted.removed);
    json_decref(sorted.items);
    return rc;
}
