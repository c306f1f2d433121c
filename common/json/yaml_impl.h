/* SPDX-License-Identifier: Apache-2.0 */
/* What the YAML reader's and writer's files share. */
#ifndef COMMON_JSON_YAML_IMPL_H
#define COMMON_JSON_YAML_IMPL_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "common/json/yaml.h"

/* What a scalar of n bytes (NUL-terminated) means by itself: null, a boolean, a number, or NULL
 * when it is a string. *ret_wrong is set for what JSON cannot say (.nan, .inf). */
json_t *yaml_scalar_resolve(const char *text, size_t n, const char **ret_wrong);
/* A scalar with a tag, whatever its quotes. NULL with *ret_wrong set when the tag does not fit or
 * is not known. */
json_t *yaml_scalar_tagged(const char *text, size_t n, const char *tag, const char **ret_wrong);
/* What a key reads as: "true" for yes, "16" for 0x10. NULL when it cannot be a key. The caller
 * frees. */
char *yaml_scalar_key(const json_t *resolved);

/* ---- marks: a tree, so that long keys with many children cost nothing ---- */

enum { YAML_MARK_ROOT = 0 };

struct yaml_marks *yaml_marks_new(void);
/* Adds a child of `parent`: a member when `key` is not NULL (copied), else the item `index`. The
 * first one added is the root. Returns its number. */
size_t yaml_marks_add(struct yaml_marks *m, size_t parent, const char *key, size_t index, int line,
                      int column);

#endif
