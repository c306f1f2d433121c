/* SPDX-License-Identifier: Apache-2.0 */
/* What a node's condition means for its taints, and how long a pod puts up with them: pure
 * functions. */
#ifndef CONTROLLERS_NODE_TAINTS_H
#define CONTROLLERS_NODE_TAINTS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

enum node_belief { NODE_READY, NODE_NOT_READY, NODE_UNREACHABLE };

/* `taints` (may be NULL) with those of not-ready and unreachable added or taken away; the caller
 * owns it. */
json_t *node_taints(const json_t *taints, enum node_belief belief, int64_t wall_us);

/* How long the pod stays on a node with these NoExecute taints: false for ever, else *ret_ns. The
 * default tolerations that admission gives every pod say 300 s; those mean `dflt_ns`, the cluster's
 * clock. */
bool node_tolerance(const json_t *pod, const json_t *taints, uint64_t dflt_ns, uint64_t *ret_ns);

#endif
