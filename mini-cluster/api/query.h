/* SPDX-License-Identifier: Apache-2.0 */
/* What follows the '?', decoded once. */
#ifndef API_QUERY_H
#define API_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct api_query;

/* ERR_BAD_REQUEST: a bad escape, a NUL, or a parameter given twice with two values (dryRun alone
 * may be). */
int api_query_parse(const char *text, struct api_query **ret, struct err *err) WARN_UNUSED;
void api_query_free(struct api_query *q); /* NULL is fine */
static inline void api_query_cleanup(struct api_query **q)
{
    api_query_free(*q);
}
#define cleanup_query __attribute__((cleanup(api_query_cleanup)))

/* "" when it is not there. */
const char *api_query_get(const struct api_query *q, const char *key);
/* The i-th value of a key that may be repeated; NULL past the last. */
const char *api_query_nth(const struct api_query *q, const char *key, size_t i);
/* "true" and "1", as Kubernetes reads them; anything else is false. */
bool api_query_bool(const struct api_query *q, const char *key);
/* dflt when absent; ERR_BAD_REQUEST when it is no number in [min, INT64_MAX]. */
int api_query_int(const struct api_query *q, const char *key, int64_t min, int64_t dflt,
                  int64_t *ret, struct err *err) WARN_UNUSED;

/* Percent-decoding of one path segment or parameter in place; false when it is malformed or holds a
 * NUL. `plus`: '+' is a space. */
bool api_query_unescape(char *text, bool plus);

#endif
