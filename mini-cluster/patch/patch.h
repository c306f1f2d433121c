/* SPDX-License-Identifier: Apache-2.0 */
/* Old object plus patch gives new object: merge, JSON, strategic, server-side apply. */
#ifndef PATCH_PATCH_H
#define PATCH_PATCH_H

#include <jansson.h>

#include "common/err.h"

/* RFC 7386. `old` is frozen; *ret is the caller's. */
int patch_merge(const json_t *old, const json_t *patch, json_t **ret, struct err *err) WARN_UNUSED;

/* RFC 6902, all six operations, JSON pointers with ~0 ~1 and "-". A failed "test" is ERR_INVALID,
 * a malformed patch ERR_BAD_REQUEST, in Kubernetes' words. At most 10,000 operations. */
int patch_json(const json_t *old, const json_t *patch, json_t **ret, struct err *err) WARN_UNUSED;

/* How strategic merge treats the list or map at a place; derived from the kinds. */
struct patch_schema {
    /* The child's schema for a field (or, with a NULL name, for a list's items or a map's values). NULL: no
     * schema: lists are replaced, maps are merged. */
    const void *(*child)(const void *node, const char *field);
    /* The key that merges a list of objects ("name"); "" for a set of plain values that is merged;
     * NULL: the list is replaced. */
    const char *(*merge_key)(const void *node);
    /* The patch may leave out other members ("retainKeys" strategy); usually false. */
    int (*retain_keys)(const void *node);
    const void *root;
};

/* Kubernetes' strategic merge: merge keys, null deletes, $patch: delete|replace|merge,
 * $setElementOrder/x, $retainKeys, $deleteFromPrimitiveList/x. */
int patch_strategic(const json_t *old, const json_t *patch, const struct patch_schema *schema,
                    json_t **ret, struct err *err) WARN_UNUSED;

#endif
