/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a node against its taints, and how long a pod puts up with them: pure functions.
 */
#ifndef CONTROLLERS_NODE_TAINTS_H
#define CONTROLLERS_NODE_TAINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum node_belief { NODE_READY, NODE_NOT_READY, NODE_UNREACHABLE };

/* What its Ready condition says; none at all is NODE_NOT_READY. */
enum node_belief node_believed(const json_t *node);

/* How much of the cluster is not ready decides whether pods are given up, as in Kubernetes: nobody
 * is when nothing is ready (perhaps it is we who are deaf), nor in a small cluster when most of it
 * is not. */
enum node_zone { ZONE_NORMAL, ZONE_PARTIAL, ZONE_FULL };
enum node_zone node_zone_of(size_t ready, size_t not_ready);

/* The taints that the node should have: its own, and those of its conditions, of being cordoned
 * and, unless the zone forbids it, NoExecute of being not ready or unreachable. The caller owns it.
 */
json_t *node_taints(const json_t *node, enum node_zone zone, int64_t wall_us);

/* Whether any of these taints ends pods that are there already. */
bool node_taints_evict(const json_t *taints);
/* Whether somebody said that the node is shut down for good (the taint out-of-service). */
bool node_taints_out_of_service(const json_t *taints);

/* How long the pod stays on a node with these NoExecute taints: false for ever, else *ret_ns. The
 * default tolerations that admission gives every pod say 300 s; those mean `dflt_ns`, the cluster's
 * clock. */
bool node_tolerance(const json_t *pod, const json_t *taints, uint64_t dflt_ns, uint64_t *ret_ns);

#endif
