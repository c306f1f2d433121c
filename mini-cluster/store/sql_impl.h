/* SPDX-License-Identifier: Apache-2.0 */
/* A connection and its statements, for the two files that run them. */
#ifndef STORE_SQL_IMPL_H
#define STORE_SQL_IMPL_H

#include <sqlite3.h>
#include <stdbool.h>

#include "store/sql.h"

enum store_sql_text {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_META_PUT,
    SQL_META_GET,
    SQL_META_DELETE,
    SQL_PROBE,
    SQL_ROW_PUT,
    SQL_ROW_DELETE,
    SQL_ROWS,
    SQL_RECORD_PUT,
    SQL_RECORD_DELETE,
    SQL_RECORDS,
    SQL_PAGES,
    SQL_TO_WAL,
    SQL_STMTS
};

struct store_sql {
    sqlite3 *db;
    char *path;
    sqlite3_stmt *stmts[SQL_STMTS];
    int wal_pages;
    bool synced; /* the transaction under way ends with a sync */
};

/* The last error of the connection, in our words. Returns -1. */
int store_sql_fail(struct store_sql *q, struct err *err);
/* Prepared, reset; NULL sets err. */
sqlite3_stmt *store_sql_stmt(struct store_sql *q, enum store_sql_text which, struct err *err);
/* Binds a text that stays the caller's until the statement has run. */
void store_sql_bind(sqlite3_stmt *st, int at, const char *s);
/* Runs one that gives no rows, and resets it. */
int store_sql_run(struct store_sql *q, sqlite3_stmt *st, struct err *err);

#endif
