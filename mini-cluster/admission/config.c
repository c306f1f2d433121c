/* SPDX-License-Identifier: Apache-2.0 */
/* ConfigMaps and Secrets: how much they hold, what some types must hold, and that what was sealed
 * stays sealed. */
#include <string.h>

#include "admission/admission_impl.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"

enum { MAX_BYTES = 1024 * 1024 };

/* How many bytes a base64 text stands for. */
static size_t decoded_size(const json_t *v)
{
    const char *text = json_string_value(v);
    size_t n = text != NULL ? strlen(text) : 0;
    size_t pad = 0;
    while (pad < 2 && n > pad && text[n - 1 - pad] == '=') {
        pad++;
    }
    return n / 4 * 3 - (n >= 4 ? pad : 0);
}

static size_t total(const json_t *map, bool base64)
{
    size_t n = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, key, value)
    {
        n += base64 ? decoded_size(value) : json_string_length(value);
    }
    return n;
}

/* ---- sealed objects ---- */

static void check_same(const struct admission_request *r, const char *field,
                       struct field_errs *errs)
{
    const json_t *was = jx_get(r->old, field), *is = jx_get(r->obj, field);
    bool both_empty = json_object_size(was) == 0 && json_object_size(is) == 0;
    if (!both_empty && (was == NULL || is == NULL || !jx_equal(was, is))) {
        field_errs_forbidden(errs, field, "field is immutable when `immutable` is set");
    }
}

static void check_sealed(const struct admission_request *r, const char *const *fields,
                         struct field_errs *errs)
{
    if (r->old == NULL || !jx_bool(r->old, "immutable", false)) {
        return;
    }
    if (!jx_bool(r->obj, "immutable", false)) {
        field_errs_forbidden(errs, "immutable", "field is immutable when `immutable` is set");
    }
    for (; *fields != NULL; fields++) {
        check_same(r, *fields, errs);
    }
}

/* ---- ConfigMaps ---- */

static void check_shared_keys(const json_t *obj, struct field_errs *errs)
{
    const json_t *data = jx_get(obj, "data");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)jx_get(obj, "binaryData"), key, value)
    {
        if (jx_get(data, key) != NULL) {
            cleanup_free char *field = xasprintf("data[%s]", key);
            json_auto_t *name = json_string(key);
            field_errs_invalid(errs, field, name, "duplicate of key present in binaryData");
        }
    }
}

void admission_configmap_validate(const struct admission_request *r, struct field_errs *errs)
{
    static const char *const fields[] = {"data", "binaryData", NULL};
    check_shared_keys(r->obj, errs);
    if (total(jx_get(r->obj, "data"), false) + total(jx_get(r->obj, "binaryData"), true) >
        MAX_BYTES) {
        field_errs_too_long(errs, "data", MAX_BYTES);
    }
    check_sealed(r, fields, errs);
}

/* ---- Secrets ---- */

/* stringData is a way to write data, and is never kept. */
void admission_secret_mutate(const struct admission_request *r)
{
    const json_t *plain = jx_get(r->obj, "stringData");
    if (plain == NULL) {
        return;
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)plain, key, value)
    {
        cleanup_str struct str text = STR_INIT;
        const char *s = json_string_value(value);
        str_base64(&text, s != NULL ? s : "", json_string_length(value));
        json_object_set_new(jx_make(r->obj, "data"), key, json_string(str_c(&text)));
    }
    json_object_del(r->obj, "stringData");
}

static void require_key(const json_t *obj, const char *key, struct field_errs *errs)
{
    if (jx_get(jx_get(obj, "data"), key) == NULL) {
        cleanup_free char *field = xasprintf("data[%s]", key);
        field_errs_required(errs, field, "");
    }
}

static void check_type(const json_t *obj, struct field_errs *errs)
{
    static const struct {
        const char *type, *keys[2];
    } types[] = {
        {"kubernetes.io/dockercfg", {".dockercfg", NULL}},
        {"kubernetes.io/dockerconfigjson", {".dockerconfigjson", NULL}},
        {"kubernetes.io/ssh-auth", {"ssh-privatekey", NULL}},
        {"kubernetes.io/tls", {"tls.crt", "tls.key"}},
    };
    const char *type = jx_get_str(obj, "type", "");
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        for (size_t j = 0; j < 2 && strcmp(types[i].type, type) == 0; j++) {
            if (types[i].keys[j] != NULL) {
                require_key(obj, types[i].keys[j], errs);
            }
        }
    }
    if (strcmp(type, "kubernetes.io/service-account-token") == 0 &&
        jx_get(jx_obj(obj, "metadata.annotations"), "kubernetes.io/service-account.name") == NULL) {
        field_errs_required(errs, "metadata.annotations[kubernetes.io/service-account.name]", "");
    }
}

void admission_secret_validate(const struct admission_request *r, struct field_errs *errs)
{
    static const char *const fields[] = {"data", NULL};
    check_type(r->obj, errs);
    if (total(jx_get(r->obj, "data"), true) > MAX_BYTES) {
        field_errs_too_long(errs, "data", MAX_BYTES);
    }
    if (r->old != NULL && !jx_equal(jx_get(r->old, "type"), jx_get(r->obj, "type"))) {
        field_errs_invalid(errs, "type", jx_get(r->obj, "type"), "field is immutable");
    }
    check_sealed(r, fields, errs);
}
