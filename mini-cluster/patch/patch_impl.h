/* SPDX-License-Identifier: Apache-2.0 */
/* What strategic merge's two halves, maps and lists, share. */
#ifndef PATCH_PATCH_IMPL_H
#define PATCH_PATCH_IMPL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/json/jx.h"
#include "patch/patch.h"

/* One merge: the schema, and where in the patch it is, for messages. */
struct strategic {
    const struct patch_schema *schema;
    struct err *err;
    const char *keys[JX_MAX_DEPTH + 1]; /* NULL for a list's item */
    size_t indices[JX_MAX_DEPTH + 1];
    size_t depth;
    size_t repeats; /* items that one patch names again: each costs a copy of the item */
};

/* Enters a member, or with a NULL key an item. False, with an error, when it is too deep. */
bool patch_strategic_enter(struct strategic *s, const char *key, size_t index);
void patch_strategic_leave(struct strategic *s);
/* Puts the place ("spec.containers[0]") in front of a sentence. Returns -1. */
int patch_strategic_fail(struct strategic *s, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The schema below a node; NULL when there is none. */
const void *patch_strategic_child(const struct strategic *s, const void *node, const char *field);

/* A map with the patch's map merged in; NULL on error. `old` may be NULL. */
json_t *patch_strategic_map(struct strategic *s, const json_t *old, const json_t *patch,
                            const void *node);
/* A copy of what a patch brings that was not there: without nulls in maps and without directives.
 * *ret is NULL when all of it was a directive. */
int patch_strategic_clean(struct strategic *s, const json_t *patch, json_t **ret);

/* What a patch says about one list: any of these may be NULL. */
struct list_patch {
    const json_t *items;  /* the list itself */
    const json_t *order;  /* $setElementOrder/x */
    const json_t *remove; /* $deleteFromPrimitiveList/x */
};

/* The list merged; `old` may be NULL. *ret is NULL when nothing is to be there. */
int patch_list_merge(struct strategic *s, const json_t *old, const struct list_patch *patch,
                     const void *node, json_t **ret);

#endif
