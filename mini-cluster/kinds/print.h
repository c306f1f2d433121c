/* SPDX-License-Identifier: Apache-2.0 */
/* Column printers: each turns an object into one cell of its row, as kubectl shows it. */
#ifndef KINDS_PRINT_H
#define KINDS_PRINT_H

#include <jansson.h>

#include "common/str.h"
#include "kinds/kinds.h"
#include "kinds/print_names.h"

struct print_args {
    const json_t *obj;
    const struct kind_column *column;
    int64_t now_us;
};

/* The cell; the caller owns it. A printer never fails: what is missing or ill-made in the object
 * shows as the column's default or as one of Kubernetes' words for it ("<none>", "<unknown>"). */
typedef json_t *print_fn(const struct print_args *a);

/* NULL when there is no printer of that name. */
print_fn *print_find(const char *name);

#define PRINT_DECLARE(name, fn) print_fn fn;
PRINT_NAMES(PRINT_DECLARE)
#undef PRINT_DECLARE

/* ---- helpers of the printers ---- */

/* A string cell; takes what is in `text`. */
json_t *print_cell(struct str *text);
/* The same, or `dflt` when `text` is empty. */
json_t *print_cell_or(struct str *text, const char *dflt);
json_t *print_cell_f(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A number, in the type that the column has. */
json_t *print_count_cell(const struct print_args *a, size_t n);
/* Adds `item`, after a comma when there is something before it. */
void print_list_add(struct str *list, const char *item);
/* Adds " + N more..." when `count` items were met and only the first `max` stand in `list`. */
void print_list_more(struct str *list, size_t count, size_t max);
/* Calls `visit` for every value at `path`, which may step through lists: "spec.containers[].name".
 */
void print_walk(const json_t *v, const char *path, void (*visit)(const json_t *v, void *ctx),
                void *ctx);
/* The sorted keys of an object; the caller frees the array, not the keys. */
const char **print_sorted_keys(const json_t *object, size_t *ret_n);
/* A scalar as text: a string without its quotes, a number, true or false; nothing for the rest. */
void print_scalar(struct str *out, const json_t *v);

#endif
