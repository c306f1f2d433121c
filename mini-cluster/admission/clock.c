/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's clock: there is one, and what it says makes sense as a whole. */
#include <string.h>

#include "admission/admission_impl.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "meta/clock.h"

struct reading {
    const json_t *spec;
    struct field_errs *errs;
};

static void note(void *arg, const char *field, const char *must)
{
    struct reading *r = arg;
    if (strcmp(field, "preset") != 0) { /* the kind's own table has said that already */
        cleanup_free char *path = xasprintf("spec.%s", field);
        field_errs_invalid(r->errs, path, jx_get(r->spec, field), must);
    }
}

void admission_clock_validate(const struct admission_request *r, struct field_errs *errs)
{
    struct clock ignored;
    struct reading reading = {.spec = jx_obj(r->obj, "spec"), .errs = errs};
    if (strcmp(r->name, "cluster") != 0) {
        json_auto_t *name = json_string(r->name);
        field_errs_invalid(errs, "metadata.name", name, "must be cluster: a cluster has one clock");
    }
    clock_read(reading.spec, &ignored, note, &reading);
}
