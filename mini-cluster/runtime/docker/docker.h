/* SPDX-License-Identifier: Apache-2.0 */
/* Containers on a local Docker Engine, through its API. */
#ifndef RUNTIME_DOCKER_DOCKER_H
#define RUNTIME_DOCKER_DOCKER_H

#include "runtime/runtime.h"

struct docker_opts {
    const char *socket;           /* path; NULL: DOCKER_HOST's unix path, else /var/run/docker.sock */
    const struct runtime_cluster *cluster;
    unsigned starts;              /* in flight; 0: two for each processor, 4 to 8 */
};

/* ERR_UNAVAILABLE says whether there is no socket, no daemon, or no permission (and which group). */
int docker_new(struct loop *loop, const struct docker_opts *opts, struct runtime *ret,
               struct err *err) WARN_UNUSED;

/* A subnet ("10.77.0.0/16") that clashes with no network of the daemon and no route of this machine;
 * where a VPN has all of 10, one of 172.18 to 172.30 or 198.18. ERR_CONFLICT when there is none. */
int docker_free_subnet(const char *socket, char subnet[24], struct err *err) WARN_UNUSED;

#endif
