/* SPDX-License-Identifier: Apache-2.0 */
/* Versions and records between their structs and their rows. */
#include "common/mem.h"
#include "store/sql_impl.h"

/* ---- versions ---- */

int store_sql_put_row(struct store_sql *q, const struct store_row *row, struct err *err)
{
    sqlite3_stmt *st = store_sql_stmt(q, SQL_ROW_PUT, err);
    if (st == NULL) {
        return -1;
    }
    const struct store_entry *e = &row->entry;
    sqlite3_bind_int64(st, 1, e->rev);
    sqlite3_bind_int(st, 2, row->type);
    sqlite3_bind_int64(st, 3, row->prev);
    sqlite3_bind_int64(st, 4, e->create_rev);
    const char *const strings[] = {e->key.gr,    e->key.ns, e->key.name, e->uid,
                                   e->owner_uid, e->node,   e->phase};
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        store_sql_bind(st, 5 + (int)i, strings[i]);
    }
    sqlite3_bind_int(st, 12, e->deleting);
    store_sql_bind(st, 13, row->labels);
    sqlite3_bind_int64(st, 14, row->sum);
    sqlite3_bind_text64(st, 15, e->bytes, e->len, SQLITE_STATIC, SQLITE_UTF8);
    return store_sql_run(q, st, err);
}

int store_sql_delete_row(struct store_sql *q, int64_t rev, struct err *err)
{
    sqlite3_stmt *st = store_sql_stmt(q, SQL_ROW_DELETE, err);
    if (st == NULL) {
        return -1;
    }
    sqlite3_bind_int64(st, 1, rev);
    return store_sql_run(q, st, err);
}

static const char *column(sqlite3_stmt *st, int at)
{
    const unsigned char *text = sqlite3_column_text(st, at);
    return text != NULL ? (const char *)text : "";
}

static void read_row(sqlite3_stmt *st, struct store_row *row)
{
    *row = (struct store_row){
        .type = sqlite3_column_int(st, 1),
        .prev = sqlite3_column_int64(st, 2),
        .labels = column(st, 12),
        .sum = sqlite3_column_int64(st, 13),
        .entry = {.rev = sqlite3_column_int64(st, 0),
                  .create_rev = sqlite3_column_int64(st, 3),
                  .key = {column(st, 4), column(st, 5), column(st, 6)},
                  .uid = column(st, 7),
                  .owner_uid = column(st, 8),
                  .node = column(st, 9),
                  .phase = column(st, 10),
                  .deleting = sqlite3_column_int(st, 11) != 0,
                  .bytes = column(st, 14),
                  .len = (size_t)sqlite3_column_bytes(st, 14)},
    };
}

int store_sql_each_row(struct store_sql *q,
                       int (*fn)(void *arg, const struct store_row *row, struct err *err),
                       void *arg, struct err *err)
{
    sqlite3_stmt *st = store_sql_stmt(q, SQL_ROWS, err);
    int rc = SQLITE_ROW, result = st != NULL ? 0 : -1;
    while (result == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct store_row row;
        read_row(st, &row);
        result = fn(arg, &row, err);
    }
    if (result == 0 && rc != SQLITE_DONE) {
        result = store_sql_fail(q, err);
    }
    sqlite3_reset(st);
    return result;
}

/* ---- records ---- */

int store_sql_put_record(struct store_sql *q, const char *table, const char *key, const char *value,
                         struct err *err)
{
    sqlite3_stmt *st = store_sql_stmt(q, value != NULL ? SQL_RECORD_PUT : SQL_RECORD_DELETE, err);
    if (st == NULL) {
        return -1;
    }
    store_sql_bind(st, 1, table);
    store_sql_bind(st, 2, key);
    if (value != NULL) {
        store_sql_bind(st, 3, value);
    }
    return store_sql_run(q, st, err);
}

int store_sql_each_record(struct store_sql *q,
                          int (*fn)(void *arg, const char *table, const char *key,
                                    const char *value, size_t n, struct err *err),
                          void *arg, struct err *err)
{
    sqlite3_stmt *st = store_sql_stmt(q, SQL_RECORDS, err);
    int rc = SQLITE_ROW, result = st != NULL ? 0 : -1;
    while (result == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        const char *value = column(st, 2);
        result =
            fn(arg, column(st, 0), column(st, 1), value, (size_t)sqlite3_column_bytes(st, 2), err);
    }
    if (result == 0 && rc != SQLITE_DONE) {
        result = store_sql_fail(q, err);
    }
    sqlite3_reset(st);
    return result;
}
