/* SPDX-License-Identifier: Apache-2.0 */
/* JSON pointers (RFC 6901): the way JSON patches name a place. */
#ifndef PATCH_PATCH_POINTER_H
#define PATCH_PATCH_POINTER_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "common/json/jx.h"

/* Tokens are unescaped; none for "", the whole document. */
struct pointer {
    char *text;
    const char *tokens[JX_MAX_DEPTH];
    size_t n;
};

/* NULL when all is well, else what is wrong with it. */
const char *patch_pointer_parse(const char *text, struct pointer *ret);
void patch_pointer_fini(struct pointer *p);

/* The value n tokens down; NULL when there is none. */
json_t *patch_pointer_walk(json_t *doc, const struct pointer *p, size_t n);
/* The index a token names in an array of `size` items; `size` itself only when `append`, which "-"
 * names too. */
bool patch_pointer_index(const char *token, size_t size, bool append, size_t *ret);
/* Whether `p` lies inside what `outer` names. */
bool patch_pointer_is_inside(const struct pointer *p, const struct pointer *outer);

#endif
