/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes' protobuf bodies as JSON, driven by the tables. Go writes the zero values of
 * everything that is no pointer: those are left out, as Go's JSON would. */
#include "kinds/proto.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"

enum { MAX_DEPTH = 50 };

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
    if (proto_value(s, wf, &v) < 0) {
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
            return proto_bad(s, "malformed bytes");
        }
        if (proto_value(s, &one, &v) < 0) {
            return -1;
        }
        json_array_append_new(list, v);
    }
    return 0;
}

static int put_item(const struct spot *s, const struct wire_field *wf, json_t *obj)
{
    json_t *list = member(obj, s->f->name, json_array), *v = NULL;
    if (proto_is_number(s->f) && wf->type == WIRE_BYTES) {
        return put_packed(s, wf->bytes, list);
    }
    if (proto_value(s, wf, &v) < 0) {
        return -1;
    }
    json_array_append_new(list, v != NULL ? v : json_null());
    return 0;
}

/* An entry is a message {1: key, 2: value}. */
static int put_entry(const struct spot *s, const struct wire_field *wf, json_t *obj)
{
    struct wire bytes = wf->bytes;
    struct wire_field part, value = {.type = proto_is_number(s->f) ? WIRE_VARINT : WIRE_BYTES};
    json_auto_t *key = json_string("");
    json_t *v = NULL;
    int rc;
    if (wf->type != WIRE_BYTES) {
        return proto_bad(s, "another type of value than expected");
    }
    while ((rc = wire_next(&bytes, &part)) > 0) {
        if (part.number == 1) {
            json_decref(key);
            key = NULL;
            if (proto_text(s, part.bytes, &key) < 0) {
                return -1;
            }
        } else if (part.number == 2) {
            value = part;
        }
    }
    if (rc < 0) {
        return proto_bad(s, "malformed bytes");
    }
    if (proto_value(s, &value, &v) < 0) {
        return -1;
    }
    json_object_set_new(member(obj, s->f->name, json_object), json_string_value(key),
                        v != NULL ? v : json_null());
    return 0;
}

static int put_field(const struct spot *s, const struct wire_field *wf, json_t *obj)
{
    if (s->f->inlined) {
        return wf->type == WIRE_BYTES ? proto_message(s->d, s->f->message, wf->bytes, obj)
                                      : proto_bad(s, "another type of value than expected");
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

int proto_message(struct decoder *d, const struct kind_message *m, struct wire bytes, json_t *obj)
{
    struct spot s = {.d = d, .m = m};
    struct wire_field wf;
    int rc;
    if (d->depth >= MAX_DEPTH) {
        return proto_bad(&s, "nested too deeply");
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
    return rc < 0 ? proto_bad(&s, "malformed bytes") : 0;
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
    if (proto_small(&s, (struct wire){p + 4, p + n}, &unknown) < 0 ||
        proto_small(&s, unknown.bytes[1], &type) < 0) {
        return -1;
    }
    if (wire_len(&unknown.bytes[3]) > 0) {
        return proto_bad(&s, "a compressed body is not understood");
    }
    if (proto_text(&s, type.bytes[2], &kind) < 0) {
        return -1;
    }
    json_object_set_new(ret_obj, "kind", kind);
    if (proto_text(&s, type.bytes[1], &api_version) < 0) {
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
    if (proto_message(&d, k->message, raw, obj) < 0) {
        return -1;
    }
    *ret = steal(obj);
    return 0;
}
