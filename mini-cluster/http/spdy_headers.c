/* SPDX-License-Identifier: Apache-2.0 */
/* The dictionary is assembled from its words; blocks are bounded before and after inflating. */
#include "http/spdy_headers.h"

#include <assert.h>
#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "common/map.h"
#include "common/mem.h"

enum { MAX_BLOCK = 16 * 1024, MAX_PAIRS = 64 };

struct spdy_headers {
    z_stream in, out;
};

/* ---- the dictionary: words with their lengths, then text without ---- */

static const char *const words[] = {
    "options",
    "head",
    "post",
    "put",
    "delete",
    "trace",
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "connection",
    "content-base",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "retry-after",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "method",
    "get",
    "status",
    "200 OK",
    "version",
    "HTTP/1.1",
    "url",
    "public",
    "set-cookie",
    "keep-alive",
    "origin",
};

static const char tail[] =
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, "
    "Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,"
    "application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,"
    "sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

static void put_u32(unsigned char *at, uint32_t n)
{
    at[0] = (unsigned char)(n >> 24);
    at[1] = (unsigned char)(n >> 16);
    at[2] = (unsigned char)(n >> 8);
    at[3] = (unsigned char)n;
}

void spdy_dictionary(unsigned char ret[SPDY_DICTIONARY_SIZE])
{
    unsigned char *at = ret;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t n = strlen(words[i]);
        put_u32(at, (uint32_t)n);
        memcpy(at + 4, words[i], n);
        at += 4 + n;
    }
    assert(at + sizeof(tail) - 1 == ret + SPDY_DICTIONARY_SIZE);
    memcpy(at, tail, sizeof(tail) - 1);
}

/* ---- contexts ---- */

struct spdy_headers *spdy_headers_new(void)
{
    struct spdy_headers *h = xnew(struct spdy_headers);
    unsigned char dictionary[SPDY_DICTIONARY_SIZE];
    spdy_dictionary(dictionary);
    /* What we say is short: a small window does. */
    if (inflateInit(&h->in) != Z_OK ||
        deflateInit2(&h->out, 6, Z_DEFLATED, 11, 1, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflateSetDictionary(&h->out, dictionary, sizeof(dictionary)) != Z_OK) {
        abort(); /* out of memory: nothing else makes them fail */
    }
    return h;
}

void spdy_headers_free(struct spdy_headers *h)
{
    if (h != NULL) {
        inflateEnd(&h->in);
        deflateEnd(&h->out);
        free(h);
    }
}

/* ---- reading ---- */

static int set_dictionary(z_stream *in)
{
    unsigned char dictionary[SPDY_DICTIONARY_SIZE];
    spdy_dictionary(dictionary);
    return inflateSetDictionary(in, dictionary, sizeof(dictionary));
}

static int unzip(z_stream *in, const char *block, size_t n, struct str *out, struct err *err)
{
    char piece[1024];
    in->next_in = (unsigned char *)(uintptr_t)block;
    in->avail_in = (unsigned)n;
    for (;;) {
        in->next_out = (unsigned char *)piece;
        in->avail_out = sizeof(piece);
        int rc = inflate(in, Z_SYNC_FLUSH);
        if (rc == Z_NEED_DICT) {
            rc = set_dictionary(in);
        }
        if (rc != Z_OK && rc != Z_BUF_ERROR) {
            return err_set(err, ERR_BAD_REQUEST,
                           "SPDY: a header block is not compressed as it "
                           "should be");
        }
        str_add_n(out, piece, sizeof(piece) - in->avail_out);
        if (out->len > MAX_BLOCK) {
            return err_set(err, ERR_BAD_REQUEST, "SPDY: a header block of more than %d bytes",
                           MAX_BLOCK);
        }
        if (in->avail_in == 0 && in->avail_out > 0) {
            return 0;
        }
        if (rc == Z_BUF_ERROR) {
            return err_set(err, ERR_BAD_REQUEST, "SPDY: a header block ends too soon");
        }
    }
}

struct cursor {
    const char *p;
    size_t left;
};

static bool take_u32(struct cursor *c, uint32_t *ret)
{
    const unsigned char *p = (const unsigned char *)c->p;
    if (c->left < 4) {
        return false;
    }
    *ret = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    c->p += 4;
    c->left -= 4;
    return true;
}

static char *take_text(struct cursor *c)
{
    uint32_t n;
    if (!take_u32(c, &n) || n > c->left) {
        return NULL;
    }
    char *text = xstrndup(c->p, n);
    c->p += n;
    c->left -= n;
    return text;
}

static bool read_pair(struct cursor *c, struct map *ret)
{
    cleanup_free char *name = take_text(c);
    cleanup_free char *value = name != NULL ? take_text(c) : NULL;
    if (value == NULL || name[0] == '\0') {
        return false;
    }
    for (char *p = name; *p != '\0'; p++) {
        *p = (char)tolower((unsigned char)*p);
    }
    map_put(ret, name, steal(value));
    return true;
}

int spdy_headers_read(struct spdy_headers *h, const char *block, size_t n, struct map *ret,
                      struct err *err)
{
    cleanup_str struct str text = STR_INIT;
    uint32_t pairs = 0;
    if (unzip(&h->in, block, n, &text, err) < 0) {
        return -1;
    }
    struct cursor c = {str_c(&text), text.len};
    bool ok = take_u32(&c, &pairs) && pairs <= MAX_PAIRS;
    for (uint32_t i = 0; ok && i < pairs; i++) {
        ok = read_pair(&c, ret);
    }
    return ok ? 0 : err_set(err, ERR_BAD_REQUEST, "SPDY: a header block is not well formed");
}

/* ---- writing ---- */

static void add_u32(struct str *out, uint32_t n)
{
    unsigned char bytes[4];
    put_u32(bytes, n);
    str_add_n(out, bytes, sizeof(bytes));
}

void spdy_headers_write(struct spdy_headers *h, const char *const *pairs, size_t npairs,
                        struct str *out)
{
    cleanup_str struct str text = STR_INIT;
    char piece[512];
    add_u32(&text, (uint32_t)npairs);
    for (size_t i = 0; i < 2 * npairs; i++) {
        add_u32(&text, (uint32_t)strlen(pairs[i]));
        str_add(&text, pairs[i]);
    }
    h->out.next_in = (unsigned char *)text.p;
    h->out.avail_in = (unsigned)text.len;
    do {
        h->out.next_out = (unsigned char *)piece;
        h->out.avail_out = sizeof(piece);
        deflate(&h->out, Z_SYNC_FLUSH);
        str_add_n(out, piece, sizeof(piece) - h->out.avail_out);
    } while (h->out.avail_out == 0);
}
