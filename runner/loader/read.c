/* SPDX-License-Identifier: Apache-2.0 */
/* Reads typed members out of lab.yaml, and says where something is wrong. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "loader/loader_impl.h"

int read_fail(struct reading *r, const char *path, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    int line = 1;
    int column = 1;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    yaml_marks_at(r->marks, path, &line, &column);
    return err_set(r->err, ERR_INVALID, "%s:%d:%d: %s%s%s", r->file, line, column, path,
                   path[0] != '\0' ? ": " : "", text);
}

static const char *type_word(enum read_type t)
{
    static const char *const words[] = {"text",          "a word",    "a whole number",
                                        "true or false", "a mapping", "a list"};
    return words[t];
}

static bool has_type(const json_t *v, enum read_type t)
{
    switch (t) {
    case READ_TEXT:
        return json_is_string(v) || json_is_number(v);
    case READ_WORD:
        return json_is_string(v) || json_is_boolean(v);
    case READ_INT:
        return json_is_integer(v);
    case READ_BOOL:
        return json_is_boolean(v);
    case READ_OBJECT:
        return json_is_object(v);
    case READ_ARRAY:
        return json_is_array(v);
    }
    return false;
}

static int unknown_key(struct reading *r, const char *path, const char *key,
                       const struct read_key *keys)
{
    const char *near = NULL;
    unsigned best = 3;
    for (; keys->name != NULL; keys++) {
        unsigned d = str_distance(key, keys->name, 2);
        if (d < best) {
            best = d;
            near = keys->name;
        }
    }
    cleanup_free char *at = xasprintf("%s%s%s", path, path[0] != '\0' ? "." : "", key);
    if (near != NULL) {
        return read_fail(r, at, "unknown key \"%s\"; did you mean \"%s\"?", key, near);
    }
    return read_fail(r, at, "unknown key \"%s\"", key);
}

int read_keys(struct reading *r, const json_t *obj, const char *path, const struct read_key *keys)
{
    if (!json_is_object(obj)) {
        return read_fail(r, path, "must be a mapping");
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)obj, key, value)
    {
        const struct read_key *k = keys;
        while (k->name != NULL && strcmp(k->name, key) != 0) {
            k++;
        }
        if (k->name == NULL) {
            return unknown_key(r, path, key, keys);
        }
        if (!has_type(value, k->type)) {
            cleanup_free char *at = xasprintf("%s%s%s", path, path[0] != '\0' ? "." : "", key);
            return read_fail(r, at, "must be %s", type_word(k->type));
        }
    }
    for (; keys->name != NULL; keys++) {
        if (keys->required && jx_get(obj, keys->name) == NULL) {
            return read_fail(r, path, "\"%s\" is missing", keys->name);
        }
    }
    return 0;
}

const char *read_text(struct reading *r, const json_t *obj, const char *key)
{
    const json_t *v = jx_get(obj, key);
    if (json_is_number(v)) {
        return arena_take(r->arena, jx_dump_text(v));
    }
    return arena_copy(r->arena, json_string_value(v));
}

int read_texts(struct reading *r, const json_t *obj, const char *key, const char *path,
               const char *const **ret)
{
    const json_t *list = jx_get(obj, key);
    size_t n = json_array_size(list);
    const char **out = arena_alloc(r->arena, (n + 1) * sizeof(*out));
    size_t i;
    json_t *item;
    jx_each(i, item, list)
    {
        if (!json_is_string(item)) {
            cleanup_free char *at = xasprintf("%s.%s[%zu]", path, key, i);
            return read_fail(r, at, "must be text");
        }
        out[i] = arena_copy(r->arena, json_string_value(item));
    }
    *ret = out;
    return 0;
}

bool read_is_address(const char *text)
{
    size_t host = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.");
    size_t port = text[host] == ':' ? strspn(text + host + 1, "0123456789") : 0;
    char end = port > 0 ? text[host + 1 + port] : 'x';
    return host > 0 && port > 0 && port <= 5 && (end == '\0' || end == '/');
}

int read_duration(struct reading *r, const json_t *obj, const char *key, const char *path,
                  int64_t *ret)
{
    const json_t *v = jx_get(obj, key);
    char number[24];
    int64_t n = 0;
    int64_t unit = 1000;
    if (v == NULL) {
        return 0;
    }
    cleanup_free char *at = xasprintf("%s.%s", path, key);
    str_copy(number, sizeof(number), json_is_string(v) ? json_string_value(v) : "");
    size_t digits = strspn(number, "0123456789");
    const char *suffix = number + digits;
    if (json_is_integer(v)) {
        n = json_integer_value(v);
    } else {
        unit = strcmp(suffix, "ms") == 0  ? 1
               : strcmp(suffix, "s") == 0 ? 1000
               : strcmp(suffix, "m") == 0 ? 60000
                                          : 0;
        number[digits] = '\0';
        if (unit == 0 || !str_to_i64(number, 0, 86400000, &n)) {
            return read_fail(r, at, "must be a time such as 30s, 500ms or 2m");
        }
    }
    *ret = n * unit;
    return 0;
}
