/* SPDX-License-Identifier: Apache-2.0 */
/* Two ways to carry the same bytes. */
#include "http/wire.h"

#include "common/http_server.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/ws.h"

enum { HIGH = 256 * 1024 };
#define LINGER_NS LOOP_S(5) /* for the peer to read what it was told last */
#define LIFE_NS LOOP_S(5)   /* between signs of life while we do not read: see ws.c */

struct wire {
    struct loop *loop;
    const struct wire_ops *ops;
    void *arg;
    struct ws *ws;              /* one of these two */
    struct http_tunnel *tunnel; /* NULL until it is open */
    struct loop_timer *linger, *life;
    bool bare, closing, freed;
};

static void release(struct wire *w)
{
    loop_timer_free(w->linger);
    loop_timer_free(w->life);
    loop_undefer(w->loop, w);
    free(w);
}

/* ---- a WebSocket ---- */

static void on_ws_open(void *arg)
{
    struct wire *w = arg;
    w->ops->on_open(w->arg);
}

static void on_ws_data(void *arg, const char *bytes, size_t n, bool first, bool last, bool text)
{
    struct wire *w = arg;
    (void)first;
    (void)last;
    (void)text;
    if (n > 0) {
        w->ops->on_data(w->arg, bytes, n);
    }
}

static void on_ws_drain(void *arg)
{
    struct wire *w = arg;
    w->ops->on_drain(w->arg);
}

static void on_ws_close(void *arg, int code)
{
    struct wire *w = arg;
    (void)code;
    w->ops->on_close(w->arg);
}

int wire_over_websocket(struct loop *loop, struct http_exchange *x, const char *protocol,
                        const struct wire_ops *ops, void *arg, struct wire **ret, struct err *err)
{
    static const struct ws_ops ws_ops = {.on_open = on_ws_open,
                                         .on_data = on_ws_data,
                                         .on_drain = on_ws_drain,
                                         .on_close = on_ws_close};
    struct wire *w = xnew(struct wire);
    w->loop = loop;
    w->ops = ops;
    w->arg = arg;
    if (ws_accept(loop, x, protocol, &ws_ops, w, &w->ws, err) < 0) {
        free(w);
        return -1;
    }
    *ret = w;
    return 0;
}

/* ---- bare ---- */

static void on_open(void *arg, struct http_tunnel *t)
{
    struct wire *w = arg;
    w->tunnel = t;
    w->ops->on_open(w->arg);
}

static void on_data(void *arg, const char *bytes, size_t n)
{
    struct wire *w = arg;
    if (!w->closing && !w->freed) {
        w->ops->on_data(w->arg, bytes, n);
    }
}

static void on_drain(void *arg)
{
    struct wire *w = arg;
    if (!w->closing && !w->freed) {
        w->ops->on_drain(w->arg);
    }
}

static void on_close(void *arg)
{
    struct wire *w = arg;
    w->tunnel = NULL;
    if (w->freed) {
        release(w);
    } else {
        w->closing = true;
        loop_timer_stop(w->life);
        w->ops->on_close(w->arg);
    }
}

static void linger_is_over(void *arg)
{
    struct wire *w = arg;
    if (w->tunnel != NULL) {
        http_tunnel_close(w->tunnel);
    }
}

static void show_life(void *arg)
{
    static const unsigned char ping[] = {0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 2};
    struct wire *w = arg;
    loop_timer_start(w->life, LIFE_NS);
    wire_write(w, ping, sizeof(ping));
}

struct wire *wire_over_spdy(struct loop *loop, struct http_exchange *x, const char *protocol,
                            const struct wire_ops *ops, void *arg)
{
    static const struct http_tunnel_ops tunnel = {
        .on_open = on_open, .on_data = on_data, .on_drain = on_drain, .on_close = on_close};
    const struct http_header header = {"X-Stream-Protocol-Version", protocol};
    struct wire *w = xnew(struct wire);
    w->loop = loop;
    w->ops = ops;
    w->arg = arg;
    w->bare = true;
    w->linger = loop_timer_new(loop, linger_is_over, w);
    w->life = loop_timer_new(loop, show_life, w);
    http_exchange_upgrade(x, "SPDY/3.1", &header, 1, &tunnel, w);
    return w;
}

/* ---- both ---- */

void wire_free(struct wire *w)
{
    if (w == NULL) {
        return;
    }
    w->freed = true;
    ws_free(w->ws);
    loop_timer_free(steal(w->life));
    if (w->tunnel != NULL) {
        http_tunnel_close(w->tunnel);
    } else {
        release(w);
    }
}

void wire_write(struct wire *w, const void *bytes, size_t n)
{
    if (w->ws != NULL) {
        ws_send(w->ws, false, NULL, 0, bytes, n);
    } else if (w->tunnel != NULL && !w->closing && !http_tunnel_write(w->tunnel, bytes, n)) {
        wire_close(w); /* the peer does not read at all */
    }
}

bool wire_is_full(const struct wire *w)
{
    if (w->ws != NULL) {
        return ws_queued(w->ws) > HIGH;
    }
    return w->tunnel != NULL && http_tunnel_queued(w->tunnel) > HIGH;
}

void wire_pause(struct wire *w, bool paused)
{
    if (w->ws != NULL) {
        ws_pause(w->ws, paused);
    } else if (w->tunnel != NULL && !w->closing) {
        http_tunnel_pause(w->tunnel, paused);
        if (paused) {
            loop_timer_start(w->life, LIFE_NS);
        } else {
            loop_timer_stop(w->life);
        }
    }
}

void wire_close(struct wire *w)
{
    if (w->ws != NULL) {
        ws_close(w->ws, WS_NORMAL, NULL);
    } else if (w->tunnel != NULL && !w->closing) {
        w->closing = true;
        loop_timer_stop(w->life);
        http_tunnel_pause(w->tunnel, false);
        loop_timer_start(w->linger, LINGER_NS);
    }
}
