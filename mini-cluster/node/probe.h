/* SPDX-License-Identifier: Apache-2.0 */
/* Startup, liveness and readiness probes of one running container. */
#ifndef NODE_PROBE_H
#define NODE_PROBE_H

#include <stdbool.h>

#include <jansson.h>

struct container;

/* It runs: begins what its spec asks for. `ready` and `started` stay as they are when they are true
 * already: it ran before our time. */
void probes_begin(struct container *c, const json_t *spec);
/* It runs no more. */
void probes_end(struct container *c);

#endif
