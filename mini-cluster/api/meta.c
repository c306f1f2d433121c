/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata that the server alone writes: whatever a client sends there is replaced. */
#include <string.h>

#include "api/core.h"
#include "api/fault.h"
#include "api/write.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "meta/name.h"
#include "meta/object.h"
#include "meta/time.h"

json_t *api_write_meta(json_t *obj)
{
    json_t *meta = json_object_get(obj, "metadata");
    if (!json_is_object(meta)) {
        meta = json_object();
        json_object_set_new(obj, "metadata", meta);
    }
    return meta;
}

json_t *api_write_thaw(const json_t *frozen)
{
    json_t *obj = json_copy((json_t *)(uintptr_t)frozen); /* shallow: reads only */
    json_t *meta = json_object_get(obj, "metadata");
    if (json_is_object(meta)) {
        json_object_set_new(obj, "metadata", json_copy(meta));
    }
    return obj;
}

static const char *member(const json_t *meta, const char *key)
{
    const char *s = json_string_value(json_object_get(meta, key));
    return s != NULL ? s : "";
}

/* Where the object says it lives must be where the request says. */
static int settle_namespace(const struct api_write *w, json_t *meta, struct err *err)
{
    const char *ns = member(meta, "namespace");
    if (!w->t->kind->namespaced) {
        json_object_del(meta, "namespace");
        return 0;
    }
    if (ns[0] != '\0' && strcmp(ns, w->t->ns) != 0) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the namespace of the provided object does not match the namespace sent on "
                       "the request");
    }
    json_object_set_new(meta, "namespace", json_string(w->t->ns));
    return 0;
}

static void drop_untracked(json_t *meta)
{
    json_object_del(meta, "managedFields");
    json_object_del(meta, "selfLink");
}

/* The type of an object is that of its address; a body without one is given it. */
static void settle_type(const struct kind *k, json_t *obj)
{
    json_object_set_new(obj, "kind", json_string(k->kind));
    json_object_set_new(obj, "apiVersion", json_string(k->api_version));
}

/* A name that is free now; nothing else runs between here and the put. */
static void generate_name(const struct api_write *w, json_t *meta)
{
    const char *base = member(meta, "generateName");
    if (member(meta, "name")[0] != '\0' || base[0] == '\0') {
        return;
    }
    for (int tries = 0; tries < 8; tries++) {
        cleanup_free char *name = name_generate(w->api->loop, base);
        struct store_key key = {w->t->kind->gr, w->t->ns, name};
        cleanup_entry const struct store_entry *taken =
            store_find(w->api->store, STORE_STAGED, &key);
        json_object_set_new(meta, "name", json_string(name));
        if (taken == NULL) {
            return;
        }
    }
}

int api_write_meta_new(struct api_write *w, struct err *err)
{
    settle_type(w->t->kind, w->obj);
    json_t *meta = api_write_meta(w->obj);
    if (settle_namespace(w, meta, err) < 0) {
        return -1;
    }
    if (member(meta, "resourceVersion")[0] != '\0') {
        return err_set(err, ERR_BAD_REQUEST,
                       "resourceVersion should not be set on objects to be created");
    }
    static const char *const ours[] = {"resourceVersion", "deletionTimestamp",
                                       "deletionGracePeriodSeconds", "generation"};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        json_object_del(meta, ours[i]);
    }
    drop_untracked(meta);
    generate_name(w, meta);
    char uid[37];
    name_uid(w->api->loop, uid);
    json_object_set_new(meta, "uid", json_string(uid));
    char now[21];
    time_format(now, loop_wall_us(w->api->loop));
    json_object_set_new(meta, "creationTimestamp", json_string(now));
    if (w->t->kind->has_generation) {
        json_object_set_new(meta, "generation", json_integer(1));
    }
    return 0;
}

/* ---- a new version of what is there ---- */

/* "" and "0" are whatever is there. */
static int check_revision(const struct api_write *w, const char *text, struct err *err)
{
    int64_t rev = 0;
    if (text[0] != '\0' && !str_to_i64(text, 0, INT64_MAX, &rev)) {
        return err_set(err, ERR_BAD_REQUEST,
                       "metadata.resourceVersion: \"%.60s\" is none; leave it out, or send the one "
                       "that was read",
                       text);
    }
    return rev == 0 || rev == w->entry->rev
               ? 0
               : api_fault_modified(w->ctx, w->t->kind, w->t->name, err);
}

static int check_identity(const struct api_write *w, const json_t *meta, struct err *err)
{
    const struct kind *k = w->t->kind;
    const char *name = member(meta, "name");
    if (strcmp(name, w->t->name) != 0) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the name of the object (%s) does not match the name on the URL (%s)", name,
                       w->t->name);
    }
    const char *ns = member(meta, "namespace");
    if (k->namespaced && ns[0] != '\0' && strcmp(ns, w->t->ns) != 0) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the namespace of the object (%s) does not match the namespace on the "
                       "request (%s)",
                       ns, w->t->ns);
    }
    const char *uid = member(meta, "uid");
    if (uid[0] != '\0' && strcmp(uid, w->entry->uid) != 0) {
        return api_fault_conflict(
            w->ctx, k, w->t->name, err,
            "Precondition failed: UID in precondition: %s, UID in object meta: %s", uid,
            w->entry->uid);
    }
    return check_revision(w, member(meta, "resourceVersion"), err);
}

int api_write_meta_carry(struct api_write *w, struct err *err)
{
    settle_type(w->t->kind, w->obj);
    json_t *meta = api_write_meta(w->obj);
    if (check_identity(w, meta, err) < 0) {
        return -1;
    }
    const json_t *old = jx_get(w->old, "metadata");
    static const char *const ours[] = {
        "uid",          "creationTimestamp", "generation",
        "generateName", "deletionTimestamp", "deletionGracePeriodSeconds",
        "namespace",    "resourceVersion"};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        const json_t *v = jx_get(old, ours[i]);
        if (v != NULL) {
            json_object_set(meta, ours[i],
                            (json_t *)(uintptr_t)v); /* scalars: shared, never changed */
        } else {
            json_object_del(meta, ours[i]);
        }
    }
    drop_untracked(meta);
    return 0;
}
