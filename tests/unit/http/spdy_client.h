/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of a SPDY connection, byte by byte: what kubectl writes, and a reader of answers.
 */
#ifndef TESTS_UNIT_HTTP_SPDY_CLIENT_H
#define TESTS_UNIT_HTTP_SPDY_CLIENT_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "common/mem.h"
#include "common/str.h"
#include "http/spdy_headers.h"

struct spdy_client {
    z_stream zip, unzip;
    struct str out;  /* frames to be fed to the server */
    struct str in;   /* bytes of the server, not yet read */
    struct str said; /* what they mean, a word for each: "reply1 data1=abc fin1 rst3:2 ping5 " */
};

static inline void spdy_client_init(struct spdy_client *c)
{
    unsigned char dictionary[SPDY_DICTIONARY_SIZE];
    spdy_dictionary(dictionary);
    *c = (struct spdy_client){0};
    assert_int_equal(deflateInit(&c->zip, 9), Z_OK);
    assert_int_equal(deflateSetDictionary(&c->zip, dictionary, sizeof(dictionary)), Z_OK);
    assert_int_equal(inflateInit(&c->unzip), Z_OK);
}

static inline void spdy_client_fini(struct spdy_client *c)
{
    deflateEnd(&c->zip);
    inflateEnd(&c->unzip);
    str_fini(&c->out);
    str_fini(&c->in);
    str_fini(&c->said);
}

static inline void spdy_put(struct str *to, uint32_t n, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--) {
        str_add_c(to, (char)(n >> (8 * i)));
    }
}

static inline void spdy_control(struct spdy_client *c, unsigned type, unsigned flags,
                                const struct str *body)
{
    spdy_put(&c->out, 0x80030000u | type, 4);
    spdy_put(&c->out, flags, 1);
    spdy_put(&c->out, (uint32_t)body->len, 3);
    str_add_n(&c->out, body->p, body->len);
}

static inline void spdy_zip(struct spdy_client *c, const struct str *text, struct str *out)
{
    static unsigned char piece[256 * 1024];
    c->zip.next_in = (unsigned char *)text->p;
    c->zip.avail_in = (unsigned)text->len;
    c->zip.next_out = piece;
    c->zip.avail_out = sizeof(piece);
    assert_int_equal(deflate(&c->zip, Z_SYNC_FLUSH), Z_OK);
    assert_true(c->zip.avail_out > 0);
    str_add_n(out, piece, sizeof(piece) - c->zip.avail_out);
}

/* pairs: "name=value" words, NULL-terminated. */
static inline void spdy_open(struct spdy_client *c, uint32_t id, unsigned flags,
                             const char *const *pairs)
{
    cleanup_str struct str text = STR_INIT, body = STR_INIT;
    uint32_t n = 0;
    while (pairs[n] != NULL) {
        n++;
    }
    spdy_put(&text, n, 4);
    for (uint32_t i = 0; i < n; i++) {
        size_t name = strcspn(pairs[i], "=");
        spdy_put(&text, (uint32_t)name, 4);
        str_add_n(&text, pairs[i], name);
        spdy_put(&text, (uint32_t)strlen(pairs[i] + name + 1), 4);
        str_add(&text, pairs[i] + name + 1);
    }
    spdy_put(&body, id, 4);
    spdy_put(&body, 0, 4);
    spdy_put(&body, 0, 2);
    spdy_zip(c, &text, &body);
    spdy_control(c, 1, flags, &body);
}
#define SPDY_OPEN(c, id, flags, ...)                                                               \
    spdy_open(c, id, flags, (const char *const[]){__VA_ARGS__, NULL})

static inline void spdy_data(struct spdy_client *c, uint32_t id, unsigned flags, const char *bytes,
                             size_t n)
{
    spdy_put(&c->out, id, 4);
    spdy_put(&c->out, flags, 1);
    spdy_put(&c->out, (uint32_t)n, 3);
    str_add_n(&c->out, bytes, n);
}

static inline void spdy_words(struct spdy_client *c, unsigned type, uint32_t first, uint32_t second,
                              int bytes)
{
    cleanup_str struct str body = STR_INIT;
    spdy_put(&body, first, 4);
    spdy_put(&body, second, bytes - 4);
    spdy_control(c, type, 0, &body);
}

static inline uint32_t spdy_get(const char *p, int bytes)
{
    uint32_t n = 0;
    for (int i = 0; i < bytes; i++) {
        n = n << 8 | (unsigned char)p[i];
    }
    return n;
}

/* A header block of the server can be read with the same context as those before. */
static inline void spdy_check_block(struct spdy_client *c, const char *block, size_t n)
{
    unsigned char text[1024], dictionary[SPDY_DICTIONARY_SIZE];
    c->unzip.next_in = (unsigned char *)(uintptr_t)block;
    c->unzip.avail_in = (unsigned)n;
    c->unzip.next_out = text;
    c->unzip.avail_out = sizeof(text);
    int rc = inflate(&c->unzip, Z_SYNC_FLUSH);
    if (rc == Z_NEED_DICT) {
        spdy_dictionary(dictionary);
        assert_int_equal(inflateSetDictionary(&c->unzip, dictionary, sizeof(dictionary)), Z_OK);
        rc = inflate(&c->unzip, Z_SYNC_FLUSH);
    }
    assert_int_equal(rc, Z_OK);
    assert_int_equal(sizeof(text) - c->unzip.avail_out, 4);
    assert_int_equal(spdy_get((char *)text, 4), 0);
}

static inline void spdy_say_control(struct spdy_client *c, unsigned type, const char *body,
                                    size_t n)
{
    unsigned first = n >= 4 ? spdy_get(body, 4) : 0, second = n >= 8 ? spdy_get(body + 4, 4) : 0;
    if (type == 2) {
        spdy_check_block(c, body + 4, n - 4);
        str_add_f(&c->said, "reply%u ", first);
    } else if (type == 3) {
        str_add_f(&c->said, "rst%u:%u ", first, second);
    } else if (type == 6) {
        str_add_f(&c->said, "ping%u ", first);
    } else if (type == 7) {
        str_add_f(&c->said, "goaway%u:%u ", first, second);
    } else {
        str_add_f(&c->said, "control%u ", type);
    }
}

/* Reads the frames that are complete. */
static inline void spdy_read(struct spdy_client *c)
{
    while (c->in.len >= 8) {
        uint32_t first = spdy_get(c->in.p, 4), n = spdy_get(c->in.p + 5, 3);
        unsigned flags = spdy_get(c->in.p + 4, 1);
        if (c->in.len < 8 + n) {
            return;
        }
        if ((first >> 31) != 0) {
            assert_int_equal(first >> 16, 0x8003);
            spdy_say_control(c, first & 0xffff, c->in.p + 8, n);
        } else {
            str_add_f(&c->said, n > 0 ? "data%u=" : "", first);
            str_add_n(&c->said, c->in.p + 8, n);
            str_add(&c->said, n > 0 ? " " : "");
            str_add_f(&c->said, (flags & 1) != 0 ? "fin%u " : "", first);
        }
        str_drop_front(&c->in, 8 + n);
    }
}

#endif
