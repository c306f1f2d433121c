/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses for containers made by hand: fixed, in turn, and at rest for a while when given up. */
#include <stdio.h>
#include <string.h>

#include "common/loop.h"
#include "common/mem.h"
#include "hosts/dock/dock_impl.h"

enum {
    FIRST_NET = 124,
    LAST_NET = 127,
    PER_NET = 256,
    SLOTS = (LAST_NET - FIRST_NET + 1) * PER_NET
};

#define REST LOOP_S(30)

struct dock_addresses {
    unsigned a, b, next;
    bool used[SLOTS];
    uint64_t rests_until[SLOTS];
};

struct dock_addresses *dock_addresses_new(const char *subnet)
{
    struct dock_addresses *p = xnew(struct dock_addresses);
    if (sscanf(subnet, "%3u.%3u.", &p->a, &p->b) != 2) {
        p->a = p->b = 0;
    }
    return p;
}

void dock_addresses_free(struct dock_addresses *p)
{
    free(p);
}

/* SLOTS when it is none of these. */
static unsigned slot_of(const struct dock_addresses *p, const char *text)
{
    unsigned a, b, net, host;
    int end = 0;
    if (sscanf(text, "%3u.%3u.%3u.%3u%n", &a, &b, &net, &host, &end) != 4 || text[end] != '\0' ||
        a != p->a || b != p->b || net < FIRST_NET || net > LAST_NET || host >= PER_NET) {
        return SLOTS;
    }
    return (net - FIRST_NET) * PER_NET + host;
}

bool dock_address_take(struct dock_addresses *p, uint64_t now_ns, char ret[16])
{
    for (unsigned i = 0; i < SLOTS; i++) {
        unsigned slot = (p->next + i) % SLOTS;
        if (!p->used[slot] && p->rests_until[slot] <= now_ns) {
            p->used[slot] = true;
            p->next = (slot + 1) % SLOTS;
            snprintf(ret, 16, "%u.%u.%u.%u", p->a & 255u, p->b & 255u,
                     (FIRST_NET + slot / PER_NET) & 255u, slot % PER_NET);
            return true;
        }
    }
    return false;
}

/* One that is in use already; the search goes on behind it. */
void dock_address_claim(struct dock_addresses *p, const char *address)
{
    unsigned slot = slot_of(p, address);
    if (slot < SLOTS && !p->used[slot]) {
        p->used[slot] = true;
        p->next = (slot + 1) % SLOTS;
    }
}

void dock_address_release(struct dock_addresses *p, const char *address, uint64_t now_ns)
{
    unsigned slot = slot_of(p, address);
    if (slot < SLOTS && p->used[slot]) {
        p->used[slot] = false;
        p->rests_until[slot] = now_ns + REST;
    }
}
