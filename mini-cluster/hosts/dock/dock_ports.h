/* SPDX-License-Identifier: Apache-2.0 */
/* What `docker run -p` asks for, and which ports of the host it comes to. */
#ifndef HOSTS_DOCK_DOCK_PORTS_H
#define HOSTS_DOCK_DOCK_PORTS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "common/err.h"
#include "common/vec.h"

/* A published port: wanted, or (with `port`) had. */
struct dock_published {
    bool udp;
    int target;    /* of the container */
    int low, high; /* wanted, of the host; 0: any */
    int port;      /* had; 0: not yet */
};

struct dock_ports {
    VEC(struct dock_published) all;
};

/* "8080/tcp" or "8080". False when it is none, or another protocol. */
bool dock_port_parse(const char *text, bool *ret_udp, int *ret_port);

/* From HostConfig.PortBindings, which may be NULL, appended to `ret`. `address` is the host's own.
 * ERR_BAD_REQUEST names what is wrong, ERR_FORBIDDEN an address that is not the host's. */
int dock_ports_read(const json_t *bindings, const char *address, struct dock_ports *ret,
                    struct err *err) WARN_UNUSED;
/* With PublishAllPorts: those of `exposed` ({"8080/tcp": {}}) that are not published yet. */
void dock_ports_add_exposed(struct dock_ports *p, const json_t *exposed);
void dock_ports_fini(struct dock_ports *p);

/* Whether somebody has this port of the host. */
typedef bool dock_port_taken(void *arg, bool udp, int port);
/* Gives each a port that nobody has; `cursor` is where the search for any port goes on.
 * ERR_CONFLICT in Docker's words: "Bind for 0.0.0.0:8080 failed: port is already allocated". */
int dock_ports_choose(struct dock_ports *p, int *cursor, dock_port_taken *taken, void *arg,
                      struct err *err) WARN_UNUSED;

/* [["tcp", 80, 8080]], as it is kept in a record; and back: what is odd is left out. */
json_t *dock_ports_pack(const struct dock_ports *p);
void dock_ports_unpack(const json_t *packed, struct dock_ports *ret);

/* As Docker shows them. {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]} with null for those
 * of `exposed` that are not published; the caller owns it. */
json_t *dock_ports_map(const struct dock_ports *p, const json_t *exposed);
/* [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}], likewise. `exposed` is
 * the array of the same form that Docker gave. */
json_t *dock_ports_rows(const struct dock_ports *p, const json_t *exposed);

#endif
