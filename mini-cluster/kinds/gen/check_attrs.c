/* SPDX-License-Identifier: Apache-2.0 */
/* Holds a mapping of the data against the attributes it may have. */
#include <string.h>

#include "check.h"
#include "common/mem.h"

bool check_in(const char *s, const char *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(s, v[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool all_strings(const json_t *v)
{
    for (size_t i = 0; i < json_array_size(v); i++) {
        if (!json_is_string(json_array_get(v, i))) {
            return false;
        }
    }
    return json_is_array(v);
}

/* The complaint about a value that is not what an attribute wants; NULL when it is. */
static const char *unwanted(enum want want, const json_t *v)
{
    switch (want) {
    case W_ANY:
        return NULL;
    case W_BOOL:
        return json_is_boolean(v) ? NULL : "must be true or false";
    case W_INT:
        return json_is_integer(v) ? NULL : "must be a whole number";
    case W_LIST:
        return json_is_array(v) ? NULL : "must be a list";
    case W_OBJECT:
        return json_is_object(v) ? NULL : "must be a mapping";
    case W_STRING:
        return json_is_string(v) ? NULL : "must be a text (quote it)";
    case W_STRINGS:
        return all_strings(v) ? NULL : "must be a list of texts (quote On, Off, Yes, No)";
    }
    return NULL;
}

static const struct attr *find_attr(const struct attr *attrs, const char *name)
{
    for (; attrs->name != NULL; attrs++) {
        if (strcmp(attrs->name, name) == 0) {
            return attrs;
        }
    }
    return NULL;
}

static void say_unknown(struct kindc *c, const struct source *s, const char *where,
                        const struct attr *attrs, const char *name)
{
    for (const struct attr *a = attrs; a->name != NULL; a++) {
        if (str_distance(a->name, name, 2) <= 2) {
            complain(c, s, where, "unknown; did you mean \"%s\"?", a->name);
            return;
        }
    }
    complain(c, s, where, "unknown");
}

bool check_attrs(struct kindc *c, const struct source *s, const char *where, const json_t *def,
                 const struct attr *attrs)
{
    unsigned before = c->complaints;
    if (!json_is_object(def)) {
        complain(c, s, where, "must be a mapping");
        return false;
    }
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)def, key, v)
    {
        cleanup_free char *at = xasprintf("%s%s%s", where, where[0] != '\0' ? "." : "", key);
        const struct attr *a = find_attr(attrs, key);
        if (a == NULL) {
            say_unknown(c, s, at, attrs, key);
        } else if (unwanted(a->want, v) != NULL) {
            complain(c, s, at, "%s", unwanted(a->want, v));
        }
    }
    for (const struct attr *a = attrs; a->name != NULL; a++) {
        if (a->must && json_object_get(def, a->name) == NULL) {
            complain(c, s, where, "\"%s\" is missing", a->name);
        }
    }
    return c->complaints == before;
}

/* As meta/name.h and kinds/validate_format.c have them. */
static const char *const formats[] = {
    "annotations", "config-key", "dns-label",   "dns-subdomain", "dns1035",     "env-name",
    "label-key",   "labels",     "label-value", "port-name",     "quantity>=0",
};

bool check_format(const char *format)
{
    return check_in(format, formats, ARRAY_LEN(formats));
}
