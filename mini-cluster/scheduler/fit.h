/* SPDX-License-Identifier: Apache-2.0 */
/* May this pod go to this node at all: taints, selectors, affinity. */
#ifndef SCHEDULER_FIT_H
#define SCHEDULER_FIT_H

#include <stdbool.h>

#include <jansson.h>

/* The first taint (NoSchedule or NoExecute) that the pod does not tolerate, or NULL. */
const json_t *fit_untolerated(const json_t *pod, const json_t *taints);
/* spec.nodeSelector and the required part of spec.affinity.nodeAffinity. */
bool fit_selected(const json_t *pod, const char *node_name, const json_t *node_labels);

#endif
