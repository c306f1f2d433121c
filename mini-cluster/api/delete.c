/* SPDX-License-Identifier: Apache-2.0 */
/* Deletion in two steps: marked, while somebody still has work to do with it, then gone. */
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
#include "meta/time.h"

static bool is_kind(const struct kind *k, const char *gr)
{
    return strcmp(k->gr, gr) == 0;
}

static int check_preconditions(const struct api_write *w, const struct api_delete_opts *opts,
                               struct err *err)
{
    const struct kind *k = w->t->kind;
    if (opts->uid != NULL && strcmp(opts->uid, w->entry->uid) != 0) {
        return api_fault_conflict(w->ctx, k, w->t->name, err,
                                  "Precondition failed: UID in precondition: %s, UID in object "
                                  "meta: %s",
                                  opts->uid, w->entry->uid);
    }
    const char *rev = opts->resource_version;
    if (rev != NULL && strcmp(rev, jx_str(w->old, "metadata.resourceVersion", "")) != 0) {
        return api_fault_conflict(w->ctx, k, w->t->name, err,
                                  "Precondition failed: ResourceVersion in precondition: %s, "
                                  "ResourceVersion in object meta: %lld",
                                  rev, (long long)w->entry->rev);
    }
    return 0;
}

/* How long the pod has; 0 for everything else, and for what runs nowhere. */
static int64_t grace_of(const struct api_write *w, const struct api_delete_opts *opts)
{
    if (!is_kind(w->t->kind, "pods") || w->entry->node[0] == '\0' || object_pod_terminal(w->old)) {
        return 0;
    }
    int64_t own = jx_int(w->old, "spec.terminationGracePeriodSeconds", 30);
    int64_t grace = opts->grace_s >= 0 ? opts->grace_s : own;
    return grace >= 0 ? grace : 1;
}

/* The finalizers that ask the garbage collector to deal with the dependents. Returns whether they
 * changed. */
static bool settle_policy(json_t *obj, const char *policy)
{
    if (policy == NULL) {
        return false;
    }
    bool foreground = strcmp(policy, "Foreground") == 0;
    bool orphan = strcmp(policy, "Orphan") == 0;
    bool changed = foreground ? object_add_finalizer(obj, "foregroundDeletion")
                              : object_remove_finalizer(obj, "foregroundDeletion");
    changed |=
        orphan ? object_add_finalizer(obj, "orphan") : object_remove_finalizer(obj, "orphan");
    return changed;
}

/* metadata.finalizers is shared with the frozen version after a thaw. */
static void own_finalizers(json_t *obj)
{
    json_t *meta = api_write_meta(obj);
    const json_t *list = json_object_get(meta, "finalizers");
    if (list != NULL) {
        json_object_set_new(meta, "finalizers", json_copy((json_t *)(uintptr_t)list));
    }
}

static void mark(struct api_write *w, int64_t grace_s, int64_t from_us)
{
    json_t *meta = api_write_meta(w->obj);
    char when[21];
    time_format(when, from_us + grace_s * 1000000);
    json_object_set_new(meta, "deletionTimestamp", json_string(when));
    json_object_set_new(meta, "deletionGracePeriodSeconds", json_integer(grace_s));
    if (!object_deleting(w->old) && w->t->kind->has_generation) {
        json_object_set_new(meta, "generation", json_integer(object_generation(w->old) + 1));
    }
}

/* A namespace says so in its phase, too. */
static void mark_namespace(json_t *obj)
{
    json_t *status = jx_edit(jx_get(obj, "status"));
    if (!json_is_object(status)) {
        json_decref(status);
        status = json_object();
    }
    json_object_set_new(status, "phase", json_string("Terminating"));
    json_object_set_new(obj, "status", status);
}

/* A shorter grace moves the end nearer; a longer one changes nothing. */
static bool shorten(struct api_write *w, int64_t grace_s)
{
    int64_t had = jx_int(w->old, "metadata.deletionGracePeriodSeconds", 0);
    int64_t due = 0;
    if (grace_s >= had || !time_parse(jx_str(w->old, "metadata.deletionTimestamp", ""), &due)) {
        return false;
    }
    mark(w, grace_s, due - had * 1000000);
    return true;
}

static bool waits_for_somebody(const struct api_write *w)
{
    return jx_len(w->obj, "metadata.finalizers") > 0 ||
           (is_kind(w->t->kind, "namespaces") && jx_len(w->obj, "spec.finalizers") > 0);
}

static int store_marked(struct api_write *w, struct api_object *ret, struct err *err)
{
    if (w->ctx->dry_run) {
        ret->tree = steal(w->obj);
        return 0;
    }
    struct store_key key = api_write_key(w->t);
    return store_put(w->api->store, &key, steal(w->obj), w->entry->rev, &ret->entry, err);
}

static int delete_object(struct api_write *w, const struct api_delete_opts *opts,
                         struct api_object *ret, struct err *err)
{
    w->obj = api_write_thaw(w->old);
    own_finalizers(w->obj);
    bool changed = settle_policy(w->obj, opts->policy);
    int64_t grace = grace_of(w, opts);
    if (!object_deleting(w->old)) {
        if (grace == 0 && !waits_for_somebody(w)) {
            return api_write_remove(w, ret, err);
        }
        mark(w, grace, loop_wall_us(w->api->loop));
        if (is_kind(w->t->kind, "namespaces")) {
            mark_namespace(w->obj);
        }
        return store_marked(w, ret, err);
    }
    changed |= shorten(w, grace);
    if (api_write_may_go(w->t->kind, w->obj)) {
        return api_write_remove(w, ret, err);
    }
    if (!changed) {
        ret->entry = store_entry_ref(w->entry);
        return 0;
    }
    return store_marked(w, ret, err);
}

int api_delete(struct api *api, struct api_ctx *ctx, const struct api_target *t,
               const struct api_delete_opts *opts, struct api_object *ret, struct err *err)
{
    if (admission_admit_delete(t->kind, t->name, err) < 0) {
        return api_fault_forbidden(ctx, t->kind, t->name, err, "%s", err->msg);
    }
    cleanup_entry const struct store_entry *entry = NULL;
    if (api_write_find(api, ctx, t, &entry, err) < 0) {
        return -1;
    }
    struct api_write w = {.api = api, .ctx = ctx, .t = t, .entry = entry};
    w.old = store_tree(api->store, entry);
    int rc = check_preconditions(&w, opts, err);
    if (rc == 0) {
        rc = delete_object(&w, opts, ret, err);
    }
    json_decref(w.obj);
    return rc;
}
