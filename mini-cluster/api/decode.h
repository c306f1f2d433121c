/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies into objects: JSON, YAML or Kubernetes protobuf, strictly or with warnings. */
#ifndef API_DECODE_H
#define API_DECODE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "common/err.h"

struct api_ctx;
struct api_request;
struct kind;

/* The body as one object of kind `k`, unknown and duplicate fields dealt with as the context asks.
 */
int api_decode_object(struct api_ctx *ctx, const struct api_request *req, const struct kind *k,
                      json_t **ret, struct err *err) WARN_UNUSED;
/* The body as JSON of any type (a patch). `ret_dups` gains duplicate keys' paths. */
int api_decode_patch(struct api_ctx *ctx, const struct api_request *req, json_t **ret,
                     struct err *err) WARN_UNUSED;
/* DeleteOptions; *ret is NULL when the body is empty. */
int api_decode_delete(const struct api_request *req, json_t **ret, struct err *err) WARN_UNUSED;
/* Unknown fields of an object that a patch made. */
int api_decode_check_patched(struct api_ctx *ctx, const struct kind *k, const json_t *obj,
                             struct err *err) WARN_UNUSED;

#endif
