/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of metadata that every room reads. Missing and ill-typed read alike: as nothing. */
#include "meta/object.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/str.h"

static const json_t *meta(const json_t *obj, const char *key)
{
    return jx_get(jx_get(obj, "metadata"), key);
}

static const char *meta_text(const json_t *obj, const char *key)
{
    return jx_get_str(jx_get(obj, "metadata"), key, "");
}

const char *object_name(const json_t *obj)
{
    return meta_text(obj, "name");
}

const char *object_namespace(const json_t *obj)
{
    return meta_text(obj, "namespace");
}

const char *object_uid(const json_t *obj)
{
    return meta_text(obj, "uid");
}

int64_t object_generation(const json_t *obj)
{
    return json_integer_value(meta(obj, "generation"));
}

int64_t object_revision(const json_t *obj)
{
    int64_t revision = 0;
    return str_to_i64(meta_text(obj, "resourceVersion"), 0, INT64_MAX, &revision) ? revision : 0;
}

bool object_deleting(const json_t *obj)
{
    return meta_text(obj, "deletionTimestamp")[0] != '\0';
}

/* ---- labels and annotations ---- */

static void set_in(json_t *obj, const char *map, const char *key, const char *value)
{
    if (value != NULL) {
        json_t *metadata = jx_make(obj, "metadata");
        json_object_set_new_nocheck(jx_make(metadata, map), key, json_string_nocheck(value));
        return;
    }
    json_t *metadata = json_object_get(obj, "metadata");
    json_t *members = json_object_get(metadata, map);
    json_object_del(members, key);
    if (json_is_object(members) && json_object_size(members) == 0) {
        json_object_del(metadata, map); /* as Kubernetes leaves out what is empty */
    }
}

const json_t *object_labels(const json_t *obj)
{
    const json_t *labels = meta(obj, "labels");
    return json_is_object(labels) ? labels : NULL;
}

const char *object_label(const json_t *obj, const char *key)
{
    return jx_get_str(meta(obj, "labels"), key, NULL);
}

const char *object_annotation(const json_t *obj, const char *key)
{
    return jx_get_str(meta(obj, "annotations"), key, NULL);
}

void object_set_label(json_t *obj, const char *key, const char *value)
{
    set_in(obj, "labels", key, value);
}

void object_set_annotation(json_t *obj, const char *key, const char *value)
{
    set_in(obj, "annotations", key, value);
}

/* ---- owners ---- */

const json_t *object_controller(const json_t *obj)
{
    size_t i;
    const json_t *ref;
    jx_each(i, ref, meta(obj, "ownerReferences"))
    {
        if (json_is_true(jx_get(ref, "controller"))) {
            return ref;
        }
    }
    return NULL;
}

bool object_controlled_by(const json_t *obj, const char *uid)
{
    const char *owner = jx_get_str(object_controller(obj), "uid", NULL);
    return owner != NULL && strcmp(owner, uid) == 0;
}

json_t *object_controller_ref(const json_t *owner, const char *api_version, const char *kind)
{
    json_t *ref = json_object();
    jx_put_str(ref, "apiVersion", api_version);
    jx_put_str(ref, "kind", kind);
    jx_put_str(ref, "name", object_name(owner));
    jx_put_str(ref, "uid", object_uid(owner));
    jx_put_bool(ref, "controller", true);
    jx_put_bool(ref, "blockOwnerDeletion", true);
    return ref;
}

/* ---- finalizers ---- */

static size_t finalizer_index(const json_t *list, const char *name)
{
    size_t i;
    const json_t *item;
    jx_each(i, item, list)
    {
        if (str_eq(json_string_value(item), name)) {
            return i;
        }
    }
    return (size_t)-1;
}

bool object_has_finalizer(const json_t *obj, const char *name)
{
    return finalizer_index(meta(obj, "finalizers"), name) != (size_t)-1;
}

bool object_add_finalizer(json_t *obj, const char *name)
{
    if (object_has_finalizer(obj, name)) {
        return false;
    }
    json_t *metadata = jx_make(obj, "metadata");
    json_t *list = json_object_get(metadata, "finalizers");
    if (!json_is_array(list)) {
        list = json_array();
        json_object_set_new_nocheck(metadata, "finalizers", list);
    }
    json_array_append_new(list, json_string_nocheck(name));
    return true;
}

bool object_remove_finalizer(json_t *obj, const char *name)
{
    json_t *metadata = json_object_get(obj, "metadata");
    json_t *list = json_object_get(metadata, "finalizers");
    size_t i = finalizer_index(list, name);
    if (i == (size_t)-1) {
        return false;
    }
    json_array_remove(list, i);
    if (json_array_size(list) == 0) {
        json_object_del(metadata, "finalizers");
    }
    return true;
}
