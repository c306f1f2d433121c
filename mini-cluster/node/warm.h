/* SPDX-License-Identifier: Apache-2.0 */
/* Spares: sandboxes made while the machine is idle, for pods that are yet to come. A pod that comes
 * under that name, on that host, takes its spare over by a commit and a renaming, and has only its
 * app containers to start. */
#ifndef NODE_WARM_H
#define NODE_WARM_H

#include "node/node_impl.h"

struct warm;

struct warm *warm_new(struct nodes *n, const struct nodes_opts *opts);
void warm_free(struct warm *w); /* NULL is fine; what the runtime has stays */

/* Something changed that may call for more of them, or fewer: looked at by and by. */
void warm_poke(struct warm *w);
/* The machine has nothing to do from now on. */
void warm_quiet(struct warm *w);
/* The agent's host lost its power, or the network, or stands still: its spares go. */
void warm_host_lost(struct warm *w, const struct agent *a);

/* ---- what the runtime says; true when it is about a spare, and nobody else's business ---- */

bool warm_take_row(struct warm *w, const struct runtime_status *st);
bool warm_take_event(struct warm *w, const struct runtime_event *ev, bool boring);
/* A list came to its end: what it did not have is not there. */
void warm_listed(struct warm *w);

/* ---- taking one over ---- */

/* The pod, which has neither address nor record yet, gets those of its spare: to be committed
 * together. False when there is none for it. */
bool warm_claim(struct pod *p, const json_t *tree);
/* That was committed, or it was not and everything is as before; or the pod is forgotten. */
void warm_settle(struct pod *p, bool committed);
/* The spare that it took over has its own name by now, or is gone. */
void warm_forget_claim(struct pod *p);
/* It is not wanted after all: as warm_forget_claim, and it is removed. NULL of p->spare is fine. */
void warm_give_up_claim(struct pod *p);

#endif
