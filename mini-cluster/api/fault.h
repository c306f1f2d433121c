/* SPDX-License-Identifier: Apache-2.0 */
/* Errors in Kubernetes' words, with the details that clients decide by. */
#ifndef API_FAULT_H
#define API_FAULT_H

#include <stdint.h>

#include <jansson.h>

#include "common/err.h"

struct api_ctx;
struct api_fault;
struct field_errs;
struct kind;

void api_fault_fini(struct api_fault *f);

/* Each sets err and the context's fault, and returns -1. `name` is copied. */
int api_fault_not_found(struct api_ctx *ctx, const struct kind *k, const char *name,
                        struct err *err);
int api_fault_exists(struct api_ctx *ctx, const struct kind *k, const char *name, struct err *err);
int api_fault_conflict(struct api_ctx *ctx, const struct kind *k, const char *name, struct err *err,
                       const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* The object that was read is not the one that is there now. */
int api_fault_modified(struct api_ctx *ctx, const struct kind *k, const char *name,
                       struct err *err);
int api_fault_forbidden(struct api_ctx *ctx, const struct kind *k, const char *name,
                        struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* -1 when there is a finding, else 0. */
int api_fault_invalid(struct api_ctx *ctx, const struct kind *k, const char *name,
                      const struct field_errs *errs, struct err *err) WARN_UNUSED;
/* One finding about a query parameter or a body that is no object of its own. */
int api_fault_unsupported(struct api_ctx *ctx, const char *field, const char *value,
                          const char *supported, struct err *err);
/* A revision that has not come yet: clients wait a second and ask again. */
int api_fault_too_large(struct api_ctx *ctx, int64_t asked, int64_t now, struct err *err);
/* A path that leads nowhere, a verb that does not apply. */
int api_fault_no_resource(struct err *err);
int api_fault_no_method(struct err *err);

/* "deployments.apps", as messages name a resource; static storage of the kind's. */
const char *api_fault_resource(const struct kind *k);

/* The Status of an error; `f` may be NULL. The caller owns it. */
json_t *api_fault_status(const struct err *err, const struct api_fault *f);

#endif
