/* SPDX-License-Identifier: Apache-2.0 */
/* Going through an object beside its schema, with a path that says where one is. */
#ifndef KINDS_WALK_H
#define KINDS_WALK_H

#include <stdbool.h>

#include <jansson.h>

#include "common/str.h"
#include "kinds/kinds.h"

/* Each returns the length to give back to walk_up. "spec" + "replicas", "ports" + [2], "data" +
 * [key]. */
size_t walk_field(struct str *path, const char *name);
size_t walk_index(struct str *path, size_t i);
size_t walk_key(struct str *path, const char *key);
void walk_up(struct str *path, size_t len);

/* Calls `visit` for the value of a field that is ONE, for each item of a LIST, for each value of a
 * MAP. A value of another JSON type than the shape wants is not visited. */
typedef void walk_fn(const struct kind_field *f, json_t *v, struct str *path, void *ctx);
void walk_values(const struct kind_field *f, json_t *v, struct str *path, walk_fn *visit,
                 void *ctx);

/* Whether Go would see nothing here: missing, null, or the zero value of what is no pointer. */
bool walk_unset(const struct kind_field *f, const json_t *v);

#endif
