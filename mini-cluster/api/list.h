/* SPDX-License-Identifier: Apache-2.0 */
/* Many objects: which, and as a body that is made while it is read. */
#ifndef API_LIST_H
#define API_LIST_H

#include <stdint.h>

#include "api/media.h"
#include "common/vec.h"
#include "store/store.h"

struct api;
struct api_ctx;
struct api_query;
struct api_selection;
struct api_stream;
struct kind;

struct api_listing {
    VEC(const struct store_entry *) entries; /* references */
    int64_t rev;
    char *next;        /* the continue token; NULL at the end */
    int64_t remaining; /* -1: not known */
};
void api_listing_fini(struct api_listing *l);

/* The staged view, from `continue`, at most `limit` (as the query says). ERR_EXPIRED when the token
 * is too old. */
int api_list_collect(struct api *api, const struct api_query *q, const struct api_selection *sel,
                     const struct kind *k, struct api_listing *ret, struct err *err) WARN_UNUSED;
/* Takes the listing's parts. */
struct api_stream *api_list_stream(struct api *api, struct api_listing *l, const struct kind *k,
                                   const struct api_form *form);

/* resourceVersion, resourceVersionMatch, sendInitialEvents: the combinations that mean something.
 */
int api_list_check_options(struct api_ctx *ctx, const struct api_query *q, bool watch,
                           struct err *err) WARN_UNUSED;

#endif
