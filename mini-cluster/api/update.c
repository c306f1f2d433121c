/* SPDX-License-Identifier: Apache-2.0 */
/* A new version in place of the old: the spec through the object, the status through its
 * subresource, never both at once. */
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

static void replace_member(json_t *obj, const char *key, const json_t *value)
{
    if (value != NULL) {
        json_object_set(obj, key, (json_t *)(uintptr_t)value); /* shared and frozen from here on */
    } else {
        json_object_del(obj, key);
    }
}

/* Only `part` of what was sent counts; all else stays as it is. */
static void keep_only(struct api_write *w, const char *part)
{
    json_t *obj = api_write_thaw(w->old);
    replace_member(obj, part, jx_get(w->obj, part));
    json_decref(w->obj);
    w->obj = obj;
}

/* A namespace's spec.finalizers can be changed through /finalize, and nowhere else. */
static void settle_parts(struct api_write *w)
{
    const struct kind *k = w->t->kind;
    const char *sub = w->t->subresource;
    if (strcmp(sub, "status") == 0) {
        keep_only(w, "status");
    } else if (strcmp(sub, "finalize") == 0) {
        keep_only(w, "spec");
    } else {
        if (kinds_subresource(k, "status") != NULL) {
            replace_member(w->obj, "status", jx_get(w->old, "status"));
        }
        if (strcmp(k->gr, "namespaces") == 0) {
            replace_member(w->obj, "spec", jx_get(w->old, "spec"));
        }
    }
}

static void count_generation(struct api_write *w)
{
    const struct kind *k = w->t->kind;
    if (!k->has_generation || strcmp(w->t->subresource, "status") == 0) {
        return;
    }
    const json_t *was = jx_get(w->old, "spec");
    const json_t *is = jx_get(w->obj, "spec");
    if (was != is && (was == NULL || is == NULL || !jx_equal(was, is))) {
        json_object_set_new(api_write_meta(w->obj), "generation",
                            json_integer(object_generation(w->old) + 1));
    }
}

/* What is going away gains no new reason to stay. */
static int check_finalizers(const struct api_write *w, struct err *err)
{
    if (!object_deleting(w->old)) {
        return 0;
    }
    struct str added = STR_INIT;
    size_t i;
    const json_t *f;
    jx_each(i, f, jx_arr(w->obj, "metadata.finalizers"))
    {
        const char *name = json_string_value(f);
        if (name != NULL && !object_has_finalizer(w->old, name)) {
            str_add_f(&added, "%s\"%s\"", added.len > 0 ? ", " : "", name);
        }
    }
    int rc = 0;
    if (added.len > 0) {
        struct field_errs errs = {0};
        cleanup_free char *why = xasprintf("no new finalizers can be added if the object is being "
                                           "deleted, found new finalizers []string{%s}",
                                           added.p);
        field_errs_forbidden(&errs, "metadata.finalizers", why);
        rc = api_fault_invalid(w->ctx, w->t->kind, w->t->name, &errs, err);
        field_errs_fini(&errs);
    }
    str_fini(&added);
    return rc;
}

/* The last finalizer is gone: the new version is stored no more, the object goes. */
static int store_or_remove(struct api_write *w, struct api_object *ret, struct err *err)
{
    if (!api_write_may_go(w->t->kind, w->obj)) {
        return api_write_commit(w, ret, err);
    }
    return api_write_remove(w, ret, err);
}

/* Of a status write only the status is looked at: most of all writes are such, and most of a pod is
 * its spec. */
static void drop_spec(struct api_write *w)
{
    if (strcmp(w->t->subresource, "status") == 0) {
        json_object_del(w->obj, "spec");
    }
}

static int update(struct api_write *w, struct api_object *ret, struct err *err)
{
    if (api_write_meta_carry(w, err) < 0) {
        return -1;
    }
    drop_spec(w);
    if (api_write_default(w, err) < 0) {
        return -1;
    }
    settle_parts(w);
    count_generation(w);
    if (check_finalizers(w, err) < 0) {
        return -1;
    }
    return store_or_remove(w, ret, err);
}

int api_update(struct api *api, struct api_ctx *ctx, const struct api_target *t, json_t *obj,
               struct api_object *ret, struct err *err)
{
    json_auto_t *sent = obj;
    if (strcmp(t->subresource, "scale") == 0) {
        return api_scale_put(api, ctx, t, steal(sent), ret, err);
    }
    cleanup_entry const struct store_entry *entry = NULL;
    if (api_write_find(api, ctx, t, &entry, err) < 0) {
        return -1;
    }
    struct api_write w = {.api = api, .ctx = ctx, .t = t, .entry = entry, .obj = steal(sent)};
    w.old = store_tree(api->store, entry);
    int rc = update(&w, ret, err);
    json_decref(w.obj);
    return rc;
}
