/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that dies with its lab. */
#ifndef LAB_ARENA_H
#define LAB_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a);                    /* and everything that came from it */
void *arena_alloc(struct arena *a, size_t n);        /* zeroed */
char *arena_copy(struct arena *a, const char *text); /* NULL gives NULL */
char *arena_copy_n(struct arena *a, const char *text, size_t n);
char *arena_take(struct arena *a, char *malloced); /* the arena frees it from now on */

#endif
