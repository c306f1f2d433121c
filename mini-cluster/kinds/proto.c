/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes' protobuf bodies as JSON, driven by the tables. Go writes the zero values of
 * everything that is no pointer: those are left out, as Go's JSON would. */
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "kinds/kinds.h"
#include "kinds/proto_wire.h"
#include "meta/time.h"

/* Bounds on what a body of hostile bytes may become. */
enum { MAX_DEPTH = 50, MAX_VALUES = 200000 };

struct decoder {
    struct err *err;
    unsigned depth;
    unsigned values;
};

/* Where a value stands, for messages. */
struct spot {
    struct decoder *d;
    const struct kind_message *m;
    const struct kind_field *f;
};

static int bad(const struct spot *s, const char *what)
{
    return err_set(s->d->err, ERR_BAD_REQUEST, "cannot decode the protobuf body: %s%s%s: %s",
                   s->m->name, s->f != NULL ? "." : "", s->f != NULL ? s->f->name : "", what);
}

static int decode_message(struct decoder *d, const struct kind_message *m, struct wire bytes,
                          json_t *obj);

/* ---- messages that are one value in JSON ---- */

/* The fields 1 to 3 of a small message; what is missing is zero or empty. */
struct small {
    uint64_t number[4];
    struct wire bytes[4];
};

static int read_small(const struct spot *s, struct wire bytes, struct small *ret)
{
    struct wire_field wf;
    int rc;
    *ret = (struct small){0};
    while ((rc = wire_next(&bytes, &wf)) > 0) {
        if (wf.number <= 3) {
            ret->number[wf.number] = wf.value;
            ret->bytes[wf.number] = wf.bytes;
        }
    }
    return rc < 0 ? bad(s, "malformed bytes") : 0;
}

static int make_text(const struct spot *s, struct wire bytes, json_t **ret)
{
    size_t n = wire_len(&bytes);
    const char *text = n > 0 ? (const char *)bytes.p : "";
    *ret = n > 0 && memchr(text, '\0', n) != NULL ? NULL : json_stringn(text, n);
    return *ret != NULL ? 0 : bad(s, "a text must be UTF-8 without NUL");
}

static int make_time(const struct spot *s, struct wire bytes, json_t **ret)
{
    struct small t;
    char buf[28];
    if (wire_len(&bytes) == 0) {
        *ret = NULL; /* Go's zero time: none, not 1970 */
        return 0;
    }
    if (read_small(s, bytes, &t) < 0) {
        return -1;
    }
    int64_t seconds = (int64_t)t.number[1], nanos = (int64_t)t.number[2];
    if (seconds < -62135596800 || seconds > 253402300799 || nanos < 0 || nanos > 999999999) {
        return bad(s, "a time outside of the years 1 to 9999");
    }
    if (s->f->type == KIND_MICRO_TIME) {
        time_format_micro(buf, seconds * 1000000 + nanos / 1000);
    } else {
        time_format(buf, seconds * 1000000);
    }
    *ret = json_string(buf);
    return 0;
}

static int make_int_or_string(const struct spot *s, struct wire bytes, json_t **ret)
{
    struct small v;
    if (read_small(s, bytes, &v) < 0) {
        return -1;
    }
    if (v.number[1] == 1) {
        return make_text(s, v.bytes[3], ret);
    }
    *ret = json_integer((int32_t)v.number[2]);
    return 0;
}

static int make_quantity(const struct spot *s, struct wire bytes, json_t **ret)
{
    struct small v;
    return read_small(s, bytes, &v) < 0 ? -1 : make_text(s, v.bytes[1], ret);
}

/* RawExtension and FieldsV1 carry JSON text. */
static int make_any(const struct spot *s, struct wire bytes, json_t **ret)
{
    struct small v;
    if (read_small(s, bytes, &v) < 0) {
        return -1;
    }
    *ret = NULL;
    if (wire_len(&v.bytes[1]) == 0) {
        return 0;
    }
    if (jx_parse((const char *)v.bytes[1].p, wire_len(&v.bytes[1]), false, ret, s->d->err) < 0) {
        return err_wrap(s->d->err, "cannot decode the protobuf body: %s.%s", s->m->name,
                        s->f->name);
    }
    return 0;
}

static json_t *make_base64(struct wire bytes)
{
    cleanup_str struct str text = STR_INIT;
    str_base64(&text, bytes.p, wire_len(&bytes));
    return json_string(str_c(&text));
}

/* ---- one value; *ret is NULL for what Go would not show ---- */

static int make_number(const struct spot *s, enum wire_type type, uint64_t value, json_t **ret)
{
    double d;
    if (type != (s->f->type == KIND_DOUBLE ? WIRE_FIXED64 : WIRE_VARINT)) {
        return bad(s, "another type of value than expected");
    }
    switch (s->f->type) {
    case KIND_BOOL:
        *ret = json_boolean(value != 0);
        return 0;
    case KIND_INT32:
        *ret = json_integer((int32_t)value);
        return 0;
    case KIND_INT64:
        *ret = json_integer((json_int_t)value);
        return 0;
    default:
        memcpy(&d, &value, sizeof(d));
        *ret = json_real(d);
        return *ret != NULL ? 0 : bad(s, "not a number");
    }
}

static bool is_number(const struct kind_field *f)
{
    return f->type == KIND_BOOL || f->type == KIND_INT32 || f->type == KIND_INT64 ||
           f->type == KIND_DOUBLE;
}

static int make_message(const struct spot *s, struct wire bytes, json_t **ret)
{
    json_auto_t *obj = json_object();
    if (decode_message(s->d, s->f->message, bytes, obj) < 0) {
        return -1;
    }
    *ret = steal(obj);
    return 0;
}

static int make_value(const struct spot *s, const struct wire_field *wf, json_t **ret)
{
    if (++s->d->values > MAX_VALUES) {
        return bad(s, "too many values");
    }
    if (is_number(s->f)) {
        return make_number(s, wf->type, wf->value, ret);
    }
    if (wf->type != WIRE_BYTES) {
        return bad(s, "another type of value than expected");
    }
    switch (s->f->type) {
    case KIND_BYTES:
        *ret = make_base64(wf->bytes);
        return 0;
    case KIND_QUANTITY:
        return make_quantity(s, wf->bytes, ret);
    case KIND_TIME:
    case KIND_MICRO_TIME:
        return make_time(s, wf->bytes, ret);
    case KIND_INT_OR_STRING:
        return make_int_or_string(s, wf->bytes, ret);
    case KIND_MESSAGE:
        return make_message(s, wf->bytes, ret);
    case KIND_ANY:
        return make_any(s, wf->bytes, ret);
    default:
        return make_text(s, wf->bytes, ret);
    }
}

/* ---- fields ---- */

static bool is_zero(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return json_object_size(v) == 0;
    case JSON_STRING:
        return json_string_length(v) == 0;
    case JSON_INTEGER:
    case JSON_REAL:
        return json_number_value(v) == 0;
    case JSON_FALSE:
        return true;
    default:
        return false;
    }
}

static int put_one(const struct spot *s, const struct wire_field *wf, json_t *obj)
{
    json_t *v = NULL;
    if (make_value(s, wf, &v) < 0) {
        return -1;
    }
    if (v != NULL && (s->f->pointer || !is_zero(v))) {
        json_object_set_new(obj, s->f->name, v);
    } else {
        json_decref(v);
    }
    return 0;
}

static json_t *member(json_t *obj, const char *name, json_t *(*make)(void))
{
    json_t *v = json_object_get(obj, name);
    if (v == NULL) {
        v = make();
        json_object_set_new(obj, name, v);
    }
    return v;
}

/* Numbers may come packed: all of them in one run of bytes. */
static int put_packed(const struct spot *s, struct wire bytes, json_t *list)
{
    while (wire_len(&bytes) > 0) {
        struct wire_field one = {.type = WIRE_VARINT};
        json_t *v = NULL;
        if (s->f->type == KIND_DOUBLE || !wire_varint(&bytes, &one.value)) {
            return bad(s, "malformed bytes");
        }
        if (make_value(s, &one, &v) < 0) {
            return -1;
        }
        json_array_append_new(list, v);
    }
    return 0;
}

static int put_item(const struct spot *s, const struct wire_field *wf, json_t *obj)
{
    json_t *list = member(obj, s->f->name, json_array), *v = NULL;
    if (is_number(s->f) && wf->type == WIRE_BYTES) {
        return put_packed(s, wf->bytes, list);
    }
    if (make_value(s, wf, &v) < 0) {
        return -1;
    }
    json_array_append_new(list, v != NULL ? v : json_null());
    return 0;
}

/* An entry is a message {1: key, 2: value}. */
static int put_entry(const struct spot *s, const struct wire_field *wf, json_t *obj)
{
    struct wire bytes = wf->bytes;
    struct wire_field part, value = {.type = is_number(s->f) ? WIRE_VARINT : WIRE_BYTES};
    json_auto_t *key = json_string("");
    json_t *v = NULL;
    int rc;
    if (wf->type != WIRE_BYTES) {
        return bad(s, "another type of value than expected");
    }
    while ((rc = wire_next(&bytes, &part)) > 0) {
        if (part.number == 1) {
            json_decref(key);
            key = NULL;
            if (make_text(s, part.bytes, &key) < 0) {
                return -1;
            }
        } else if (part.number == 2) {
            value = part;
        }
    }
    if (rc < 0) {
        return bad(s, "malformed bytes");
    }
    if (make_value(s, &value, &v) < 0) {
        return -1;
    }
    json_object_set_new(member(obj, s->f->name, json_object), json_string_value(key),
                        v != NULL ? v : json_null());
    return 0;
}

static int put_field(const struct spot *s, const struct wire_field *wf, json_t *obj)
{
    if (s->f->inlined) {
        return wf->type == WIRE_BYTES ? decode_message(s->d, s->f->message, wf->bytes, obj)
                                      : bad(s, "another type of value than expected");
    }
    switch (s->f->shape) {
    case KIND_LIST:
        return put_item(s, wf, obj);
    case KIND_MAP:
        return put_entry(s, wf, obj);
    case KIND_ONE:
        break;
    }
    return put_one(s, wf, obj);
}

static const struct kind_field *by_number(const struct kind_message *m, unsigned number)
{
    for (size_t i = 0; i < m->nfields; i++) {
        if (m->fields[i].pb == number) {
            return &m->fields[i];
        }
    }
    return NULL; /* of a newer client: passed over, as protobuf wants it */
}

static int decode_message(struct decoder *d, const struct kind_message *m, struct wire bytes,
                          json_t *obj)
{
    struct spot s = {.d = d, .m = m};
    struct wire_field wf;
    int rc;
    if (d->depth >= MAX_DEPTH) {
        return bad(&s, "nested too deeply");
    }
    d->depth++;
    while ((rc = wire_next(&bytes, &wf)) > 0) {
        s.f = by_number(m, wf.number);
        if (s.f != NULL && put_field(&s, &wf, obj) < 0) {
            return -1;
        }
    }
    d->depth--;
    s.f = NULL;
    return rc < 0 ? bad(&s, "malformed bytes") : 0;
}

/* ---- the envelope ---- */

/* runtime.Unknown: {1: {1: apiVersion, 2: kind}, 2: the object, 3: content encoding}. */
static int open_envelope(const void *bytes, size_t n, json_t *ret_obj, struct wire *ret_raw,
                         struct err *err)
{
    static const struct kind_message envelope = {.name = "Unknown"};
    struct decoder d = {.err = err};
    struct spot s = {.d = &d, .m = &envelope};
    struct small unknown, type;
    json_t *api_version, *kind;
    if (n < 4 || memcmp(bytes, "k8s", 4) != 0) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the body is not Kubernetes protobuf: it must begin with \"k8s\" and a NUL");
    }
    const uint8_t *p = bytes;
    if (read_small(&s, (struct wire){p + 4, p + n}, &unknown) < 0 ||
        read_small(&s, unknown.bytes[1], &type) < 0) {
        return -1;
    }
    if (wire_len(&unknown.bytes[3]) > 0) {
        return bad(&s, "a compressed body is not understood");
    }
    if (make_text(&s, type.bytes[2], &kind) < 0) {
        return -1;
    }
    json_object_set_new(ret_obj, "kind", kind);
    if (make_text(&s, type.bytes[1], &api_version) < 0) {
        return -1;
    }
    json_object_set_new(ret_obj, "apiVersion", api_version);
    *ret_raw = unknown.bytes[2];
    return 0;
}

int kinds_proto_decode(const void *bytes, size_t n, json_t **ret, struct err *err)
{
    json_auto_t *obj = json_object();
    struct decoder d = {.err = err};
    struct wire raw;
    if (open_envelope(bytes, n, obj, &raw, err) < 0) {
        return -1;
    }
    const struct kind *k = kinds_of(obj);
    if (k == NULL) {
        return err_set(err, ERR_BAD_REQUEST,
                       "no kind \"%.100s\" is registered for version \"%.100s\"",
                       jx_get_str(obj, "kind", ""), jx_get_str(obj, "apiVersion", ""));
    }
    if (decode_message(&d, k->message, raw, obj) < 0) {
        return -1;
    }
    *ret = steal(obj);
    return 0;
}
