/* SPDX-License-Identifier: Apache-2.0 */
/* The DNS server's sockets, and the resolvers it asks for names that are not the cluster's. */
#ifndef GUEST_DNS_SERVER_H
#define GUEST_DNS_SERVER_H

#include <netinet/in.h>

#include "guest/dns.h"
#include "guest/guest.h"

uint16_t dns_server_port(void); /* 53; tests take another */
void dns_server_config(const struct table_config *c);

/* Who asked: a datagram's sender, or a connection. */
struct dns_client {
    struct ev *udp; /* the socket it came in by; NULL: TCP */
    struct sockaddr_in peer;
    unsigned conn, serial; /* TCP: which connection, and which life of it */
};
void dns_server_reply(const struct dns_client *to, const uint8_t *msg, size_t n);
/* The largest answer this client takes. */
size_t dns_server_room(const struct dns_client *to, const struct dns_query *q);

void dns_upstream_config(const struct table_config *c);
/* Asks the resolvers one after the other; the client gets their answer, or SERVFAIL. With `chase`,
 * that name is asked for instead and the answer becomes an alias. */
void dns_upstream_ask(const struct dns_query *q, const struct dns_client *from, const char *chase);

#endif
