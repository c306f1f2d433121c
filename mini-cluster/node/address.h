/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's pod addresses: one pool for all hosts, fixed, in turn, so that an address that was
 * just given up is not seen again under another name for as long as possible. */
#ifndef NODE_ADDRESS_H
#define NODE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

struct address_pool;

/* A.B.1.1 to A.B.119.254 of "A.B.0.0/16", without hosts 0 and 255. */
struct address_pool *address_pool_new(const char *subnet);
void address_pool_free(struct address_pool *p);

/* The next free one; false when there is none. */
bool address_take(struct address_pool *p, uint64_t now_ns, char ret[16]);
/* One that is in use already, as a record says. */
void address_claim(struct address_pool *p, const char *address);
/* Free again, after a quarantine of 30 s. Anything that is none is ignored. */
void address_release(struct address_pool *p, const char *address, uint64_t now_ns);

/* Where the next search begins; kept from one life to the next. */
unsigned address_cursor(const struct address_pool *p);
void address_set_cursor(struct address_pool *p, unsigned cursor);

#endif
