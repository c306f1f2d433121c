/* SPDX-License-Identifier: Apache-2.0 */
/* The one write that gives a pod its node. The scheduler makes a thousand of them a second, so only
 * what it changes is copied. */
#include <string.h>

#include "api/core.h"
#include "api/fault.h"
#include "api/ops.h"
#include "api/write.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "kinds/kinds.h"
#include "meta/object.h"

static int check_target(struct api_ctx *ctx, const struct api_target *t, const json_t *binding,
                        struct err *err)
{
    const json_t *target = jx_get(binding, "target");
    const char *name = jx_get_str(target, "name", "");
    const char *kind = jx_get_str(target, "kind", "Node");
    struct field_errs errs = {0};
    if (strcmp(kind, "Node") != 0 && kind[0] != '\0') {
        static const char *const kinds[] = {"Node", "<empty>", NULL};
        field_errs_not_supported(&errs, "target.kind", jx_get(target, "kind"), kinds);
    }
    if (name[0] == '\0') {
        field_errs_required(&errs, "target.name", "");
    }
    int rc = api_fault_invalid(ctx, kinds_find_kind("", "v1", "Binding"), t->name, &errs, err);
    field_errs_fini(&errs);
    return rc;
}

static int conflict(struct api_ctx *ctx, const struct api_target *t, struct err *err,
                    const char *why)
{
    ctx->fault.group = "";
    ctx->fault.kind = "pods/binding";
    str_copy(ctx->fault.name, sizeof(ctx->fault.name), t->name);
    return err_set(err, ERR_CONFLICT, "Operation cannot be fulfilled on pods/binding \"%s\": %s",
                   t->name, why);
}

static int check_pod(struct api_ctx *ctx, const struct api_target *t,
                     const struct store_entry *entry, struct err *err)
{
    char why[384];
    if (entry->deleting) {
        snprintf(why, sizeof(why), "pod %.250s is being deleted, cannot be assigned to a host",
                 t->name);
        return conflict(ctx, t, err, why);
    }
    if (entry->node[0] != '\0') {
        snprintf(why, sizeof(why), "pod %.150s is already assigned to node \"%.150s\"", t->name,
                 entry->node);
        return conflict(ctx, t, err, why);
    }
    return 0;
}

static json_t *bound(struct api *api, const json_t *old, const char *node)
{
    json_t *pod = api_write_thaw(old);
    json_t *spec = json_copy(json_object_get(pod, "spec"));
    json_object_set_new(spec, "nodeName", json_string(node));
    json_object_set_new(pod, "spec", spec);
    json_t *status = json_copy(json_object_get(pod, "status"));
    status = status != NULL ? status : json_object();
    json_t *conditions = json_object_get(status, "conditions");
    if (conditions != NULL) {
        json_object_set_new(status, "conditions", json_copy(conditions));
    }
    json_object_set_new(pod, "status", status);
    object_set_condition(pod, "PodScheduled", "True", NULL, NULL, loop_wall_us(api->loop), false);
    return pod;
}

int api_bind(struct api *api, struct api_ctx *ctx, const struct api_target *t,
             const json_t *binding, struct err *err)
{
    cleanup_entry const struct store_entry *entry = NULL;
    if (check_target(ctx, t, binding, err) < 0 || api_write_find(api, ctx, t, &entry, err) < 0 ||
        check_pod(ctx, t, entry, err) < 0) {
        return -1;
    }
    const char *uid = jx_str(binding, "metadata.uid", "");
    if (uid[0] != '\0' && strcmp(uid, entry->uid) != 0) {
        return conflict(ctx, t, err, "Precondition failed: the pod is another one by now");
    }
    if (ctx->dry_run) {
        return 0;
    }
    const char *node = jx_str(binding, "target.name", "");
    struct store_key key = api_write_key(t);
    return store_put(api->store, &key, bound(api, store_tree(api->store, entry), node), entry->rev,
                     NULL, err);
}
