/* SPDX-License-Identifier: Apache-2.0 */
/* There is one view, the staged one, and a list of what each change replaced. */
#include "store/record.h"

#include <assert.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/vec.h"
#include "store/order.h"
#include "store/sql.h"

enum { VALUE_MAX = 64 * 1024 };

struct record {
    struct store_order_node node;
    json_t *value;
    char *table, *key;
};

struct change {
    char *table, *key;
    json_t *was, *now; /* references; NULL: none */
    char *text;        /* of `now` */
};

struct store_records {
    struct store_order order;
    VEC(struct change) staged;
};

struct record_key {
    const char *table, *key;
};

static struct record *record_of(const struct store_order_node *n)
{
    return (struct record *)(uintptr_t)n;
}

static int compare(const void *key, const struct store_order_node *n)
{
    const struct record_key *a = key;
    const struct record *b = record_of(n);
    int c = strcmp(a->table, b->table);
    return c != 0 ? c : strcmp(a->key, b->key);
}

struct store_records *store_records_new(void)
{
    struct store_records *r = xnew(struct store_records);
    r->order.compare = compare;
    return r;
}

static struct record *find(const struct store_records *r, const char *table, const char *key)
{
    struct record_key want = {table, key};
    struct store_order_node *n = store_order_from(&r->order, &want);
    return n != NULL && compare(&want, n) == 0 ? record_of(n) : NULL;
}

static void remove_record(struct store_records *r, struct record *rec)
{
    store_order_remove(&r->order, &rec->node);
    json_decref(rec->value);
    free(rec->table);
    free(rec->key);
    free(rec);
}

/* Gains a reference to the value; NULL removes. */
static void set(struct store_records *r, const char *table, const char *key, json_t *value)
{
    struct record *rec = find(r, table, key);
    if (value == NULL) {
        if (rec != NULL) {
            remove_record(r, rec);
        }
        return;
    }
    if (rec == NULL) {
        struct record_key want = {table, key};
        rec = xnew(struct record);
        rec->table = xstrdup(table);
        rec->key = xstrdup(key);
        store_order_insert(&r->order, &rec->node, &want);
    }
    json_incref(value);
    json_decref(rec->value);
    rec->value = value;
}

void store_records_free(struct store_records *r)
{
    if (r == NULL) {
        return;
    }
    store_records_settle(r, true);
    while (r->order.root != NULL) {
        remove_record(r, record_of(r->order.root));
    }
    vec_fini(&r->staged);
    free(r);
}

static int load_one(void *arg, const char *table, const char *key, const char *value, size_t n,
                    struct err *err)
{
    json_t *tree = NULL;
    if (jx_parse(value, n, false, &tree, err) < 0) {
        err->code = ERR_INVALID;
        return err_wrap(err, "record %s/%s", table, key);
    }
    set(arg, table, key, tree);
    json_decref(tree);
    return 0;
}

int store_records_load(struct store_records *r, struct store_sql *sql, struct err *err)
{
    return store_sql_each_record(sql, load_one, r, err);
}

bool store_records_stage(struct store_records *r, const char *table, const char *key, json_t *value)
{
    struct record *rec = find(r, table, key);
    json_t *was = rec != NULL ? rec->value : NULL;
    if (was == value || (was != NULL && value != NULL && jx_equal(was, value))) {
        json_decref(value);
        return false;
    }
    char *text = value != NULL ? jx_dump_text(value) : NULL;
    assert(text == NULL || strlen(text) <= VALUE_MAX);
    struct change c = {xstrdup(table), xstrdup(key), json_incref(was), value, text};
    vec_push(&r->staged, c);
    set(r, c.table, c.key, value);
    return true;
}

const json_t *store_records_find(const struct store_records *r, const char *table, const char *key)
{
    const struct record *rec = find(r, table, key);
    return rec != NULL ? rec->value : NULL;
}

void store_records_each(const struct store_records *r, const char *table,
                        bool (*fn)(void *arg, const char *key, const json_t *value), void *arg)
{
    VEC(struct change) seen = {0}; /* as they were when the walk began */
    struct record_key from = {table, ""};
    for (const struct store_order_node *n = store_order_from(&r->order, &from);
         n != NULL && strcmp(record_of(n)->table, table) == 0; n = store_order_next(n)) {
        struct change c = {.key = xstrdup(record_of(n)->key),
                           .now = json_incref(record_of(n)->value)};
        vec_push(&seen, c);
    }
    bool more = true;
    for (size_t i = 0; i < seen.n; i++) {
        more = more && fn(arg, seen.v[i].key, seen.v[i].now);
        free(seen.v[i].key);
        json_decref(seen.v[i].now);
    }
    vec_fini(&seen);
}

size_t store_records_staged(const struct store_records *r)
{
    return r->staged.n;
}

int store_records_write(const struct store_records *r, struct store_sql *sql, struct err *err)
{
    for (size_t i = 0; i < r->staged.n; i++) {
        const struct change *c = &r->staged.v[i];
        if (store_sql_put_record(sql, c->table, c->key, c->text, err) < 0) {
            return -1;
        }
    }
    return 0;
}

void store_records_settle(struct store_records *r, bool keep)
{
    for (size_t i = r->staged.n; i-- > 0;) { /* backwards: what was there first comes back last */
        struct change *c = &r->staged.v[i];
        if (!keep) {
            set(r, c->table, c->key, c->was);
        }
        json_decref(c->was);
        json_decref(c->now);
        free(c->table);
        free(c->key);
        free(c->text);
    }
    r->staged.n = 0;
}
