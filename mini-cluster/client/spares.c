/* SPDX-License-Identifier: Apache-2.0 */
/* What one room has on record, in words that others understand. */
#include "client/spares.h"

#include <stdio.h>

#include "client/client.h"
#include "common/json/jx.h"

const char *const spares_table = "node.spares";

struct spare_note spares_read(const json_t *record)
{
    int64_t number = jx_int(record, "number", 0);
    return (struct spare_note){
        .owner = jx_get_str(record, "owner", ""),
        .number = number > 0 ? (uint64_t)number : 0,
        .host = jx_get_str(record, "node", ""),
        .ready = jx_bool(record, "ready", false),
    };
}

const char *spares_host(struct client *c, const char *ns, const char *pod)
{
    char key[512];
    snprintf(key, sizeof(key), "%s/%s", ns, pod);
    const json_t *record = client_record_find(c, spares_table, key);
    struct spare_note note = spares_read(record);
    return note.ready ? note.host : NULL;
}
