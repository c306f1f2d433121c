/* SPDX-License-Identifier: Apache-2.0 */
/* What a file and the kinds in it may say. */
#include "check.h"
#include "common/mem.h"
#include "kinds/print_names.h"

static const struct attr source_attrs[] = {
    {"doc", W_STRING, false},     {"group", W_STRING, true}, {"kinds", W_OBJECT, false},
    {"messages", W_OBJECT, true}, {"order", W_INT, false},   {"package", W_STRING, true},
    {"version", W_STRING, true},  {NULL, W_ANY, false},
};

static const struct attr kind_attrs[] = {
    {"categories", W_STRINGS, false},
    {"columns", W_LIST, false},
    {"field_selectors", W_STRINGS, false},
    {"generation", W_BOOL, false},
    {"list_kind", W_STRING, false},
    {"name", W_STRING, false},
    {"namespaced", W_BOOL, false},
    {"resource", W_STRING, false},
    {"served", W_BOOL, false},
    {"short", W_STRINGS, false},
    {"singular", W_STRING, false},
    {"subresources", W_LIST, false},
    {"verbs", W_STRINGS, false},
    {NULL, W_ANY, false},
};

static const struct attr column_attrs[] = {
    {"default", W_STRING, false}, {"doc", W_STRING, true},   {"format", W_STRING, false},
    {"name", W_STRING, true},     {"path", W_STRING, false}, {"print", W_STRING, false},
    {"type", W_STRING, false},    {"wide", W_BOOL, false},   {NULL, W_ANY, false},
};

static const struct attr subresource_attrs[] = {
    {"group", W_STRING, false}, {"kind", W_STRING, false},    {"name", W_STRING, true},
    {"verbs", W_STRINGS, true}, {"version", W_STRING, false}, {NULL, W_ANY, false},
};

#define PRINT_NAME(name, fn) name,
static const char *const prints[] = {PRINT_NAMES(PRINT_NAME)};

static const char *const all_verbs[] = {"create", "delete", "deletecollection", "get",
                                        "list",   "patch",  "update",           "watch"};

static void check_verbs(struct kindc *c, const struct source *s, const char *where,
                        const json_t *def)
{
    const json_t *verbs = json_object_get(def, "verbs");
    for (size_t i = 0; i < json_array_size(verbs); i++) {
        const char *verb = json_string_value(json_array_get(verbs, i));
        if (!check_in(verb, all_verbs, ARRAY_LEN(all_verbs))) {
            complain(c, s, where, "no verb is called \"%s\"", verb);
        }
    }
}

static void check_print(struct kindc *c, const struct source *s, const char *where,
                        const json_t *def)
{
    const char *print = json_string_value(json_object_get(def, "print"));
    if (print != NULL && !check_in(print, prints, ARRAY_LEN(prints))) {
        complain(c, s, where, "no printer is called \"%s\"", print);
    }
}

static void check_parts(struct kindc *c, const struct source *s, const char *where,
                        const json_t *list, const struct attr *attrs)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        cleanup_free char *at = xasprintf("%s[%zu]", where, i);
        if (check_attrs(c, s, at, json_array_get(list, i), attrs)) {
            check_verbs(c, s, at, json_array_get(list, i));
            check_print(c, s, at, json_array_get(list, i));
        }
    }
}

static void check_kind(struct kindc *c, const struct source *s, const char *name, const json_t *def)
{
    cleanup_free char *where = xasprintf("kinds.%s", name);
    cleanup_free char *columns = xasprintf("%s.columns", where);
    cleanup_free char *subresources = xasprintf("%s.subresources", where);
    if (!check_attrs(c, s, where, def, kind_attrs)) {
        return;
    }
    bool served = !json_is_false(json_object_get(def, "served"));
    if (served && json_object_get(def, "resource") == NULL) {
        complain(c, s, where, "\"resource\" is missing (or say served: false)");
    }
    const char *format = json_string_value(json_object_get(def, "name"));
    if (format != NULL && !check_format(format)) {
        complain(c, s, where, "no format is called \"%s\"", format);
    }
    if (json_object_get(json_object_get(s->doc, "messages"), name) == NULL) {
        complain(c, s, where, "there is no message \"%s\" in this file", name);
    }
    check_verbs(c, s, where, def);
    check_parts(c, s, columns, json_object_get(def, "columns"), column_attrs);
    check_parts(c, s, subresources, json_object_get(def, "subresources"), subresource_attrs);
}

void check_source(struct kindc *c, const struct source *s)
{
    if (!check_attrs(c, s, "", s->doc, source_attrs)) {
        return;
    }
    const char *name;
    json_t *def;
    json_object_foreach(json_object_get(s->doc, "kinds"), name, def)
    {
        check_kind(c, s, name, def);
    }
}
