/* SPDX-License-Identifier: Apache-2.0 */
/* Holds records by set and id, and by owner what it said, so that silence can be noticed. */
#include "net/records.h"

#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"

struct item {
    struct record rec; /* its strings are this item's */
    char *id, *owner;
    uint8_t *bytes;
};

/* One thing an owner said. */
struct said {
    char *set, *id;
    bool again; /* since records_begin */
};

struct records {
    struct map *sets;   /* name -> struct map of id -> struct item */
    struct map *owners; /* name -> struct map of struct said */
    void (*changed)(void *arg, const char *set, const char *id);
    void *arg;
    char *owner; /* who is speaking; NULL: nobody */
    struct map *saying;
};

static void item_free(void *p)
{
    struct item *it = p;
    free(it->id);
    free(it->owner);
    free(it->bytes);
    free(it);
}

static void said_free(void *p)
{
    struct said *s = p;
    free(s->set);
    free(s->id);
    free(s);
}

static void inner_map_free(void *p)
{
    map_free(p);
}

struct records *records_new(void (*changed)(void *arg, const char *set, const char *id), void *arg)
{
    struct records *r = xnew(struct records);
    r->sets = map_new(inner_map_free);
    r->owners = map_new(inner_map_free);
    r->changed = changed;
    r->arg = arg;
    return r;
}

void records_free(struct records *r)
{
    if (r != NULL) {
        map_free(r->sets);
        map_free(r->owners);
        free(r->owner);
        free(r);
    }
}

static struct item *find(const struct records *r, const char *set, const char *id)
{
    struct map *items = map_find(r->sets, set);
    return items != NULL ? map_find(items, id) : NULL;
}

const struct record *records_find(const struct records *r, const char *set, const char *id)
{
    const struct item *it = find(r, set, id);
    return it != NULL ? &it->rec : NULL;
}

/* ---- saying ---- */

void records_begin(struct records *r, const char *owner)
{
    size_t at = 0;
    void *value;
    r->owner = xstrdup(owner);
    r->saying = map_find(r->owners, owner);
    if (r->saying == NULL) {
        r->saying = map_new(said_free);
        map_put(r->owners, owner, r->saying);
    }
    while (map_next(r->saying, &at, NULL, &value)) {
        ((struct said *)value)->again = false;
    }
}

static void note_said(struct records *r, const char *set, const char *id)
{
    cleanup_free char *key = xasprintf("%s\n%s", set, id);
    struct said *s = map_find(r->saying, key);
    if (s == NULL) {
        s = xnew(struct said);
        s->set = xstrdup(set);
        s->id = xstrdup(id);
        map_put(r->saying, key, s);
    }
    s->again = true;
}

static void store(struct records *r, const char *set, const char *id, const void *bytes, size_t n)
{
    struct item *it = xnew(struct item);
    it->id = xstrdup(id);
    it->owner = xstrdup(r->owner);
    it->bytes = xmemdup(bytes, n);
    it->rec = (struct record){.id = it->id, .owner = it->owner, .bytes = it->bytes, .len = n};
    struct map *items = map_find(r->sets, set);
    if (items == NULL) {
        items = map_new(item_free);
        map_put(r->sets, set, items);
    }
    map_put(items, id, it);
}

void records_put(struct records *r, const char *set, const char *id, const void *bytes, size_t n)
{
    const struct item *old = find(r, set, id);
    bool same = old != NULL && old->rec.len == n && memcmp(old->bytes, bytes, n) == 0;
    note_said(r, set, id);
    if (!same || strcmp(old->owner, r->owner) != 0) {
        store(r, set, id, bytes, n);
    }
    if (!same) {
        r->changed(r->arg, set, id);
    }
}

/* What another owner has said since stays. */
static void unsay(struct records *r, const struct said *s)
{
    const struct item *it = find(r, s->set, s->id);
    if (it != NULL && strcmp(it->owner, r->owner) == 0) {
        map_remove(map_find(r->sets, s->set), s->id);
        r->changed(r->arg, s->set, s->id);
    }
}

void records_end(struct records *r)
{
    size_t at = 0;
    const char *key;
    void *value;
    while (map_next(r->saying, &at, &key, &value)) {
        const struct said *s = value;
        if (!s->again) {
            unsay(r, s);
            map_remove(r->saying, key);
        }
    }
    if (map_count(r->saying) == 0) {
        map_remove(r->owners, r->owner);
    }
    r->saying = NULL;
    free(steal(r->owner));
}

/* ---- walking ---- */

void records_each(const struct records *r, const char *set,
                  bool (*fn)(void *arg, const struct record *rec), void *arg)
{
    const struct map *items = map_find(r->sets, set);
    size_t at = 0;
    void *value;
    while (items != NULL && map_next(items, &at, NULL, &value)) {
        if (!fn(arg, &((const struct item *)value)->rec)) {
            return;
        }
    }
}

void records_each_of(const struct records *r, const char *owner, const char *set,
                     bool (*fn)(void *arg, const struct record *rec), void *arg)
{
    const struct map *saying = map_find(r->owners, owner);
    size_t at = 0;
    void *value;
    while (saying != NULL && map_next(saying, &at, NULL, &value)) {
        const struct said *s = value;
        const struct record *rec = strcmp(s->set, set) == 0 ? records_find(r, set, s->id) : NULL;
        if (rec != NULL && strcmp(rec->owner, owner) == 0 && !fn(arg, rec)) {
            return;
        }
    }
}

void records_each_owner(const struct records *r, bool (*fn)(void *arg, const char *owner),
                        void *arg)
{
    size_t at = 0;
    const char *owner;
    while (map_next(r->owners, &at, &owner, NULL)) {
        if (!fn(arg, owner)) {
            return;
        }
    }
}
