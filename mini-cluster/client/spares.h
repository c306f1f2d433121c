/* SPDX-License-Identifier: Apache-2.0 */
/* Which pods that are yet to come have a sandbox waiting for them, and where: the node room keeps
 * these records, and who names or places pods reads them. */
#ifndef CLIENT_SPARES_H
#define CLIENT_SPARES_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

struct client;

extern const char *const spares_table; /* by "NAMESPACE/POD" */

/* What of a record is for everybody. */
struct spare_note {
    const char *owner; /* the uid of who makes the pod */
    uint64_t number;   /* of its name (pod_names.h) */
    const char *host;
    bool ready;
};
struct spare_note spares_read(const json_t *record);

/* Where one is ready for this pod; NULL: nowhere. */
const char *spares_host(struct client *c, const char *ns, const char *pod);

#endif
