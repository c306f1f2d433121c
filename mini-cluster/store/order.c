/* SPDX-License-Identifier: Apache-2.0 */
/* A treap: ordered by key, heaped by a priority drawn from the count of insertions. No names,
 * however chosen, make it deep, and the same history always makes the same shape. */
#include "store/order.h"

#include <stddef.h>

static uint64_t draw(uint64_t n)
{
    uint64_t z = n * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Puts `now` where `was` hangs. */
static void hang(struct store_order *o, const struct store_order_node *was,
                 struct store_order_node *now)
{
    struct store_order_node *up = was->up;
    if (up == NULL) {
        o->root = now;
    } else if (up->left == was) {
        up->left = now;
    } else {
        up->right = now;
    }
    if (now != NULL) {
        now->up = up;
    }
}

/* Lifts n above its parent; the order stays. */
static void lift(struct store_order *o, struct store_order_node *n)
{
    struct store_order_node *parent = n->up, *moved;
    hang(o, parent, n);
    if (parent->left == n) {
        moved = n->right;
        n->right = parent;
        parent->left = moved;
    } else {
        moved = n->left;
        n->left = parent;
        parent->right = moved;
    }
    parent->up = n;
    if (moved != NULL) {
        moved->up = parent;
    }
}

void store_order_insert(struct store_order *o, struct store_order_node *n, const void *key)
{
    *n = (struct store_order_node){.priority = draw(++o->made)};
    struct store_order_node **place = &o->root;
    while (*place != NULL) {
        n->up = *place;
        place = o->compare(key, *place) < 0 ? &(*place)->left : &(*place)->right;
    }
    *place = n;
    while (n->up != NULL && n->up->priority < n->priority) {
        lift(o, n);
    }
}

void store_order_remove(struct store_order *o, struct store_order_node *n)
{
    while (n->left != NULL && n->right != NULL) {
        lift(o, n->left->priority > n->right->priority ? n->left : n->right);
    }
    hang(o, n, n->left != NULL ? n->left : n->right);
    *n = (struct store_order_node){0};
}

struct store_order_node *store_order_from(const struct store_order *o, const void *key)
{
    struct store_order_node *found = NULL;
    for (struct store_order_node *n = o->root; n != NULL;) {
        if (o->compare(key, n) <= 0) {
            found = n;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return found;
}

static struct store_order_node *leftmost(struct store_order_node *n)
{
    while (n != NULL && n->left != NULL) {
        n = n->left;
    }
    return n;
}

struct store_order_node *store_order_first(const struct store_order *o)
{
    return leftmost(o->root);
}

struct store_order_node *store_order_next(const struct store_order_node *n)
{
    if (n->right != NULL) {
        return leftmost(n->right);
    }
    while (n->up != NULL && n->up->right == n) {
        n = n->up;
    }
    return n->up;
}
