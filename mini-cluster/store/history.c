/* SPDX-License-Identifier: Apache-2.0 */
/* A ring that grows: pushed at the end, dropped at the front. */
#include "store/history.h"

#include "common/mem.h"
#include "store/entry.h"

struct store_history {
    struct store_event *ring;
    size_t cap; /* a power of two, or 0 */
    uint64_t first, end;
    size_t bytes;
    int64_t floor;
};

struct store_history *store_history_new(void)
{
    return xnew(struct store_history);
}

static struct store_event *slot_of(const struct store_history *h, uint64_t place)
{
    return &h->ring[place & (h->cap - 1)];
}

void store_history_free(struct store_history *h)
{
    if (h != NULL) {
        store_history_drop(h, h->end - h->first);
        free(h->ring);
        free(h);
    }
}

static void resize(struct store_history *h, size_t cap)
{
    struct store_event *ring = xcalloc(cap, sizeof(*ring));
    for (uint64_t i = h->first; i < h->end; i++) {
        ring[i & (cap - 1)] = *slot_of(h, i);
    }
    free(h->ring);
    h->ring = ring;
    h->cap = cap;
}

size_t store_history_size(const struct store_event *ev)
{
    return sizeof(*ev) + store_entry_size(ev->entry);
}

void store_history_push(struct store_history *h, const struct store_event *ev)
{
    if (h->end - h->first == h->cap) {
        resize(h, h->cap > 0 ? h->cap * 2 : 256);
    }
    *slot_of(h, h->end++) = *ev;
    h->bytes += store_history_size(ev);
}

void store_history_drop(struct store_history *h, size_t n)
{
    for (; n > 0; n--, h->first++) {
        struct store_event *ev = slot_of(h, h->first);
        h->bytes -= store_history_size(ev);
        store_history_set_floor(h, ev->rev);
        store_entry_unref(ev->entry);
        store_entry_unref(ev->prev);
    }
}

uint64_t store_history_first(const struct store_history *h)
{
    return h->first;
}

uint64_t store_history_end(const struct store_history *h)
{
    return h->end;
}

const struct store_event *store_history_at(const struct store_history *h, uint64_t place)
{
    return slot_of(h, place);
}

uint64_t store_history_after(const struct store_history *h, int64_t rev)
{
    uint64_t low = h->first, high = h->end;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (slot_of(h, middle)->rev > rev) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

size_t store_history_bytes(const struct store_history *h)
{
    return h->bytes;
}

int64_t store_history_floor(const struct store_history *h)
{
    return h->floor;
}

void store_history_set_floor(struct store_history *h, int64_t rev)
{
    h->floor = rev > h->floor ? rev : h->floor;
}
