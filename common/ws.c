/* SPDX-License-Identifier: Apache-2.0 */
/* Frames and their rules are wslay's; this file passes messages through it without keeping them. */
#include "ws_impl.h"

#include <string.h>

#include "common/http_server.h"
#include "common/loop.h"
#include "common/mem.h"

#define LINGER_NS LOOP_S(5) /* for the peer's goodbye */
#define LIFE_NS LOOP_S(5)   /* between signs of life while we do not read */

/* ---- the end ---- */

static void tell_close(void *arg)
{
    struct ws *ws = arg;
    if (!ws->told) {
        ws->told = true;
        ws->ops->on_close(ws->arg, ws->code);
    }
}

/* Nothing is read or sent any more. */
static void close_tunnel(struct ws *ws)
{
    ws->state = WS_CLOSED;
    loop_timer_stop(ws->linger);
    loop_timer_stop(ws->life);
    if (ws->tunnel != NULL) {
        http_tunnel_close(ws->tunnel);
    }
    loop_undefer(ws->loop, ws);
    loop_defer(ws->loop, tell_close, ws);
}

void ws_end(struct ws *ws)
{
    if (ws->state != WS_CLOSED) {
        close_tunnel(ws);
    }
}

static void linger_is_over(void *arg)
{
    ws_end(arg);
}

/* ---- sending ---- */

static ssize_t on_send(wslay_event_context_ptr rules, const uint8_t *bytes, size_t n, int flags,
                       void *arg)
{
    struct ws *ws = arg;
    (void)flags;
    if (ws->state == WS_CLOSED || !ws->out(ws->to, bytes, n)) {
        wslay_event_set_error(rules, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    return (ssize_t)n;
}

static bool flush(struct ws *ws)
{
    if (ws->state != WS_CLOSED && wslay_event_send(ws->rules) != 0) {
        ws_end(ws); /* too much waits */
    }
    return ws->state != WS_CLOSED;
}

static bool queue(struct ws *ws, uint8_t opcode, const void *bytes, size_t n)
{
    struct wslay_event_msg msg = {.opcode = opcode, .msg = bytes, .msg_length = n};
    return wslay_event_queue_msg(ws->rules, &msg) == 0;
}

bool ws_send(struct ws *ws, bool text, const void *head, size_t nhead, const void *bytes, size_t n)
{
    if (ws->state != WS_OPEN) {
        return true; /* on_close tells, or was asked for */
    }
    str_clear(&ws->message);
    str_add_n(&ws->message, head, nhead);
    str_add_n(&ws->message, bytes, n);
    uint8_t opcode = text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME;
    return queue(ws, opcode, str_c(&ws->message), ws->message.len) && flush(ws);
}

void ws_close(struct ws *ws, int code, const char *reason)
{
    if (ws->state != WS_OPEN) {
        return;
    }
    const uint8_t *why = (const uint8_t *)reason;
    size_t n = reason != NULL ? strlen(reason) : 0;
    ws->code = code;
    wslay_event_queue_close(ws->rules, (uint16_t)code, why, n < 123 ? n : 123);
    if (flush(ws)) {
        ws->state = WS_CLOSING;
        loop_timer_start(ws->linger, LINGER_NS);
        ws_pause(ws, false);
    }
}

/* Some peers count on an answer to each ping, and cannot send one while we do not read. Others are
 * gone: their goodbye waits behind what we do not read, but a word from us breaks the connection.
 */
static void show_life(void *arg)
{
    struct ws *ws = arg;
    loop_timer_start(ws->life, LIFE_NS);
    (void)(queue(ws, WSLAY_PONG, "", 0) && flush(ws));
}

void ws_pause(struct ws *ws, bool paused)
{
    if (paused && ws->state == WS_OPEN) {
        loop_timer_start(ws->life, LIFE_NS);
    } else {
        loop_timer_stop(ws->life);
    }
    if (ws->tunnel != NULL && ws->state != WS_CLOSED) {
        http_tunnel_pause(ws->tunnel, paused && ws->state == WS_OPEN);
    }
}

size_t ws_queued(const struct ws *ws)
{
    return ws->tunnel != NULL ? http_tunnel_queued(ws->tunnel) : 0;
}

/* ---- receiving ---- */

static ssize_t on_recv(wslay_event_context_ptr rules, uint8_t *buf, size_t n, int flags, void *arg)
{
    struct ws *ws = arg;
    (void)flags;
    if (ws->in_len == 0) {
        wslay_event_set_error(rules, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    n = n < ws->in_len ? n : ws->in_len;
    memcpy(buf, ws->in, n);
    ws->in += n;
    ws->in_len -= n;
    return (ssize_t)n;
}

static void hand_on(struct ws *ws, const uint8_t *bytes, size_t n)
{
    bool first = ws->first;
    bool last = ws->last && ws->left == 0;
    if (ws->state != WS_OPEN || ws->freed || (n == 0 && !last)) {
        return;
    }
    ws->first = false;
    ws->ops->on_data(ws->arg, (const char *)bytes, n, first, last, ws->text);
}

static void on_frame(wslay_event_context_ptr rules,
                     const struct wslay_event_on_frame_recv_start_arg *frame, void *arg)
{
    struct ws *ws = arg;
    (void)rules;
    ws->control = wslay_is_ctrl_frame(frame->opcode);
    if (ws->control) {
        return;
    }
    if (frame->opcode != WSLAY_CONTINUATION_FRAME) {
        ws->first = true;
        ws->text = frame->opcode == WSLAY_TEXT_FRAME;
    }
    ws->last = frame->fin;
    ws->left = frame->payload_length;
    if (ws->left == 0) {
        hand_on(ws, (const uint8_t *)"", 0);
    }
}

static void on_chunk(wslay_event_context_ptr rules,
                     const struct wslay_event_on_frame_recv_chunk_arg *chunk, void *arg)
{
    struct ws *ws = arg;
    (void)rules;
    if (!ws->control && chunk->data_length > 0) {
        ws->left -= chunk->data_length;
        hand_on(ws, chunk->data, chunk->data_length);
    }
}

static void on_message(wslay_event_context_ptr rules, const struct wslay_event_on_msg_recv_arg *m,
                       void *arg)
{
    struct ws *ws = arg;
    (void)rules;
    if (m->opcode == WSLAY_CONNECTION_CLOSE && ws->state == WS_OPEN) {
        ws->code = m->status_code != 0 ? m->status_code : WS_NORMAL;
    }
}

/* What the rules want of us after they saw bytes. */
static void settle(struct ws *ws)
{
    if (!flush(ws)) {
        return;
    }
    if (wslay_event_get_close_received(ws->rules)) {
        ws_end(ws);
    } else if (wslay_event_get_close_sent(ws->rules) && ws->state == WS_OPEN) {
        ws->state = WS_CLOSING; /* the peer broke them, and was told */
        ws->code = WS_PROTOCOL_ERROR;
        loop_timer_stop(ws->life);
        loop_timer_start(ws->linger, LINGER_NS);
    }
}

void ws_feed(struct ws *ws, const char *bytes, size_t n)
{
    if (ws->state == WS_CLOSED || !wslay_event_want_read(ws->rules)) {
        return;
    }
    ws->feeding = true;
    ws->in = bytes;
    ws->in_len = n;
    int rc = wslay_event_recv(ws->rules);
    ws->feeding = false;
    if (ws->freed && ws->tunnel == NULL) {
        ws_release(ws);
    } else if (ws->freed) {
        return;           /* when the socket is closed */
    } else if (rc != 0) { /* no frame can be told from the next one any more */
        ws->code = WS_PROTOCOL_ERROR;
        (void)flush(ws);
        ws_end(ws);
    } else {
        settle(ws);
    }
}

/* ---- making and freeing ---- */

struct ws *ws_new(struct loop *loop, const struct ws_ops *ops, void *arg)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_recv,
        .send_callback = on_send,
        .on_frame_recv_start_callback = on_frame,
        .on_frame_recv_chunk_callback = on_chunk,
        .on_msg_recv_callback = on_message,
    };
    struct ws *ws = xnew(struct ws);
    ws->loop = loop;
    ws->ops = ops;
    ws->arg = arg;
    ws->code = WS_ABNORMAL;
    ws->linger = loop_timer_new(loop, linger_is_over, ws);
    ws->life = loop_timer_new(loop, show_life, ws);
    if (wslay_event_context_server_init(&ws->rules, &callbacks, ws) != 0) {
        abort(); /* out of memory: nothing else makes it fail */
    }
    wslay_event_config_set_no_buffering(ws->rules, 1);
    return ws;
}

struct ws *ws_new_raw(struct loop *loop, bool (*out)(void *to, const void *bytes, size_t n),
                      void *to, const struct ws_ops *ops, void *arg)
{
    struct ws *ws = ws_new(loop, ops, arg);
    ws->out = out;
    ws->to = to;
    return ws;
}

void ws_release(struct ws *ws)
{
    wslay_event_context_free(ws->rules);
    str_fini(&ws->message);
    free(ws);
}

void ws_free(struct ws *ws)
{
    if (ws == NULL) {
        return;
    }
    ws->told = true;
    ws_end(ws);
    loop_undefer(ws->loop, ws);
    loop_timer_free(steal(ws->linger));
    loop_timer_free(steal(ws->life));
    ws->freed = true;
    if (ws->tunnel == NULL && !ws->feeding) {
        ws_release(ws);
    } /* else when the socket is closed, or the call returns */
}
