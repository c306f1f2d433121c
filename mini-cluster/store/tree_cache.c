/* SPDX-License-Identifier: Apache-2.0 */
/* A list from the newest use to the oldest, through the entries themselves. */
#include "store/tree_cache.h"

#include "common/json/jx.h"
#include "common/log.h"
#include "common/vec.h"
#include "store/entry.h"

/* A slice is some two milliseconds of pods; a load that keeps making more than that may not fill
 * the memory either. */
enum { TRIM_SLICE = 128, OVERSHOOT = 4 };

struct store_tree_cache {
    struct entry *newest, *oldest;
    size_t n, max;
    VEC(json_t *) left; /* forgotten, but somebody may have borrowed them this tick */
};

struct store_tree_cache *store_tree_cache_new(size_t max)
{
    struct store_tree_cache *c = xnew(struct store_tree_cache);
    c->max = max;
    return c;
}

static void unlink_entry(struct store_tree_cache *c, struct entry *e)
{
    *(e->newer != NULL ? &e->newer->older : &c->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &c->oldest) = e->newer;
    e->newer = e->older = NULL;
    c->n--;
}

static void link_newest(struct store_tree_cache *c, struct entry *e)
{
    e->older = c->newest;
    e->newer = NULL;
    *(c->newest != NULL ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
    c->n++;
}

/* The tree, out of the cache; the caller owns it. */
static json_t *take_out(struct store_tree_cache *c, struct entry *e)
{
    unlink_entry(c, e);
    e->cache = NULL;
    return steal(e->tree);
}

void store_tree_cache_free(struct store_tree_cache *c)
{
    if (c == NULL) {
        return;
    }
    c->max = 0;
    while (store_tree_cache_trim(c)) {
    }
    vec_fini(&c->left);
    free(c);
}

void store_tree_cache_put(struct store_tree_cache *c, const struct store_entry *pub, json_t *tree)
{
    struct entry *e = entry_of(pub);
    e->tree = tree;
    e->cache = c;
    link_newest(c, e);
}

/* Only what we encoded ourselves comes here, so a failure means damaged memory or disk; whoever
 * asks still gets an object with its name. */
static json_t *stand_in(const struct store_entry *e, const struct err *err)
{
    log_error("store", "%s %s/%s at revision %lld cannot be read: %s", e->key.gr, e->key.ns,
              e->key.name, (long long)e->rev, err->msg);
    json_t *obj = json_object();
    jx_put_str(obj, "metadata.name", e->key.name);
    if (e->key.ns[0] != '\0') {
        jx_put_str(obj, "metadata.namespace", e->key.ns);
    }
    return obj;
}

const json_t *store_tree_cache_get(struct store_tree_cache *c, const struct store_entry *pub)
{
    struct entry *e = entry_of(pub);
    if (e->tree != NULL) {
        unlink_entry(e->cache, e);
        link_newest(e->cache, e);
        return e->tree;
    }
    json_t *tree = NULL;
    struct err err;
    if (jx_parse(pub->bytes, pub->len, false, &tree, &err) < 0) {
        tree = stand_in(pub, &err);
    }
    store_tree_cache_put(c, pub, tree);
    return tree;
}

void store_tree_cache_forget(struct store_tree_cache *c, const struct store_entry *e)
{
    if (entry_of(e)->tree != NULL) {
        json_t *tree = take_out(c, entry_of(e));
        vec_push(&c->left, tree);
    }
}

bool store_tree_cache_trim(struct store_tree_cache *c)
{
    size_t all = c->left.n + c->n, bound = c->max * OVERSHOOT;
    size_t slice = all > bound + TRIM_SLICE ? all - bound : TRIM_SLICE;
    for (; c->left.n > 0 && slice > 0; slice--) {
        json_decref(c->left.v[--c->left.n]);
    }
    for (; c->n > c->max && slice > 0; slice--) {
        json_decref(take_out(c, c->oldest));
    }
    return c->left.n > 0 || c->n > c->max;
}

size_t store_tree_cache_count(const struct store_tree_cache *c)
{
    return c->n;
}
