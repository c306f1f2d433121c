/* SPDX-License-Identifier: Apache-2.0 */
/* One object, or one of the views its subresources give of it. */
#include <string.h>

#include "api/core.h"
#include "api/ops.h"
#include "api/write.h"

int api_get(struct api *api, struct api_ctx *ctx, const struct api_target *t,
            struct api_object *ret, struct err *err)
{
    if (strcmp(t->subresource, "scale") == 0) {
        return api_scale_get(api, ctx, t, ret, err);
    }
    return api_write_find(api, ctx, t, &ret->entry, err);
}
