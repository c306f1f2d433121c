/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a request behind the question mark, and the filters that are JSON in it. */
#ifndef HOSTS_DOCK_DOCK_QUERY_H
#define HOSTS_DOCK_DOCK_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"
#include "common/vec.h"

struct dock_pair {
    char *key, *value;
};

/* Zeroed: empty. */
struct dock_query {
    VEC(struct dock_pair) pairs;
};

/* `allowed` is a list of words with spaces between ("all limit filters"): another key, one that
 * comes twice and a broken escape are ERR_BAD_REQUEST. */
int dock_query_parse(const char *raw, const char *allowed, struct dock_query *ret,
                     struct err *err) WARN_UNUSED;
void dock_query_fini(struct dock_query *q);
/* "" when it is not there. */
const char *dock_query_get(const struct dock_query *q, const char *key);
/* As Docker reads them: "", "0", "no", "false" and "none" are false. */
bool dock_query_bool(const struct dock_query *q, const char *key);
/* The number of a key; `dflt` when it is not there or empty. */
int dock_query_int(const struct dock_query *q, const char *key, int64_t min, int64_t max,
                   int64_t dflt, int64_t *ret, struct err *err) WARN_UNUSED;

/* The filters, as an object of lists of strings, whichever of its two forms they came in; `allowed`
 * as above. The caller owns *ret. ERR_BAD_REQUEST: "Invalid filter 'x'". */
int dock_query_filters(const struct dock_query *q, const char *allowed, json_t **ret,
                       struct err *err) WARN_UNUSED;

#endif
