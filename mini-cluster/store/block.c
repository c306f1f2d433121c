/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks of 128 KiB, each cut into blocks of one size class. A chunk whose blocks are all free goes
 * back to the system, unless it is the last one of its class with room. */
#include "store/block.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#include "common/mem.h"

enum { CHUNK = 128 * 1024, BLOCK_MAX = 16 * 1024, STEP_MIN = 64, CLASSES = 49 };

/* Under the address sanitizer every block is an allocation of its own, so that it sees misuse. */
#if defined(__SANITIZE_ADDRESS__)
#define PLAIN true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PLAIN true
#endif
#endif
#ifndef PLAIN
#define PLAIN false
#endif

struct block {
    struct chunk *chunk; /* NULL: from the heap */
    union {
        struct block *next; /* while it is free */
        char bytes[sizeof(struct block *)];
    };
};

struct chunk {
    struct store_blocks *owner;
    struct chunk *next, *prev; /* those of the class with room */
    unsigned class, live;
    size_t size;        /* of a block */
    size_t fresh;       /* no block behind this place was ever used */
    struct block *free; /* used before */
};

struct store_blocks {
    struct chunk *with_room[CLASSES];
    size_t chunks;
    bool gone; /* its store */
};

struct store_blocks *store_blocks_new(void)
{
    return xnew(struct store_blocks);
}

/* Eight sizes for every power of two: at most an eighth is wasted. */
static unsigned class_of(size_t n, size_t *ret_size)
{
    unsigned octave = 0;
    size_t step = STEP_MIN;
    while (n > 16 * step) {
        step *= 2;
        octave++;
    }
    size_t steps = (n + step - 1) / step;
    *ret_size = steps * step;
    return octave * 8 + (unsigned)steps;
}

static void link_chunk(struct chunk *c)
{
    struct chunk **head = &c->owner->with_room[c->class];
    c->prev = NULL;
    c->next = *head;
    if (c->next != NULL) {
        c->next->prev = c;
    }
    *head = c;
}

static void unlink_chunk(struct chunk *c)
{
    *(c->prev != NULL ? &c->prev->next : &c->owner->with_room[c->class]) = c->next;
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    c->next = c->prev = NULL;
}

static struct chunk *new_chunk(struct store_blocks *b, unsigned class, size_t size)
{
    struct chunk *c = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (c == MAP_FAILED) {
        return NULL;
    }
    *c = (struct chunk){.owner = b, .class = class, .size = size, .fresh = sizeof(*c)};
    b->chunks++;
    link_chunk(c);
    return c;
}

static bool has_room(const struct chunk *c)
{
    return c->free != NULL || c->fresh + c->size <= CHUNK;
}

static struct block *take(struct chunk *c)
{
    struct block *block = c->free;
    if (block != NULL) {
        c->free = block->next;
    } else {
        block = (struct block *)(void *)((char *)c + c->fresh);
        block->chunk = c;
        c->fresh += c->size;
    }
    c->live++;
    if (!has_room(c)) {
        unlink_chunk(c);
    }
    return block;
}

void *store_block_new(struct store_blocks *b, size_t n)
{
    size_t size = 0, want = offsetof(struct block, bytes) + n;
    struct chunk *c = NULL;
    if (want <= BLOCK_MAX && !PLAIN) {
        unsigned class = class_of(want, &size);
        c = b->with_room[class];
        c = c != NULL ? c : new_chunk(b, class, size);
    }
    struct block *block;
    if (c != NULL) {
        block = take(c);
    } else {
        block = xmalloc(want > sizeof(*block) ? want : sizeof(*block));
        block->chunk = NULL;
    }
    return block->bytes;
}

static void free_if_unused(struct store_blocks *b)
{
    if (b->gone && b->chunks == 0) {
        free(b);
    }
}

static void drop_chunk(struct chunk *c)
{
    unlink_chunk(c);
    c->owner->chunks--;
    munmap(c, CHUNK);
}

void store_block_free(void *bytes)
{
    struct block *block = container_of(bytes, struct block, bytes);
    struct chunk *c = block->chunk;
    if (c == NULL) {
        free(block);
        return;
    }
    struct store_blocks *b = c->owner;
    if (!has_room(c)) {
        link_chunk(c);
    }
    block->next = c->free;
    c->free = block;
    c->live--;
    bool alone = c->next == NULL && c->prev == NULL;
    if (c->live == 0 && (b->gone || !alone)) {
        drop_chunk(c);
        free_if_unused(b);
    }
}

void store_blocks_free(struct store_blocks *b)
{
    if (b == NULL) {
        return;
    }
    for (unsigned i = 0; i < CLASSES; i++) {
        for (struct chunk *c = b->with_room[i], *next; c != NULL; c = next) {
            next = c->next;
            if (c->live == 0) {
                drop_chunk(c);
            }
        }
    }
    b->gone = true;
    free_if_unused(b);
}
