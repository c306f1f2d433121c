/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a store_entry: one block of memory with the bytes and every string of it. */
#ifndef STORE_ENTRY_H
#define STORE_ENTRY_H

#include <stdint.h>

#include "store/store.h"

struct store_blocks;
struct store_tree_cache;

struct entry {
    struct store_entry pub;
    unsigned refs;
    json_t *labels; /* what pub.labels points to; shared with the version before when equal */
    json_t *tree;   /* only while the cache keeps it */
    struct store_tree_cache *cache; /* who keeps it; NULL when there is no tree */
    struct entry *newer, *older;    /* in the cache */
};

static inline struct entry *entry_of(const struct store_entry *e)
{
    return (struct entry *)(uintptr_t)e;
}

/* A copy of everything `from` points to, with one reference. `labels` gains one; NULL is fine. */
const struct store_entry *store_entry_new(struct store_blocks *blocks,
                                          const struct store_entry *from, json_t *labels);

/* A checksum of the bytes: whether a row still says what was written. */
int64_t store_entry_sum(const struct store_entry *e);

/* About how much memory an entry takes, its tree left out. */
size_t store_entry_size(const struct store_entry *e);

#endif
