/* SPDX-License-Identifier: Apache-2.0 */
/* YAML as Kubernetes reads it (YAML 1.1 scalars), turned into JSON, with every size bounded. */
#ifndef COMMON_JSON_YAML_H
#define COMMON_JSON_YAML_H

#include <stddef.h>

#include <jansson.h>

#include "common/err.h"
#include "common/str.h"

/* Where a value stood, for messages: filled in by yaml_parse_marks. */
struct yaml_marks;

/* One document, or several ("---"): *ret is an array of them; empty documents are left out.
 * Refused, with line and column: duplicate keys, nesting past JX_MAX_DEPTH, aliases that expand to
 * more than 10 MiB or 200,000 nodes, non-string keys other than plain scalars, tags other than the core ones. */
int yaml_parse(const char *text, size_t n, json_t **ret, struct err *err) WARN_UNUSED;

/* The first document only, and where each of its values stood. `marks` may be NULL. */
int yaml_parse_marks(const char *text, size_t n, json_t **ret, struct yaml_marks **ret_marks,
                     struct err *err) WARN_UNUSED;
/* Line and column (from 1) of the value at a path ("steps[2].checks[0].expect"); the nearest
 * parent's when it is not there. */
void yaml_marks_at(const struct yaml_marks *m, const char *path, int *ret_line, int *ret_column);
void yaml_marks_free(struct yaml_marks *m);

/* Block style, strings quoted where YAML 1.1 would read something else. */
void yaml_dump(struct str *out, const json_t *v);

#endif
