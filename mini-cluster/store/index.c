/* SPDX-License-Identifier: Apache-2.0 */
/* A hash of slots by key, and four orders over them. The orders may hold more than a view has: what
 * is only staged, or only published still. Each walk looks at the version itself. */
#include "store/index.h"

#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "store/entry.h"

struct store_index {
    struct store_slot **buckets;
    size_t nbuckets; /* a power of two */
    size_t nslots;
    struct store_order by[STORE_BY_COUNT];
    size_t count, bytes; /* published */
};

/* ---- the orders ---- */

struct link_key {
    const char *value;
    struct store_key key;
};

static const struct store_link *link_of(const struct store_order_node *n)
{
    return (const struct store_link *)(const void *)n;
}

static int compare_keys(const struct store_key *a, const struct store_key *b)
{
    int c = strcmp(a->gr, b->gr);
    c = c != 0 ? c : strcmp(a->ns, b->ns);
    return c != 0 ? c : strcmp(a->name, b->name);
}

static int compare_links(const void *key, const struct store_order_node *n)
{
    const struct link_key *a = key;
    const struct store_link *b = link_of(n);
    int c = strcmp(a->value, b->value);
    return c != 0 ? c : compare_keys(&a->key, &b->slot->key);
}

static void link_in(struct store_index *ix, enum store_index_by by, struct store_link *link)
{
    struct link_key key = {link->value, link->slot->key};
    store_order_insert(&ix->by[by], &link->node, &key);
}

static const char *value_of(const struct store_entry *e, enum store_index_by by)
{
    switch (by) {
    case STORE_BY_UID:
        return e->uid;
    case STORE_BY_OWNER:
        return e->owner_uid;
    case STORE_BY_NODE:
        return e->node;
    default:
        return "";
    }
}

static void link_value(struct store_index *ix, struct store_slot *slot, enum store_index_by by,
                       const char *value)
{
    for (const struct store_link *l = slot->links[by]; l != NULL; l = l->next) {
        if (strcmp(l->value, value) == 0) {
            return;
        }
    }
    size_t n = strlen(value) + 1;
    struct store_link *link = xmalloc(sizeof(*link) + n);
    *link = (struct store_link){
        .slot = slot, .next = slot->links[by], .value = memcpy(link + 1, value, n)};
    slot->links[by] = link;
    link_in(ix, by, link);
}

/* Takes out the links whose value is not that of `keep`; NULL: all. */
static void prune_links(struct store_index *ix, struct store_slot *slot,
                        const struct store_entry *keep)
{
    for (int by = STORE_BY_UID; by < STORE_BY_COUNT; by++) {
        for (struct store_link **at = &slot->links[by]; *at != NULL;) {
            struct store_link *l = *at;
            if (keep != NULL && strcmp(l->value, value_of(keep, (enum store_index_by)by)) == 0) {
                at = &l->next;
                continue;
            }
            *at = l->next;
            store_order_remove(&ix->by[by], &l->node);
            free(l);
        }
    }
}

/* ---- slots ---- */

struct store_index *store_index_new(void)
{
    struct store_index *ix = xnew(struct store_index);
    ix->nbuckets = 256;
    ix->buckets = xcalloc(ix->nbuckets, sizeof(struct store_slot *));
    for (int by = 0; by < STORE_BY_COUNT; by++) {
        ix->by[by].compare = compare_links;
    }
    return ix;
}

static void free_slot(struct store_slot *slot)
{
    for (int by = 0; by < STORE_BY_COUNT; by++) {
        while (slot->links[by] != NULL) {
            struct store_link *l = slot->links[by];
            slot->links[by] = l->next;
            free(l);
        }
    }
    store_entry_unref(slot->pub);
    free(slot);
}

void store_index_free(struct store_index *ix)
{
    if (ix == NULL) {
        return;
    }
    for (size_t i = 0; i < ix->nbuckets; i++) {
        while (ix->buckets[i] != NULL) {
            struct store_slot *slot = ix->buckets[i];
            ix->buckets[i] = slot->chain;
            free_slot(slot);
        }
    }
    free(ix->buckets);
    free(ix);
}

static uint64_t hash_key(const struct store_key *key)
{
    uint64_t h = str_hash(key->gr, strlen(key->gr));
    h = h * 0x100000001b3u ^ str_hash(key->ns, strlen(key->ns));
    return h * 0x100000001b3u ^ str_hash(key->name, strlen(key->name));
}

static void grow(struct store_index *ix)
{
    size_t n = ix->nbuckets * 2;
    struct store_slot **buckets = xcalloc(n, sizeof(struct store_slot *));
    for (size_t i = 0; i < ix->nbuckets; i++) {
        for (struct store_slot *slot = ix->buckets[i], *next; slot != NULL; slot = next) {
            next = slot->chain;
            slot->chain = buckets[slot->hash & (n - 1)];
            buckets[slot->hash & (n - 1)] = slot;
        }
    }
    free(ix->buckets);
    ix->buckets = buckets;
    ix->nbuckets = n;
}

static struct store_slot *new_slot(struct store_index *ix, const struct store_key *key,
                                   uint64_t hash)
{
    size_t gr = strlen(key->gr) + 1, ns = strlen(key->ns) + 1, name = strlen(key->name) + 1;
    struct store_slot *slot = xmalloc(sizeof(*slot) + gr + ns + name);
    char *text = (char *)(slot + 1);
    *slot = (struct store_slot){.hash = hash, .by_key = {.value = "", .slot = slot}};
    slot->key.gr = memcpy(text, key->gr, gr);
    slot->key.ns = memcpy(text + gr, key->ns, ns);
    slot->key.name = memcpy(text + gr + ns, key->name, name);
    if (++ix->nslots > ix->nbuckets) {
        grow(ix);
    }
    slot->chain = ix->buckets[hash & (ix->nbuckets - 1)];
    ix->buckets[hash & (ix->nbuckets - 1)] = slot;
    link_in(ix, STORE_BY_KEY, &slot->by_key);
    return slot;
}

struct store_slot *store_index_slot(struct store_index *ix, const struct store_key *key, bool make)
{
    uint64_t hash = hash_key(key);
    struct store_slot *slot = ix->buckets[hash & (ix->nbuckets - 1)];
    while (slot != NULL && (slot->hash != hash || compare_keys(&slot->key, key) != 0)) {
        slot = slot->chain;
    }
    return slot == NULL && make ? new_slot(ix, key, hash) : slot;
}

static void drop_slot(struct store_index *ix, struct store_slot *slot)
{
    struct store_slot **at = &ix->buckets[slot->hash & (ix->nbuckets - 1)];
    while (*at != slot) {
        at = &(*at)->chain;
    }
    *at = slot->chain;
    ix->nslots--;
    store_order_remove(&ix->by[STORE_BY_KEY], &slot->by_key.node);
    free_slot(slot);
}

/* ---- versions ---- */

const struct store_entry *store_slot_at(const struct store_slot *slot, enum store_view view,
                                        int64_t as_of)
{
    const struct store_change *c = view == STORE_STAGED ? slot->last : NULL;
    while (c != NULL && c->rev > as_of) {
        c = c->older;
    }
    if (c == NULL) {
        return slot->pub;
    }
    return c->type == STORE_DELETED ? NULL : c->entry;
}

const struct store_entry *store_slot_now(const struct store_slot *slot)
{
    return store_slot_at(slot, STORE_STAGED, INT64_MAX);
}

void store_index_stage(struct store_index *ix, struct store_change *change)
{
    struct store_slot *slot = change->slot;
    change->older = slot->last;
    slot->last = change;
    for (int by = STORE_BY_UID; by < STORE_BY_COUNT && change->type != STORE_DELETED; by++) {
        const char *value = value_of(change->entry, (enum store_index_by)by);
        if (value[0] != '\0') {
            link_value(ix, slot, (enum store_index_by)by, value);
        }
    }
}

static void count_entry(struct store_index *ix, const struct store_entry *e, bool more)
{
    if (e != NULL) {
        ix->count += more ? 1 : (size_t)-1;
        ix->bytes += more ? store_entry_size(e) : -store_entry_size(e);
    }
}

void store_index_settle(struct store_index *ix, struct store_slot *slot, bool publish)
{
    const struct store_entry *now = publish ? store_slot_now(slot) : slot->pub;
    slot->last = NULL;
    if (now != slot->pub) {
        count_entry(ix, slot->pub, false);
        count_entry(ix, now, true);
        store_entry_unref(slot->pub);
        slot->pub = now != NULL ? store_entry_ref(now) : NULL;
    }
    prune_links(ix, slot, slot->pub);
    if (slot->pub == NULL) {
        drop_slot(ix, slot);
    }
}

size_t store_index_count(const struct store_index *ix)
{
    return ix->count;
}

size_t store_index_bytes(const struct store_index *ix)
{
    return ix->bytes;
}

/* ---- looking ---- */

const struct store_entry *store_index_find_uid(const struct store_index *ix, enum store_view view,
                                               const char *uid)
{
    struct link_key from = {uid, {"", "", ""}};
    const struct store_order_node *n = store_order_from(&ix->by[STORE_BY_UID], &from);
    for (; n != NULL && strcmp(link_of(n)->value, uid) == 0; n = store_order_next(n)) {
        const struct store_entry *e = store_slot_at(link_of(n)->slot, view, INT64_MAX);
        if (e != NULL && strcmp(e->uid, uid) == 0) {
            return e;
        }
    }
    return NULL;
}

/* Where a walk begins: in the narrowest order that the filter allows. */
static enum store_index_by choose(const struct store_filter *f, struct link_key *ret_from)
{
    enum store_index_by by = f->owner_uid != NULL ? STORE_BY_OWNER
                             : f->node != NULL    ? STORE_BY_NODE
                                                  : STORE_BY_KEY;
    const char *value = by == STORE_BY_OWNER ? f->owner_uid : by == STORE_BY_NODE ? f->node : "";
    *ret_from = (struct link_key){value, {"", "", ""}};
    if (value[0] == '\0') { /* "" is in no order of its own: the objects that have none */
        by = STORE_BY_KEY;
    }
    if (f->gr != NULL) {
        const char *ns = f->ns != NULL ? f->ns : "";
        bool after = f->after_ns != NULL && strcmp(f->after_ns, ns) >= 0;
        const char *name = after && f->after_name != NULL ? f->after_name : "";
        ret_from->key = (struct store_key){f->gr, after ? f->after_ns : ns, name};
    }
    return by;
}

static bool is_after(const struct store_key *key, const struct store_filter *f)
{
    if (f->after_ns == NULL) {
        return true;
    }
    int c = strcmp(key->ns, f->after_ns);
    return c > 0 || (c == 0 && (f->after_name == NULL || strcmp(key->name, f->after_name) > 0));
}

static bool matches(const struct store_entry *e, const struct store_filter *f)
{
    return (f->ns == NULL || strcmp(e->key.ns, f->ns) == 0) &&
           (f->owner_uid == NULL || strcmp(e->owner_uid, f->owner_uid) == 0) &&
           (f->node == NULL || strcmp(e->node, f->node) == 0) && is_after(&e->key, f);
}

/* Nothing from here on can match. */
static bool is_past(const struct store_link *l, const char *value, const struct store_filter *f)
{
    if (strcmp(l->value, value) != 0) {
        return true;
    }
    return f->gr != NULL && (strcmp(l->slot->key.gr, f->gr) != 0 ||
                             (f->ns != NULL && strcmp(l->slot->key.ns, f->ns) > 0));
}

void store_index_each(const struct store_index *ix, enum store_view view, int64_t as_of,
                      const struct store_filter *f,
                      bool (*fn)(void *arg, const struct store_entry *e), void *arg)
{
    struct link_key from;
    enum store_index_by by = choose(f, &from);
    const struct store_order_node *n = store_order_from(&ix->by[by], &from);
    for (; n != NULL; n = store_order_next(n)) {
        const struct store_link *l = link_of(n);
        if (is_past(l, from.value, f)) {
            return;
        }
        const struct store_entry *e = store_slot_at(l->slot, view, as_of);
        if (e != NULL && matches(e, f) && !fn(arg, e)) {
            return;
        }
    }
}
