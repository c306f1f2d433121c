/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a SPDY connection: bare ones after an upgrade to SPDY/3.1, or those of the binary
 * messages of a WebSocket, whose borders mean nothing. */
#ifndef HTTP_WIRE_H
#define HTTP_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct http_exchange;
struct loop;
struct wire;

/* As those of ws.h and of a tunnel. */
struct wire_ops {
    void (*on_open)(void *arg);
    void (*on_data)(void *arg, const char *bytes, size_t n);
    void (*on_drain)(void *arg);
    void (*on_close)(void *arg); /* once, last; not after wire_free */
};

/* The exchange is upgraded, or (-1) not answered. */
int wire_over_websocket(struct loop *loop, struct http_exchange *x, const char *protocol,
                        const struct wire_ops *ops, void *arg, struct wire **ret,
                        struct err *err) WARN_UNUSED;
/* `protocol` is what the streams mean: X-Stream-Protocol-Version. */
struct wire *wire_over_spdy(struct loop *loop, struct http_exchange *x, const char *protocol,
                            const struct wire_ops *ops, void *arg);
void wire_free(struct wire *w); /* NULL is fine */

void wire_write(struct wire *w, const void *bytes, size_t n);
bool wire_is_full(const struct wire *w); /* more waits than should: on_drain will come */
void wire_pause(struct wire *w, bool paused);
/* After what was written; what the peer still sends is dropped. on_close comes. */
void wire_close(struct wire *w);

#endif
