/* SPDX-License-Identifier: Apache-2.0 */
/* A hash map from strings to pointers whose iteration order is the order of insertion, so that the
 * same history always walks the same way. */
#ifndef COMMON_MAP_H
#define COMMON_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct map;

struct map *map_new(void (*free_value)(void *)); /* free_value may be NULL: values are borrowed */
void map_free(struct map *m);                    /* NULL is fine */
void *map_find(const struct map *m, const char *key);
/* Copies the key. Replaces (and frees) an older value, which keeps its place in the order. */
void map_put(struct map *m, const char *key, void *value);
bool map_remove(struct map *m, const char *key); /* frees the value; false when it was not there */
void *map_take(struct map *m, const char *key);  /* removes; the caller owns the value now */
size_t map_count(const struct map *m);
void map_clear(struct map *m);

/* Walks in insertion order: `size_t it = 0; while (map_next(m, &it, &key, &value)) ...`. Removing
 * the entry just returned is allowed; adding while walking is not. key or value may be NULL. */
bool map_next(const struct map *m, size_t *it, const char **ret_key, void **ret_value);

#endif
