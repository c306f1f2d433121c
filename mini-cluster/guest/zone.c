/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of names in a hash table: a name exists when it has records or when a longer one does. */
#include "guest/zone.h"

#include <stdlib.h>
#include <string.h>

#include "guest/guest.h"

enum { BUCKETS = 2048 };

static struct zone_node *buckets[BUCKETS];

static struct zone_node **place(const char *name)
{
    struct zone_node **at = &buckets[wire_crc32(0, name, strlen(name)) % BUCKETS];
    while (*at != NULL && strcmp((*at)->name, name) != 0) {
        at = &(*at)->next;
    }
    return at;
}

struct zone_node *zone_find(const char *name)
{
    return *place(name);
}

/* The node, made with every name above it when missing. */
static struct zone_node *make(const char *name)
{
    struct zone_node *first = NULL;
    struct zone_node *child = NULL;
    while (name != NULL && *name != '\0') {
        struct zone_node **at = place(name);
        struct zone_node *node = *at;
        bool is_new = node == NULL;
        if (is_new) {
            node = *at = guest_alloc(sizeof(*node));
            node->name = guest_copy(name);
        }
        if (child != NULL) {
            child->parent = node;
            node->below++;
        }
        first = first != NULL ? first : node;
        if (!is_new) {
            break;
        }
        child = node;
        name = strchr(name, '.');
        name = name != NULL ? name + 1 : NULL;
    }
    return first;
}

static void clear(struct zone_node *n, uint8_t kind)
{
    n->stale &= ~(1u << kind);
    switch (kind) {
    case TABLE_A:
        free(n->addrs);
        n->addrs = NULL;
        n->naddrs = 0;
        break;
    case TABLE_SRV:
        for (unsigned i = 0; i < n->nsrvs; i++) {
            free(n->srvs[i].target);
        }
        free(n->srvs);
        n->srvs = NULL;
        n->nsrvs = 0;
        break;
    case TABLE_CNAME:
        free(n->cname);
        n->cname = NULL;
        break;
    default:
        free(n->ptr);
        n->ptr = NULL;
    }
}

static bool empty(const struct zone_node *n)
{
    return n->below == 0 && n->naddrs == 0 && n->nsrvs == 0 && n->cname == NULL && n->ptr == NULL;
}

/* A name without records goes, and every name above that existed only for its sake. */
static void prune(struct zone_node *n)
{
    while (n != NULL && empty(n)) {
        struct zone_node *parent = n->parent;
        *place(n->name) = n->next;
        free(n->name);
        free(n);
        if (parent != NULL) {
            parent->below--;
        }
        n = parent;
    }
}

static void read_items(struct zone_node *n, const struct table_name *rec)
{
    struct wire_in in = rec->raw;
    for (unsigned i = 0; i < rec->n; i++) {
        uint32_t num;
        char text[256];
        table_name_item(rec->kind, &in, &num, text);
        if (rec->kind == TABLE_A) {
            n->addrs[n->naddrs++] = num;
        } else if (rec->kind == TABLE_SRV) {
            n->srvs[n->nsrvs].port = (uint16_t)num;
            n->srvs[n->nsrvs++].target = guest_copy(text);
        } else if (rec->kind == TABLE_CNAME) {
            n->cname = guest_copy(text);
        } else {
            n->ptr = guest_copy(text);
        }
    }
}

void zone_put(const struct table_name *rec)
{
    struct zone_node *n = make(rec->name);
    clear(n, rec->kind);
    if (rec->kind == TABLE_A) {
        n->addrs = guest_alloc(rec->n * sizeof(*n->addrs));
    } else if (rec->kind == TABLE_SRV) {
        n->srvs = guest_alloc(rec->n * sizeof(*n->srvs));
    }
    read_items(n, rec);
}

void zone_delete(uint8_t kind, const char *name)
{
    struct zone_node *n = zone_find(name);
    if (n != NULL) {
        clear(n, kind);
        prune(n);
    }
}

static unsigned kinds_of(const struct zone_node *n)
{
    return (n->naddrs > 0 ? 1u << TABLE_A : 0) | (n->nsrvs > 0 ? 1u << TABLE_SRV : 0) |
           (n->cname != NULL ? 1u << TABLE_CNAME : 0) | (n->ptr != NULL ? 1u << TABLE_PTR : 0);
}

void zone_snapshot_begin(void)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct zone_node *n = buckets[i]; n != NULL; n = n->next) {
            n->stale = kinds_of(n);
        }
    }
}

/* Pruning takes away names of other buckets, so each removal begins its bucket again. */
void zone_snapshot_end(void)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct zone_node *n = buckets[i]; n != NULL;) {
            if (n->stale == 0) {
                n = n->next;
                continue;
            }
            for (uint8_t kind = TABLE_A; kind <= TABLE_PTR; kind++) {
                if (n->stale & (1u << kind)) {
                    clear(n, kind);
                }
            }
            prune(n);
            n = buckets[i];
        }
    }
}
