/* SPDX-License-Identifier: Apache-2.0 */
/* What a client asks before it asks for anything: which kinds are there, is anybody alive. */
#ifndef API_DISCOVERY_H
#define API_DISCOVERY_H

#include "api/api.h"
#include "common/err.h"

struct api_query;
struct api_route;

/* Answers a path that is no object's. ERR_NOT_FOUND, ERR_METHOD_NOT_ALLOWED. */
int api_discovery(struct api *api, const struct api_request *req, const struct api_route *r,
                  const struct api_query *q, struct api_response *res, struct err *err) WARN_UNUSED;

#endif
