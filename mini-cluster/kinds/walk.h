/* SPDX-License-Identifier: Apache-2.0 */
/* Going through an object beside its schema, knowing where one is. */
#ifndef KINDS_WALK_H
#define KINDS_WALK_H

#include <stdbool.h>

#include <jansson.h>

#include "common/str.h"
#include "kinds/kinds.h"

/* A place in an object: links on the stacks of those who walk there, put into words only when there
 * is something to say about it. NULL is the object itself. Of name, key and index one counts. */
struct walk_at {
    const struct walk_at *up;
    const char *name; /* of a field */
    const char *key;  /* of a map's member; NULL as `name` is: the item `index` */
    size_t index;
};

/* "spec.ports[2].name", "data[key]"; borrowed from `out`, which was empty. */
const char *walk_text(const struct walk_at *at, struct str *out);
/* The same without indices and keys. */
const char *walk_fields(const struct walk_at *at, struct str *out);

/* Calls `visit` for the value of a field that is ONE, for each item of a LIST, for each value of a
 * MAP. A value of another JSON type than the shape wants is not visited. */
typedef void walk_fn(const struct kind_field *f, json_t *v, const struct walk_at *at, void *ctx);
void walk_values(const struct kind_field *f, json_t *v, const struct walk_at *at, walk_fn *visit,
                 void *ctx);

/* Whether Go would see nothing here: missing, null, or the zero value of what is no pointer. */
bool walk_unset(const struct kind_field *f, const json_t *v);

#endif
