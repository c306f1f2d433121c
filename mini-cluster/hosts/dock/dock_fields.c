/* SPDX-License-Identifier: Apache-2.0 */
/* Docker's own reader takes any case of a key and the last of two that are the same: what it would
 * understand and what we have looked at must not differ, so neither is taken here. */
#include "hosts/dock/dock_fields.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"

enum { MAX_TEXT = 4096, MAX_ITEMS = 1024 };

const struct dock_field *dock_fields_find(const struct dock_field *table, const char *name)
{
    for (; table->name != NULL; table++) {
        if (strcmp(table->name, name) == 0) {
            return table;
        }
    }
    return NULL;
}

static const char *key_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL ? dot + 1 : path;
}

static int not_a(const char *path, const char *what, struct err *err)
{
    return err_set(err, ERR_BAD_REQUEST, "%s must be %s", path, what);
}

/* ---- values ---- */

static int check_text(const char *path, const json_t *v, struct err *err)
{
    if (!json_is_string(v)) {
        return not_a(path, "a string", err);
    }
    if (json_string_length(v) > MAX_TEXT) {
        return err_set(err, ERR_BAD_REQUEST, "%s is longer than %d bytes", path, (int)MAX_TEXT);
    }
    return 0;
}

static int put(json_t *out, const char *path, json_t *value)
{
    json_object_set_new(out, key_of(path), value);
    return 0;
}

static int read_int(const struct dock_field *f, const char *path, const json_t *v, json_t *out,
                    struct err *err)
{
    if (!json_is_integer(v)) {
        return not_a(path, "a whole number", err);
    }
    int64_t n = json_integer_value(v);
    if (n < f->min || n > f->max) {
        return err_set(err, ERR_BAD_REQUEST, "%s must be between %" PRId64 " and %" PRId64, path,
                       f->min, f->max);
    }
    return put(out, path, json_integer(n));
}

static int read_list(const char *path, const json_t *v, json_t *out, struct err *err)
{
    size_t i;
    const json_t *item;
    if (!json_is_array(v)) {
        return not_a(path, "a list of strings", err);
    }
    if (json_array_size(v) > MAX_ITEMS) {
        return err_set(err, ERR_BAD_REQUEST, "%s has more than %d items", path, (int)MAX_ITEMS);
    }
    jx_each(i, item, v)
    {
        if (check_text(path, item, err) != 0) {
            return -1;
        }
    }
    return put(out, path, jx_edit(v));
}

static int read_words(const char *path, const json_t *v, json_t *out, struct err *err)
{
    if (!json_is_string(v)) {
        return read_list(path, v, out, err);
    }
    if (check_text(path, v, err) != 0) {
        return -1;
    }
    return put(out, path, json_pack("[s]", json_string_value(v)));
}

static int read_texts(const char *path, const json_t *v, json_t *out, struct err *err)
{
    const char *key;
    json_t *item;
    if (!json_is_object(v) || json_object_size(v) > MAX_ITEMS) {
        return not_a(path, "an object of strings", err);
    }
    json_object_foreach((json_t *)(uintptr_t)v, key, item)
    {
        if (strlen(key) > MAX_TEXT || check_text(path, item, err) != 0) {
            return not_a(path, "an object of strings", err);
        }
    }
    return put(out, path, jx_edit(v));
}

static int read_object(const struct dock_field *f, const char *path, const json_t *v, json_t *out,
                       void *arg, struct err *err)
{
    json_auto_t *inner = json_object();
    if (dock_fields_read(f->fields, v, path, inner, arg, err) != 0) {
        return -1;
    }
    return put(out, path, json_incref(inner));
}

static bool is_empty(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_FALSE:
        return true;
    case JSON_INTEGER:
        return json_integer_value(v) == 0;
    case JSON_REAL:
        return json_real_value(v) == 0;
    case JSON_STRING:
        return json_string_length(v) == 0;
    case JSON_ARRAY:
        return json_array_size(v) == 0;
    case JSON_OBJECT:
        return json_object_size(v) == 0;
    default:
        return false;
    }
}

static int read_value(const struct dock_field *f, const char *path, const json_t *v, json_t *out,
                      void *arg, struct err *err)
{
    switch (f->rule) {
    case DOCK_BOOL:
        return json_is_boolean(v) ? put(out, path, json_boolean(json_is_true(v)))
                                  : not_a(path, "true or false", err);
    case DOCK_INT:
        return read_int(f, path, v, out, err);
    case DOCK_STR:
        return check_text(path, v, err) != 0 ? -1 : put(out, path, jx_edit(v));
    case DOCK_STRS:
        return read_list(path, v, out, err);
    case DOCK_WORDS:
        return read_words(path, v, out, err);
    case DOCK_TEXTS:
        return read_texts(path, v, out, err);
    case DOCK_OBJECT:
        return read_object(f, path, v, out, arg, err);
    case DOCK_OWN:
        return f->fn(arg, path, v, out, err);
    case DOCK_EMPTY:
        return is_empty(v) ? 0 : err_set(err, ERR_FORBIDDEN, "%s: %s", path, f->why);
    case DOCK_IGNORE:
        return 0;
    }
    return not_a(path, "something else", err);
}

/* ---- keys ---- */

static int unknown(const struct dock_field *table, const char *path, struct err *err)
{
    const char *key = key_of(path);
    for (; table->name != NULL; table++) {
        if (strcasecmp(table->name, key) == 0) {
            return err_set(err, ERR_BAD_REQUEST,
                           "%.200s: the field is called %s; another case of letters is not taken",
                           path, table->name);
        }
    }
    return err_set(err, ERR_BAD_REQUEST, "%.200s: the Docker of a podlab host has no such field",
                   path);
}

int dock_fields_read(const struct dock_field *table, const json_t *value, const char *path,
                     json_t *out, void *arg, struct err *err)
{
    const char *key;
    json_t *member;
    if (!json_is_object(value)) {
        return not_a(path[0] != '\0' ? path : "the body", "an object", err);
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        const struct dock_field *f = dock_fields_find(table, key);
        cleanup_free char *at = xasprintf("%s%s%s", path, path[0] != '\0' ? "." : "", key);
        if (f == NULL) {
            return unknown(table, at, err);
        }
        if (!json_is_null(member) && read_value(f, at, member, out, arg, err) != 0) {
            return -1;
        }
    }
    return 0;
}

int dock_fields_parse(const struct dock_field *table, const char *text, size_t n, json_t *out,
                      void *arg, struct err *err)
{
    json_t *parsed = NULL;
    if (n == 0) {
        return 0;
    }
    if (jx_parse(text, n, false, &parsed, err) != 0) {
        err->code = ERR_BAD_REQUEST;
        return err_wrap(err, "the body");
    }
    json_auto_t *value = parsed, *twice = json_array();
    jx_duplicates(text, n, twice);
    if (json_array_size(twice) > 0) {
        return err_set(err, ERR_BAD_REQUEST, "%.200s is in the body twice",
                       json_string_value(json_array_get(twice, 0)));
    }
    if (json_is_null(value)) {
        return 0;
    }
    return dock_fields_read(table, value, "", out, arg, err);
}
