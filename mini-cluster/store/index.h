/* SPDX-License-Identifier: Apache-2.0 */
/* What is there, by key, by uid, by owner and by node, as published and as staged. */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include "store/order.h"
#include "store/store.h"

struct store_index;

enum store_index_by { STORE_BY_KEY, STORE_BY_UID, STORE_BY_OWNER, STORE_BY_NODE, STORE_BY_COUNT };

/* One place in one order. The order by key has no value; a slot may lie in the others under two
 * values at once, that of the published version and that of a staged one. */
struct store_link {
    struct store_order_node node;
    const char *value;
    struct store_slot *slot;
    struct store_link *next; /* of this slot, in the same order */
};

/* One key, as long as either view has an object under it. */
struct store_slot {
    struct store_key key;
    uint64_t hash;
    struct store_slot *chain;
    const struct store_entry *pub; /* published; NULL: none */
    struct store_change *last;     /* the newest staged change; NULL: none */
    struct store_link by_key;
    struct store_link *links[STORE_BY_COUNT]; /* none of STORE_BY_KEY */
};

/* One staged change. It holds references to both versions, so that what a walk lent stays. */
struct store_change {
    enum store_event_type type;
    int64_t rev;
    const struct store_entry *entry; /* the new version; of a deletion the last one, at rev */
    const struct store_entry *prev;  /* NULL: there was none */
    struct store_slot *slot;
    struct store_change *older; /* staged before, under the same key */
};

struct store_index *store_index_new(void);
void store_index_free(struct store_index *ix);

/* The slot of a key; NULL, or a new one, when there is none. */
struct store_slot *store_index_slot(struct store_index *ix, const struct store_key *key, bool make);
/* What a view has there, borrowed; of the staged view, as it was after revision `as_of`. */
const struct store_entry *store_slot_at(const struct store_slot *slot, enum store_view view,
                                        int64_t as_of);
/* The staged view now. */
const struct store_entry *store_slot_now(const struct store_slot *slot);

/* Puts a change on top of its slot: the staged view has it. The change stays the caller's. */
void store_index_stage(struct store_index *ix, struct store_change *change);
/* Ends the staging of a slot: what was staged is published or forgotten. The slot may be gone. */
void store_index_settle(struct store_index *ix, struct store_slot *slot, bool publish);

/* Borrowed. */
const struct store_entry *store_index_find_uid(const struct store_index *ix, enum store_view view,
                                               const char *uid);
void store_index_each(const struct store_index *ix, enum store_view view, int64_t as_of,
                      const struct store_filter *f,
                      bool (*fn)(void *arg, const struct store_entry *e), void *arg);

/* Published objects, and the sum of their sizes. */
size_t store_index_count(const struct store_index *ix);
size_t store_index_bytes(const struct store_index *ix);

#endif
