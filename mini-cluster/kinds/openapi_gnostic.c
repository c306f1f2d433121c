/* SPDX-License-Identifier: Apache-2.0 */
/* Writes an OpenAPI 2 document as openapi.v2.Document of gnostic, the only form in which kubectl
 * reads it. Each table below is one protobuf message: which member of the JSON goes into which
 * field, and how. What has no row is left out. */
#include "kinds/openapi.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"

/* ---- protobuf ---- */

enum wire { WIRE_VARINT = 0, WIRE_I64 = 1, WIRE_LEN = 2 };

static void add_varint(struct str *out, uint64_t n)
{
    for (; n >= 0x80; n >>= 7) {
        str_add_c(out, (char)(n | 0x80));
    }
    str_add_c(out, (char)n);
}

static void add_tag(struct str *out, unsigned field, enum wire wire)
{
    add_varint(out, (uint64_t)field << 3 | wire);
}

static void add_bytes(struct str *out, unsigned field, const void *bytes, size_t n)
{
    add_tag(out, field, WIRE_LEN);
    add_varint(out, n);
    str_add_n(out, bytes, n);
}

static void add_message(struct str *out, unsigned field, const struct str *message)
{
    add_bytes(out, field, str_c(message), message->len);
}

/* ---- members ---- */

typedef void put_fn(struct str *out, unsigned field, const json_t *v);

struct row {
    const char *key; /* NULL: all that begin with "x-" */
    unsigned field;
    put_fn *put;
};

static void put_string(struct str *out, unsigned field, const json_t *v)
{
    add_bytes(out, field, json_string_value(v), json_string_length(v));
}

static void put_strings(struct str *out, unsigned field, const json_t *list)
{
    const json_t *item;
    size_t i;
    jx_each(i, item, list)
    {
        put_string(out, field, item);
    }
}

static void put_bool(struct str *out, unsigned field, const json_t *v)
{
    add_tag(out, field, WIRE_VARINT);
    add_varint(out, json_is_true(v));
}

static void put_int(struct str *out, unsigned field, const json_t *v)
{
    add_tag(out, field, WIRE_VARINT);
    add_varint(out, (uint64_t)json_integer_value(v));
}

static void put_double(struct str *out, unsigned field, const json_t *v)
{
    double d = json_number_value(v);
    uint64_t bits;
    memcpy(&bits, &d, sizeof(bits));
    add_tag(out, field, WIRE_I64);
    for (unsigned i = 0; i < 8; i++) {
        str_add_c(out, (char)(bits >> (8 * i)));
    }
}

/* Any{yaml = 2}: JSON is YAML, too. */
static void put_any(struct str *out, unsigned field, const json_t *v)
{
    cleanup_str struct str yaml = STR_INIT;
    cleanup_str struct str any = STR_INIT;
    jx_dump(&yaml, v);
    add_message(&any, 2, &yaml);
    add_message(out, field, &any);
}

static void put_anys(struct str *out, unsigned field, const json_t *list)
{
    const json_t *item;
    size_t i;
    jx_each(i, item, list)
    {
        put_any(out, field, item);
    }
}

/* Adds {name = 1, value = 2}, the shape of every map's entry. */
static void put_named(struct str *out, unsigned field, const char *name, put_fn *put,
                      const json_t *value)
{
    cleanup_str struct str entry = STR_INIT;
    add_bytes(&entry, 1, name, strlen(name));
    put(&entry, 2, value);
    add_message(out, field, &entry);
}

/* All members of an object, as entries in their order. */
static void put_map(struct str *out, unsigned field, put_fn *put, const json_t *object)
{
    json_t *walked = (json_t *)(uintptr_t)object; /* iterators want it so; it is not changed */
    for (void *it = json_object_iter(walked); it != NULL; it = json_object_iter_next(walked, it)) {
        put_named(out, field, json_object_iter_key(it), put, json_object_iter_value(it));
    }
}

static void put_extensions(struct str *out, unsigned field, const json_t *object)
{
    json_t *walked = (json_t *)(uintptr_t)object;
    for (void *it = json_object_iter(walked); it != NULL; it = json_object_iter_next(walked, it)) {
        if (str_has_prefix(json_object_iter_key(it), "x-")) {
            put_named(out, field, json_object_iter_key(it), put_any, json_object_iter_value(it));
        }
    }
}

static void put_rows(struct str *out, const struct row *rows, size_t n, const json_t *object)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *member = rows[i].key != NULL ? jx_get(object, rows[i].key) : object;
        if (member != NULL) {
            rows[i].put(out, rows[i].field, member);
        }
    }
}

#define DEFINE_PUT_MESSAGE(name, rows)                                                             \
    static void name(struct str *out, unsigned field, const json_t *v)                             \
    {                                                                                              \
        cleanup_str struct str message = STR_INIT;                                                 \
        put_rows(&message, rows, ARRAY_LEN(rows), v);                                              \
        add_message(out, field, &message);                                                         \
    }

/* A message whose one field holds what the JSON has in its place: ItemsItem{schema = 1}. */
static void put_wrapped(struct str *out, unsigned field, unsigned inner, put_fn *put,
                        const json_t *v)
{
    cleanup_str struct str message = STR_INIT;
    put(&message, inner, v);
    add_message(out, field, &message);
}

/* ---- Schema ---- */

static put_fn put_schema;

static void put_type(struct str *out, unsigned field, const json_t *v)
{
    put_wrapped(out, field, 1, put_string, v);
}

/* ItemsItem and AdditionalPropertiesItem. */
static void put_schema_item(struct str *out, unsigned field, const json_t *v)
{
    put_wrapped(out, field, 1, put_schema, v);
}

static void put_named_schemas(struct str *out, unsigned field, const json_t *v)
{
    put_map(out, field, put_schema, v);
}

/* Properties and Definitions. */
static void put_schemas(struct str *out, unsigned field, const json_t *v)
{
    put_wrapped(out, field, 1, put_named_schemas, v);
}

static const struct row schema_rows[] = {
    {"$ref", 1, put_string},
    {"format", 2, put_string},
    {"description", 4, put_string},
    {"default", 5, put_any},
    {"maximum", 7, put_double},
    {"minimum", 9, put_double},
    {"maxLength", 11, put_int},
    {"minLength", 12, put_int},
    {"maxItems", 14, put_int},
    {"minItems", 15, put_int},
    {"maxProperties", 17, put_int},
    {"minProperties", 18, put_int},
    {"required", 19, put_strings},
    {"enum", 20, put_anys},
    {"additionalProperties", 21, put_schema_item},
    {"type", 22, put_type},
    {"items", 23, put_schema_item},
    {"properties", 25, put_schemas},
    {NULL, 31, put_extensions},
};
DEFINE_PUT_MESSAGE(put_schema, schema_rows)

/* ---- Parameter ---- */

static const struct row body_rows[] = {
    {"description", 1, put_string}, {"name", 2, put_string},   {"in", 3, put_string},
    {"required", 4, put_bool},      {"schema", 5, put_schema},
};
DEFINE_PUT_MESSAGE(put_body_parameter, body_rows)

static const struct row query_rows[] = {
    {"required", 1, put_bool}, {"in", 2, put_string},   {"description", 3, put_string},
    {"name", 4, put_string},   {"type", 6, put_string}, {"uniqueItems", 20, put_bool},
};
DEFINE_PUT_MESSAGE(put_query_parameter, query_rows)

static const struct row path_rows[] = {
    {"required", 1, put_bool}, {"in", 2, put_string},   {"description", 3, put_string},
    {"name", 4, put_string},   {"type", 5, put_string}, {"uniqueItems", 19, put_bool},
};
DEFINE_PUT_MESSAGE(put_path_parameter, path_rows)

/* NonBodyParameter{query = 3, path = 4} */
static void put_non_body_parameter(struct str *out, unsigned field, const json_t *v)
{
    bool in_path = str_eq(jx_get_str(v, "in", ""), "path");
    put_wrapped(out, field, in_path ? 4 : 3, in_path ? put_path_parameter : put_query_parameter, v);
}

/* Parameter{body = 1, non_body = 2} */
static void put_parameter(struct str *out, unsigned field, const json_t *v)
{
    bool body = str_eq(jx_get_str(v, "in", ""), "body");
    put_wrapped(out, field, body ? 1 : 2, body ? put_body_parameter : put_non_body_parameter, v);
}

/* ParametersItem{parameter = 1} */
static void put_parameters(struct str *out, unsigned field, const json_t *list)
{
    const json_t *item;
    size_t i;
    jx_each(i, item, list)
    {
        put_wrapped(out, field, 1, put_parameter, item);
    }
}

/* ---- Response ---- */

/* SchemaItem{schema = 1} */
static const struct row response_rows[] = {
    {"description", 1, put_string},
    {"schema", 2, put_schema_item},
};
DEFINE_PUT_MESSAGE(put_response, response_rows)

/* ResponseValue{response = 1} */
static void put_response_value(struct str *out, unsigned field, const json_t *v)
{
    put_wrapped(out, field, 1, put_response, v);
}

static void put_response_codes(struct str *out, unsigned field, const json_t *v)
{
    put_map(out, field, put_response_value, v);
}

static void put_responses(struct str *out, unsigned field, const json_t *v)
{
    put_wrapped(out, field, 1, put_response_codes, v);
}

/* ---- Operation, PathItem, Document ---- */

static const struct row operation_rows[] = {
    {"tags", 1, put_strings},          {"summary", 2, put_string},
    {"description", 3, put_string},    {"operationId", 5, put_string},
    {"produces", 6, put_strings},      {"consumes", 7, put_strings},
    {"parameters", 8, put_parameters}, {"responses", 9, put_responses},
    {NULL, 13, put_extensions},
};
DEFINE_PUT_MESSAGE(put_operation, operation_rows)

static const struct row path_item_rows[] = {
    {"get", 2, put_operation},    {"put", 3, put_operation},   {"post", 4, put_operation},
    {"delete", 5, put_operation}, {"patch", 8, put_operation}, {"parameters", 9, put_parameters},
};
DEFINE_PUT_MESSAGE(put_path_item, path_item_rows)

static void put_path_items(struct str *out, unsigned field, const json_t *v)
{
    put_map(out, field, put_path_item, v);
}

/* Paths{path = 2} */
static void put_paths(struct str *out, unsigned field, const json_t *v)
{
    put_wrapped(out, field, 2, put_path_items, v);
}

static const struct row info_rows[] = {
    {"title", 1, put_string},
    {"version", 2, put_string},
};
DEFINE_PUT_MESSAGE(put_info, info_rows)

static const struct row document_rows[] = {
    {"swagger", 1, put_string},
    {"info", 2, put_info},
    {"paths", 8, put_paths},
    {"definitions", 9, put_schemas},
};

void openapi_gnostic_encode(struct str *out, const json_t *document)
{
    put_rows(out, document_rows, ARRAY_LEN(document_rows), document);
}
