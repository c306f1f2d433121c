/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the admission room share: one file per kind or rule. */
#ifndef ADMISSION_ADMISSION_IMPL_H
#define ADMISSION_ADMISSION_IMPL_H

#include "admission/admission.h"
#include "kinds/field_errs.h"

struct admission {
    struct loop *loop;
    struct store *store;
    int64_t toleration_s;
};

/* ---- namespace.c ---- */
void admission_namespace_mutate(const struct admission_request *r);
int admission_namespace_admit(struct admission *a, const struct admission_request *r,
                              json_t *causes, struct err *err) WARN_UNUSED;

#endif
