/* SPDX-License-Identifier: Apache-2.0 */
/* DNS messages: a query comes in, an answer from the zone goes out, or the wish to ask elsewhere.
 */
#ifndef GUEST_DNS_H
#define GUEST_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/table.h"

enum { DNS_TTL = 5, DNS_UDP_MAX = 4096, DNS_QUERY_MAX = 1024 };
enum dns_type {
    DNS_A = 1,
    DNS_CNAME = 5,
    DNS_SOA = 6,
    DNS_PTR = 12,
    DNS_AAAA = 28,
    DNS_SRV = 33,
    DNS_OPT = 41
};
enum dns_rcode { DNS_NOERROR, DNS_FORMERR, DNS_SERVFAIL, DNS_NXDOMAIN, DNS_NOTIMP, DNS_REFUSED };

struct dns_query {
    uint16_t id;
    bool recurse;
    uint16_t type, class;
    char name[256];      /* lower case, no final dot; "" is the root */
    size_t question_end; /* where the question ends in the message */
    bool edns;
    uint16_t size;      /* what the client takes over UDP */
    const uint8_t *msg; /* borrowed */
    size_t len;
};

/* DNS_NOERROR; another code when it must be refused with that (dns_error), -1 when it deserves no
 * answer at all. */
int dns_parse(const uint8_t *msg, size_t n, struct dns_query *ret);

enum dns_verdict {
    DNS_ANSWERED,  /* *ret_n bytes in out */
    DNS_ELSEWHERE, /* no name of the cluster: ask upstream */
    DNS_CHASE, /* an alias of a name that is not of the cluster: ask for `chase`, then dns_chased */
};
enum dns_verdict dns_answer(const struct dns_query *q, const struct table_config *config,
                            uint8_t *out, size_t max, size_t *ret_n, char chase[256]);
/* An answer with this code and nothing in it. out holds DNS_UDP_MAX bytes. */
size_t dns_error(const struct dns_query *q, enum dns_rcode rcode, uint8_t *out);
/* A query of our own for name, with this id. Returns its size; 0: the name is malformed. */
size_t dns_ask(uint16_t id, const char *name, uint16_t type, uint8_t *out, size_t max);
/* The first address in a reply to a dns_ask with this id. */
bool dns_first_address(const uint8_t *reply, size_t n, uint16_t id, uint32_t *ret);
/* The alias and what `reply` (to a dns_ask for its target) says of the target. */
size_t dns_chased(const struct dns_query *q, const char *target, const uint8_t *reply, size_t n,
                  uint8_t *out, size_t max);

#endif
