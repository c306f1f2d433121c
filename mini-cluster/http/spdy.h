/* SPDX-License-Identifier: Apache-2.0 */
/* SPDY/3.1 as a server that opens no streams: what kubectl port-forward speaks within a WebSocket,
 * and older kubectls for exec and attach, too. Over bytes from anywhere. */
#ifndef HTTP_SPDY_H
#define HTTP_SPDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct spdy;
struct spdy_stream;

enum { SPDY_PROTOCOL_ERROR = 1, SPDY_REFUSED_STREAM = 3, SPDY_CANCEL = 5, SPDY_INTERNAL_ERROR = 6 };

/* From within spdy_feed. */
struct spdy_ops {
    void (*write)(void *arg, const void *bytes, size_t n);
    /* A new one: to be answered with spdy_stream_reply or spdy_stream_reset. */
    void (*on_stream)(void *arg, struct spdy_stream *s);
    void (*on_data)(void *arg, struct spdy_stream *s, const char *bytes, size_t n);
    void (*on_end)(void *arg, struct spdy_stream *s);   /* of its side: no more data comes */
    void (*on_reset)(void *arg, struct spdy_stream *s); /* the stream is gone when this returns */
};

struct spdy *spdy_new(const struct spdy_ops *ops, void *arg);
/* Frees its streams, too; no call comes. Also from within spdy_feed, which returns 0 then. NULL is
 * fine. */
void spdy_free(struct spdy *s);
/* Bytes of the peer. An error ends the connection: GOAWAY was written. */
int spdy_feed(struct spdy *s, const char *bytes, size_t n, struct err *err) WARN_UNUSED;
/* The peer is told that no stream is served any more. */
void spdy_go_away(struct spdy *s);

/* ---- streams: each lives until both sides have ended it, or one has reset it ---- */

uint32_t spdy_stream_id(const struct spdy_stream *st);
const char *spdy_stream_header(const struct spdy_stream *st, const char *name); /* "": none */
void spdy_stream_set_user(struct spdy_stream *st, void *user);
void *spdy_stream_user(const struct spdy_stream *st);
void spdy_stream_reply(struct spdy_stream *st);
void spdy_stream_send(struct spdy_stream *st, const void *bytes, size_t n);
/* No more from us. Gone when the peer has ended it, too: *st is not to be used any more. */
void spdy_stream_end(struct spdy_stream *st);
/* Gone. */
void spdy_stream_reset(struct spdy_stream *st, uint32_t status);

#endif
