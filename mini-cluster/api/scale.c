/* SPDX-License-Identifier: Apache-2.0 */
/* How many, without having to know what: kubectl scale and autoscalers see every workload as a
 * Scale. */
#include <string.h>

#include "api/core.h"
#include "api/fault.h"
#include "api/ops.h"
#include "api/write.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "meta/selector.h"

static const struct kind *scale_kind(void)
{
    return kinds_find_kind("autoscaling", "v1", "Scale");
}

/* spec.selector as text: a LabelSelector, or the plain map of a ReplicationController. */
static char *selector_text(const json_t *obj)
{
    const json_t *sel = jx_path(obj, "spec.selector");
    struct selector *parsed = NULL;
    struct err err;
    if (jx_get(sel, "matchLabels") == NULL && jx_get(sel, "matchExpressions") == NULL) {
        parsed = selector_from_map(sel);
    } else if (selector_from_json(sel, &parsed, &err) < 0) {
        return xstrdup("");
    }
    struct str out = STR_INIT;
    selector_format(parsed, &out);
    selector_free(parsed);
    return str_take(&out);
}

static json_t *scale_of(const json_t *obj)
{
    cleanup_free char *selector = selector_text(obj);
    json_t *scale =
        json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s}, s:{s:I}, s:{s:I, s:s}}", "kind", "Scale",
                  "apiVersion", "autoscaling/v1", "metadata", "name", object_name(obj), "namespace",
                  object_namespace(obj), "uid", object_uid(obj), "resourceVersion",
                  jx_str(obj, "metadata.resourceVersion", ""), "creationTimestamp",
                  jx_str(obj, "metadata.creationTimestamp", ""), "spec", "replicas",
                  (json_int_t)jx_int(obj, "spec.replicas", 0), "status", "replicas",
                  (json_int_t)jx_int(obj, "status.replicas", 0), "selector", selector);
    return scale;
}

int api_scale_get(struct api *api, struct api_ctx *ctx, const struct api_target *t,
                  struct api_object *ret, struct err *err)
{
    cleanup_entry const struct store_entry *entry = NULL;
    if (api_write_find(api, ctx, t, &entry, err) < 0) {
        return -1;
    }
    ret->tree = scale_of(store_tree(api->store, entry));
    return 0;
}

static int check_scale(struct api_ctx *ctx, const struct api_target *t, const json_t *scale,
                       struct err *err)
{
    const struct kind *k = scale_kind();
    if (kinds_check_types(k, scale, err) < 0) {
        return -1;
    }
    const char *name = object_name(scale);
    if (strcmp(name, t->name) != 0) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the name of the object (%s) does not match the name on the URL (%s)", name,
                       t->name);
    }
    struct field_errs errs = {0};
    const json_t *replicas = jx_path(scale, "spec.replicas");
    if (json_integer_value(replicas) < 0) {
        field_errs_invalid(&errs, "spec.replicas", replicas, "must be greater than or equal to 0");
    }
    int rc = api_fault_invalid(ctx, k, name, &errs, err);
    field_errs_fini(&errs);
    return rc;
}

/* The workload with the replicas and the preconditions of the Scale. */
static json_t *scaled(const json_t *old, const json_t *scale)
{
    json_t *obj = jx_edit(old);
    jx_put_int(obj, "spec.replicas", jx_int(scale, "spec.replicas", 0));
    json_t *meta = api_write_meta(obj);
    const char *const preconditions[] = {"resourceVersion", "uid"};
    for (size_t i = 0; i < ARRAY_LEN(preconditions); i++) {
        const char *value = jx_get_str(jx_get(scale, "metadata"), preconditions[i], "");
        json_object_del(meta, preconditions[i]);
        if (value[0] != '\0') {
            json_object_set_new(meta, preconditions[i], json_string(value));
        }
    }
    return obj;
}

int api_scale_put(struct api *api, struct api_ctx *ctx, const struct api_target *t, json_t *scale,
                  struct api_object *ret, struct err *err)
{
    json_auto_t *sent = scale;
    cleanup_entry const struct store_entry *entry = NULL;
    if (check_scale(ctx, t, sent, err) < 0 || api_write_find(api, ctx, t, &entry, err) < 0) {
        return -1;
    }
    struct api_target whole = *t;
    whole.subresource = "";
    cleanup_api_object struct api_object out = {0};
    json_t *obj = scaled(store_tree(api->store, entry), sent);
    if (api_update(api, ctx, &whole, obj, &out, err) < 0) {
        return -1;
    }
    ret->tree = scale_of(api_object_tree(api, &out));
    return 0;
}
