/* SPDX-License-Identifier: Apache-2.0 */
/* Reads protobuf's tags, varints and lengths, never past the end. */
#include "kinds/proto_wire.h"

bool wire_varint(struct wire *w, uint64_t *ret)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && w->p < w->end; shift += 7) {
        uint8_t byte = *w->p++;
        if (shift == 63 && byte > 1) {
            return false; /* more than 64 bits */
        }
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = v;
            return true;
        }
    }
    return false;
}

static bool read_fixed(struct wire *w, size_t n, uint64_t *ret)
{
    if (wire_len(w) < n) {
        return false;
    }
    *ret = 0;
    for (size_t i = 0; i < n; i++) {
        *ret |= (uint64_t)w->p[i] << (8 * i);
    }
    w->p += n;
    return true;
}

static bool read_bytes(struct wire *w, struct wire *ret)
{
    uint64_t n;
    if (!wire_varint(w, &n) || n > wire_len(w)) {
        return false;
    }
    *ret = (struct wire){w->p, w->p + n};
    w->p += n;
    return true;
}

int wire_next(struct wire *w, struct wire_field *ret)
{
    uint64_t tag;
    if (w->p == w->end) {
        return 0;
    }
    if (!wire_varint(w, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff) {
        return -1;
    }
    *ret = (struct wire_field){.number = (unsigned)(tag >> 3), .type = (enum wire_type)(tag & 7)};
    bool ok = false;
    switch (ret->type) {
    case WIRE_VARINT:
        ok = wire_varint(w, &ret->value);
        break;
    case WIRE_FIXED64:
        ok = read_fixed(w, 8, &ret->value);
        break;
    case WIRE_FIXED32:
        ok = read_fixed(w, 4, &ret->value);
        break;
    case WIRE_BYTES:
        ok = read_bytes(w, &ret->bytes);
        break;
    }
    return ok ? 1 : -1;
}
