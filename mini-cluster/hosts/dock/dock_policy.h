/* SPDX-License-Identifier: Apache-2.0 */
/* Restart policies: Docker is never told of one, so that a host without power restarts nothing; the
 * host's agent does what they say. */
#ifndef HOSTS_DOCK_DOCK_POLICY_H
#define HOSTS_DOCK_DOCK_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"

enum dock_restart { DOCK_NEVER, DOCK_ALWAYS, DOCK_UNLESS_STOPPED, DOCK_ON_FAILURE };

struct dock_policy {
    enum dock_restart restart;
    int64_t max; /* of DOCK_ON_FAILURE; 0: no limit */
};

/* From {"Name": "on-failure", "MaximumRetryCount": 3}; NULL, null and an empty name mean "no".
 * ERR_BAD_REQUEST in Docker's words. */
int dock_policy_read(const json_t *v, struct dock_policy *ret, struct err *err) WARN_UNUSED;
json_t *dock_policy_show(const struct dock_policy *p);

/* What came of a container that was wanted. */
struct dock_end {
    int exit_code;
    int64_t restarts; /* so far */
    bool stopped;     /* by docker stop or kill */
    bool power;       /* the host was switched off meanwhile, and is on again */
};
bool dock_policy_wants(const struct dock_policy *p, const struct dock_end *e);

/* How long to wait before the next start: 100 ms, twice that the next time, at most a minute, from
 * the beginning when it ran for 10 s. `delay_ns` is the one before, 0 for none. */
uint64_t dock_policy_delay(uint64_t delay_ns, uint64_t ran_ns);

#endif
