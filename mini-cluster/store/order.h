/* SPDX-License-Identifier: Apache-2.0 */
/* An ordered set whose nodes live inside their owners and whose walks survive insertions: lists by
 * name, and the secondary indices. */
#ifndef STORE_ORDER_H
#define STORE_ORDER_H

#include <stdint.h>

struct store_order_node {
    struct store_order_node *left, *right, *up;
    uint64_t priority;
};

struct store_order {
    /* < 0 when the key comes before the node, 0 when they are equal, > 0 after. */
    int (*compare)(const void *key, const struct store_order_node *n);
    struct store_order_node *root;
    uint64_t made; /* nodes ever inserted: where priorities come from */
};

/* The caller owns the node; no equal one is there. `key` is the node's own. */
void store_order_insert(struct store_order *o, struct store_order_node *n, const void *key);
void store_order_remove(struct store_order *o, struct store_order_node *n);
/* The first node that is not before the key; NULL when there is none. */
struct store_order_node *store_order_from(const struct store_order *o, const void *key);
struct store_order_node *store_order_first(const struct store_order *o);
/* The next in order, insertions since the last step included; NULL at the end. */
struct store_order_node *store_order_next(const struct store_order_node *n);

#endif
