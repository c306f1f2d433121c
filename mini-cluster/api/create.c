/* SPDX-License-Identifier: Apache-2.0 */
/* A new object: named, owned by nobody before, complete when it is first seen. */
#include <string.h>

#include "api/core.h"
#include "api/fault.h"
#include "api/ops.h"
#include "api/write.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "kinds/kinds.h"
#include "meta/object.h"

static int check_name(const struct api_write *w, struct err *err)
{
    if (object_name(w->obj)[0] != '\0') {
        return 0;
    }
    struct field_errs errs = {0};
    field_errs_required(&errs, "metadata.name", "name or generateName is required");
    int rc = api_fault_invalid(w->ctx, w->t->kind, "", &errs, err);
    field_errs_fini(&errs);
    return rc;
}

int api_create(struct api *api, struct api_ctx *ctx, const struct api_target *t, json_t *obj,
               struct api_object *ret, struct err *err)
{
    struct api_write w = {.api = api, .ctx = ctx, .t = t, .obj = obj};
    int rc = -1;
    if (kinds_subresource(t->kind, "status") != NULL) {
        json_object_del(obj, "status"); /* a client's; only status writes set it */
    }
    if (api_write_meta_new(&w, err) == 0 && check_name(&w, err) == 0 &&
        api_write_default(&w, err) == 0) {
        rc = api_write_commit(&w, ret, err);
    }
    json_decref(w.obj);
    return rc;
}
