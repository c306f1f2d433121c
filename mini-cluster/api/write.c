/* SPDX-License-Identifier: Apache-2.0 */
/* One path into the store, so that no verb forgets a step of it. */
#include "api/write.h"

#include <string.h>

#include "api/core.h"
#include "api/fault.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "meta/object.h"

struct store_key api_write_key(const struct api_target *t)
{
    return (struct store_key){t->kind->gr, t->kind->namespaced ? t->ns : "", t->name};
}

int api_write_find(struct api *api, struct api_ctx *ctx, const struct api_target *t,
                   const struct store_entry **ret, struct err *err)
{
    struct store_key key = api_write_key(t);
    *ret = store_find(api->store, STORE_STAGED, &key);
    return *ret != NULL ? 0 : api_fault_not_found(ctx, t->kind, t->name, err);
}

static struct admission_request request_of(const struct api_write *w)
{
    return (struct admission_request){.kind = w->t->kind,
                                      .ns = w->t->ns,
                                      .name = object_name(w->obj),
                                      .subresource = w->t->subresource,
                                      .old = w->old,
                                      .obj = w->obj,
                                      .dry_run = w->ctx->dry_run,
                                      .warnings = w->ctx->warnings};
}

/* A worker's status: the rest of the object was complete and valid before. */
static bool is_own_status(const struct api_write *w)
{
    return w->ctx->in_process && strcmp(w->t->subresource, "status") == 0;
}

int api_write_default(struct api_write *w, struct err *err)
{
    const struct kind *k = w->t->kind;
    if (kinds_check_types(k, w->obj, err) < 0) {
        return -1;
    }
    if (is_own_status(w)) {
        return 0;
    }
    if (!w->ctx->in_process) {
        kinds_prune(k, w->obj);
    }
    kinds_default(k, w->obj);
    struct field_errs errs = {0};
    if (w->ctx->warnings == NULL && !w->ctx->in_process) {
        w->ctx->warnings = json_array();
    }
    struct admission_request r = request_of(w);
    admission_mutate(w->api->admission, &r, &errs);
    int rc = api_fault_invalid(w->ctx, k, r.name, &errs, err);
    field_errs_fini(&errs);
    return rc;
}

static int validate(struct api_write *w, struct err *err)
{
    if (is_own_status(w)) {
        return 0;
    }
    const struct kind *k = w->t->kind;
    struct field_errs errs = {0};
    struct admission_request r = request_of(w);
    kinds_validate(k, w->obj, &errs);
    if (w->old != NULL) {
        kinds_validate_update(k, w->old, w->obj, &errs);
    }
    if (errs.n == 0) { /* the rules of one kind rely on the right shape */
        admission_validate(w->api->admission, &r, &errs);
    }
    int rc = api_fault_invalid(w->ctx, k, r.name, &errs, err);
    field_errs_fini(&errs);
    return rc;
}

static int admit(struct api_write *w, struct err *err)
{
    json_auto_t *causes = json_array();
    struct admission_request r = request_of(w);
    if (admission_admit(w->api->admission, &r, causes, err) == 0) {
        return 0;
    }
    if (err->code == ERR_NOT_FOUND) {
        return api_fault_not_found(w->ctx, kinds_find("", "v1", "namespaces"), w->t->ns, err);
    }
    if (err->code != ERR_FORBIDDEN) {
        return -1;
    }
    json_decref(w->ctx->fault.causes);
    w->ctx->fault.causes = json_incref(causes);
    return api_fault_forbidden(w->ctx, w->t->kind, r.name, err, "%s", err->msg);
}

enum { LARGE = 256 * 1024, MAX_OBJECT = 1536 * 1024 };

/* Patch by patch an object could outgrow what one body may bring: what is large already is
 * measured. */
static int check_size(const struct api_write *w, struct err *err)
{
    if (w->entry == NULL || w->entry->len < LARGE) {
        return 0;
    }
    cleanup_str struct str text = STR_INIT;
    jx_dump(&text, w->obj);
    return text.len <= MAX_OBJECT
               ? 0
               : err_set(err, ERR_TOO_LARGE, "%s \"%s\" would be %zu bytes long: limit is %d",
                         w->t->kind->gr, w->t->name, text.len, MAX_OBJECT);
}

static int put(struct api_write *w, struct api_object *ret, struct err *err)
{
    const struct kind *k = w->t->kind;
    cleanup_free char *name = xstrdup(object_name(w->obj));
    struct store_key key = {k->gr, k->namespaced ? w->t->ns : "", name};
    int64_t expect = w->entry != NULL ? w->entry->rev : 0;
    if (store_put(w->api->store, &key, steal(w->obj), expect, &ret->entry, err) == 0) {
        return 0;
    }
    if (err->code == ERR_ALREADY_EXISTS) {
        return api_fault_exists(w->ctx, k, name, err);
    }
    return err->code == ERR_CONFLICT ? api_fault_modified(w->ctx, k, name, err) : -1;
}

static bool exists(const struct api_write *w)
{
    struct store_key key = {w->t->kind->gr, w->t->kind->namespaced ? w->t->ns : "",
                            object_name(w->obj)};
    cleanup_entry const struct store_entry *e = store_find(w->api->store, STORE_STAGED, &key);
    return e != NULL;
}

int api_write_commit(struct api_write *w, struct api_object *ret, struct err *err)
{
    if (validate(w, err) < 0 || admit(w, err) < 0 || check_size(w, err) < 0) {
        return -1;
    }
    if (!w->ctx->dry_run) {
        return put(w, ret, err);
    }
    if (w->entry == NULL && exists(w)) {
        return api_fault_exists(w->ctx, w->t->kind, object_name(w->obj), err);
    }
    ret->tree = steal(w->obj);
    return 0;
}

bool api_write_may_go(const struct kind *k, const json_t *obj)
{
    if (!object_deleting(obj) || jx_len(obj, "metadata.finalizers") > 0) {
        return false;
    }
    if (strcmp(k->gr, "namespaces") == 0 && jx_len(obj, "spec.finalizers") > 0) {
        return false;
    }
    return jx_int(obj, "metadata.deletionGracePeriodSeconds", 0) == 0;
}

int api_write_remove(struct api_write *w, struct api_object *ret, struct err *err)
{
    ret->removed = true;
    if (w->ctx->dry_run) {
        ret->entry = store_entry_ref(w->entry);
        return 0;
    }
    struct store_key key = api_write_key(w->t);
    if (store_delete(w->api->store, &key, w->entry->rev, &ret->entry, err) == 0) {
        return 0;
    }
    return err->code == ERR_CONFLICT ? api_fault_modified(w->ctx, w->t->kind, w->t->name, err) : -1;
}
