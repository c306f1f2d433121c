/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes both ways over a connected socket on the loop, with a bounded queue: what a server's tunnel
 * and a client's upgraded connection have in common. Private to common/. */
#ifndef COMMON_DUPLEX_H
#define COMMON_DUPLEX_H

#include <stdbool.h>
#include <stddef.h>

struct loop;
struct duplex;
struct gnutls_session_int;

#define DUPLEX_MAX_QUEUE ((size_t)4 << 20) /* more may not wait */
#define DUPLEX_HIGH_MARK                                                                           \
    ((size_t)256 << 10) /* above it, on_drain will tell when it is low again                       \
                         */
#define DUPLEX_LOW_MARK ((size_t)64 << 10)

struct duplex_ops {
    void (*on_data)(void *arg, const char *bytes, size_t n); /* n == 0: the peer ended its side */
    void (*on_drain)(void *arg);
    /* May be NULL. The peer ended its side while it is not read: what it said before is not known.
     * Told once. */
    void (*on_left)(void *arg);
    /* Broken (an errno), or closed as asked for (0). Once, last, never from within a call. */
    void (*on_close)(void *arg, int errnum);
};

/* The descriptor becomes non-blocking and, as the TLS session on it (NULL: none), stays the
 * caller's; ops is not copied. Reading begins with duplex_pause(d, false). */
struct duplex *duplex_new(struct loop *loop, int fd, struct gnutls_session_int *tls,
                          const struct duplex_ops *ops, void *arg);
/* No callback after; the descriptor may be closed at once. NULL is fine. */
void duplex_free(struct duplex *d);

bool duplex_write(struct duplex *d, const void *bytes, size_t n); /* false: too much waits */
size_t duplex_queued(const struct duplex *d);
void duplex_pause(struct duplex *d, bool paused); /* no reading meanwhile */
void duplex_end(struct duplex *d);                /* half-close, after what is queued */
void duplex_close(struct duplex *d);              /* on_close(0), after what is queued */

#endif
