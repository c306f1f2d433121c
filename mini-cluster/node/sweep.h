/* SPDX-License-Identifier: Apache-2.0 */
/* Compares what the runtime has with what should be: takes over what is ours, removes what nobody
 * explains. */
#ifndef NODE_SWEEP_H
#define NODE_SWEEP_H

struct agent;
struct nodes;

/* Lists everything, soon; agents that wait for it get their pods back. */
void sweep_list(struct nodes *n);
/* The same when nothing is known to have happened: only what differs is acted upon. */
void sweep_resync(struct nodes *n);
/* Something happened to a container that nobody here knows. */
void sweep_look(struct nodes *n, const char *runtime_name);
/* An agent's pods as the API has them: once their containers are known, and after a cut. */
void sweep_load_pods(struct agent *a);

#endif
