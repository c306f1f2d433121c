/* SPDX-License-Identifier: Apache-2.0 */
/* A sorted array: initial lists arrive in its order, so most additions go to its end. */
#include "client/known.h"

#include <string.h>

static int compare(const struct store_entry *a, const struct store_entry *b)
{
    int c = strcmp(a->key.ns, b->key.ns);
    return c != 0 ? c : strcmp(a->key.name, b->key.name);
}

/* Where e is, or would go. */
static size_t position(const struct known *k, const struct store_entry *e, bool *ret_there)
{
    size_t low = 0, high = k->entries.n;
    if (high > 0 && compare(k->entries.v[high - 1], e) < 0) {
        low = high;
    }
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare(k->entries.v[mid], e) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    *ret_there = low < k->entries.n && compare(k->entries.v[low], e) == 0;
    return low;
}

void known_fini(struct known *k)
{
    for (size_t i = 0; i < k->entries.n; i++) {
        store_entry_unref(k->entries.v[i]);
    }
    vec_fini(&k->entries);
}

void known_put(struct known *k, const struct store_entry *e)
{
    bool there;
    size_t at = position(k, e, &there);
    const struct store_entry *mine = store_entry_ref(e);
    if (there) {
        store_entry_unref(k->entries.v[at]);
        k->entries.v[at] = mine;
        return;
    }
    vec_push(&k->entries, mine);
    memmove(k->entries.v + at + 1, k->entries.v + at,
            (k->entries.n - 1 - at) * sizeof(k->entries.v[0]));
    k->entries.v[at] = mine;
}

void known_remove(struct known *k, const struct store_entry *e)
{
    bool there;
    size_t at = position(k, e, &there);
    if (there) {
        store_entry_unref(k->entries.v[at]);
        vec_remove(&k->entries, at);
    }
}

const struct store_entry *known_find(const struct known *k, const struct store_entry *e)
{
    bool there;
    size_t at = position(k, e, &there);
    return there ? k->entries.v[at] : NULL;
}
