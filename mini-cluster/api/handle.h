/* SPDX-License-Identifier: Apache-2.0 */
/* One request under way, between the wire's words and the typed verbs. */
#ifndef API_HANDLE_H
#define API_HANDLE_H

#include "api/api.h"
#include "api/ops.h"
#include "api/route.h"
#include "common/err.h"

struct api_query;

struct api_call {
    struct api *api;
    const struct api_request *req;
    struct api_query *query;
    struct api_route route;
    struct api_target target; /* into route */
    struct api_ctx ctx;
    struct api_response *res;
};

/* Runs the verb of the route and fills in the response. */
int api_call_verb(struct api_call *c, struct err *err) WARN_UNUSED;
/* May the caller do this with what the route leads to. Fills in the fault. */
int api_call_authorize(struct api_call *c, const char *verb, struct err *err) WARN_UNUSED;
/* `name` is static, the value copied. */
void api_call_header(struct api_call *c, const char *name, const char *value);

#endif
