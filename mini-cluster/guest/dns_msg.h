/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing DNS messages: names, records, and the frame around them. */
#ifndef GUEST_DNS_MSG_H
#define GUEST_DNS_MSG_H

#include "guest/dns.h"

enum { DNS_HEADER = 12, DNS_AA = 0x0400, DNS_TC = 0x0200 };
enum dns_section {
    DNS_ANSWER = 6,
    DNS_AUTHORITY = 8,
    DNS_ADDITIONAL = 10
}; /* offsets of their counts */

unsigned dns_u16(const uint8_t *p);
/* The name at `at`, following pointers (which only lead backwards, so it ends). Returns where it
 * ends in the message; 0: malformed. */
size_t dns_read_name(const uint8_t *msg, size_t n, size_t at, char ret[256]);

struct dns_rr {
    char name[256];
    unsigned type, class;
    uint32_t ttl;
    size_t data, len; /* where the data is in the message */
};
/* The record at `at`; returns where the next begins; 0: malformed. */
size_t dns_read_rr(const uint8_t *msg, size_t n, size_t at, struct dns_rr *ret);

/* What does not fit sets `full` and writes nothing more. */
struct dns_msg {
    uint8_t *p;
    size_t n, max;
    bool full;
};
void dns_put(struct dns_msg *m, uint32_t value, unsigned bytes);
void dns_put_bytes(struct dns_msg *m, const void *bytes, size_t n);
void dns_put_name(struct dns_msg *m, const char *name);
/* The head of a record; owner NULL: the question's name. Returns where its data begins. */
size_t dns_rr_begin(struct dns_msg *m, const char *owner, enum dns_type type, uint32_t ttl);
/* Ends the record that began at `begin`; one that did not fit is taken back whole. */
bool dns_rr_end(struct dns_msg *m, size_t begin, size_t data, enum dns_section section);
/* The header and question of an answer, and its end: flags, and the OPT record, for which room is
 * kept. */
void dns_begin(struct dns_msg *m, const struct dns_query *q, uint8_t *out, size_t max);
size_t dns_end(struct dns_msg *m, const struct dns_query *q, unsigned flags);

#endif
