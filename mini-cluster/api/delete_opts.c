/* SPDX-License-Identifier: Apache-2.0 */
/* DeleteOptions come as a body, as query parameters, inside an Eviction: read the same everywhere.
 */
#include <string.h>

#include "api/fault.h"
#include "api/ops.h"
#include "common/json/jx.h"
#include "kinds/kinds.h"

static int read_dry_run(struct api_ctx *ctx, const json_t *list, struct err *err)
{
    size_t i;
    const json_t *v;
    jx_each(i, v, list)
    {
        const char *s = json_string_value(v);
        if (s == NULL || strcmp(s, "All") != 0) {
            return api_fault_unsupported(ctx, "dryRun", s != NULL ? s : "", "\"All\"", err);
        }
        ctx->dry_run = true;
    }
    return 0;
}

static bool is_policy(const char *s)
{
    return strcmp(s, "Background") == 0 || strcmp(s, "Foreground") == 0 || strcmp(s, "Orphan") == 0;
}

static int read_policy(struct api_ctx *ctx, const json_t *options, struct api_delete_opts *ret,
                       struct err *err)
{
    const json_t *orphan = jx_get(options, "orphanDependents");
    const char *policy = jx_get_str(options, "propagationPolicy", NULL);
    if (json_is_boolean(orphan)) { /* what propagationPolicy was called before */
        ret->policy = json_is_true(orphan) ? "Orphan" : "Background";
    }
    if (policy == NULL || policy[0] == '\0') {
        return 0;
    }
    if (!is_policy(policy)) {
        return api_fault_unsupported(ctx, "propagationPolicy", policy,
                                     "\"Foreground\", \"Background\", \"Orphan\"", err);
    }
    ret->policy = policy;
    return 0;
}

int api_delete_opts_read(struct api_ctx *ctx, const json_t *options, struct api_delete_opts *ret,
                         struct err *err)
{
    if (options == NULL || json_is_null(options)) {
        return 0;
    }
    const struct kind *k = kinds_find_kind("", "v1", "DeleteOptions");
    if (k == NULL) {
        k = kinds_find_kind("meta.k8s.io", "v1", "DeleteOptions");
    }
    if (!json_is_object(options) || (k != NULL && kinds_check_types(k, options, err) < 0)) {
        return json_is_object(options)
                   ? -1
                   : err_set(err, ERR_BAD_REQUEST, "DeleteOptions must be a JSON object");
    }
    const json_t *grace = jx_get(options, "gracePeriodSeconds");
    if (json_is_integer(grace)) {
        ret->grace_s = json_integer_value(grace) >= 0 ? json_integer_value(grace) : 1;
    }
    const json_t *pre = jx_get(options, "preconditions");
    ret->uid = jx_get_str(pre, "uid", ret->uid);
    ret->resource_version = jx_get_str(pre, "resourceVersion", ret->resource_version);
    if (read_policy(ctx, options, ret, err) < 0) {
        return -1;
    }
    return read_dry_run(ctx, jx_get(options, "dryRun"), err);
}
