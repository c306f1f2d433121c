/* SPDX-License-Identifier: Apache-2.0 */
/* One host's agent as the cluster sees it: its Node, its Lease, its conditions. */
#ifndef NODE_AGENT_H
#define NODE_AGENT_H

#include "node/node_impl.h"

struct agent *agent_new(struct nodes *n, const struct node_opts *opts);
void agent_free(void *agent);

/* It runs, and the API is within its reach. */
bool agent_speaks(const struct agent *a);

/* Registers the Node and begins the heartbeats. */
void agent_begin(struct agent *a);
/* No more of either. */
void agent_end(struct agent *a);
/* Now, whatever the timer says: the clock was changed, or the laptop slept. */
void agent_beat_now(struct agent *a);
/* Whether the host's guest runs, or the API is within reach again: says so in the Node's status. */
void agent_write_status(struct agent *a);
/* Somebody changed the Node, or deleted it (NULL). What others believe of it is set right with the
 * next heartbeat; one that is gone is registered again. */
void agent_see_node(struct agent *a, const json_t *node);

/* Whether this Node (NULL: none) was Ready in the present life of its host. */
bool agent_was_ready(const struct agent *a, const json_t *node);
/* The Node as it is registered, and its status; the caller owns them. When we come back to a host
 * that has been on all the while, it is as Ready as it was until we know better, or a grace period
 * has passed: a restart of ours is nothing that happened to the node. */
json_t *agent_node_object(const struct agent *a);
json_t *agent_node_status(const struct agent *a, const json_t *old);

#endif
