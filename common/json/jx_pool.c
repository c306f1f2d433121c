/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for JSON values. A parsed pod is a thousand small allocations that come and go together, a
 * thousand times a second; malloc spent a quarter of the program's time on them, and what lives
 * longer was strewn among them.
 *
 * Slabs of one size each, out of one reserved range of addresses, so that a pointer tells its slab.
 * A slab of which nothing is left goes to any other size, or back to the system. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#include "common/json/jx.h"
#include "common/mem.h"

enum {
    GRAIN = 16,
    LARGEST = 256,
    CLASSES = LARGEST / GRAIN,
    PAGE = 4096,
    SLAB = 8 * PAGE,
    SPARE_MAX = 64, /* empty slabs kept: 2 MiB */
    STEP = 1 << 20, /* the range is opened bit by bit: untouched memory is nobody's */
};

#define RANGE ((size_t)1 << 30)

struct cell {
    struct cell *next;
};

struct slab {
    struct slab *next, *prev; /* in its list */
    struct cell *free;
    char *fresh; /* from here on it was never used */
    unsigned used;
    unsigned size; /* of a cell */
};

enum { FIRST = (sizeof(struct slab) + GRAIN - 1) / GRAIN * GRAIN };

static struct pool {
    char *base, *opened, *end; /* the range; nothing from `opened` on may be touched yet */
    char *next;                /* the first slab that was never used */
    struct slab *partial[CLASSES];
    struct slab *spare;
    unsigned spares;
} pool;

/* ---- lists ---- */

static void link_slab(struct slab **list, struct slab *s)
{
    s->prev = NULL;
    s->next = *list;
    if (s->next != NULL) {
        s->next->prev = s;
    }
    *list = s;
}

static void unlink_slab(struct slab **list, struct slab *s)
{
    *(s->prev != NULL ? &s->prev->next : list) = s->next;
    if (s->next != NULL) {
        s->next->prev = s->prev;
    }
}

static struct slab **list_of(const struct slab *s)
{
    return &pool.partial[s->size / GRAIN - 1];
}

/* ---- slabs ---- */

static struct slab *take_slab(void)
{
    struct slab *s = pool.spare;
    if (s != NULL) {
        unlink_slab(&pool.spare, s);
        pool.spares--;
        return s;
    }
    if (pool.next == pool.opened) {
        if (pool.opened == pool.end || mprotect(pool.opened, STEP, PROT_READ | PROT_WRITE) != 0) {
            return NULL;
        }
        pool.opened += STEP;
    }
    s = (struct slab *)(void *)pool.next;
    pool.next += SLAB;
    return s;
}

static struct slab *new_slab(unsigned size)
{
    struct slab *s = take_slab();
    if (s != NULL) {
        *s = (struct slab){.fresh = (char *)s + FIRST, .size = size};
        link_slab(list_of(s), s);
    }
    return s;
}

/* Beyond what is kept, its memory is the system's again; its place stays ours. */
static void give_up(struct slab *s)
{
    unlink_slab(list_of(s), s);
    if (pool.spares >= SPARE_MAX) {
        madvise((char *)s + PAGE, SLAB - PAGE, MADV_DONTNEED); /* but for the links in its head */
    }
    link_slab(&pool.spare, s);
    pool.spares++;
}

static bool is_full(const struct slab *s)
{
    return s->free == NULL && s->fresh + s->size > (const char *)s + SLAB;
}

/* ---- what jansson calls ---- */

static void *pool_malloc(size_t n)
{
    unsigned class = n > 0 ? (unsigned)((n - 1) / GRAIN) : 0;
    struct slab *s = n <= LARGEST ? pool.partial[class] : NULL;
    if (s == NULL) {
        s = n <= LARGEST ? new_slab((class + 1) * GRAIN) : NULL;
    }
    if (s == NULL) {
        return xmalloc(n);
    }
    struct cell *c = s->free;
    if (c != NULL) {
        s->free = c->next;
    } else {
        c = (struct cell *)(void *)s->fresh;
        s->fresh += s->size;
    }
    s->used++;
    if (is_full(s)) {
        unlink_slab(list_of(s), s);
    }
    return c;
}

static void pool_free(void *p)
{
    if ((char *)p < pool.base || (char *)p >= pool.end) {
        free(p);
        return;
    }
    struct slab *s = (struct slab *)((uintptr_t)p & ~(uintptr_t)(SLAB - 1));
    struct cell *c = p;
    if (is_full(s)) {
        link_slab(list_of(s), s);
    }
    c->next = s->free;
    s->free = c;
    if (--s->used == 0) {
        give_up(s);
    }
}

/* The sanitizer sees more without us. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
enum { POOLED = 0 };
#else
enum { POOLED = 1 };
#endif

void jx_use_pool(void)
{
    if (!POOLED || pool.base != NULL) {
        return;
    }
    char *range =
        mmap(NULL, RANGE + SLAB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) { /* a limit on addresses: malloc does it too */
        return;
    }
    range += SLAB - (uintptr_t)range % SLAB;
    pool = (struct pool){.base = range, .opened = range, .end = range + RANGE, .next = range};
    json_set_alloc_funcs(pool_malloc, pool_free);
}
