/* SPDX-License-Identifier: Apache-2.0 */
/* Entries lie in an array in the order of their insertion; an open-addressed table of indices finds
 * them. A removed entry leaves a hole that the next growth closes, so walks stay valid meanwhile.
 */
#include "common/map.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"

struct entry {
    char *key; /* NULL: a hole */
    void *value;
    uint64_t hash;
};

struct map {
    struct entry *entries;
    size_t used;  /* entries, holes included */
    size_t first; /* no live entry before this one: taking from the front stays cheap */
    size_t cap;
    size_t count;    /* live entries */
    uint32_t *slots; /* entry index + 1; 0: empty */
    size_t mask;     /* slots - 1; there are twice as many slots as entries fit */
    void (*free_value)(void *);
};

struct map *map_new(void (*free_value)(void *))
{
    struct map *m = xnew(struct map);
    m->free_value = free_value;
    return m;
}

void map_free(struct map *m)
{
    if (m != NULL) {
        map_clear(m);
        free(m->entries);
        free(m->slots);
        free(m);
    }
}

/* The slot of the key, or the empty one where it would go. Only with slots. */
static size_t slot_of(const struct map *m, const char *key, uint64_t hash)
{
    size_t i = hash & m->mask;
    while (m->slots[i] != 0) {
        const struct entry *e = &m->entries[m->slots[i] - 1];
        if (e->hash == hash && strcmp(e->key, key) == 0) {
            break;
        }
        i = (i + 1) & m->mask;
    }
    return i;
}

static struct entry *entry_of(const struct map *m, const char *key)
{
    if (m->count == 0) {
        return NULL;
    }
    uint32_t at = m->slots[slot_of(m, key, str_hash(key, strlen(key)))];
    return at != 0 ? &m->entries[at - 1] : NULL;
}

void *map_find(const struct map *m, const char *key)
{
    struct entry *e = entry_of(m, key);
    return e != NULL ? e->value : NULL;
}

static void place(struct map *m, size_t index)
{
    size_t i = m->entries[index].hash & m->mask;
    while (m->slots[i] != 0) {
        i = (i + 1) & m->mask;
    }
    m->slots[i] = (uint32_t)index + 1;
}

/* Closes the holes, doubles when the live entries need it, and builds the table anew. */
static void rebuild(struct map *m)
{
    size_t live = 0;
    for (size_t i = m->first; i < m->used; i++) {
        if (m->entries[i].key != NULL) {
            m->entries[live++] = m->entries[i];
        }
    }
    m->used = live;
    m->first = 0;
    if (live * 4 >= m->cap * 3) { /* otherwise the closed holes are room enough */
        m->cap = m->cap > 0 ? m->cap * 2 : 8;
        assert(m->cap <= UINT32_MAX / 2);
        m->entries = xrealloc(m->entries, m->cap * sizeof(*m->entries));
        free(m->slots);
        m->slots = xcalloc(m->cap * 2, sizeof(*m->slots));
        m->mask = m->cap * 2 - 1;
    } else {
        memset(m->slots, 0, (m->mask + 1) * sizeof(*m->slots));
    }
    for (size_t i = 0; i < live; i++) {
        place(m, i);
    }
}

void map_put(struct map *m, const char *key, void *value)
{
    struct entry *e = entry_of(m, key);
    if (e != NULL) {
        void *old = e->value;
        e->value = value;
        if (m->free_value != NULL && old != value) {
            m->free_value(old);
        }
        return;
    }
    if (m->used == m->cap) {
        rebuild(m);
    }
    m->entries[m->used] = (struct entry){xstrdup(key), value, str_hash(key, strlen(key))};
    place(m, m->used++);
    m->count++;
}

/* Empties slot i and moves back those behind it that would no longer be found. */
static void empty_slot(struct map *m, size_t i)
{
    for (size_t j = (i + 1) & m->mask; m->slots[j] != 0; j = (j + 1) & m->mask) {
        size_t home = m->entries[m->slots[j] - 1].hash & m->mask;
        if (((j - home) & m->mask) >= ((j - i) & m->mask)) {
            m->slots[i] = m->slots[j];
            i = j;
        }
    }
    m->slots[i] = 0;
}

/* Takes the key out; its value in *ret. */
static bool take_out(struct map *m, const char *key, void **ret)
{
    if (m->count == 0) {
        return false;
    }
    size_t slot = slot_of(m, key, str_hash(key, strlen(key)));
    if (m->slots[slot] == 0) {
        return false;
    }
    struct entry *e = &m->entries[m->slots[slot] - 1];
    *ret = e->value;
    empty_slot(m, slot);
    free(e->key); /* `key` may have been this one: it is not used after */
    *e = (struct entry){NULL, NULL, 0};
    m->count--;
    while (m->first < m->used && m->entries[m->first].key == NULL) {
        m->first++;
    }
    if (m->count == 0) {
        m->first = m->used = 0;
    }
    return true;
}

bool map_remove(struct map *m, const char *key)
{
    void *value = NULL;
    if (!take_out(m, key, &value)) {
        return false;
    }
    if (m->free_value != NULL) {
        m->free_value(value);
    }
    return true;
}

void *map_take(struct map *m, const char *key)
{
    void *value = NULL;
    return take_out(m, key, &value) ? value : NULL;
}

size_t map_count(const struct map *m)
{
    return m->count;
}

void map_clear(struct map *m)
{
    struct entry *entries = m->entries;
    size_t used = m->used;
    free(m->slots);
    m->entries = NULL;
    m->slots = NULL;
    m->used = m->first = m->cap = m->count = m->mask = 0;
    for (size_t i = 0; i < used; i++) { /* the map is whole again before a value's free sees it */
        if (entries[i].key != NULL && m->free_value != NULL) {
            m->free_value(entries[i].value);
        }
        free(entries[i].key);
    }
    free(entries);
}

bool map_next(const struct map *m, size_t *it, const char **ret_key, void **ret_value)
{
    size_t i = *it > m->first ? *it : m->first;
    while (i < m->used && m->entries[i].key == NULL) {
        i++;
    }
    if (i >= m->used) {
        return false;
    }
    if (ret_key != NULL) {
        *ret_key = m->entries[i].key;
    }
    if (ret_value != NULL) {
        *ret_value = m->entries[i].value;
    }
    *it = i + 1;
    return true;
}
