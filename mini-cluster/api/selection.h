/* SPDX-License-Identifier: Apache-2.0 */
/* Which objects of a kind a list or a watch is about. */
#ifndef API_SELECTION_H
#define API_SELECTION_H

#include <stdbool.h>

#include "common/err.h"
#include "store/store.h"

struct api_query;
struct api_selection;
struct kind;

/* From labelSelector and fieldSelector. */
int api_selection_new(const struct api_query *q, const struct kind *k, const char *ns,
                      struct api_selection **ret, struct err *err) WARN_UNUSED;
void api_selection_free(struct api_selection *s); /* NULL is fine */
/* Parses an object only when a field selector asks for what the index does not have. */
bool api_selection_match(const struct api_selection *s, const struct store_entry *e);
/* Everything of the kind in its namespace. */
bool api_selection_is_everything(const struct api_selection *s);
/* The least that has to be walked; borrowed from the selection. */
struct store_filter api_selection_filter(const struct api_selection *s);
/* The only name it can be about, when the selection says so; NULL otherwise. */
const char *api_selection_name(const struct api_selection *s);
/* "" for all. */
const char *api_selection_namespace(const struct api_selection *s);

#endif
