/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the tables. What is checked already is taken for granted here. */
#include <ctype.h>
#include <string.h>

#include "common/mem.h"
#include "kindc.h"

/* A C string literal. */
static void put_text(struct str *out, const char *s)
{
    str_add_c(out, '"');
    for (; *s != '\0'; s++) {
        unsigned char ch = (unsigned char)*s;
        if (ch == '"' || ch == '\\') {
            str_add_f(out, "\\%c", ch);
        } else if (ch < 0x20 || ch == 0x7f) {
            str_add_f(out, "\\%03o", ch);
        } else {
            str_add_c(out, (char)ch);
        }
    }
    str_add_c(out, '"');
}

static const char *text_of(const json_t *def, const char *key, const char *dflt)
{
    const char *s = json_string_value(json_object_get(def, key));
    return s != NULL ? s : dflt;
}

static bool bool_of(const json_t *def, const char *key, bool dflt)
{
    const json_t *v = json_object_get(def, key);
    return json_is_boolean(v) ? json_is_true(v) : dflt;
}

static void put_member(struct str *out, const char *member, const char *value)
{
    str_add_f(out, ".%s = ", member);
    put_text(out, value);
    str_add(out, ", ");
}

/* `.member = "..."` when the attribute is there. */
static void put_attr(struct str *out, const json_t *def, const char *attr, const char *member)
{
    const char *s = text_of(def, attr, NULL);
    if (s != NULL) {
        put_member(out, member, s);
    }
}

static void put_flag(struct str *out, const json_t *def, const char *attr, const char *member)
{
    if (bool_of(def, attr, false)) {
        str_add_f(out, ".%s = true, ", member);
    }
}

static void put_texts(struct str *out, const char *member, const json_t *list)
{
    str_add_f(out, ".%s = (const char *const[]){", member);
    for (size_t i = 0; i < json_array_size(list); i++) {
        put_text(out, json_string_value(json_array_get(list, i)));
        str_add(out, ", ");
    }
    str_add(out, "NULL}, ");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys of an object in order; *ret_n of them; the caller frees. */
static const char **sorted_keys(const json_t *obj, size_t *ret_n)
{
    const char **keys = xcalloc(json_object_size(obj) + 1, sizeof(*keys));
    size_t n = 0;
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)obj, key, v)
    {
        keys[n++] = key;
    }
    qsort(keys, n, sizeof(*keys), by_name);
    *ret_n = n;
    return keys;
}

/* ---- messages ---- */

static void put_bounds(struct str *out, const json_t *def)
{
    static const char *const ends[] = {"min", "max"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        const json_t *v = json_object_get(def, ends[i]);
        if (v != NULL) {
            str_add_f(out, ".has_%s = true, .%s = %lld, ", ends[i], ends[i],
                      (long long)json_integer_value(v));
        }
    }
}

static void put_values(struct str *out, const json_t *def)
{
    const json_t *merge = json_object_get(def, "merge");
    if (merge != NULL) {
        put_member(out, "merge_key", json_is_string(merge) ? json_string_value(merge) : "");
    }
    const json_t *d = json_object_get(def, "default");
    if (d != NULL) {
        cleanup_free char *text = json_dumps(d, JSON_COMPACT | JSON_ENCODE_ANY);
        put_member(out, "dflt", text);
    }
    if (json_object_get(def, "enum") != NULL) {
        put_texts(out, "enums", json_object_get(def, "enum"));
    }
    if (json_object_get(def, "bool_words") != NULL) {
        put_texts(out, "bool_words", json_object_get(def, "bool_words"));
    }
    put_bounds(out, def);
}

static void put_field(struct kindc *c, struct str *out, const struct message *m, const char *name,
                      const json_t *def)
{
    struct field_type t;
    if (!check_type(c, m->src, NULL, json_object_get(def, "type"), &t)) {
        return;
    }
    str_add(out, "    {");
    put_member(out, "name", name);
    str_add_f(out, ".type = %s, .shape = %s, ", t.type, t.shape);
    if (t.message != NULL) {
        str_add_f(out, ".message = &messages[%zu], ", t.message->index);
    }
    str_add_f(out, ".pb = %lld, ", (long long)json_integer_value(json_object_get(def, "pb")));
    put_flag(out, def, "ptr", "pointer");
    put_flag(out, def, "inline", "inlined");
    put_flag(out, def, "required", "required");
    put_flag(out, def, "immutable", "immutable");
    put_flag(out, def, "system", "system");
    put_flag(out, def, "may_repeat", "may_repeat");
    put_flag(out, def, "retain_keys", "retain_keys");
    put_attr(out, def, "keys", "list_keys");
    put_attr(out, def, "default_when", "dflt_when");
    put_attr(out, def, "format", "format");
    put_values(out, def);
    put_member(out, "doc", text_of(def, "doc", ""));
    str_add(out, "},\n");
}

/* Every kind has these two, and no protobuf number for them: the envelope carries them. */
static json_t *with_type_meta(const struct message *m)
{
    json_t *fields = json_copy(json_object_get(m->def, "fields"));
    if (m->kind != NULL) {
        json_object_set_new(fields, "apiVersion",
                            json_pack("{s:s, s:s}", "type", "string", "doc",
                                      "Group and version of this object's kind, such as apps/v1."));
        json_object_set_new(fields, "kind",
                            json_pack("{s:s, s:s}", "type", "string", "doc",
                                      "What this object is, such as Deployment."));
    }
    return fields;
}

static void put_fields(struct kindc *c, struct str *out, const struct message *m, size_t *ret_n)
{
    json_auto_t *fields = with_type_meta(m);
    cleanup_free const char **keys = sorted_keys(fields, ret_n);
    str_add_f(out, "/* %s */\nstatic const struct kind_field fields_%zu[] = {\n", m->full_name,
              m->index);
    for (size_t i = 0; i < *ret_n; i++) {
        put_field(c, out, m, keys[i], json_object_get(fields, keys[i]));
    }
    if (*ret_n == 0) {
        str_add(out, "    {.name = NULL},\n");
    }
    str_add(out, "};\n");
}

static void put_message(struct str *table, const struct message *m, size_t nfields)
{
    str_add_f(table, "    [%zu] = {", m->index);
    put_member(table, "name", m->name);
    put_member(table, "full_name", m->full_name);
    put_member(table, "doc", text_of(m->def, "doc", ""));
    str_add_f(table, ".fields = fields_%zu, .nfields = %zu, .as_value = &values[%zu]},\n", m->index,
              nfields, m->index);
}

static void put_messages(struct kindc *c, struct str *out)
{
    cleanup_str struct str table = STR_INIT;
    cleanup_str struct str values = STR_INIT;
    str_add_f(out, "static const struct kind_message messages[%zu];\n", c->messages.n);
    str_add_f(out, "static const struct kind_field values[%zu];\n\n", c->messages.n);
    for (size_t i = 0; i < c->messages.n; i++) {
        size_t nfields;
        put_fields(c, out, c->messages.v[i], &nfields);
        put_message(&table, c->messages.v[i], nfields);
        str_add_f(&values, "    {.name = \"\", .type = KIND_MESSAGE, .message = &messages[%zu]},\n",
                  i);
    }
    str_add_f(out, "\nstatic const struct kind_message messages[%zu] = {\n%s};\n", c->messages.n,
              str_c(&table));
    str_add_f(out, "\nstatic const struct kind_field values[%zu] = {\n%s};\n", c->messages.n,
              str_c(&values));
}

/* ---- kinds ---- */

static void put_column(struct str *out, const json_t *def)
{
    const char *path = text_of(def, "path", "");
    str_add(out, "    {");
    put_member(out, "name", text_of(def, "name", ""));
    put_member(out, "type", text_of(def, "type", "string"));
    put_member(out, "format", text_of(def, "format", ""));
    str_add_f(out, ".priority = %d, ", bool_of(def, "wide", false));
    put_member(out, "print", text_of(def, "print", "path"));
    put_member(out, "path", path);
    put_member(out, "dflt", text_of(def, "default", ""));
    put_member(out, "doc", text_of(def, "doc", ""));
    str_add(out, "},\n");
}

static void put_subresource(struct str *out, const struct source *s, const char *kind,
                            const json_t *def)
{
    bool own = json_object_get(def, "kind") == NULL;
    str_add(out, "    {");
    put_member(out, "name", text_of(def, "name", ""));
    put_member(out, "group", text_of(def, "group", s->group));
    put_member(out, "version", text_of(def, "version", s->version));
    put_member(out, "kind", own ? kind : text_of(def, "kind", ""));
    put_texts(out, "verbs", json_object_get(def, "verbs"));
    str_add(out, "},\n");
}

static void put_parts(struct str *out, const struct source *s, const char *kind, const json_t *def,
                      size_t index)
{
    const json_t *columns = json_object_get(def, "columns");
    const json_t *subs = json_object_get(def, "subresources");
    if (json_array_size(columns) > 0) {
        str_add_f(out, "static const struct kind_column columns_%zu[] = {\n", index);
        for (size_t i = 0; i < json_array_size(columns); i++) {
            put_column(out, json_array_get(columns, i));
        }
        str_add(out, "};\n");
    }
    if (json_array_size(subs) > 0) {
        str_add_f(out, "static const struct kind_subresource subresources_%zu[] = {\n", index);
        for (size_t i = 0; i < json_array_size(subs); i++) {
            put_subresource(out, s, kind, json_array_get(subs, i));
        }
        str_add(out, "};\n");
    }
}

/* What else the name and the resource of a kind spell. */
static void put_names(struct str *out, const struct source *s, const char *kind, const json_t *def)
{
    const char *resource = text_of(def, "resource", "");
    cleanup_free char *lower = xstrdup(kind);
    for (char *p = lower; *p != '\0'; p++) {
        *p = (char)tolower((unsigned char)*p);
    }
    cleanup_free char *list = xasprintf("%sList", kind);
    cleanup_free char *gr = xasprintf("%s%s%s", resource, s->group[0] != '\0' ? "." : "", s->group);
    cleanup_free char *gv =
        xasprintf("%s%s%s", s->group, s->group[0] != '\0' ? "/" : "", s->version);
    put_member(out, "group", s->group);
    put_member(out, "version", s->version);
    put_member(out, "kind", kind);
    put_member(out, "list_kind", text_of(def, "list_kind", list));
    put_member(out, "resource", resource);
    put_member(out, "singular", text_of(def, "singular", lower));
    put_member(out, "gr", resource[0] != '\0' ? gr : "");
    put_member(out, "api_version", gv);
    put_member(out, "name_format", text_of(def, "name", "dns-subdomain"));
}

static void put_verbs(struct str *out, const json_t *def, bool served)
{
    json_auto_t *all = json_pack("[ssssssss]", "create", "delete", "deletecollection", "get",
                                 "list", "patch", "update", "watch");
    const json_t *given = json_object_get(def, "verbs");
    put_texts(out, "verbs", given != NULL ? given : served ? all : NULL);
}

static void put_kind(struct kindc *c, struct str *parts, struct str *table, const struct source *s,
                     const char *kind, size_t index)
{
    const json_t *def = json_object_get(json_object_get(s->doc, "kinds"), kind);
    bool served = bool_of(def, "served", true);
    cleanup_free char *full = xasprintf("%s.%s", s->package, kind);
    const struct message *m = map_find(c->by_full_name, full);
    size_t ncolumns = json_array_size(json_object_get(def, "columns"));
    size_t nsubs = json_array_size(json_object_get(def, "subresources"));

    put_parts(parts, s, kind, def, index);
    str_add(table, "    {");
    put_names(table, s, kind, def);
    put_texts(table, "short_names", json_object_get(def, "short"));
    put_texts(table, "categories", json_object_get(def, "categories"));
    put_texts(table, "field_selectors", json_object_get(def, "field_selectors"));
    put_verbs(table, def, served);
    str_add_f(table, ".namespaced = %d, .served = %d, .has_generation = %d, ",
              bool_of(def, "namespaced", true), served, bool_of(def, "generation", false));
    str_add_f(table, ".message = &messages[%zu], ", m->index);
    if (ncolumns > 0) {
        str_add_f(table, ".columns = columns_%zu, .ncolumns = %zu, ", index, ncolumns);
    }
    if (nsubs > 0) {
        str_add_f(table, ".subresources = subresources_%zu, .nsubresources = %zu, ", index, nsubs);
    }
    str_add(table, "},\n");
}

/* Within a group and version, discovery lists resources by name; bodies come last. */
static const char **kinds_in_order(const struct source *s, size_t *ret_n)
{
    const json_t *kinds = json_object_get(s->doc, "kinds");
    const char **keys = sorted_keys(kinds, ret_n);
    for (size_t i = 1; i < *ret_n; i++) { /* few: insertion sort */
        for (size_t j = i; j > 0; j--) {
            const char *a = text_of(json_object_get(kinds, keys[j - 1]), "resource", "~");
            const char *b = text_of(json_object_get(kinds, keys[j]), "resource", "~");
            if (strcmp(a, b) <= 0) {
                break;
            }
            const char *t = keys[j];
            keys[j] = keys[j - 1];
            keys[j - 1] = t;
        }
    }
    return keys;
}

static void put_kinds(struct kindc *c, struct str *out)
{
    cleanup_str struct str table = STR_INIT;
    cleanup_str struct str all = STR_INIT;
    size_t index = 0;
    for (size_t i = 0; i < c->sources.n; i++) {
        size_t n;
        cleanup_free const char **keys = kinds_in_order(c->sources.v[i], &n);
        for (size_t k = 0; k < n; k++, index++) {
            put_kind(c, out, &table, c->sources.v[i], keys[k], index);
            str_add_f(&all, "    &kinds[%zu],\n", index);
        }
    }
    str_add_f(out, "\nstatic const struct kind kinds[] = {\n%s};\n", str_c(&table));
    str_add_f(out, "\nconst struct kind *const kinds_all[] = {\n%s    NULL,\n};\n", str_c(&all));
}

void emit(struct kindc *c, struct str *out)
{
    str_add(out, "/* Made by kindc from mini-cluster/kinds/[name].yaml: change those. */\n"
                 "#include \"kinds/kinds.h\"\n\n");
    put_messages(c, out);
    str_add(out, "\n");
    put_kinds(c, out);
}
