/* SPDX-License-Identifier: Apache-2.0 */
/* Frames in and out; compiled into mini-cluster and into the guest. */
#include "guest/wire.h"

#include <string.h>

static const uint8_t magic[4] = {0x9e, 0x70, 0x6c, 0xc1};

/* Nibble by nibble: a table of 64 bytes is enough at these rates. */
uint32_t wire_crc32(uint32_t crc, const void *bytes, size_t n)
{
    static const uint32_t row[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    const uint8_t *p = bytes;
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc = row[(crc ^ p[i]) & 15] ^ (crc >> 4);
        crc = row[(crc ^ (p[i] >> 4)) & 15] ^ (crc >> 4);
    }
    return ~crc;
}

void wire_put(struct wire_out *o, uint64_t value, unsigned bytes)
{
    if (o->full || o->cap - o->len < bytes) {
        o->full = true;
        return;
    }
    while (bytes-- > 0) {
        o->p[o->len++] = (uint8_t)(value >> (8 * bytes));
    }
}

void wire_put_str(struct wire_out *o, const char *s)
{
    size_t n = strnlen(s, 255);
    if (o->full || o->cap - o->len < n + 1) {
        o->full = true;
        return;
    }
    o->p[o->len++] = (uint8_t)n;
    memcpy(o->p + o->len, s, n);
    o->len += n;
}

uint64_t wire_get(struct wire_in *in, unsigned bytes)
{
    uint64_t v = 0;
    if (in->bad || in->len < bytes) {
        in->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++) {
        v = v << 8 | in->p[i];
    }
    in->p += bytes;
    in->len -= bytes;
    return v;
}

void wire_get_str(struct wire_in *in, char ret[256])
{
    size_t n = wire_get(in, 1);
    ret[0] = '\0';
    if (in->bad || in->len < n || memchr(in->p, '\0', n) != NULL) {
        in->bad = true;
        return;
    }
    memcpy(ret, in->p, n);
    ret[n] = '\0';
    in->p += n;
    in->len -= n;
}

size_t wire_encode(uint8_t *out, const struct wire_frame *f)
{
    struct wire_out o = {.p = out, .cap = WIRE_HEADER};
    memcpy(out, magic, sizeof(magic));
    o.len = sizeof(magic);
    wire_put(&o, WIRE_VERSION, 1);
    wire_put(&o, f->type, 1);
    wire_put(&o, 0, 2);
    wire_put(&o, f->len, 4);
    wire_put(&o, f->seq, 4);
    wire_put(&o, f->epoch, 8);
    wire_put(&o, wire_crc32(0, f->payload, f->len), 4);
    wire_put(&o, wire_crc32(0, out, WIRE_HEADER - 4), 4);
    if (f->len > 0) {
        memcpy(out + WIRE_HEADER, f->payload, f->len);
    }
    return WIRE_HEADER + f->len;
}

size_t wire_feed(struct wire_reader *r, const void *bytes, size_t n)
{
    if (r->start > 0) {
        memmove(r->buf, r->buf + r->start, r->len - r->start);
        r->len -= r->start;
        r->start = 0;
    }
    size_t room = sizeof(r->buf) - r->len;
    n = n < room ? n : room;
    memcpy(r->buf + r->len, bytes, n);
    r->len += n;
    return n;
}

enum look { LOOK_NONE, LOOK_PART, LOOK_WHOLE };

/* What begins at `at`: no frame, one that is not all there yet, a whole one. */
static enum look look_at(const struct wire_reader *r, size_t at, struct wire_frame *ret)
{
    const uint8_t *p = r->buf + at;
    size_t have = r->len - at;
    size_t n = have < sizeof(magic) ? have : sizeof(magic);
    if (memcmp(p, magic, n) != 0) {
        return LOOK_NONE;
    }
    if (have < WIRE_HEADER) {
        return LOOK_PART;
    }
    struct wire_in in = {.p = p + 4, .len = WIRE_HEADER - 4};
    unsigned version = (unsigned)wire_get(&in, 1);
    ret->type = (uint8_t)wire_get(&in, 1);
    wire_get(&in, 2);
    ret->len = (uint32_t)wire_get(&in, 4);
    ret->seq = (uint32_t)wire_get(&in, 4);
    ret->epoch = wire_get(&in, 8);
    uint32_t sum = (uint32_t)wire_get(&in, 4);
    if (wire_get(&in, 4) != wire_crc32(0, p, WIRE_HEADER - 4) || version != WIRE_VERSION ||
        ret->len > WIRE_MAX) {
        return LOOK_NONE;
    }
    if (have < WIRE_HEADER + ret->len) {
        return LOOK_PART;
    }
    ret->payload = p + WIRE_HEADER;
    return wire_crc32(0, ret->payload, ret->len) == sum ? LOOK_WHOLE : LOOK_NONE;
}

/* Where the next magic may begin, at or after `at`; r->len when nowhere. */
static size_t next_magic(const struct wire_reader *r, size_t at)
{
    const uint8_t *p = at < r->len ? memchr(r->buf + at, magic[0], r->len - at) : NULL;
    return p != NULL ? (size_t)(p - r->buf) : r->len;
}

static void skip_to(struct wire_reader *r, size_t at)
{
    r->skipped += at - r->start;
    r->start = at;
}

bool wire_frame_next(struct wire_reader *r, struct wire_frame *ret)
{
    bool unfinished = false; /* the frame at start waits for bytes; is there a whole one inside? */
    for (size_t at = next_magic(r, r->start);; at = next_magic(r, at + 1)) {
        if (!unfinished) {
            skip_to(r, at);
        }
        if (at == r->len) {
            return false;
        }
        enum look look = look_at(r, at, ret);
        if (look == LOOK_WHOLE) {
            skip_to(r, at);
            r->start += WIRE_HEADER + ret->len;
            return true;
        }
        unfinished = unfinished || look == LOOK_PART;
    }
}

bool wire_session_take(struct wire_session *s, const struct wire_frame *f)
{
    if (f->type == WIRE_ASK) {
        s->asked = f->seq;
        return false;
    }
    if (f->epoch < s->epoch || (f->epoch == s->epoch && f->seq <= s->seq)) {
        return false;
    }
    if (f->epoch > s->epoch && f->type == WIRE_SNAPSHOT && f->seq == 1) {
        s->epoch = f->epoch;
        s->seq = 1;
        s->gap = false;
        return true;
    }
    if (f->epoch != s->epoch || f->seq != s->seq + 1) {
        s->gap = true;
        return false;
    }
    s->seq = f->seq;
    return true;
}
