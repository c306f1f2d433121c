/* SPDX-License-Identifier: Apache-2.0 */
/* What the frames carry: who listens where and leads to whom, which names exist, and what was
 * counted.
 *
 * A WIRE_RECORDS payload is a row of records, each whole: an operation byte and its fields.
 * Addresses and ports are numbers in host order here, big endian on the wire. */
#ifndef GUEST_TABLE_H
#define GUEST_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/wire.h"

enum {
    TABLE_MAX_TARGETS = 2000, /* of one forward; of one name */
    TABLE_MAX_SRV = 48,       /* of one name; 48 of 256 bytes fit a frame */
    TABLE_MAX_UPSTREAMS = 4,
};

enum table_op {
    TABLE_FORWARD_PUT = 1,
    TABLE_FORWARD_DELETE,
    TABLE_NAME_PUT,
    TABLE_NAME_DELETE,
    TABLE_CONFIG,
};

enum table_proto { TABLE_TCP = 6, TABLE_UDP = 17 };

struct table_target {
    uint32_t addr;
    uint16_t port;
};

/* One listening address and port. Without targets nothing listens: connections are refused. */
struct table_forward {
    char key[256]; /* "ns/name:port", or the net room's caller's own */
    uint8_t proto;
    uint32_t addr; /* 0: the guest's own address */
    uint16_t port;
    uint32_t affinity_s; /* the same client keeps its endpoint so long; 0: never */
    uint16_t ntargets;
    const uint8_t *raw;                 /* when reading: the targets, see table_target_at */
    const struct table_target *targets; /* when writing */
};

enum table_name_kind { TABLE_A = 1, TABLE_SRV, TABLE_CNAME, TABLE_PTR };

struct table_srv {
    uint16_t port;
    const char *target; /* a name without a final dot */
};

/* All records of one kind of one name (lower case, no final dot). */
struct table_name {
    uint8_t kind;
    char name[256];
    uint16_t n;                   /* of addrs or srvs; 1 for CNAME and PTR */
    struct wire_in raw;           /* when reading: the items, see table_name_item */
    const uint32_t *addrs;        /* when writing A */
    const struct table_srv *srvs; /* when writing SRV */
    const char *target;           /* when writing CNAME, PTR */
};

struct table_config {
    char domain[256]; /* "cluster.local" */
    uint32_t dns;     /* the DNS server's service address; 0: none */
    uint32_t subnet;
    uint8_t bits;
    uint8_t nupstreams;
    uint32_t upstreams[TABLE_MAX_UPSTREAMS];
};

/* Each appends one record, or nothing and sets o->full. */
void table_put_forward(struct wire_out *o, const struct table_forward *f);
void table_delete_forward(struct wire_out *o, const char *key);
void table_put_name(struct wire_out *o, const struct table_name *n);
void table_delete_name(struct wire_out *o, uint8_t kind, const char *name);
void table_put_config(struct wire_out *o, const struct table_config *c);

struct table_record {
    enum table_op op;
    struct table_forward forward; /* only key of a delete */
    struct table_name name;       /* only kind and name of a delete */
    struct table_config config;
};
/* The next record; false at the end, and at the first that is malformed (in->bad). */
bool table_next(struct wire_in *in, struct table_record *ret);
struct table_target table_target_at(const struct table_forward *f, unsigned i);
/* The next item: *ret_num is the address or port, ret_text the target of SRV, CNAME and PTR. */
void table_name_item(uint8_t kind, struct wire_in *in, uint32_t *ret_num, char ret_text[256]);

/* ---- WIRE_COUNTS: a row of these ---- */

struct table_count {
    char key[256];
    struct table_target target;
    uint64_t connections; /* since this guest started */
    uint64_t failed;
    uint32_t active;
};
void table_put_count(struct wire_out *o, const struct table_count *c);
bool table_next_count(struct wire_in *in, struct table_count *ret);

#endif
