/* SPDX-License-Identifier: Apache-2.0 */
/* A patch is an update whose new version is computed here. Reading and writing happen in one go, so
 * a patch without a resourceVersion never conflicts. */
#include <string.h>

#include "api/core.h"
#include "api/decode.h"
#include "api/fault.h"
#include "api/ops.h"
#include "api/write.h"
#include "common/mem.h"
#include "kinds/kinds.h"
#include "patch/patch.h"

/* What the patch applies to: the object, or the view its subresource gives. The kind is that
 * view's. */
static int read_base(struct api *api, struct api_ctx *ctx, const struct api_target *t,
                     struct api_object *ret, struct err *err)
{
    struct api_target read = *t;
    if (strcmp(t->subresource, "scale") != 0) {
        read.subresource = "";
    }
    return api_get(api, ctx, &read, ret, err);
}

static int apply(const struct kind *k, enum api_patch_type type, const json_t *old,
                 const json_t *patch, json_t **ret, struct err *err)
{
    if (type == API_PATCH_JSON) {
        return patch_json(old, patch, ret, err);
    }
    if (!json_is_object(patch)) {
        return err_set(err, ERR_BAD_REQUEST, "the patch must be a JSON object");
    }
    if (type == API_PATCH_MERGE) {
        return patch_merge(old, patch, ret, err);
    }
    struct patch_schema schema = {.child = kinds_merge_child,
                                  .merge_key = kinds_merge_key,
                                  .retain_keys = kinds_merge_retain_keys,
                                  .root = kinds_merge_root(k)};
    return patch_strategic(old, patch, &schema, ret, err);
}

static const struct kind *kind_of_view(const struct api_target *t)
{
    if (strcmp(t->subresource, "scale") == 0) {
        return kinds_find_kind("autoscaling", "v1", "Scale");
    }
    return t->kind;
}

/* A patched object that is no object at all, or has fields nobody knows. */
static int check_result(struct api_ctx *ctx, const struct kind *k, const json_t *obj,
                        struct err *err)
{
    if (!json_is_object(obj)) {
        return err_set(err, ERR_INVALID, "the patched %s is not a JSON object", k->kind);
    }
    return ctx->in_process ? 0 : api_decode_check_patched(ctx, k, obj, err);
}

int api_patch(struct api *api, struct api_ctx *ctx, const struct api_target *t,
              enum api_patch_type type, const json_t *patch, struct api_object *ret,
              struct err *err)
{
    cleanup_api_object struct api_object base = {0};
    if (read_base(api, ctx, t, &base, err) < 0) {
        return -1;
    }
    const struct kind *view = kind_of_view(t);
    json_auto_t *obj = NULL;
    if (apply(view, type, api_object_tree(api, &base), patch, &obj, err) < 0 ||
        check_result(ctx, view, obj, err) < 0) {
        return -1;
    }
    return api_update(api, ctx, t, steal(obj), ret, err);
}
