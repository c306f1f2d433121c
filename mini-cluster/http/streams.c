/* SPDX-License-Identifier: Apache-2.0 */
/* exec and attach over SPDY, as kubectl spoke before 1.30: a stream for each of the process's, one
 * for the terminal's size, one for how it ended. */
#include <string.h>

#include "common/loop.h"
#include "common/mem.h"
#include "http/http_impl.h"
#include "http/session.h"
#include "http/spdy.h"
#include "http/wire.h"

#define PATIENCE_NS LOOP_S(30) /* for all streams to be there */

enum { STDIN, STDOUT, STDERR, ERROR, RESIZE, TYPES };

static const char *const types[TYPES] = {"stdin", "stdout", "stderr", "error", "resize"};
static const char *const protocols[] = {"v4.channel.k8s.io", NULL};

struct streams {
    struct speaker speaker;
    struct wire *wire;
    struct spdy *spdy;
    struct session *session;
    struct spdy_stream *st[TYPES]; /* NULL: not yet, or gone */
    bool wanted[TYPES];
    struct loop_timer *patience;
    bool begun, over;
};

static void free_streams(struct speaker *speaker)
{
    struct streams *s = container_of(speaker, struct streams, speaker);
    speaker_leave(speaker);
    session_free(s->session);
    spdy_free(s->spdy);
    wire_free(s->wire);
    loop_timer_free(s->patience);
    free(s);
}

/* ---- from the process ---- */

static bool on_output(void *arg, int fd, const char *bytes, size_t n)
{
    struct streams *s = arg;
    struct spdy_stream *st = s->st[fd == 2 ? STDERR : STDOUT];
    if (st != NULL) {
        spdy_stream_send(st, bytes, n);
    }
    return !wire_is_full(s->wire);
}

static void on_drained(void *arg)
{
    struct streams *s = arg;
    wire_pause(s->wire, false);
}

static void on_over(void *arg, const char *status, size_t n)
{
    struct streams *s = arg;
    s->over = true;
    if (s->st[ERROR] != NULL) {
        spdy_stream_send(s->st[ERROR], status, n);
    }
    for (int i = 0; i < TYPES; i++) {
        struct spdy_stream *st = steal(s->st[i]);
        if (st != NULL) {
            spdy_stream_end(st);
        }
    }
    wire_close(s->wire);
}

/* ---- from the caller ---- */

static void give_up(void *arg)
{
    struct streams *s = arg;
    s->over = true;
    spdy_go_away(s->spdy);
    wire_close(s->wire);
}

static void begin_when_complete(struct streams *s)
{
    for (int i = 0; i < TYPES; i++) {
        if (s->wanted[i] && s->st[i] == NULL) {
            return;
        }
    }
    s->begun = true;
    loop_timer_stop(s->patience);
    session_begin(s->session);
}

static int type_of(const struct spdy_stream *st)
{
    int type = 0;
    while (type < TYPES && strcmp(spdy_stream_header(st, "streamtype"), types[type]) != 0) {
        type++;
    }
    return type;
}

static void on_stream(void *arg, struct spdy_stream *st)
{
    struct streams *s = arg;
    int type = type_of(st);
    if (type == TYPES || s->st[type] != NULL || s->begun || s->over) {
        spdy_stream_reset(st, SPDY_REFUSED_STREAM);
        return;
    }
    s->st[type] = st;
    spdy_stream_reply(st);
    begin_when_complete(s);
}

static void on_stream_data(void *arg, struct spdy_stream *st, const char *bytes, size_t n)
{
    struct streams *s = arg;
    if (st == s->st[RESIZE]) {
        session_resize(s->session, bytes, n);
    } else if (st == s->st[STDIN] && !session_input(s->session, bytes, n)) {
        wire_pause(s->wire, true);
    }
}

static void on_stream_end(void *arg, struct spdy_stream *st)
{
    struct streams *s = arg;
    if (st == s->st[STDIN]) {
        session_end_input(s->session);
    }
}

static void on_stream_reset(void *arg, struct spdy_stream *st)
{
    struct streams *s = arg;
    on_stream_end(arg, st);
    for (int i = 0; i < TYPES; i++) {
        if (s->st[i] == st) {
            s->st[i] = NULL;
        }
    }
}

/* ---- the connection ---- */

static void on_open(void *arg)
{
    struct streams *s = arg;
    speaker_opened(&s->speaker);
    loop_timer_start(s->patience, PATIENCE_NS);
}

static void on_data(void *arg, const char *bytes, size_t n)
{
    struct streams *s = arg;
    struct err err;
    if (spdy_feed(s->spdy, bytes, n, &err) < 0) {
        s->over = true;
        wire_close(s->wire);
    }
}

static void on_drain(void *arg)
{
    struct streams *s = arg;
    session_go_on(s->session);
}

static void on_close(void *arg)
{
    struct streams *s = arg;
    free_streams(&s->speaker);
}

static void write_wire(void *arg, const void *bytes, size_t n)
{
    struct streams *s = arg;
    wire_write(s->wire, bytes, n);
}

int streams_accept(struct call *call, struct api_connect *connect, struct err *err)
{
    static const struct wire_ops wire_ops = {
        .on_open = on_open, .on_data = on_data, .on_drain = on_drain, .on_close = on_close};
    static const struct spdy_ops spdy_ops = {.write = write_wire,
                                             .on_stream = on_stream,
                                             .on_data = on_stream_data,
                                             .on_end = on_stream_end,
                                             .on_reset = on_stream_reset};
    static const struct session_ops session_ops = {
        .output = on_output, .drained = on_drained, .over = on_over};
    struct loop *loop = call->http->loop;
    const char *protocol = connect_choose(call->x, protocols);
    if (protocol == NULL) {
        return err_set(err, ERR_BAD_REQUEST, "X-Stream-Protocol-Version does not name %s",
                       protocols[0]);
    }
    struct streams *s = xnew(struct streams);
    s->wanted[STDIN] = connect->stdin_open;
    s->wanted[STDOUT] = connect->stdout_open;
    s->wanted[STDERR] = connect->stderr_open;
    s->wanted[ERROR] = true;
    s->wanted[RESIZE] = connect->tty;
    s->patience = loop_timer_new(loop, give_up, s);
    s->spdy = spdy_new(&spdy_ops, s);
    s->session = session_new(loop, connect, &session_ops, s);
    s->wire = wire_over_spdy(loop, call->x, protocol, &wire_ops, s);
    speaker_join(call, &s->speaker, free_streams);
    return 0;
}
