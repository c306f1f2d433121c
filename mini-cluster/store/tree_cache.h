/* SPDX-License-Identifier: Apache-2.0 */
/* The parsed trees of the entries used last: a parsed pod takes ten times its bytes, so only some
 * are kept, and none goes away before the tick ends. */
#ifndef STORE_TREE_CACHE_H
#define STORE_TREE_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct store_entry;
struct store_tree_cache;

struct store_tree_cache *store_tree_cache_new(size_t max);
/* Entries may outlive the cache; their trees do not. NULL is fine. */
void store_tree_cache_free(struct store_tree_cache *c);
/* Takes the tree of an entry that has none yet. */
void store_tree_cache_put(struct store_tree_cache *c, const struct store_entry *e, json_t *tree);
/* Borrowed until store_tree_cache_trim; parses when it must. */
const json_t *store_tree_cache_get(struct store_tree_cache *c, const struct store_entry *e);
/* Nobody will ask for this entry's tree again, if it has one; it stays until the next trim. */
void store_tree_cache_forget(struct store_tree_cache *c, const struct store_entry *e);
/* The tick ends: back towards `max` trees, a slice at a time. True when there is more to do. */
bool store_tree_cache_trim(struct store_tree_cache *c);
size_t store_tree_cache_count(const struct store_tree_cache *c);

#endif
