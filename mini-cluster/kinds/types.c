/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the wrong JSON type, refused in the words of Go's decoder, which learners will meet. */
#include <stdio.h>
#include <string.h>

#include "kinds/walk.h"
#include "meta/quantity.h"
#include "meta/time.h"

/* Every message gets its defaults and its checks: no object that is meant well has this many. */
enum { MAX_MESSAGES = 50000 };

/* Where a value stands: Go names the struct and the path without indices. */
struct place {
    const struct kind_message *in;
    const struct walk_at *at;
    unsigned *messages;
    struct err *err;
};

/* The last two words of a full name: "v1.PodSpec". */
static const char *go_name(const struct kind_message *m)
{
    const char *last = strrchr(m->full_name, '.');
    if (last == NULL) {
        return m->full_name;
    }
    while (last > m->full_name && last[-1] != '.') {
        last--;
    }
    return last;
}

static const char *go_type(const struct kind_field *f)
{
    switch (f->type) {
    case KIND_BOOL:
        return "bool";
    case KIND_INT32:
        return "int32";
    case KIND_INT64:
        return "int64";
    case KIND_DOUBLE:
        return "float64";
    case KIND_STRING:
        return "string";
    case KIND_BYTES:
        return "[]uint8";
    case KIND_QUANTITY:
        return "resource.Quantity";
    case KIND_TIME:
        return "v1.Time";
    case KIND_MICRO_TIME:
        return "v1.MicroTime";
    case KIND_INT_OR_STRING:
        return "intstr.IntOrString";
    case KIND_MESSAGE:
        return go_name(f->message);
    case KIND_ANY:
        break;
    }
    return "interface {}";
}

static const char *json_word(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "bool";
    case JSON_NULL:
        break;
    }
    return "null";
}

/* `prefix` is "[]" or "map[string]" when it is the list or map itself that is wrong. */
static int mismatch(const struct place *p, const struct kind_field *f, const json_t *v,
                    const char *prefix, bool with_number)
{
    char number[40] = "";
    if (with_number && json_is_integer(v)) {
        snprintf(number, sizeof(number), " %" JSON_INTEGER_FORMAT, json_integer_value(v));
    } else if (with_number) {
        snprintf(number, sizeof(number), " %.15g", json_number_value(v));
    }
    cleanup_str struct str path = STR_INIT;
    const char *type = go_type(f);
    if (prefix[0] == 'm' && f->type == KIND_QUANTITY) {
        prefix = "";
        type = "v1.ResourceList";
    }
    return err_set(p->err, ERR_BAD_REQUEST,
                   "json: cannot unmarshal %s%s into Go struct field %s.%s of type %s%s",
                   json_word(v), number, p->in->name, walk_fields(p->at, &path), prefix, type);
}

/* What decodes itself in Go knows no field; learners are better off with one. */
static int malformed(const struct place *p, const char *what)
{
    cleanup_str struct str path = STR_INIT;
    return err_set(p->err, ERR_BAD_REQUEST, "%s (at %s)", what, walk_text(p->at, &path));
}

static int check_number(const struct place *p, const struct kind_field *f, const json_t *v)
{
    if (!json_is_number(v)) {
        return mismatch(p, f, v, "", false);
    }
    json_int_t i = json_integer_value(v);
    if (!json_is_integer(v) || (f->type == KIND_INT32 && (i < INT32_MIN || i > INT32_MAX))) {
        return mismatch(p, f, v, "", true);
    }
    return 0;
}

static int check_quantity(const struct place *p, const struct kind_field *f, const json_t *v)
{
    int64_t ignored;
    if (!json_is_string(v) && !json_is_number(v)) {
        return mismatch(p, f, v, "", false);
    }
    if (!quantity_json_milli(v, &ignored)) {
        return malformed(p, "quantities must match the regular expression "
                            "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
    }
    return 0;
}

static int check_time(const struct place *p, const struct kind_field *f, const json_t *v)
{
    int64_t ignored;
    if (!json_is_string(v)) {
        return mismatch(p, f, v, "", false);
    }
    const char *text = json_string_value(v);
    if (!time_parse(text, &ignored)) {
        cleanup_str struct str path = STR_INIT;
        return err_set(p->err, ERR_BAD_REQUEST,
                       "parsing time \"%.60s\" as \"2006-01-02T15:04:05Z07:00\": cannot parse "
                       "\"%.60s\" (at %s)",
                       text, text, walk_text(p->at, &path));
    }
    return 0;
}

static int check_int_or_string(const struct place *p, const json_t *v)
{
    json_int_t i = json_integer_value(v);
    if (json_is_string(v) || (json_is_integer(v) && i >= INT32_MIN && i <= INT32_MAX)) {
        return 0;
    }
    char what[96];
    snprintf(what, sizeof(what), "json: cannot unmarshal %s into Go value of type int32",
             json_word(v));
    return malformed(p, what);
}

/* Go's decoder skips line ends within base64. */
static bool is_base64(const char *text)
{
    size_t n = 0, pad = 0;
    for (; *text != '\0'; text++) {
        if (*text == '\r' || *text == '\n') {
            continue;
        }
        if (*text == '=') {
            pad++;
        } else if (pad > 0 || strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789+/",
                                     *text) == NULL) {
            return false;
        }
        n++;
    }
    return n % 4 == 0 && pad <= 2;
}

static int check_string(const struct place *p, const struct kind_field *f, const json_t *v)
{
    if (f->bool_words != NULL && json_is_boolean(v)) {
        return 0;
    }
    if (!json_is_string(v)) {
        return mismatch(p, f, v, "", false);
    }
    if (f->type == KIND_BYTES && !is_base64(json_string_value(v))) {
        return malformed(p, "illegal base64 data");
    }
    return 0;
}

static int check_message(const struct place *p, const struct kind_message *m, const json_t *obj);

static int check_one(const struct place *p, const struct kind_field *f, const json_t *v)
{
    if (json_is_null(v)) {
        return 0;
    }
    switch (f->type) {
    case KIND_BOOL:
        return json_is_boolean(v) ? 0 : mismatch(p, f, v, "", false);
    case KIND_INT32:
    case KIND_INT64:
        return check_number(p, f, v);
    case KIND_DOUBLE:
        return json_is_number(v) ? 0 : mismatch(p, f, v, "", false);
    case KIND_STRING:
    case KIND_BYTES:
        return check_string(p, f, v);
    case KIND_QUANTITY:
        return check_quantity(p, f, v);
    case KIND_TIME:
    case KIND_MICRO_TIME:
        return check_time(p, f, v);
    case KIND_INT_OR_STRING:
        return check_int_or_string(p, v);
    case KIND_MESSAGE:
        return json_is_object(v) ? check_message(p, f->message, v) : mismatch(p, f, v, "", false);
    case KIND_ANY:
        break;
    }
    return 0;
}

static int check_list(const struct place *p, const struct kind_field *f, const json_t *v)
{
    if (!json_is_array(v)) {
        return mismatch(p, f, v, "[]", false);
    }
    struct walk_at item = {.up = p->at};
    struct place inside = *p;
    int rc = 0;
    inside.at = &item;
    for (; rc == 0 && item.index < json_array_size(v); item.index++) {
        rc = check_one(&inside, f, json_array_get(v, item.index));
    }
    return rc;
}

static int check_map(const struct place *p, const struct kind_field *f, const json_t *v)
{
    if (!json_is_object(v)) {
        return mismatch(p, f, v, "map[string]", false);
    }
    struct walk_at member = {.up = p->at};
    struct place inside = *p;
    int rc = 0;
    json_t *value;
    inside.at = &member;
    json_object_foreach((json_t *)(uintptr_t)v, member.key, value)
    {
        rc = rc == 0 ? check_one(&inside, f, value) : rc;
    }
    return rc;
}

static int check_field(const struct place *p, const struct kind_field *f, const json_t *v)
{
    if (f->shape == KIND_ONE || json_is_null(v)) {
        return check_one(p, f, v);
    }
    return f->shape == KIND_LIST ? check_list(p, f, v) : check_map(p, f, v);
}

static int check_message(const struct place *p, const struct kind_message *m, const json_t *obj)
{
    struct walk_at here = {.up = p->at};
    struct place inside = *p;
    int rc = 0;
    if (++*p->messages > MAX_MESSAGES) {
        return malformed(p, "the object has too many parts");
    }
    inside.in = m;
    inside.at = &here;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)obj, here.name, v)
    {
        const struct kind_field *f = rc == 0 ? kinds_field(m, here.name) : NULL;
        if (f != NULL) {
            rc = check_field(&inside, f, v);
        }
    }
    return rc;
}

int kinds_check_types(const struct kind *k, const json_t *obj, struct err *err)
{
    unsigned messages = 0;
    struct place p = {.in = k->message, .messages = &messages, .err = err};
    if (!json_is_object(obj)) {
        return err_set(err, ERR_BAD_REQUEST, "json: cannot unmarshal %s into Go value of type %s",
                       json_word(obj), go_name(k->message));
    }
    return check_message(&p, k->message, obj);
}
