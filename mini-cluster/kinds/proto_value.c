/* SPDX-License-Identifier: Apache-2.0 */
/* Single protobuf values as JSON: numbers, texts, times, quantities. */
#include "kinds/proto.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "meta/time.h"

enum { MAX_VALUES = 200000 }; /* of a body: two bytes of it can become hundreds of ours */

int proto_bad(const struct spot *s, const char *what)
{
    return err_set(s->d->err, ERR_BAD_REQUEST, "cannot decode the protobuf body: %s%s%s: %s",
                   s->m->name, s->f != NULL ? "." : "", s->f != NULL ? s->f->name : "", what);
}

/* ---- messages that are one value in JSON ---- */

int proto_small(const struct spot *s, struct wire bytes, struct small *ret)
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
    return rc < 0 ? proto_bad(s, "malformed bytes") : 0;
}

int proto_text(const struct spot *s, struct wire bytes, json_t **ret)
{
    size_t n = wire_len(&bytes);
    const char *text = n > 0 ? (const char *)bytes.p : "";
    *ret = n > 0 && memchr(text, '\0', n) != NULL ? NULL : json_stringn(text, n);
    return *ret != NULL ? 0 : proto_bad(s, "a text must be UTF-8 without NUL");
}

static int make_time(const struct spot *s, struct wire bytes, json_t **ret)
{
    struct small t;
    char buf[28];
    if (wire_len(&bytes) == 0) {
        *ret = NULL; /* Go's zero time: none, not 1970 */
        return 0;
    }
    if (proto_small(s, bytes, &t) < 0) {
        return -1;
    }
    int64_t seconds = (int64_t)t.number[1], nanos = (int64_t)t.number[2];
    if (seconds < -62135596800 || seconds > 253402300799 || nanos < 0 || nanos > 999999999) {
        return proto_bad(s, "a time outside of the years 1 to 9999");
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
    if (proto_small(s, bytes, &v) < 0) {
        return -1;
    }
    if (v.number[1] == 1) {
        return proto_text(s, v.bytes[3], ret);
    }
    *ret = json_integer((int32_t)v.number[2]);
    return 0;
}

static int make_quantity(const struct spot *s, struct wire bytes, json_t **ret)
{
    struct small v;
    return proto_small(s, bytes, &v) < 0 ? -1 : proto_text(s, v.bytes[1], ret);
}

/* RawExtension and FieldsV1 carry JSON text. */
static int make_any(const struct spot *s, struct wire bytes, json_t **ret)
{
    struct small v;
    if (proto_small(s, bytes, &v) < 0) {
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
        return proto_bad(s, "another type of value than expected");
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
        return *ret != NULL ? 0 : proto_bad(s, "not a number");
    }
}

bool proto_is_number(const struct kind_field *f)
{
    return f->type == KIND_BOOL || f->type == KIND_INT32 || f->type == KIND_INT64 ||
           f->type == KIND_DOUBLE;
}

static int make_message(const struct spot *s, struct wire bytes, json_t **ret)
{
    json_auto_t *obj = json_object();
    if (proto_message(s->d, s->f->message, bytes, obj) < 0) {
        return -1;
    }
    *ret = steal(obj);
    return 0;
}

int proto_value(const struct spot *s, const struct wire_field *wf, json_t **ret)
{
    if (++s->d->values > MAX_VALUES) {
        return proto_bad(s, "too many values");
    }
    if (proto_is_number(s->f)) {
        return make_number(s, wf->type, wf->value, ret);
    }
    if (wf->type != WIRE_BYTES) {
        return proto_bad(s, "another type of value than expected");
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
        return proto_text(s, wf->bytes, ret);
    }
}
