/* SPDX-License-Identifier: Apache-2.0 */
/* Objects in the form the client wants: as they are, as rows of a table, as metadata alone. */
#ifndef API_RENDER_H
#define API_RENDER_H

#include <stdint.h>

#include <jansson.h>

#include "api/media.h"
#include "common/str.h"

struct api;
struct api_object;
struct kind;
struct store_entry;

/* One member of a list: JSON, or YAML as a block of "items:". */
void api_render_item(struct api *api, const struct api_form *form, const struct kind *k,
                     const struct store_entry *e, struct str *out);

struct api_list_meta {
    int64_t rev;
    const char *next;  /* the continue token; "" at the end */
    int64_t remaining; /* -1: not known */
};
/* What stands before and after the items. `empty` says that there is none. */
void api_render_list_head(const struct api_form *form, const struct kind *k,
                          const struct api_list_meta *meta, bool empty, struct str *out);
void api_render_list_tail(const struct api_form *form, const struct kind *k,
                          const struct api_list_meta *meta, struct str *out);

/* A whole answer of one object. */
void api_render_object(struct api *api, const struct api_form *form, const struct kind *k,
                       const struct api_object *o, struct str *out);
/* The `object` of a watch event. `columns`: a table names its columns, which only the first does.
 */
void api_render_watched(struct api *api, const struct api_form *form, const struct kind *k,
                        const json_t *obj, bool columns, struct str *out);
/* A bookmark's object. */
void api_render_bookmark(const struct api_form *form, const struct kind *k, int64_t rev,
                         bool initial_end, struct str *out);

#endif
