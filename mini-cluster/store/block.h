/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for entries, apart from the heap: an entry lives for long and a parsed tree for a moment, and
 * mixing them leaves the heap in shreds that every put pays for. */
#ifndef STORE_BLOCK_H
#define STORE_BLOCK_H

#include <stddef.h>

struct store_blocks;

struct store_blocks *store_blocks_new(void);
/* Blocks in use stay valid; their memory goes with the last of them. NULL is fine. */
void store_blocks_free(struct store_blocks *b);
/* Aligned for pointers. */
void *store_block_new(struct store_blocks *b, size_t n);
void store_block_free(void *block);

#endif
