/* SPDX-License-Identifier: Apache-2.0 */
/* A polite deletion: what kubectl drain asks for, pod by pod. */
#include <string.h>

#include "api/core.h"
#include "api/decode.h"
#include "api/fault.h"
#include "api/ops.h"
#include "api/write.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "kinds/kinds.h"
#include "meta/object.h"

/* Whoever watches the pod can tell an eviction from a crash. */
static int tell(struct api *api, const struct api_target *t, const struct store_entry *entry,
                struct err *err)
{
    const json_t *old = store_tree(api->store, entry);
    json_t *pod = api_write_thaw(old);
    const json_t *status = jx_get(old, "status");
    json_object_set_new(pod, "status", status != NULL ? jx_edit(status) : json_object());
    object_set_condition(pod, "DisruptionTarget", "True", "EvictionByEvictionAPI",
                         "Eviction API: evicting", loop_wall_us(api->loop), false);
    struct store_key key = api_write_key(t);
    return store_put(api->store, &key, pod, entry->rev, NULL, err);
}

static bool preconditions_met(const json_t *pod, const struct api_delete_opts *opts)
{
    const char *rev = jx_str(pod, "metadata.resourceVersion", "");
    return (opts->uid == NULL || strcmp(opts->uid, object_uid(pod)) == 0) &&
           (opts->resource_version == NULL || strcmp(opts->resource_version, rev) == 0);
}

int api_evict(struct api *api, struct api_ctx *ctx, const struct api_target *t,
              const json_t *eviction, struct err *err)
{
    const char *name = jx_str(eviction, "metadata.name", t->name);
    if (strcmp(name, t->name) != 0) {
        return err_set(err, ERR_BAD_REQUEST, "name in URL does not match name in Eviction object");
    }
    struct api_delete_opts opts = {.grace_s = -1};
    if (api_delete_opts_read(ctx, jx_get(eviction, "deleteOptions"), &opts, err) < 0) {
        return -1;
    }
    struct api_target pod = *t;
    pod.subresource = "";
    cleanup_entry const struct store_entry *entry = NULL;
    if (api_write_find(api, ctx, &pod, &entry, err) < 0) {
        return -1;
    }
    bool met = preconditions_met(store_tree(api->store, entry), &opts);
    if (met && !ctx->dry_run && !entry->deleting && entry->node[0] != '\0') {
        if (tell(api, &pod, entry, err) < 0) {
            return -1;
        }
        opts.resource_version = NULL; /* it was the right one; now there is a newer */
    }
    cleanup_api_object struct api_object out = {0};
    return api_delete(api, ctx, &pod, &opts, &out, err);
}
