/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as JSON schemas: what `kubectl explain` reads aloud and what its patches are made with.
 */
#include "kinds/openapi.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"

#define META "io.k8s.apimachinery.pkg.apis.meta.v1."
#define QUANTITY "io.k8s.apimachinery.pkg.api.resource.Quantity"
#define INT_OR_STRING "io.k8s.apimachinery.pkg.util.intstr.IntOrString"

/* How a type of one value is written. With a name it is a schema of its own that is referred to. */
struct scalar {
    const char *type, *format; /* "" for none */
    const char *name;
    const char *doc;
};

static const struct scalar scalars[] = {
    [KIND_BOOL] = {"boolean", "", NULL, NULL},
    [KIND_INT32] = {"integer", "int32", NULL, NULL},
    [KIND_INT64] = {"integer", "int64", NULL, NULL},
    [KIND_DOUBLE] = {"number", "double", NULL, NULL},
    [KIND_STRING] = {"string", "", NULL, NULL},
    [KIND_BYTES] = {"string", "byte", NULL, NULL},
    [KIND_QUANTITY] =
        {"string", "", QUANTITY,
         "An amount of something, as a number with an optional suffix: 250m, 1.5, 64Mi, "
         "2G."},
    [KIND_TIME] = {"string", "date-time", META "Time", "A moment, in the form of RFC 3339."},
    [KIND_MICRO_TIME] = {"string", "date-time", META "MicroTime",
                         "A moment with microseconds, in the form of RFC 3339."},
    [KIND_INT_OR_STRING] = {"string", "int-or-string", INT_OR_STRING,
                            "Either a number or a string, such as a port or its name, or 25%."},
    [KIND_ANY] = {"object", "", NULL, NULL},
};

static void put(json_t *schema, const char *key, json_t *value)
{
    json_object_set_new(schema, key, value);
}

static void put_text(json_t *schema, const char *key, const char *text)
{
    if (text != NULL && *text != '\0') {
        put(schema, key, json_string(text));
    }
}

json_t *openapi_schema_ref(enum openapi v, const char *full_name)
{
    cleanup_str struct str ref = STR_INIT;
    str_add_f(&ref, "%s%s", v == OPENAPI_V2 ? "#/definitions/" : "#/components/schemas/",
              full_name);
    json_t *plain = json_pack("{s:s}", "$ref", str_c(&ref));
    /* In version 3 a reference stands alone, so what stands beside it needs allOf. */
    return v == OPENAPI_V2 ? plain : json_pack("{s:[o]}", "allOf", plain);
}

json_t *openapi_schema_gvk(const char *group, const char *version, const char *kind)
{
    return json_pack("{s:s, s:s, s:s}", "group", group, "kind", kind, "version", version);
}

static json_t *scalar_schema(const struct scalar *s)
{
    json_t *schema = json_object();
    put_text(schema, "description", s->doc);
    put_text(schema, "type", s->type);
    put_text(schema, "format", s->format);
    return schema;
}

/* Version 3 can say that a value is of either type; version 2 calls both a string. */
static void put_one_of(json_t *schema, const char *other, const char *format)
{
    json_object_del(schema, "type");
    json_object_del(schema, "format");
    put(schema, "oneOf", json_pack("[{s:s}, {s:s}]", "type", other, "type", "string"));
    put_text(schema, "format", format);
}

static void add_scalar(json_t *schemas, enum openapi v, enum kind_type type)
{
    const struct scalar *s = &scalars[type];
    if (json_object_get(schemas, s->name) != NULL) {
        return;
    }
    json_t *schema = scalar_schema(s);
    if (v == OPENAPI_V3 && type == KIND_QUANTITY) {
        put_one_of(schema, "number", NULL);
    } else if (v == OPENAPI_V3 && type == KIND_INT_OR_STRING) {
        put_one_of(schema, "integer", s->format);
    }
    put(schemas, s->name, schema);
}

/* ---- fields ---- */

static void put_enum(json_t *schema, const struct kind_field *f)
{
    if (f->enums == NULL) {
        return;
    }
    json_t *words = json_array();
    for (size_t i = 0; f->enums[i] != NULL; i++) {
        json_array_append_new(words, json_string(f->enums[i]));
    }
    put(schema, "enum", words);
}

/* What one value is, be it alone, in a list or in a map; its own schema is added when it has one.
 */
static json_t *value_schema(json_t *schemas, enum openapi v, const struct kind_field *f)
{
    if (f->type == KIND_MESSAGE) {
        openapi_schema_add(schemas, v, f->message);
        return openapi_schema_ref(v, f->message->full_name);
    }
    if (scalars[f->type].name != NULL) {
        add_scalar(schemas, v, f->type);
        return openapi_schema_ref(v, scalars[f->type].name);
    }
    json_t *schema = scalar_schema(&scalars[f->type]);
    put_enum(schema, f);
    return schema;
}

static void put_bounds(json_t *schema, const struct kind_field *f)
{
    const char *min = NULL;
    const char *max = NULL;
    if (f->shape == KIND_LIST) {
        min = "minItems", max = "maxItems";
    } else if (f->shape == KIND_MAP) {
        min = "minProperties", max = "maxProperties";
    } else if (f->type == KIND_STRING) {
        min = "minLength", max = "maxLength";
    } else if (f->type == KIND_INT32 || f->type == KIND_INT64 || f->type == KIND_DOUBLE) {
        min = "minimum", max = "maximum";
    }
    if (min != NULL && f->has_min) {
        put(schema, min, json_integer(f->min));
    }
    if (max != NULL && f->has_max) {
        put(schema, max, json_integer(f->max));
    }
}

static void put_list_keys(json_t *schema, const char *list_keys)
{
    json_t *keys = json_array();
    cleanup_free char *copy = xstrdup(list_keys);
    char *rest = NULL;
    for (char *key = strtok_r(copy, ",", &rest); key != NULL; key = strtok_r(NULL, ",", &rest)) {
        json_array_append_new(keys, json_string(key));
    }
    put(schema, "x-kubernetes-list-map-keys", keys);
    put_text(schema, "x-kubernetes-list-type", "map");
}

/* How two versions of the field become one: read by strategic merge and server-side apply. */
static void put_merging(json_t *schema, const struct kind_field *f)
{
    if (f->shape == KIND_LIST && f->list_keys != NULL) {
        put_list_keys(schema, f->list_keys);
    } else if (f->shape == KIND_LIST && str_eq(f->merge_key, "")) {
        put_text(schema, "x-kubernetes-list-type", "set");
    }
    put_text(schema, "x-kubernetes-patch-merge-key", f->merge_key);
    if (f->merge_key != NULL) {
        put_text(schema, "x-kubernetes-patch-strategy",
                 f->retain_keys ? "merge,retainKeys" : "merge");
    } else if (f->retain_keys) {
        put_text(schema, "x-kubernetes-patch-strategy", "retainKeys");
    }
}

static void put_default(json_t *schema, const struct kind_field *f)
{
    /* A default that depends on what stands beside it is none that a schema could state. */
    if (f->dflt != NULL && f->dflt_when == NULL) {
        json_t *value = json_loads(f->dflt, JSON_DECODE_ANY, NULL);
        if (value != NULL) {
            put(schema, "default", value);
        }
    }
}

static json_t *field_schema(json_t *schemas, enum openapi v, const struct kind_field *f)
{
    json_t *schema = value_schema(schemas, v, f);
    if (f->shape == KIND_LIST) {
        schema = json_pack("{s:s, s:o}", "type", "array", "items", schema);
    } else if (f->shape == KIND_MAP) {
        schema = json_pack("{s:s, s:o}", "type", "object", "additionalProperties", schema);
    }
    put_text(schema, "description", f->doc);
    put_default(schema, f);
    put_bounds(schema, f);
    put_merging(schema, f);
    return schema;
}

/* ---- messages ---- */

static void put_fields(json_t *schemas, enum openapi v, const struct kind_message *m,
                       json_t *properties, json_t *required)
{
    for (size_t i = 0; i < m->nfields; i++) {
        const struct kind_field *f = &m->fields[i];
        if (f->inlined) {
            put_fields(schemas, v, f->message, properties, required);
            continue;
        }
        put(properties, f->name, field_schema(schemas, v, f));
        if (f->required) {
            json_array_append_new(required, json_string(f->name));
        }
    }
}

static void put_type_meta(json_t *properties)
{
    put(properties, "apiVersion",
        json_pack("{s:s, s:s}", "description", "Group and version of the object's form.", "type",
                  "string"));
    put(properties, "kind",
        json_pack("{s:s, s:s}", "description", "What the object is, in CamelCase.", "type",
                  "string"));
}

/* The kinds whose whole body is this message. */
static json_t *gvks_of(const struct kind_message *m)
{
    json_t *gvks = json_array();
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        const struct kind *k = kinds_all[i];
        if (k->message == m) {
            json_array_append_new(gvks, openapi_schema_gvk(k->group, k->version, k->kind));
        }
    }
    return gvks;
}

/* Clients take a kind without properties for a map, and say so: such a message is a plain object.
 */
static void put_properties(json_t *schema, json_t *properties, json_t *required)
{
    if (json_object_size(properties) > 0) {
        json_object_set(schema, "properties", properties);
    }
    if (json_array_size(required) > 0) {
        json_object_set(schema, "required", required);
    }
}

void openapi_schema_add(json_t *schemas, enum openapi v, const struct kind_message *m)
{
    if (json_object_get(schemas, m->full_name) != NULL) {
        return;
    }
    json_t *schema = json_object();
    put(schemas, m->full_name, schema); /* at once: a message may contain itself */
    put_text(schema, "description", m->doc);
    put_text(schema, "type", "object");
    json_auto_t *properties = json_object();
    json_auto_t *required = json_array();
    json_auto_t *gvks = gvks_of(m);
    if (json_array_size(gvks) > 0) {
        put_type_meta(properties);
    }
    put_fields(schemas, v, m, properties, required);
    put_properties(schema, properties, required);
    if (json_array_size(gvks) > 0) {
        json_object_set(schema, "x-kubernetes-group-version-kind", gvks);
    }
}

/* ---- lists and subresources ---- */

void openapi_schema_list_name(struct str *out, const struct kind *k)
{
    const char *dot = strrchr(k->message->full_name, '.');
    size_t package = dot != NULL ? (size_t)(dot + 1 - k->message->full_name) : 0;
    str_add_n(out, k->message->full_name, package);
    str_add(out, k->list_kind);
}

static void add_list_meta(json_t *schemas)
{
    if (json_object_get(schemas, META "ListMeta") == NULL) {
        put(schemas, META "ListMeta",
            json_pack("{s:s, s:s, s:{s:{s:s, s:s}, s:{s:s, s:s, s:s}, s:{s:s, s:s}}}",
                      "description", "What a list says of itself.", "type", "object", "properties",
                      "continue", "description", "Where the next part of a long list begins.",
                      "type", "string", "remainingItemCount", "description",
                      "How many items come after this part.", "type", "integer", "format", "int64",
                      "resourceVersion", "description", "The moment the list was taken at.", "type",
                      "string"));
    }
}

static void add_list(json_t *schemas, enum openapi v, const struct kind *k)
{
    cleanup_str struct str name = STR_INIT;
    openapi_schema_list_name(&name, k);
    if (json_object_get(schemas, str_c(&name)) != NULL) {
        return;
    }
    add_list_meta(schemas);
    json_t *properties = json_object();
    put_type_meta(properties);
    put(properties, "items",
        json_pack("{s:s, s:s, s:o}", "description", "The objects.", "type", "array", "items",
                  openapi_schema_ref(v, k->message->full_name)));
    put(properties, "metadata", openapi_schema_ref(v, META "ListMeta"));
    put(schemas, str_c(&name),
        json_pack("{s:s+, s:s, s:o, s:[s], s:[o]}", "description", k->list_kind, " is a list.",
                  "type", "object", "properties", properties, "required", "items",
                  "x-kubernetes-group-version-kind",
                  openapi_schema_gvk(k->group, k->version, k->list_kind)));
}

const struct kind *openapi_schema_subresource(const struct kind *k,
                                              const struct kind_subresource *s)
{
    return kinds_find_kind(s->group != NULL ? s->group : k->group,
                           s->version != NULL ? s->version : k->version,
                           s->kind != NULL ? s->kind : k->kind);
}

void openapi_schema_add_kind(json_t *schemas, enum openapi v, const struct kind *k)
{
    openapi_schema_add(schemas, v, k->message);
    if (kinds_has_verb(k, "list")) {
        add_list(schemas, v, k);
    }
    for (size_t i = 0; i < k->nsubresources; i++) {
        const struct kind *of = openapi_schema_subresource(k, &k->subresources[i]);
        if (of != NULL) {
            openapi_schema_add(schemas, v, of->message);
        }
    }
}
