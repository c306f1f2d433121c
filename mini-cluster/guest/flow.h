/* SPDX-License-Identifier: Apache-2.0 */
/* One direction of a connection: bytes from one socket to another, and what waits between them.
 *
 * Small messages go through one shared buffer; a flow that fills it is spliced through a pipe,
 * which it holds only while it moves bulk. Edge-triggered: a side is known to be readable or
 * writable until the kernel says otherwise, so that an idle connection costs nothing. */
#ifndef GUEST_FLOW_H
#define GUEST_FLOW_H

#include "guest/guest.h"

struct flow_side {
    struct ev ev; /* first */
    bool readable, writable;
    bool ended; /* the kernel said that the end is near: read until it comes */
};

/* What was read and not yet written waits in the pipe or in spill, never in both. */
struct flow {
    int pipe[2];
    uint32_t in_pipe;
    uint32_t spill_at, spill_len;
    uint8_t *spill;
    bool bulk, eof;
    bool done; /* the end was read and passed on */
};

/* How many pipes all flows together may hold. */
void flow_limit(unsigned pipes);
void flow_init(struct flow *f);
void flow_fini(struct flow *f);
/* Takes note of what epoll says of a side. */
void flow_note(struct flow_side *s, uint32_t events);

enum flow_state { FLOW_WAITS, FLOW_HAS_MORE /* its turn is used up */, FLOW_BROKEN };
/* Moves what can be moved in one turn. */
enum flow_state flow_pump(struct flow *f, struct flow_side *from, struct flow_side *to);

#endif
