/* SPDX-License-Identifier: Apache-2.0 */
/* The live table of forwards: who listens where, whose turn it is, and what was counted. */
#ifndef GUEST_FORWARD_H
#define GUEST_FORWARD_H

#include "guest/guest.h"
#include "guest/table.h"

/* An endpoint, counted by its forward and by the connections that still use it. */
struct target {
    struct table_target at;
    unsigned refs;
    uint64_t connections, failed;
    uint32_t active;
    uint64_t avoid_until; /* it did not answer: others first, until then */
};

struct affinity;
struct udp_session;
struct forward {
    struct ev listener; /* first: the listener's owner is found by its address */
    struct forward *next;
    char *key;
    uint8_t proto;
    uint32_t addr;
    uint16_t port;
    uint32_t affinity_s;
    unsigned refs; /* the table's, and one of each connection that may still choose */
    bool stale;    /* not named yet by the snapshot that is coming in */
    bool counted;  /* a count changed since the last report */
    bool failing;  /* it was said that nobody can listen here */
    struct target **targets;
    unsigned ntargets, turn;
    struct affinity *affinity;
    struct udp_session *sessions; /* of UDP */
};

struct forward_opts {
    bool addresses; /* add the listening addresses to this machine */
    uint32_t dns;   /* nobody but the DNS server listens on port 53 of this one */
};
extern struct forward_opts forward_opts;

void forward_snapshot_begin(void);
void forward_snapshot_end(void);
void forward_put(const struct table_forward *f);
void forward_delete(const char *key);
/* After a batch of the calls above: listens where it could not before. */
void forward_settle(void);
/* Reports every count to fn that changed since it was last taken, until it returns false. */
void forward_counts(bool (*fn)(const struct table_count *c));
void forward_counts_again(void); /* a new listener: report everything once more */

/* The next endpoint for this client, NULL when there is none; the caller unrefs it. */
struct target *forward_choose(struct forward *f, uint32_t client, unsigned tried);
void forward_unref(struct forward *f);
void forward_target_unref(struct target *t);

/* The transports. */
void relay_init(unsigned files);
void relay_accept(struct ev *listener, uint32_t events);
void udp_on_packet(struct ev *listener, uint32_t events);
/* Ends the sessions whose endpoint is no longer among the targets. */
void udp_forget(struct forward *f, bool all);

/* Addresses on the loopback interface, counted. */
void address_add(uint32_t addr);
void address_remove(uint32_t addr);

#endif
