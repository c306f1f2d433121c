/* SPDX-License-Identifier: Apache-2.0 */
/* What the pods of a ReplicaSet are called: the next of its names, or, where a sandbox waits under
 * one on the host whose turn it is, that one. */
#ifndef CONTROLLERS_REPLICASET_NAMES_H
#define CONTROLLERS_REPLICASET_NAMES_H

#include <stddef.h>

#include <jansson.h>

struct client;
struct replicaset_names;
struct store_entry;

/* For the pods that are made in one step. */
struct replicaset_names *replicaset_names_begin(struct client *c, const json_t *rs);
/* One of the pods that it has: hosts with few of them come first. */
void replicaset_names_see(struct replicaset_names *r, const struct store_entry *pod);
/* The next name; not taken until replicaset_names_take, which puts it on record. The caller frees.
 */
char *replicaset_names_next(struct replicaset_names *r);
void replicaset_names_take(struct replicaset_names *r);
void replicaset_names_end(struct replicaset_names *r);

#endif
