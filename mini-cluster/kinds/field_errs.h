/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with an object, field by field, in the words of Kubernetes. */
#ifndef KINDS_FIELD_ERRS_H
#define KINDS_FIELD_ERRS_H

#include <stddef.h>

#include <jansson.h>

#include "common/err.h"

/* One finding. `reason` is a Kubernetes cause ("FieldValueRequired"), `field` a path, `message` the
 * text after the path ("Invalid value: -1: must be greater than or equal to 0"). */
struct field_err {
    const char *reason; /* static */
    char *field;
    char *message;
};

struct field_errs {
    struct field_err *v;
    size_t n, cap;
};

void field_errs_fini(struct field_errs *e);

/* Each adds one finding; `field` is copied. `value` may be NULL. A finding that is there already is
 * not added again, and after a hundred none is. */
void field_errs_required(struct field_errs *e, const char *field, const char *detail);
void field_errs_invalid(struct field_errs *e, const char *field, const json_t *value,
                        const char *detail);
void field_errs_not_supported(struct field_errs *e, const char *field, const json_t *value,
                              const char *const *allowed);
void field_errs_duplicate(struct field_errs *e, const char *field, const json_t *value);
void field_errs_forbidden(struct field_errs *e, const char *field, const char *detail);
void field_errs_not_found(struct field_errs *e, const char *field, const json_t *value);
void field_errs_too_long(struct field_errs *e, const char *field, size_t max);
void field_errs_too_many(struct field_errs *e, const char *field, size_t actual, size_t max);
void field_errs_type(struct field_errs *e, const char *field, const json_t *value,
                     const char *wanted);

/* "Deployment.apps \"web\" is invalid: spec.replicas: Invalid value: -1: must be ..." (one finding)
 * or "... is invalid: [a, b]": sets ERR_INVALID and returns -1; 0 when there is no finding. */
int field_errs_finish(const struct field_errs *e, const char *kind, const char *group,
                      const char *name, struct err *err) WARN_UNUSED;
/* The `causes` array of a Status; the caller owns it. */
json_t *field_errs_causes(const struct field_errs *e);

#endif
