/* SPDX-License-Identifier: Apache-2.0 */
/* Control frames are gathered, which bounds them; data goes through as it comes. Windows are not
 * kept: no client of Kubernetes looks at them; who is too fast is held back by the connection. */
#include "http/spdy.h"

#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "http/spdy_headers.h"

enum {
    SYN_STREAM = 1,
    SYN_REPLY = 2,
    RST_STREAM = 3,
    SETTINGS = 4,
    PING = 6,
    GOAWAY = 7,
    HEADERS = 8,
    WINDOW_UPDATE = 9,
};
enum { FLAG_FIN = 1, VERSION = 3, HEAD = 8 };
enum { MAX_CONTROL = 32 * 1024, MAX_STREAMS = 1024, MAX_PIECE = 32 * 1024 };

struct spdy_stream {
    struct spdy *spdy;
    uint32_t id;
    struct map *headers; /* strings */
    void *user;
    bool peer_ended, ended;
    struct spdy_stream *next, **at;
};

struct spdy {
    const struct spdy_ops *ops;
    void *arg;
    struct spdy_headers *headers;
    struct spdy_stream *streams;
    unsigned count;
    uint32_t last_id; /* of the peer's streams */
    unsigned char head[HEAD];
    size_t head_len;
    uint32_t left;      /* of the present frame */
    struct str control; /* a control frame as it grows */
    bool in_frame;
    bool feeding, freed;
};

/* ---- streams ---- */

static struct spdy_stream *find(const struct spdy *s, uint32_t id)
{
    struct spdy_stream *st = s->streams;
    while (st != NULL && st->id != id) {
        st = st->next;
    }
    return st;
}

static void drop(struct spdy_stream *st)
{
    *st->at = st->next;
    if (st->next != NULL) {
        st->next->at = st->at;
    }
    st->spdy->count--;
    map_free(st->headers);
    free(st);
}

uint32_t spdy_stream_id(const struct spdy_stream *st)
{
    return st->id;
}

const char *spdy_stream_header(const struct spdy_stream *st, const char *name)
{
    const char *value = map_find(st->headers, name);
    return value != NULL ? value : "";
}

void spdy_stream_set_user(struct spdy_stream *st, void *user)
{
    st->user = user;
}

void *spdy_stream_user(const struct spdy_stream *st)
{
    return st->user;
}

/* ---- writing ---- */

static void put_u32(unsigned char *at, uint32_t n)
{
    at[0] = (unsigned char)(n >> 24);
    at[1] = (unsigned char)(n >> 16);
    at[2] = (unsigned char)(n >> 8);
    at[3] = (unsigned char)n;
}

static uint32_t get_u32(const void *from)
{
    const unsigned char *p = from;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void write_control(struct spdy *s, unsigned type, const void *body, size_t n)
{
    cleanup_str struct str frame = STR_INIT;
    unsigned char head[HEAD];
    put_u32(head, 0x80000000u | (uint32_t)VERSION << 16 | type);
    put_u32(head + 4, (uint32_t)n);
    str_add_n(&frame, head, sizeof(head));
    str_add_n(&frame, body, n);
    s->ops->write(s->arg, frame.p, frame.len);
}

static void write_words(struct spdy *s, unsigned type, uint32_t first, uint32_t second)
{
    unsigned char body[8];
    put_u32(body, first);
    put_u32(body + 4, second);
    write_control(s, type, body, type == PING ? 4 : 8);
}

static void write_data(struct spdy_stream *st, const void *bytes, size_t n, unsigned flags)
{
    struct spdy *s = st->spdy;
    cleanup_str struct str frame = STR_INIT;
    unsigned char head[HEAD];
    put_u32(head, st->id);
    put_u32(head + 4, (uint32_t)flags << 24 | (uint32_t)n);
    str_add_n(&frame, head, sizeof(head));
    str_add_n(&frame, bytes, n);
    s->ops->write(s->arg, frame.p, frame.len);
}

void spdy_stream_send(struct spdy_stream *st, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n > 0 && !st->ended) {
        size_t piece = n < MAX_PIECE ? n : MAX_PIECE;
        write_data(st, p, piece, 0);
        p += piece;
        n -= piece;
    }
}

void spdy_stream_reply(struct spdy_stream *st)
{
    cleanup_str struct str body = STR_INIT;
    unsigned char id[4];
    put_u32(id, st->id);
    str_add_n(&body, id, sizeof(id));
    spdy_headers_write(st->spdy->headers, NULL, 0, &body);
    write_control(st->spdy, SYN_REPLY, body.p, body.len);
}

void spdy_stream_end(struct spdy_stream *st)
{
    if (!st->ended) {
        st->ended = true;
        write_data(st, "", 0, FLAG_FIN);
        if (st->peer_ended) {
            drop(st);
        }
    }
}

void spdy_stream_reset(struct spdy_stream *st, uint32_t status)
{
    write_words(st->spdy, RST_STREAM, st->id, status);
    drop(st);
}

void spdy_go_away(struct spdy *s)
{
    write_words(s, GOAWAY, s->last_id, 0);
}

/* ---- control frames ---- */

static void peer_ended(struct spdy_stream *st)
{
    struct spdy *s = st->spdy;
    uint32_t id = st->id;
    st->peer_ended = true;
    s->ops->on_end(s->arg, st);
    st = s->freed ? NULL : find(s, id); /* it may be gone by now */
    if (st != NULL && st->ended) {
        drop(st);
    }
}

static struct spdy_stream *stream_new(struct spdy *s, uint32_t id, struct map *headers)
{
    struct spdy_stream *st = xnew(struct spdy_stream);
    st->spdy = s;
    st->id = id;
    st->headers = headers;
    st->next = s->streams;
    st->at = &s->streams;
    if (st->next != NULL) {
        st->next->at = &st->next;
    }
    s->streams = st;
    s->count++;
    s->last_id = id;
    return st;
}

static int syn_stream(struct spdy *s, const char *body, size_t n, unsigned flags, struct err *err)
{
    if (n < 10) {
        return err_set(err, ERR_BAD_REQUEST, "SPDY: a SYN_STREAM of %zu bytes", n);
    }
    uint32_t id = get_u32(body) & 0x7fffffff;
    struct map *headers = map_new(free);
    if (spdy_headers_read(s->headers, body + 10, n - 10, headers, err) < 0) {
        map_free(headers);
        return -1;
    }
    if (id % 2 == 0 || id <= s->last_id) {
        map_free(headers);
        return err_set(err, ERR_BAD_REQUEST, "SPDY: a new stream has the number %u", id);
    }
    if (s->count >= MAX_STREAMS) {
        map_free(headers);
        s->last_id = id;
        write_words(s, RST_STREAM, id, SPDY_REFUSED_STREAM);
        return 0;
    }
    s->ops->on_stream(s->arg, stream_new(s, id, headers));
    struct spdy_stream *st = s->freed ? NULL : find(s, id);
    if (st != NULL && (flags & FLAG_FIN) != 0) {
        peer_ended(st);
    }
    return 0;
}

/* More headers of a stream mean nothing here, but keep the context. */
static int more_headers(struct spdy *s, const char *body, size_t n, unsigned flags, struct err *err)
{
    struct map *ignored = map_new(free);
    int rc = n < 4 ? err_set(err, ERR_BAD_REQUEST, "SPDY: HEADERS of %zu bytes", n)
                   : spdy_headers_read(s->headers, body + 4, n - 4, ignored, err);
    map_free(ignored);
    struct spdy_stream *st = rc == 0 ? find(s, get_u32(body) & 0x7fffffff) : NULL;
    if (st != NULL && !st->peer_ended && (flags & FLAG_FIN) != 0) {
        peer_ended(st);
    }
    return rc;
}

static int reset_stream(struct spdy *s, const char *body, size_t n, struct err *err)
{
    if (n < 8) {
        return err_set(err, ERR_BAD_REQUEST, "SPDY: a RST_STREAM of %zu bytes", n);
    }
    uint32_t id = get_u32(body) & 0x7fffffff;
    struct spdy_stream *st = find(s, id);
    if (st != NULL) {
        st->ended = st->peer_ended = true; /* whatever is done to it now says nothing */
        s->ops->on_reset(s->arg, st);
        st = s->freed ? NULL : find(s, id);
        if (st != NULL) {
            drop(st);
        }
    }
    return 0;
}

static int control_frame(struct spdy *s, struct err *err)
{
    uint32_t first = get_u32(s->head);
    unsigned type = first & 0xffff, flags = s->head[4];
    const char *body = str_c(&s->control);
    size_t n = s->control.len;
    if ((first >> 16 & 0x7fff) != VERSION) {
        return err_set(err, ERR_BAD_REQUEST, "SPDY: a frame of version %u",
                       (unsigned)(first >> 16 & 0x7fff));
    }
    switch (type) {
    case SYN_STREAM:
        return syn_stream(s, body, n, flags, err);
    case HEADERS:
    case SYN_REPLY:
        return more_headers(s, body, n, flags, err);
    case RST_STREAM:
        return reset_stream(s, body, n, err);
    case PING:
        if (n >= 4 && get_u32(body) % 2 == 1) { /* an even one would be the answer to ours */
            write_words(s, PING, get_u32(body), 0);
        }
        return 0;
    default: /* SETTINGS, GOAWAY, WINDOW_UPDATE: nothing follows from them; others are unknown */
        return 0;
    }
}

/* ---- bytes ---- */

static bool is_control(const struct spdy *s)
{
    return (s->head[0] & 0x80) != 0;
}

static int begin_frame(struct spdy *s, struct err *err)
{
    s->left = get_u32(s->head + 4) & 0xffffff;
    s->head_len = 0;
    s->in_frame = true;
    str_clear(&s->control);
    if (is_control(s) && s->left > MAX_CONTROL) {
        return err_set(err, ERR_BAD_REQUEST, "SPDY: a control frame of %u bytes", s->left);
    }
    return 0;
}

static int end_frame(struct spdy *s, struct err *err)
{
    s->in_frame = false;
    if (is_control(s)) {
        return control_frame(s, err);
    }
    struct spdy_stream *st = find(s, get_u32(s->head));
    if (st != NULL && !st->peer_ended && (s->head[4] & FLAG_FIN) != 0) {
        peer_ended(st);
    }
    return 0;
}

static void take_piece(struct spdy *s, const char *bytes, size_t n)
{
    struct spdy_stream *st;
    s->left -= (uint32_t)n;
    if (is_control(s)) {
        str_add_n(&s->control, bytes, n);
    } else if ((st = find(s, get_u32(s->head))) != NULL && !st->peer_ended) {
        s->ops->on_data(s->arg, st, bytes, n);
    }
}

static int feed(struct spdy *s, const char *bytes, size_t n, struct err *err)
{
    while (n > 0 && !s->freed) {
        size_t want = s->in_frame ? s->left : HEAD - s->head_len;
        size_t take = want < n ? want : n;
        if (s->in_frame) {
            take_piece(s, bytes, take);
        } else {
            memcpy(s->head + s->head_len, bytes, take);
            s->head_len += take;
        }
        bytes += take;
        n -= take;
        if (!s->freed && !s->in_frame && s->head_len == HEAD && begin_frame(s, err) < 0) {
            return -1;
        }
        if (!s->freed && s->in_frame && s->left == 0 && end_frame(s, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static void release(struct spdy *s)
{
    spdy_headers_free(s->headers);
    str_fini(&s->control);
    free(s);
}

int spdy_feed(struct spdy *s, const char *bytes, size_t n, struct err *err)
{
    s->feeding = true;
    int rc = feed(s, bytes, n, err);
    s->feeding = false;
    if (s->freed) {
        release(s);
        return 0;
    }
    if (rc < 0) {
        write_words(s, GOAWAY, s->last_id, 1);
    }
    return rc;
}

struct spdy *spdy_new(const struct spdy_ops *ops, void *arg)
{
    struct spdy *s = xnew(struct spdy);
    s->ops = ops;
    s->arg = arg;
    s->headers = spdy_headers_new();
    return s;
}

void spdy_free(struct spdy *s)
{
    if (s == NULL) {
        return;
    }
    while (s->streams != NULL) {
        drop(s->streams);
    }
    s->freed = true;
    if (!s->feeding) {
        release(s);
    }
}
