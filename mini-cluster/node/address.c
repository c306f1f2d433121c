/* SPDX-License-Identifier: Apache-2.0 */
/* One bit an address, and a queue of those in quarantine. */
#include "node/address.h"

#include <stdio.h>
#include <string.h>

#include "common/loop.h"
#include "common/mem.h"
#include "common/vec.h"

enum { FIRST_NET = 1, LAST_NET = 119, PER_NET = 254, SLOTS = (LAST_NET - FIRST_NET + 1) * PER_NET };

#define QUARANTINE LOOP_S(30)

struct resting {
    unsigned slot;
    uint64_t until_ns;
};

struct address_pool {
    unsigned a, b;
    unsigned next;
    bool used[SLOTS];            /* in quarantine too */
    VEC(struct resting) resting; /* in the order of their ends */
    size_t head;
};

struct address_pool *address_pool_new(const char *subnet)
{
    struct address_pool *p = xnew(struct address_pool);
    if (sscanf(subnet, "%3u.%3u.", &p->a, &p->b) != 2) {
        p->a = p->b = 0;
    }
    return p;
}

void address_pool_free(struct address_pool *p)
{
    if (p != NULL) {
        vec_fini(&p->resting);
        free(p);
    }
}

static void format(const struct address_pool *p, unsigned slot, char ret[16])
{
    snprintf(ret, 16, "%u.%u.%u.%u", p->a & 255u, p->b & 255u, (FIRST_NET + slot / PER_NET) & 255u,
             (1 + slot % PER_NET) & 255u);
}

/* SLOTS when the text is no address of the pool. */
static unsigned parse(const struct address_pool *p, const char *text)
{
    unsigned a, b, net, host;
    int end = 0;
    if (sscanf(text, "%3u.%3u.%3u.%3u%n", &a, &b, &net, &host, &end) != 4 || text[end] != '\0' ||
        a != p->a || b != p->b || net < FIRST_NET || net > LAST_NET || host < 1 || host > PER_NET) {
        return SLOTS;
    }
    return (net - FIRST_NET) * PER_NET + host - 1;
}

static void end_quarantines(struct address_pool *p, uint64_t now_ns)
{
    while (p->head < p->resting.n && p->resting.v[p->head].until_ns <= now_ns) {
        p->used[p->resting.v[p->head++].slot] = false;
    }
    if (p->head == p->resting.n) {
        p->head = p->resting.n = 0;
    } else if (p->head > p->resting.n / 2) {
        p->resting.n -= p->head;
        memmove(p->resting.v, p->resting.v + p->head, p->resting.n * sizeof(*p->resting.v));
        p->head = 0;
    }
}

bool address_take(struct address_pool *p, uint64_t now_ns, char ret[16])
{
    end_quarantines(p, now_ns);
    for (unsigned i = 0; i < SLOTS; i++) {
        unsigned slot = (p->next + i) % SLOTS;
        if (!p->used[slot]) {
            p->used[slot] = true;
            p->next = (slot + 1) % SLOTS;
            format(p, slot, ret);
            return true;
        }
    }
    return false;
}

void address_claim(struct address_pool *p, const char *address)
{
    unsigned slot = parse(p, address);
    if (slot < SLOTS) {
        p->used[slot] = true;
    }
}

void address_release(struct address_pool *p, const char *address, uint64_t now_ns)
{
    unsigned slot = parse(p, address);
    if (slot < SLOTS && p->used[slot]) {
        struct resting r = {slot, now_ns + QUARANTINE};
        vec_push(&p->resting, r);
    }
}

unsigned address_cursor(const struct address_pool *p)
{
    return p->next;
}

void address_set_cursor(struct address_pool *p, unsigned cursor)
{
    p->next = cursor % SLOTS;
}
