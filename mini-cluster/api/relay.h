/* SPDX-License-Identifier: Apache-2.0 */
/* Requests whose answer is made by somebody else: a host's agent, a pod. */
#ifndef API_RELAY_H
#define API_RELAY_H

#include "api/api.h"
#include "api/ops.h"
#include "common/err.h"

struct api_query;
struct api_route;

/* The container that is meant: the one of that name, or the only one when there is no name. Points
 * into the pod or is `name`. */
int api_pick_container(const json_t *pod, const char *name, const char **ret,
                       struct err *err) WARN_UNUSED;

/* pods/exec, pods/attach, pods/portforward: checked up to the host's agent. */
int api_connect(struct api *api, struct api_ctx *ctx, const struct api_target *t,
                const struct api_query *q, struct api_connect **ret, struct err *err) WARN_UNUSED;

/* pods/log as a stream of text. */
int api_log(struct api *api, struct api_ctx *ctx, const struct api_target *t,
            const struct api_query *q, struct api_stream **ret, struct err *err) WARN_UNUSED;

/* pods/proxy and services/proxy: where the http room is to relay the request. */
int api_proxy(struct api *api, struct api_ctx *ctx, const struct api_request *req,
              const struct api_route *r, struct api_relay **ret, struct err *err) WARN_UNUSED;

#endif
