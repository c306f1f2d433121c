/* SPDX-License-Identifier: Apache-2.0 */
/* Which subnet a new cluster gets: the first candidate that nothing on this machine uses. */
#ifndef RUNTIME_DOCKER_DOCKER_SUBNET_H
#define RUNTIME_DOCKER_DOCKER_SUBNET_H

#include <jansson.h>

#include "common/err.h"

/* From the daemon's networks (GET /networks) and the machine's routes (/proc/net/route). Candidates
 * in their order: 10.77 to 10.126, 172.30 down to 172.18, 198.18 and 198.19, without those in
 * `avoid` ("10.77.0.0/16 10.78.0.0/16"; NULL: none). ERR_CONFLICT when all are in use. */
int docker_subnet_choose(const json_t *networks, const char *routes, const char *avoid,
                         char ret[24], struct err *err) WARN_UNUSED;

#endif
