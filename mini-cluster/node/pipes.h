/* SPDX-License-Identifier: Apache-2.0 */
/* pods/exec, pods/attach and pods/portforward: from the runtime's streams to the API's pipes. */
#ifndef NODE_PIPES_H
#define NODE_PIPES_H

#include "api/api.h"

struct agent;
struct container;
struct nodes;
struct pod;

/* For api_node_ops; `arg` is the agent. */
int pipes_connect(void *arg, const struct api_connect *c, const struct api_pipe_events *ev,
                  void *ev_arg, struct api_pipe **ret, struct err *err) WARN_UNUSED;
/* Ends those of an agent (NULL: all): its host is off, or out of reach. */
void pipes_cut(struct nodes *n, const struct agent *a);
/* The container ended: its pipes do so, too, within a moment. */
void pipes_container_ended(const struct container *c);
/* The pod is forgotten. */
void pipes_pod_gone(const struct pod *p);

#endif
