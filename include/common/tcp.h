/* SPDX-License-Identifier: Apache-2.0 */
/* One TCP connection that we make, on the loop: bytes both ways, bounded. */
#ifndef COMMON_TCP_H
#define COMMON_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct loop;
struct tcp;

struct tcp_opts {
    const char *address; /* IPv4; copied */
    int port;
    uint64_t timeout_ns; /* of the connecting; 0: 5 s */
    void (*on_open)(void *arg);
    void (*on_data)(void *arg, const char *bytes, size_t n); /* n == 0: the peer ended its side */
    /* Less than 64 KiB wait again, after more than 256 KiB did. */
    void (*on_drain)(void *arg);
    /* Once, last: there was no connection ("dial tcp 10.77.1.9:80: connect: connection refused"),
     * it broke, or (ERR_NONE) it is over in both directions. refused: nobody listens there. */
    void (*on_close)(void *arg, const struct err *err, bool refused);
    void *arg;
};

/* Callbacks come from the loop, never from within a call. */
struct tcp *tcp_dial(struct loop *loop, const struct tcp_opts *opts);
void tcp_free(struct tcp *t); /* closes; no callback after; NULL is fine */
/* Also before it is open. False: more than 4 MiB would wait; what was taken of it is not known. */
bool tcp_write(struct tcp *t, const void *bytes, size_t n);
void tcp_end(struct tcp *t);                /* half-close after what is queued */
void tcp_pause(struct tcp *t, bool paused); /* reads nothing meanwhile */
size_t tcp_queued(const struct tcp *t);

#endif
