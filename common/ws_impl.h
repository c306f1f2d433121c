/* SPDX-License-Identifier: Apache-2.0 */
/* What ws.c (the rules) and ws_accept.c (the handshake and the socket) share. */
#ifndef COMMON_WS_IMPL_H
#define COMMON_WS_IMPL_H

#include <stdint.h>
#include <wslay/wslay.h>

#include "common/str.h"
#include "common/ws.h"

struct http_tunnel;
struct loop_timer;

enum ws_state {
    WS_OPEN,
    WS_CLOSING, /* our goodbye is said; the peer's is waited for */
    WS_CLOSED,  /* nothing goes either way */
};

struct ws {
    struct loop *loop;
    const struct ws_ops *ops;
    void *arg;
    bool (*out)(void *to, const void *bytes, size_t n);
    void *to;
    struct http_tunnel *tunnel; /* NULL: not open, gone, or raw */
    wslay_event_context_ptr rules;
    const char *in; /* of the present feed */
    size_t in_len;
    struct str message; /* what ws_send puts together */
    enum ws_state state;
    uint64_t left; /* of the present frame */
    bool control;  /* that frame is one */
    bool last;     /* it is the last of its message */
    bool first;    /* nothing of the message was handed on */
    bool text;
    int code;                  /* what on_close will be told */
    struct loop_timer *linger; /* bounds the wait for the peer's goodbye */
    struct loop_timer *life;   /* while reading is paused */
    bool feeding, freed;
    bool told; /* on_close was called, or nobody is to be called */
};

/* Makes the part that knows the rules. */
struct ws *ws_new(struct loop *loop, const struct ws_ops *ops, void *arg);
/* Nothing can come or go any more; on_close is told, deferred. */
void ws_end(struct ws *ws);
/* Frees the memory; nothing points to it any more. */
void ws_release(struct ws *ws);

#endif
