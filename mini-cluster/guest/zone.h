/* SPDX-License-Identifier: Apache-2.0 */
/* Which names exist in the cluster, and what is known of each. Names are lower case, no final dot.
 */
#ifndef GUEST_ZONE_H
#define GUEST_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/table.h"

struct zone_srv {
    uint16_t port;
    char *target;
};

struct zone_node {
    char *name;
    struct zone_node *next;   /* of the bucket */
    struct zone_node *parent; /* "a.b" of "x.a.b"; NULL for the last label */
    unsigned below; /* names one label longer: with any, the name exists without records */
    unsigned stale; /* kinds (1 << kind) that the snapshot coming in has not named */
    uint16_t naddrs, nsrvs;
    uint32_t *addrs;
    struct zone_srv *srvs;
    char *cname, *ptr;
    unsigned turn; /* which address comes first in the next answer */
};

void zone_put(const struct table_name *n);
void zone_delete(uint8_t kind, const char *name);
void zone_snapshot_begin(void);
void zone_snapshot_end(void);
struct zone_node *zone_find(const char *name); /* NULL: the name does not exist */

#endif
