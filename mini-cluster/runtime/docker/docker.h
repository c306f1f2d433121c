/* SPDX-License-Identifier: Apache-2.0 */
/* Containers on a local Docker Engine, through its API. */
#ifndef RUNTIME_DOCKER_DOCKER_H
#define RUNTIME_DOCKER_DOCKER_H

#include "runtime/runtime.h"

struct docker_opts {
    const char *socket; /* path; NULL: DOCKER_HOST's unix path, else /var/run/docker.sock */
    const struct runtime_cluster *cluster;
    unsigned starts; /* in flight; 0: two for each processor, 4 to 8 */
};

/* ERR_UNAVAILABLE says whether there is no socket, no daemon, or no permission (and which group).
 */
int docker_new(struct loop *loop, const struct docker_opts *opts, struct runtime *ret,
               struct err *err) WARN_UNUSED;

/* As free, where a process ends (not from a callback): containers that are just being created are
 * there when it returns, so that whoever lists them next, to remove them, finds them all. */
void docker_leave(struct runtime *rt);

/* A subnet ("10.77.0.0/16") that clashes with no network of the daemon and no route of this
 * machine, and is not in `avoid` (separated by spaces; NULL: none); where a VPN has all of 10, one
 * of 172.18 to 172.30 or 198.18. ERR_CONFLICT when there is none. */
int docker_free_subnet(const char *socket, const char *avoid, char subnet[24],
                       struct err *err) WARN_UNUSED;

/* Makes the cluster's network, and with it nobody else gets its subnet; one that is there and ours
 * is fine. ERR_ALREADY_EXISTS: the subnet is taken; ERR_CONFLICT: the network's name is. */
int docker_reserve(const struct docker_opts *opts, struct err *err) WARN_UNUSED;

/* ---- for who speaks to the same daemon beside the driver: a host's own Docker ---- */

/* Borrowed from the driver. */
struct docker_endpoint {
    const char *socket;
    const char *version; /* of the API, "1.41"; "" before the daemon was first reached */
    const char *network; /* the cluster's, by name */
    const struct runtime_cluster *cluster;
};
/* False when the runtime is not this driver. The version may change when the daemon comes back. */
bool docker_endpoint(const struct runtime *rt, struct docker_endpoint *ret);
/* Percent-encodes a value of a query or a segment of a path; the caller frees. */
char *docker_escape(const char *text);
/* The error of a refusal, from its status and body. */
void docker_answer_err(int status, const char *body, size_t len, struct err *err);

#endif
