/* SPDX-License-Identifier: Apache-2.0 */
/* pods/log: from the runtime's stream to the API's, with a bounded buffer between. */
#ifndef NODE_LOGS_H
#define NODE_LOGS_H

#include "api/api.h"

struct nodes;
struct agent;

/* What an agent serves, for api_set_node. */
extern const struct api_node_ops logs_node_ops;
/* Cuts off those of an agent (NULL: all): its host is off, or out of reach. */
void logs_cut(struct nodes *n, const struct agent *a);

#endif
