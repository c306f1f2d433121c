/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps one guest told.
 *
 *   attach -> a new epoch: SNAPSHOT, every record, SNAPSHOT_END -> changes as they come
 *   silence -> ASK; an answer that is behind, a gap, a foreign epoch -> a new epoch
 *   end of the stream -> attach again, later and later
 *
 * What must still be said is a set of ids, not of messages: a record that changes ten times while
 * the guest is slow is sent once, and memory stays bounded by the table. Few frames are under way
 * at a time, since a guest that stands still (a paused host) would swallow them into the daemon's
 * buffers. */
#include "net/link.h"

#include <string.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "guest/table.h"
#include "net/records.h"
#include "runtime/runtime.h"

enum { WINDOW = 8 /* frames not acknowledged */ };
#define ASK_AFTER LOOP_S(1)
#define ASK_AT_MOST LOOP_S(30)
#define RETRY_FIRST LOOP_MS(100)
#define RETRY_AT_MOST LOOP_S(5)
#define BUSY_RETRY LOOP_MS(100)

struct link {
    struct link_opts o; /* its strings are copies */
    struct runtime_stream *stream;
    struct wire_reader *reader;
    uint64_t epoch;
    uint32_t seq, acked;
    bool hold, snapshot_open;
    bool told;              /* of the silence, in the log */
    struct map *todo;       /* ids of records that the guest has not been sent as they are */
    struct str pending;     /* a frame that the runtime did not take yet */
    uint32_t ask, asked_at; /* the last ASK's number and the seq when it was sent; 0: none waits */
    uint64_t ask_delay, retry_delay;
    struct loop_timer *ask_timer, *retry_timer, *busy_timer;
};

static void attach(void *arg);

/* ---- frames ---- */

static void write_pending(struct link *l)
{
    if (l->pending.len == 0 || l->stream == NULL) {
        return;
    }
    if (l->o.rt->ops->write(l->stream, l->pending.p, l->pending.len)) {
        str_clear(&l->pending);
        loop_timer_stop(l->busy_timer);
    } else {
        loop_timer_start(l->busy_timer, BUSY_RETRY);
    }
}

static void send_frame(struct link *l, uint8_t type, uint32_t seq, const void *payload, size_t n)
{
    uint8_t bytes[WIRE_HEADER + WIRE_MAX];
    struct wire_frame f = {
        .type = type, .seq = seq, .epoch = l->epoch, .payload = payload, .len = (uint32_t)n};
    str_add_n(&l->pending, bytes, wire_encode(bytes, &f));
    write_pending(l);
}

static void send_next(struct link *l, uint8_t type, const void *payload, size_t n)
{
    send_frame(l, type, ++l->seq, payload, n);
    if (!loop_timer_active(l->ask_timer)) {
        loop_timer_start(l->ask_timer, l->ask_delay);
    }
}

/* ---- what to say ---- */

static const struct record *find(const struct link *l, const char *id)
{
    const struct record *rec = NULL;
    for (size_t i = 0; i < ARRAY_LEN(l->o.sets) && rec == NULL; i++) {
        rec = l->o.sets[i] != NULL ? records_find(l->o.records, l->o.sets[i], id) : NULL;
    }
    return rec;
}

/* Appends the record as it is now, or that it is no more. False when it does not fit. */
static bool append(struct link *l, struct wire_out *o, const char *id)
{
    const struct record *rec = find(l, id);
    if (rec != NULL) {
        if (o->cap - o->len < rec->len) {
            return false;
        }
        memcpy(o->p + o->len, rec->bytes, rec->len);
        o->len += rec->len;
    } else if (id[0] == 'f') {
        table_delete_forward(o, id + 1);
    } else if (id[0] == 'n') {
        table_delete_name(o, (uint8_t)(id[1] - '0'), id + 2);
    }
    return !o->full;
}

static void send_records(struct link *l)
{
    uint8_t bytes[WIRE_MAX];
    struct wire_out o = {.p = bytes, .cap = sizeof(bytes)};
    size_t at = 0;
    const char *id;
    while (map_next(l->todo, &at, &id, NULL) && append(l, &o, id)) {
        map_remove(l->todo, id);
    }
    send_next(l, WIRE_RECORDS, o.p, o.len);
}

void link_flush(struct link *l)
{
    while (l->stream != NULL && !l->hold && l->pending.len == 0 && l->seq - l->acked < WINDOW) {
        if (map_count(l->todo) > 0) {
            send_records(l);
        } else if (l->snapshot_open) {
            l->snapshot_open = false;
            send_next(l, WIRE_SNAPSHOT_END, NULL, 0);
        } else {
            return;
        }
    }
}

static bool want(void *arg, const struct record *rec)
{
    map_put(arg, rec->id, arg);
    return true;
}

/* Everything anew, under an epoch that nobody had before. */
static void begin_epoch(struct link *l, uint64_t above)
{
    uint64_t wall = (uint64_t)loop_wall_us(l->o.loop);
    above = above > l->epoch ? above : l->epoch;
    l->epoch = wall > above ? wall : above + 1;
    l->seq = l->acked = 0;
    l->asked_at = 0;
    l->ask_delay = ASK_AFTER;
    loop_timer_stop(l->ask_timer);
    str_clear(&l->pending);
    map_clear(l->todo);
    for (size_t i = 0; i < ARRAY_LEN(l->o.sets); i++) {
        if (l->o.sets[i] != NULL) {
            records_each(l->o.records, l->o.sets[i], want, l->todo);
        }
    }
    l->snapshot_open = true;
    send_next(l, WIRE_SNAPSHOT, NULL, 0);
    link_flush(l);
}

void link_changed(struct link *l, const char *set, const char *id)
{
    for (size_t i = 0; i < ARRAY_LEN(l->o.sets); i++) {
        if (l->o.sets[i] != NULL && strcmp(l->o.sets[i], set) == 0) {
            map_put(l->todo, id, l);
        }
    }
}

void link_hold(struct link *l, bool hold)
{
    l->hold = hold;
}

bool link_synced(const struct link *l)
{
    return l->stream != NULL && !l->snapshot_open && map_count(l->todo) == 0 && l->seq > 0 &&
           l->acked == l->seq;
}

/* ---- what the guest says ---- */

static void on_progress(struct link *l, uint32_t seq)
{
    l->acked = seq;
    l->ask_delay = ASK_AFTER;
    l->retry_delay = RETRY_FIRST;
    l->told = false;
    if (l->acked == l->seq) {
        loop_timer_stop(l->ask_timer);
    } else {
        loop_timer_start(l->ask_timer, l->ask_delay);
    }
    link_flush(l);
}

static void on_ack(struct link *l, const struct wire_frame *f)
{
    struct wire_in in = {.p = f->payload, .len = f->len};
    uint32_t ask = (uint32_t)wire_get(&in, 4);
    bool gap = wire_get(&in, 1) != 0 && !in.bad;
    bool answer = l->asked_at != 0 && ask == l->ask;
    bool behind = f->epoch < l->epoch || (f->epoch == l->epoch && f->seq < l->asked_at);
    if (f->epoch > l->epoch || (f->epoch == l->epoch && (gap || f->seq > l->seq)) ||
        (answer && behind)) {
        log_info("net", "%s: frames were lost; sending its tables anew", l->o.host);
        begin_epoch(l, f->epoch);
        return;
    }
    if (answer) {
        l->asked_at = 0;
    }
    if (f->epoch == l->epoch && f->seq > l->acked) {
        on_progress(l, f->seq);
    }
}

static void on_counts(struct link *l, const struct wire_frame *f)
{
    struct wire_in in = {.p = f->payload, .len = f->len};
    struct table_count c;
    while (table_next_count(&in, &c)) {
        l->o.counted(l->o.arg, l->o.host, &c);
    }
}

static void on_frame(struct link *l, const struct wire_frame *f)
{
    if (f->type == WIRE_ACK) {
        on_ack(l, f);
    } else if (f->type == WIRE_COUNTS) {
        on_counts(l, f);
    }
}

static void log_lines(const struct link *l, const char *bytes, size_t n)
{
    while (n > 0) {
        const char *end = memchr(bytes, '\n', n);
        size_t len = end != NULL ? (size_t)(end - bytes) : n;
        if (len > 0) {
            log_warn("net", "%s: %.*s", l->o.host, (int)(len < 400 ? len : 400), bytes);
        }
        len += end != NULL;
        bytes += len;
        n -= len;
    }
}

static bool on_data(void *arg, int fd, const char *bytes, size_t n)
{
    struct link *l = arg;
    struct wire_frame f;
    if (fd == 2) {
        log_lines(l, bytes, n);
        return true;
    }
    while (n > 0) {
        size_t took = wire_feed(l->reader, bytes, n);
        bytes += took;
        n -= took;
        while (wire_frame_next(l->reader, &f)) {
            on_frame(l, &f);
        }
    }
    return true;
}

/* ---- the stream ---- */

static void retry_later(struct link *l)
{
    loop_timer_start(l->retry_timer, l->retry_delay);
    l->retry_delay = l->retry_delay * 2 < RETRY_AT_MOST ? l->retry_delay * 2 : RETRY_AT_MOST;
}

static void on_end(void *arg, const struct err *err)
{
    struct link *l = arg;
    log_debug("net", "%s: its stream ended%s%s", l->o.host, err->code != ERR_NONE ? ": " : "",
              err->msg);
    l->o.rt->ops->stream_free(steal(l->stream));
    loop_timer_stop(l->ask_timer);
    loop_timer_stop(l->busy_timer);
    str_clear(&l->pending);
    retry_later(l);
}

static void attach(void *arg)
{
    static const struct runtime_stream_ops ops = {.on_data = on_data, .on_end = on_end};
    struct link *l = arg;
    memset(l->reader, 0, sizeof(*l->reader));
    l->stream = l->o.rt->ops->attach(l->o.rt->self, l->o.container, &ops, l);
    if (l->stream == NULL) {
        retry_later(l);
        return;
    }
    begin_epoch(l, 0);
}

/* Nothing was heard for a while: lost, slow, or the host is paused? */
static void ask(void *arg)
{
    struct link *l = arg;
    if (l->stream == NULL || l->acked == l->seq) {
        return;
    }
    if (l->asked_at != 0 && !l->told) {
        log_info("net", "%s does not acknowledge its tables; it may be paused", l->o.host);
        l->told = true;
    }
    if (l->pending.len == 0) {
        l->asked_at = l->seq;
        send_frame(l, WIRE_ASK, ++l->ask, NULL, 0);
    }
    l->ask_delay = l->ask_delay * 2 < ASK_AT_MOST ? l->ask_delay * 2 : ASK_AT_MOST;
    loop_timer_start(l->ask_timer, l->ask_delay);
}

static void on_busy_timer(void *arg)
{
    struct link *l = arg;
    write_pending(l);
    link_flush(l);
}

struct link *link_new(const struct link_opts *o)
{
    struct link *l = xnew(struct link);
    l->o = *o;
    l->o.host = xstrdup(o->host);
    l->o.container = xstrdup(o->container);
    for (size_t i = 0; i < ARRAY_LEN(l->o.sets); i++) {
        l->o.sets[i] = xstrdup(o->sets[i]);
    }
    l->reader = xnew(struct wire_reader);
    l->todo = map_new(NULL);
    l->hold = o->hold;
    l->retry_delay = RETRY_FIRST;
    l->ask_timer = loop_timer_new(o->loop, ask, l);
    l->retry_timer = loop_timer_new(o->loop, attach, l);
    l->busy_timer = loop_timer_new(o->loop, on_busy_timer, l);
    attach(l);
    return l;
}

static void free_const(const char *s)
{
    free((void *)(uintptr_t)s);
}

void link_free(struct link *l)
{
    if (l == NULL) {
        return;
    }
    if (l->stream != NULL) {
        l->o.rt->ops->stream_free(l->stream);
    }
    loop_timer_free(l->ask_timer);
    loop_timer_free(l->retry_timer);
    loop_timer_free(l->busy_timer);
    map_free(l->todo);
    str_fini(&l->pending);
    free(l->reader);
    for (size_t i = 0; i < ARRAY_LEN(l->o.sets); i++) {
        free_const(l->o.sets[i]);
    }
    free_const(l->o.host);
    free_const(l->o.container);
    free(l);
}

const char *link_container(const struct link *l)
{
    return l->o.container;
}
