/* SPDX-License-Identifier: Apache-2.0 */
/* What must fit together in a message and its fields. */
#include <string.h>

#include "check.h"
#include "common/mem.h"

static const struct attr message_attrs[] = {
    {"doc", W_STRING, true},
    {"fields", W_OBJECT, true},
    {NULL, W_ANY, false},
};

static const struct attr field_attrs[] = {
    {"bool_words", W_STRINGS, false},
    {"default", W_ANY, false},
    {"default_when", W_STRING, false},
    {"doc", W_STRING, true},
    {"enum", W_STRINGS, false},
    {"format", W_STRING, false},
    {"immutable", W_BOOL, false},
    {"inline", W_BOOL, false},
    {"keys", W_STRING, false},
    {"max", W_INT, false},
    {"may_repeat", W_BOOL, false},
    {"merge", W_ANY, false},
    {"min", W_INT, false},
    {"pb", W_INT, false},
    {"ptr", W_BOOL, false},
    {"required", W_BOOL, false},
    {"retain_keys", W_BOOL, false},
    {"system", W_BOOL, false},
    {"type", W_ANY, true},
    {NULL, W_ANY, false},
};

/* ---- types ---- */

static const struct {
    const char *name, *type;
} plain_types[] = {
    {"IntOrString", "KIND_INT_OR_STRING"},
    {"MicroTime", "KIND_MICRO_TIME"},
    {"Quantity", "KIND_QUANTITY"},
    {"Time", "KIND_TIME"},
    {"any", "KIND_ANY"},
    {"bool", "KIND_BOOL"},
    {"bytes", "KIND_BYTES"},
    {"double", "KIND_DOUBLE"},
    {"int32", "KIND_INT32"},
    {"int64", "KIND_INT64"},
    {"string", "KIND_STRING"},
};

static bool resolve(struct kindc *c, const struct source *s, const char *where, const char *name,
                    struct field_type *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(plain_types); i++) {
        if (strcmp(plain_types[i].name, name) == 0) {
            ret->type = plain_types[i].type;
            return true;
        }
    }
    size_t many = 0;
    ret->type = "KIND_MESSAGE";
    ret->message = load_message(c, s, name, &many);
    if (ret->message == NULL && where != NULL) {
        complain(c, s, where,
                 many > 1 ? "there are several messages \"%s\": write the full name"
                          : "no type or message is called \"%s\"",
                 name);
    }
    return ret->message != NULL;
}

bool check_type(struct kindc *c, const struct source *s, const char *where, const json_t *type,
                struct field_type *ret)
{
    *ret = (struct field_type){.shape = "KIND_ONE"};
    if (json_is_array(type) && json_array_size(type) == 1) {
        ret->shape = "KIND_LIST";
        type = json_array_get(type, 0);
    } else if (json_is_object(type) && json_object_size(type) == 1 &&
               json_object_get(type, "string") != NULL) {
        ret->shape = "KIND_MAP";
        type = json_object_get(type, "string");
    }
    if (!json_is_string(type)) {
        if (where != NULL) {
            complain(c, s, where, "must be TYPE, [TYPE] or {string: TYPE}");
        }
        return false;
    }
    return resolve(c, s, where, json_string_value(type), ret);
}

/* ---- fields ---- */

struct field_ctx {
    struct kindc *c;
    const struct message *m;
    const char *where;
    const json_t *def;
    struct field_type t;
};

static void complain_at(const struct field_ctx *f, const char *attr, const char *what,
                        const char *arg)
{
    cleanup_free char *at = xasprintf("%s.%s", f->where, attr);
    complain(f->c, f->m->src, at, what[0] != '\0' ? "%s%s%s%s" : "%s%s", what,
             arg != NULL ? " \"" : "", arg != NULL ? arg : "", arg != NULL ? "\"" : "");
}

static bool has(const struct field_ctx *f, const char *attr)
{
    return json_object_get(f->def, attr) != NULL;
}

static bool is_type(const struct field_ctx *f, const char *type)
{
    return strcmp(f->t.type, type) == 0;
}

static bool is_one(const struct field_ctx *f)
{
    return strcmp(f->t.shape, "KIND_ONE") == 0;
}

static bool item_has_field(const struct field_ctx *f, const char *name, size_t n)
{
    const char *key;
    json_t *v;
    json_object_foreach(json_object_get(f->t.message->def, "fields"), key, v)
    {
        if (strlen(key) == n && strncmp(key, name, n) == 0) {
            return true;
        }
        struct field_type t;
        if (json_is_true(json_object_get(v, "inline")) &&
            check_type(f->c, f->t.message->src, NULL, json_object_get(v, "type"), &t) &&
            t.message != NULL && t.message != f->t.message) {
            struct field_ctx sub = *f;
            sub.t = t;
            if (item_has_field(&sub, name, n)) {
                return true;
            }
        }
    }
    return false;
}

/* "containerPort,protocol": each must be a field of the list's items. */
static void check_item_keys(const struct field_ctx *f, const char *attr, const char *keys)
{
    if (strcmp(f->t.shape, "KIND_LIST") != 0 || f->t.message == NULL) {
        complain_at(f, attr, "is only for a list of messages", NULL);
        return;
    }
    for (const char *p = keys; *p != '\0';) {
        size_t n = strcspn(p, ",");
        if (!item_has_field(f, p, n)) {
            cleanup_free char *key = xstrndup(p, n);
            complain_at(f, attr, "the items have no field", key);
        }
        p += n + (p[n] == ',');
    }
}

static void check_merge(const struct field_ctx *f)
{
    const json_t *merge = json_object_get(f->def, "merge");
    if (json_is_string(merge)) {
        check_item_keys(f, "merge", json_string_value(merge));
    } else if (merge != NULL && (!json_is_true(merge) || strcmp(f->t.shape, "KIND_LIST") != 0)) {
        complain_at(f, "merge", "must be the key of a list's items, or true for a list of values",
                    NULL);
    }
    const char *keys = json_string_value(json_object_get(f->def, "keys"));
    if (keys != NULL) {
        check_item_keys(f, "keys", keys);
    }
}

static bool default_fits(const struct field_ctx *f, const json_t *d)
{
    if (!is_one(f)) {
        return strcmp(f->t.shape, "KIND_LIST") == 0 ? json_is_array(d) : json_is_object(d);
    }
    if (is_type(f, "KIND_BOOL")) {
        return json_is_boolean(d);
    }
    if (is_type(f, "KIND_INT32") || is_type(f, "KIND_INT64")) {
        return json_is_integer(d);
    }
    if (is_type(f, "KIND_MESSAGE")) {
        return json_is_object(d);
    }
    if (is_type(f, "KIND_INT_OR_STRING")) {
        return json_is_integer(d) || json_is_string(d);
    }
    return is_type(f, "KIND_ANY") ||
           (is_type(f, "KIND_DOUBLE") ? json_is_number(d) : json_is_string(d));
}

/* "type=NodePort|LoadBalancer": a sibling with an enum, and words of it. */
static void check_default_when(const struct field_ctx *f, const char *when)
{
    const char *eq = strchr(when, '=');
    cleanup_free char *name = eq != NULL ? xstrndup(when, (size_t)(eq - when)) : NULL;
    const json_t *sibling =
        name != NULL ? json_object_get(json_object_get(f->m->def, "fields"), name) : NULL;
    if (sibling == NULL || eq[1] == '\0' || !has(f, "default")) {
        complain_at(f, "default_when", "must be SIBLING=VALUE|VALUE beside a default", NULL);
    }
}

static void check_values(const struct field_ctx *f)
{
    const json_t *d = json_object_get(f->def, "default");
    const json_t *e = json_object_get(f->def, "enum");
    if (d != NULL && !default_fits(f, d)) {
        complain_at(f, "default", "is not of the field's type", NULL);
    }
    if (e != NULL && !is_type(f, "KIND_STRING")) {
        complain_at(f, "enum", "is only for texts", NULL);
    }
    bool found = false;
    for (size_t i = 0; i < json_array_size(e); i++) {
        found = found || json_equal(json_array_get(e, i), d);
    }
    if (e != NULL && d != NULL && is_one(f) && !found) {
        complain_at(f, "default", "is not one of enum", NULL);
    }
    const json_t *words = json_object_get(f->def, "bool_words");
    if (words != NULL && (json_array_size(words) != 2 || !is_type(f, "KIND_STRING"))) {
        complain_at(f, "bool_words", "must be two texts: for false and for true", NULL);
    }
    const json_t *min = json_object_get(f->def, "min"), *max = json_object_get(f->def, "max");
    if (min != NULL && max != NULL && json_integer_value(min) > json_integer_value(max)) {
        complain_at(f, "min", "is greater than max", NULL);
    }
    const char *when = json_string_value(json_object_get(f->def, "default_when"));
    if (when != NULL) {
        check_default_when(f, when);
    }
}

static void check_field(const struct field_ctx *f)
{
    const char *format = json_string_value(json_object_get(f->def, "format"));
    if (format != NULL && !check_format(format)) {
        complain_at(f, "format", "no format is called", format);
    }
    if (json_is_true(json_object_get(f->def, "inline")) &&
        (!is_one(f) || !is_type(f, "KIND_MESSAGE"))) {
        complain_at(f, "inline", "is only for one message", NULL);
    }
    const json_t *pb = json_object_get(f->def, "pb");
    if (pb != NULL && (json_integer_value(pb) < 1 || json_integer_value(pb) > 536870911)) {
        complain_at(f, "pb", "must be between 1 and 536870911", NULL);
    }
    check_merge(f);
    check_values(f);
}

static void check_pb_once(struct kindc *c, const struct message *m)
{
    struct map *seen = map_new(free);
    const char *name;
    json_t *def;
    json_object_foreach(json_object_get(m->def, "fields"), name, def)
    {
        const json_t *pb = json_object_get(def, "pb");
        if (!json_is_integer(pb)) {
            continue;
        }
        cleanup_free char *key = xasprintf("%lld", (long long)json_integer_value(pb));
        if (map_find(seen, key) != NULL) {
            cleanup_free char *at = xasprintf("%s.fields.%s.pb", m->where, name);
            complain(c, m->src, at, "%s is the number of \"%s\" already", key,
                     (const char *)map_find(seen, key));
        }
        map_put(seen, key, xstrdup(name));
    }
    map_free(seen);
}

void check_message(struct kindc *c, const struct message *m)
{
    if (!check_attrs(c, m->src, m->where, m->def, message_attrs)) {
        return;
    }
    const char *name;
    json_t *def;
    json_object_foreach(json_object_get(m->def, "fields"), name, def)
    {
        cleanup_free char *where = xasprintf("%s.fields.%s", m->where, name);
        cleanup_free char *at = xasprintf("%s.type", where);
        struct field_ctx f = {.c = c, .m = m, .where = where, .def = def};
        if (check_attrs(c, m->src, where, def, field_attrs) &&
            check_type(c, m->src, at, json_object_get(def, "type"), &f.t)) {
            check_field(&f);
        }
    }
    check_pb_once(c, m);
}
