/* SPDX-License-Identifier: Apache-2.0 */
/* What the scheduler knows of nodes and of the pods on them, kept in integers. */
#ifndef SCHEDULER_CACHE_H
#define SCHEDULER_CACHE_H

#include <stdbool.h>

#include <jansson.h>

#include "scheduler/pick.h"

struct cache;

struct cache *cache_new(void);
void cache_free(struct cache *c);

void cache_put_node(struct cache *c, const json_t *node);
void cache_delete_node(struct cache *c, const char *name);
size_t cache_nodes(const struct cache *c);
const char *cache_node_name(const struct cache *c, size_t i);
/* -1 when there is none of this name. */
int cache_find_node(const struct cache *c, const char *name);

/* The pod holds room on `node` from now on. The same uid again on the same node changes nothing. */
void cache_put_pod(struct cache *c, const char *uid, const char *node, const json_t *pod);
bool cache_has_pod(const struct cache *c, const char *uid);
/* Its room is free again; false when it held none. */
bool cache_delete_pod(struct cache *c, const char *uid);

/* What the pod asks for: the sum of its containers, or an init container that asks for more. */
struct pick_pod cache_demand(const json_t *pod);
/* Every node as this pod sees it, in order of their names; borrowed until the next call. */
const struct pick_node *cache_view(struct cache *c, const json_t *pod, size_t *ret_n);

#endif
