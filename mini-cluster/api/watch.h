/* SPDX-License-Identifier: Apache-2.0 */
/* A body that never ends by itself: what changes, one JSON event a line. */
#ifndef API_WATCH_H
#define API_WATCH_H

#include "api/media.h"
#include "common/err.h"

struct api;
struct api_query;
struct api_selection;
struct api_stream;
struct kind;

/* Takes the selection, also on failure. ERR_EXPIRED when the log no longer holds the revision asked
 * for. */
int api_watch_new(struct api *api, const struct api_query *q, struct api_selection *sel,
                  const struct kind *k, const struct api_form *form, struct api_stream **ret,
                  struct err *err) WARN_UNUSED;

#endif
