/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket connections of a server (RFC 6455): the handshake on an HTTP exchange, then messages
 * both ways. Messages are handed on in pieces as they come and are never gathered here; one of 2
 * GiB is refused. */
#ifndef COMMON_WS_H
#define COMMON_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct http_exchange;
struct loop;
struct ws;

enum {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL_ERROR = 1002,
    WS_UNSUPPORTED = 1003,
    WS_ABNORMAL = 1006,
    WS_BAD_DATA = 1007,
    WS_POLICY = 1008,
    WS_TOO_BIG = 1009,
    WS_INTERNAL = 1011
};

/* From the loop, never from within a call made here. */
struct ws_ops {
    /* Messages may be sent. */
    void (*on_open)(void *arg);
    /* The next piece of a message; `first` and `last` are those of the message, which may be empty:
     * one piece of 0 bytes that is both. */
    void (*on_data)(void *arg, const char *bytes, size_t n, bool first, bool last, bool text);
    /* Less than 64 KiB wait again, after more than 256 KiB did. */
    void (*on_drain)(void *arg);
    /* Once, last: `code` is the peer's, ours when it broke the rules, WS_ABNORMAL when it left
     * without a word. Not called after ws_free. */
    void (*on_close)(void *arg, int code);
};

/* Whether the request asks for a WebSocket (of any version). */
bool ws_is_asked(const struct http_exchange *x);
/* The first protocol the client offers that is in `known` (NULL-terminated), NULL when none is. */
const char *ws_choose(const struct http_exchange *x, const char *const *known);
/* Switches protocols; `protocol` may be NULL. The exchange's `ended` comes after on_open, or
 * without it: then ws_free is due all the same. ERR_BAD_REQUEST when this is no valid handshake:
 * the exchange is not answered then. `ops` is not copied. */
int ws_accept(struct loop *loop, struct http_exchange *x, const char *protocol,
              const struct ws_ops *ops, void *arg, struct ws **ret, struct err *err) WARN_UNUSED;
/* Ends it at once if it is open; the caller hears no more. NULL is fine. */
void ws_free(struct ws *ws);

/* One message of head and bytes together; head may be NULL. False when too much waits: the
 * connection is given up then, and on_close comes. */
bool ws_send(struct ws *ws, bool text, const void *head, size_t nhead, const void *bytes, size_t n);
size_t ws_queued(const struct ws *ws);
/* Nothing is read meanwhile; a peer that watches for signs of life still gets them. */
void ws_pause(struct ws *ws, bool paused);
/* Says goodbye after what was sent, and waits a moment for the peer's: what it still sends is
 * dropped. on_close comes. */
void ws_close(struct ws *ws, int code, const char *reason);

/* ---- the rules alone, over bytes from anywhere (for tests) ---- */

/* As a server after the handshake; `out` takes every byte to be sent. */
struct ws *ws_new_raw(struct loop *loop, bool (*out)(void *to, const void *bytes, size_t n),
                      void *to, const struct ws_ops *ops, void *arg);
/* Bytes of the peer. */
void ws_feed(struct ws *ws, const char *bytes, size_t n);
/* Sec-WebSocket-Accept of a Sec-WebSocket-Key: 28 characters and a NUL. */
void ws_accept_key(char ret[29], const char *key);

#endif
