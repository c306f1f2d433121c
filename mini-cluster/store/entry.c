/* SPDX-License-Identifier: Apache-2.0 */
/* One allocation per version, because there are tens of thousands and each holds nine strings. */
#include "store/entry.h"

#include <string.h>

#include "common/mem.h"
#include "store/block.h"
#include "store/tree_cache.h"

/* The strings of an entry, beside its bytes. */
static const char **string_at(struct store_entry *e, int i)
{
    const char **all[] = {&e->key.gr,    &e->key.ns, &e->key.name, &e->uid,
                          &e->owner_uid, &e->node,   &e->phase};
    return i < (int)ARRAY_LEN(all) ? all[i] : NULL;
}

static size_t strings_size(struct store_entry e)
{
    size_t n = 0;
    for (int i = 0; string_at(&e, i) != NULL; i++) {
        n += strlen(*string_at(&e, i)) + 1;
    }
    return n;
}

const struct store_entry *store_entry_new(struct store_blocks *blocks,
                                          const struct store_entry *from, json_t *labels)
{
    size_t strings = strings_size(*from);
    struct entry *e = store_block_new(blocks, sizeof(*e) + from->len + 1 + strings);
    *e = (struct entry){.pub = *from, .refs = 1, .labels = json_incref(labels)};
    char *p = (char *)(e + 1);
    memcpy(p, from->bytes, from->len);
    p[from->len] = '\0';
    e->pub.bytes = p;
    e->pub.labels = labels;
    p += from->len + 1;
    for (int i = 0; string_at(&e->pub, i) != NULL; i++) {
        const char **s = string_at(&e->pub, i);
        size_t n = strlen(*s) + 1;
        *s = memcpy(p, *s, n);
        p += n;
    }
    return &e->pub;
}

const struct store_entry *store_entry_ref(const struct store_entry *e)
{
    entry_of(e)->refs++;
    return e;
}

void store_entry_unref(const struct store_entry *e)
{
    if (e == NULL || --entry_of(e)->refs > 0) {
        return;
    }
    struct entry *dead = entry_of(e);
    if (dead->tree != NULL) {
        store_tree_cache_forget(dead->cache, e);
    }
    json_decref(dead->labels);
    store_block_free(dead);
}

size_t store_entry_size(const struct store_entry *e)
{
    return sizeof(struct entry) + e->len + 1 + strings_size(*e);
}

/* Eight bytes at a time: it runs over every object that is written or read back. */
int64_t store_entry_sum(const struct store_entry *e)
{
    uint64_t h = e->len, word;
    for (size_t at = 0; at < e->len; at += sizeof(word)) {
        word = 0;
        memcpy(&word, e->bytes + at, e->len - at < sizeof(word) ? e->len - at : sizeof(word));
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return (int64_t)h;
}
