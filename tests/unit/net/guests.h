/* SPDX-License-Identifier: Apache-2.0 */
/* Guests on a virtual loop, below the runtime's interface: they read frames as the real ones do,
 * keep what they are told as text, and can be stalled, robbed of bytes or cut off. */
#ifndef TESTS_UNIT_NET_GUESTS_H
#define TESTS_UNIT_NET_GUESTS_H

#include "testing.h"

#include <stdio.h>
#include <string.h>

#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "guest/table.h"
#include "runtime/runtime.h"

struct guest {
    struct loop *loop;
    struct wire_reader reader;
    struct wire_session session;
    struct map *table; /* "f KEY", "n KIND NAME", "c" -> how many targets or items, as a number */
    struct map *stale; /* keys that the snapshot coming in has not named */
    struct str inbox;  /* written, not read yet */
    bool stalled;      /* reads nothing, as a paused host */
    bool full;         /* the runtime takes no more bytes */
    bool absent;       /* attaching ends at once */
    unsigned applied;  /* records, in all */
    unsigned attached; /* how often */
    size_t most;       /* bytes that ever waited in the inbox */
    struct runtime_stream *stream;
};

struct runtime_stream {
    struct guest *guest;
    struct runtime_stream_ops ops;
    void *arg;
};

static void free_value(void *p)
{
    free(p);
}

static void note(struct guest *g, const char *key, unsigned n)
{
    unsigned *value = xnew(unsigned);
    *value = n;
    map_put(g->table, key, value);
    map_remove(g->stale, key);
    g->applied++;
}

/* How many targets a forward has, how many items a name; -1: it is not there. */
static inline int guest_has(const struct guest *g, const char *key)
{
    const unsigned *n = map_find(g->table, key);
    return n != NULL ? (int)*n : -1;
}

static void guest_apply(struct guest *g, const struct wire_frame *f)
{
    static struct table_record r;
    struct wire_in in = {.p = f->payload, .len = f->len};
    char key[300];
    while (table_next(&in, &r)) {
        switch (r.op) {
        case TABLE_FORWARD_PUT:
            snprintf(key, sizeof(key), "f %s", r.forward.key);
            note(g, key, r.forward.ntargets);
            break;
        case TABLE_FORWARD_DELETE:
            snprintf(key, sizeof(key), "f %s", r.forward.key);
            map_remove(g->table, key);
            break;
        case TABLE_NAME_PUT:
            snprintf(key, sizeof(key), "n %u %s", r.name.kind, r.name.name);
            note(g, key, r.name.n);
            break;
        case TABLE_NAME_DELETE:
            snprintf(key, sizeof(key), "n %u %s", r.name.kind, r.name.name);
            map_remove(g->table, key);
            break;
        case TABLE_CONFIG:
            note(g, "c", r.config.nupstreams);
            break;
        }
    }
    assert_false(in.bad);
}

static void guest_take(struct guest *g, const struct wire_frame *f)
{
    size_t at = 0;
    const char *key;
    if (!wire_session_take(&g->session, f)) {
        return;
    }
    if (f->type == WIRE_SNAPSHOT) {
        map_clear(g->stale);
        while (map_next(g->table, &at, &key, NULL)) {
            map_put(g->stale, key, g);
        }
    } else if (f->type == WIRE_SNAPSHOT_END) {
        while (map_next(g->stale, &at, &key, NULL)) {
            map_remove(g->table, key);
        }
    } else {
        guest_apply(g, f);
    }
}

static inline void guest_say(struct guest *g, uint8_t type, const void *payload, size_t n)
{
    uint8_t bytes[WIRE_HEADER + 4096];
    struct wire_frame f = {.type = type,
                           .seq = g->session.seq,
                           .epoch = g->session.epoch,
                           .payload = payload,
                           .len = (uint32_t)n};
    size_t len = wire_encode(bytes, &f);
    for (size_t i = 0; i < len && g->stream != NULL; i += 7) { /* in pieces, as streams are */
        size_t piece = len - i < 7 ? len - i : 7;
        g->stream->ops.on_data(g->stream->arg, 1, (const char *)bytes + i, piece);
    }
}

static void guest_acknowledge(struct guest *g)
{
    uint8_t payload[8];
    struct wire_out o = {.p = payload, .cap = sizeof(payload)};
    wire_put(&o, g->session.asked, 4);
    wire_put(&o, g->session.gap, 1);
    guest_say(g, WIRE_ACK, payload, o.len);
}

static inline void guest_read(void *arg)
{
    struct guest *g = arg;
    struct wire_frame f;
    bool any = false;
    while (!g->stalled && g->inbox.len > 0) {
        size_t took = wire_feed(&g->reader, g->inbox.p, g->inbox.len);
        str_drop_front(&g->inbox, took);
        while (wire_frame_next(&g->reader, &f)) {
            guest_take(g, &f);
            any = true;
        }
    }
    if (any) {
        guest_acknowledge(g);
    }
}

static inline void guest_stall(struct guest *g, bool stalled)
{
    g->stalled = stalled;
    loop_defer(g->loop, guest_read, g);
}

/* The stream ends, as when the daemon restarts; bytes that were under way are lost but for some. */
static inline void guest_cut(struct guest *g, size_t arrive)
{
    struct err err = {.code = ERR_UNAVAILABLE, .msg = "cut"};
    struct runtime_stream *s = g->stream;
    g->stream = NULL;
    if (g->inbox.len > arrive) {
        g->inbox.len = arrive;
    }
    s->ops.on_end(s->arg, &err);
}

/* ---- the runtime ---- */

struct guests {
    struct loop *loop;
    struct map *by_container;
    struct runtime rt;
};

static void guest_free(void *p)
{
    struct guest *g = p;
    loop_undefer(g->loop, g);
    map_free(g->table);
    map_free(g->stale);
    str_fini(&g->inbox);
    free(g);
}

static inline struct guest *guest_of(struct guests *gs, const char *container)
{
    struct guest *g = map_find(gs->by_container, container);
    if (g == NULL) {
        g = xnew(struct guest);
        g->loop = gs->loop;
        g->table = map_new(free_value);
        g->stale = map_new(NULL);
        map_put(gs->by_container, container, g);
    }
    return g;
}

static void end_at_once(void *arg)
{
    struct runtime_stream *s = arg;
    struct err err = {.code = ERR_CONFLICT, .msg = "not now"};
    s->guest->stream = NULL;
    s->ops.on_end(s->arg, &err);
}

static struct runtime_stream *attach(void *self, const char *name,
                                     const struct runtime_stream_ops *ops, void *arg)
{
    struct guests *gs = self;
    struct runtime_stream *s = xnew(struct runtime_stream);
    s->guest = guest_of(gs, name);
    s->ops = *ops;
    s->arg = arg;
    assert_null(s->guest->stream); /* one writer at a time */
    s->guest->stream = s;
    s->guest->attached++;
    if (s->guest->absent) {
        loop_defer(gs->loop, end_at_once, s);
    }
    return s;
}

static bool take_bytes(struct runtime_stream *s, const void *bytes, size_t n)
{
    struct guest *g = s->guest;
    if (g->full) {
        return false;
    }
    str_add_n(&g->inbox, bytes, n);
    g->most = g->inbox.len > g->most ? g->inbox.len : g->most;
    loop_defer(g->loop, guest_read, g);
    return true;
}

static void stream_free(struct runtime_stream *s)
{
    loop_undefer(s->guest->loop, s);
    if (s->guest->stream == s) {
        s->guest->stream = NULL;
    }
    free(s);
}

static const struct runtime_ops guests_ops = {
    .name = "guests", .attach = attach, .write = take_bytes, .stream_free = stream_free};

static inline void guests_init(struct guests *gs, struct loop *loop)
{
    gs->loop = loop;
    gs->by_container = map_new(guest_free);
    gs->rt = (struct runtime){.ops = &guests_ops, .self = gs};
}

static inline void guests_fini(struct guests *gs)
{
    map_free(gs->by_container);
}

#endif
