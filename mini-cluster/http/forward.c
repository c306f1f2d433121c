/* SPDX-License-Identifier: Apache-2.0 */
/* port-forward: every connection of the caller is a pair of SPDY streams, one for its bytes and one
 * for what went wrong. */
#include <string.h>

#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/ws.h"
#include "http/http_impl.h"
#include "http/spdy.h"
#include "http/wire.h"

static const char protocol[] = "portforward.k8s.io";
static const char tunneled[] = "SPDY/3.1+portforward.k8s.io";

struct forward;

/* One connection. */
struct link {
    struct forward *f;
    struct link *next, **at;
    char *request; /* its id, by which the caller pairs the streams */
    int port;
    struct spdy_stream *data, *error; /* NULL: not yet, or gone */
    struct api_pipe *pipe;            /* NULL: not yet, or over */
    bool begun;
    bool full;  /* its pipe takes no more: the caller has to wait, with all its connections */
    bool waits; /* for the caller to read */
};

struct forward {
    struct speaker speaker;
    struct loop *loop;
    struct wire *wire;
    struct spdy *spdy;
    struct api_connect *connect;
    struct api_pipe *watch; /* over the pod */
    struct link *links;
    unsigned full;    /* links that are */
    VEC(int) working; /* ports that gave bytes before */
    bool over;
};

/* ---- links ---- */

static void set_full(struct link *l, bool full)
{
    struct forward *f = l->f;
    if (l->full != full) {
        l->full = full;
        f->full += full ? 1 : -1u;
        wire_pause(f->wire, f->full > 0);
    }
}

static void drop_pipe(struct link *l)
{
    struct api_pipe *pipe = steal(l->pipe);
    if (pipe != NULL) {
        pipe->free(pipe);
    }
    set_full(l, false);
}

static void link_free(struct link *l)
{
    drop_pipe(l);
    *l->at = l->next;
    if (l->next != NULL) {
        l->next->at = l->at;
    }
    free(l->request);
    free(l);
}

static void end_stream(struct spdy_stream **st)
{
    struct spdy_stream *s = steal(*st);
    if (s != NULL) {
        spdy_stream_set_user(s, NULL);
        spdy_stream_end(s);
    }
}

/* Nothing more is to be said; message NULL: nothing went wrong. */
static void finish(struct link *l, const char *message)
{
    if (message != NULL && l->error != NULL) {
        spdy_stream_send(l->error, message, strlen(message));
    }
    end_stream(&l->data);
    end_stream(&l->error);
    link_free(l);
}

static struct link *find_link(struct forward *f, const char *request)
{
    struct link *l = f->links;
    while (l != NULL && strcmp(l->request, request) != 0) {
        l = l->next;
    }
    return l;
}

static struct link *link_new(struct forward *f, const char *request, int port)
{
    struct link *l = xnew(struct link);
    l->f = f;
    l->request = xstrdup(request);
    l->port = port;
    l->next = f->links;
    l->at = &f->links;
    if (l->next != NULL) {
        l->next->at = &l->next;
    }
    f->links = l;
    return l;
}

/* ---- from the pod ---- */

static bool has_worked(const struct forward *f, int port)
{
    for (size_t i = 0; i < f->working.n; i++) {
        if (f->working.v[i] == port) {
            return true;
        }
    }
    return false;
}

static bool on_output(void *arg, int fd, const char *bytes, size_t n)
{
    struct link *l = arg;
    (void)fd;
    if (!has_worked(l->f, l->port)) {
        vec_push(&l->f->working, l->port);
    }
    if (l->data != NULL) {
        spdy_stream_send(l->data, bytes, n);
    }
    l->waits = wire_is_full(l->f->wire);
    return !l->waits;
}

static void on_drain(void *arg)
{
    set_full(arg, false);
}

static char *explain(const struct link *l, const struct err *err)
{
    return xasprintf("error forwarding port %d to pod %s, uid : failed to connect to localhost:%d "
                     "inside namespace \"%s\", IPv4: %s",
                     l->port, l->f->connect->uid, l->port, l->f->connect->pod, err->msg);
}

/* kubectl gives the whole session up when it is told what went wrong. Of a wrong port it should be;
 * but a program that is started again in between is no reason: that connection only ends. */
static void on_end(void *arg, int exit_code, const struct err *err)
{
    struct link *l = arg;
    bool tell = err->code != ERR_NONE && !has_worked(l->f, l->port);
    cleanup_free char *message = tell ? explain(l, err) : NULL;
    (void)exit_code;
    finish(l, message);
}

static void begin(struct link *l)
{
    static const struct api_pipe_events events = {
        .on_output = on_output, .on_drain = on_drain, .on_end = on_end};
    struct err err;
    l->begun = true;
    l->f->connect->port = l->port;
    if (api_connect_open(l->f->connect, &events, l, &l->pipe, &err) < 0) {
        finish(l, err.msg);
    }
}

/* ---- from the caller ---- */

static void on_stream(void *arg, struct spdy_stream *st)
{
    struct forward *f = arg;
    const char *type = spdy_stream_header(st, "streamtype");
    const char *request = spdy_stream_header(st, "requestid");
    bool error = strcmp(type, "error") == 0;
    int64_t port;
    if ((!error && strcmp(type, "data") != 0) || f->over ||
        !str_to_i64(spdy_stream_header(st, "port"), 1, 65535, &port)) {
        spdy_stream_reset(st, SPDY_REFUSED_STREAM);
        return;
    }
    struct link *l = find_link(f, request);
    l = l != NULL ? l : link_new(f, request, (int)port);
    struct spdy_stream **place = error ? &l->error : &l->data;
    if (*place != NULL || l->begun || l->port != port) {
        spdy_stream_reset(st, SPDY_PROTOCOL_ERROR);
        return;
    }
    *place = st;
    spdy_stream_set_user(st, l);
    spdy_stream_reply(st);
    if (l->data != NULL && l->error != NULL) {
        begin(l);
    }
}

static void on_stream_data(void *arg, struct spdy_stream *st, const char *bytes, size_t n)
{
    struct link *l = spdy_stream_user(st);
    (void)arg;
    if (l != NULL && st == l->data && l->pipe != NULL && !l->pipe->write(l->pipe, bytes, n)) {
        set_full(l, true);
    }
}

static void on_stream_end(void *arg, struct spdy_stream *st)
{
    struct link *l = spdy_stream_user(st);
    (void)arg;
    if (l != NULL && st == l->data && l->pipe != NULL) {
        l->pipe->end(l->pipe);
    }
}

static void on_stream_reset(void *arg, struct spdy_stream *st)
{
    struct link *l = spdy_stream_user(st);
    (void)arg;
    if (l == NULL) {
        return;
    }
    if (st == l->data) {
        l->data = NULL;
    } else {
        l->error = NULL;
    }
    finish(l, NULL);
}

/* ---- the connection ---- */

static void free_forward(struct speaker *speaker)
{
    struct forward *f = container_of(speaker, struct forward, speaker);
    speaker_leave(speaker);
    f->over = true;
    while (f->links != NULL) {
        link_free(f->links);
    }
    if (f->watch != NULL) {
        f->watch->free(f->watch);
    }
    spdy_free(f->spdy);
    wire_free(f->wire);
    api_connect_free(f->connect);
    vec_fini(&f->working);
    free(f);
}

/* The pod ended: nothing can be forwarded any more. */
static void on_pod_end(void *arg, int exit_code, const struct err *err)
{
    struct forward *f = arg;
    struct api_pipe *watch = steal(f->watch);
    (void)exit_code;
    watch->free(watch);
    f->over = true;
    while (f->links != NULL) {
        finish(f->links, err->msg);
    }
    spdy_go_away(f->spdy);
    wire_close(f->wire);
}

static void on_open(void *arg)
{
    static const struct api_pipe_events events = {.on_end = on_pod_end};
    struct forward *f = arg;
    struct err err;
    speaker_opened(&f->speaker);
    f->connect->port = 0;
    if (api_connect_open(f->connect, &events, f, &f->watch, &err) < 0) {
        f->over = true;
        spdy_go_away(f->spdy);
        wire_close(f->wire);
    }
}

static void on_data(void *arg, const char *bytes, size_t n)
{
    struct forward *f = arg;
    struct err err;
    if (spdy_feed(f->spdy, bytes, n, &err) < 0) {
        f->over = true;
        wire_close(f->wire);
    }
}

/* One that fills the wire again makes the others wait for the next time. */
static void on_wire_drain(void *arg)
{
    struct forward *f = arg;
    for (struct link *l = f->links; l != NULL; l = l->next) {
        if (l->waits && l->pipe != NULL) {
            l->waits = false;
            l->pipe->resume(l->pipe);
        }
    }
}

static void on_close(void *arg)
{
    struct forward *f = arg;
    free_forward(&f->speaker);
}

static void write_wire(void *arg, const void *bytes, size_t n)
{
    struct forward *f = arg;
    wire_write(f->wire, bytes, n);
}

static const struct wire_ops wire_ops = {
    .on_open = on_open, .on_data = on_data, .on_drain = on_wire_drain, .on_close = on_close};

static struct forward *forward_new(struct call *call, struct api_connect *connect)
{
    static const struct spdy_ops spdy_ops = {.write = write_wire,
                                             .on_stream = on_stream,
                                             .on_data = on_stream_data,
                                             .on_end = on_stream_end,
                                             .on_reset = on_stream_reset};
    struct forward *f = xnew(struct forward);
    f->loop = call->http->loop;
    f->spdy = spdy_new(&spdy_ops, f);
    f->connect = connect;
    speaker_join(call, &f->speaker, free_forward);
    return f;
}

int forward_accept_websocket(struct call *call, struct api_connect *connect, struct err *err)
{
    static const char *const known[] = {tunneled, NULL};
    if (ws_choose(call->x, known) == NULL) {
        return err_set(err, ERR_BAD_REQUEST,
                       "Sec-WebSocket-Protocol does not name %s, in which ports are forwarded here",
                       tunneled);
    }
    struct wire *wire;
    struct forward *f = forward_new(call, connect);
    if (wire_over_websocket(f->loop, call->x, tunneled, &wire_ops, f, &wire, err) < 0) {
        f->connect = NULL; /* the caller's again */
        free_forward(&f->speaker);
        return -1;
    }
    f->wire = wire;
    return 0;
}

int forward_accept_spdy(struct call *call, struct api_connect *connect, struct err *err)
{
    static const char *const known[] = {protocol, NULL};
    if (connect_choose(call->x, known) == NULL) {
        return err_set(err, ERR_BAD_REQUEST, "X-Stream-Protocol-Version does not name %s",
                       protocol);
    }
    struct forward *f = forward_new(call, connect);
    f->wire = wire_over_spdy(f->loop, call->x, protocol, &wire_ops, f);
    return 0;
}
