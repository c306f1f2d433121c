/* SPDX-License-Identifier: Apache-2.0 */
/* Every SQL text of the store. Statements are prepared at their first use and kept. */
#include "store/sql.h"

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <string.h>

#include "common/mem.h"
#include "store/sql_file.h"
#include "store/sql_impl.h"

enum { PAGE = 4096, FRAME = PAGE + 24, BUSY_MS = 50 };

/* The file is made with a rollback journal, so that it says whose it is before anything else. */
static const char schema[] =
    "BEGIN;"
    "PRAGMA application_id=" /* STORE_SQL_APPLICATION */ "1886348396;"
    "PRAGMA user_version=1;"
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;"
    "CREATE TABLE version(rev INTEGER PRIMARY KEY, type INTEGER NOT NULL, prev INTEGER NOT NULL,"
    " created INTEGER NOT NULL, gr TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL,"
    " uid TEXT NOT NULL, owner TEXT NOT NULL, node TEXT NOT NULL, phase TEXT NOT NULL,"
    " deleting INTEGER NOT NULL, labels TEXT NOT NULL, sum INTEGER NOT NULL, bytes TEXT NOT NULL)"
    " STRICT;"
    "CREATE TABLE record(tab TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,"
    " PRIMARY KEY(tab, key)) STRICT, WITHOUT ROWID;"
    "COMMIT;";
_Static_assert(STORE_SQL_APPLICATION == 1886348396, "the schema says the same");

#define COLUMNS                                                                                    \
    "rev, type, prev, created, gr, ns, name, uid, owner, node, phase, deleting, labels, sum, "     \
    "bytes"

static const char *const texts[SQL_STMTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_META_PUT] = "INSERT OR REPLACE INTO meta(name, value) VALUES(?1, ?2)",
    [SQL_META_GET] = "SELECT value FROM meta WHERE name = ?1",
    [SQL_META_DELETE] = "DELETE FROM meta WHERE name = ?1",
    [SQL_PROBE] = "INSERT OR REPLACE INTO meta(name, value) VALUES('probe', zeroblob(?1))",
    [SQL_ROW_PUT] = "INSERT INTO version(" COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
                    "?10, ?11, ?12, ?13, ?14, ?15)",
    [SQL_ROW_DELETE] = "DELETE FROM version WHERE rev = ?1",
    [SQL_ROWS] = "SELECT " COLUMNS " FROM version ORDER BY rev",
    [SQL_RECORD_PUT] = "INSERT OR REPLACE INTO record(tab, key, value) VALUES(?1, ?2, ?3)",
    [SQL_RECORD_DELETE] = "DELETE FROM record WHERE tab = ?1 AND key = ?2",
    [SQL_RECORDS] = "SELECT tab, key, value FROM record ORDER BY tab, key",
    [SQL_PAGES] = "PRAGMA page_count",
    [SQL_TO_WAL] = "PRAGMA journal_mode=WAL",
};

/* ---- failing ---- */

int store_sql_fail(struct store_sql *q, struct err *err)
{
    int rc = sqlite3_extended_errcode(q->db);
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return err_set(err, ERR_UNAVAILABLE,
                       "the disk is full: %s cannot grow; free some space, and writing goes on by "
                       "itself",
                       q->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_UNAVAILABLE,
                       "another program holds %s locked; close it, and writing goes on by itself",
                       q->path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: /* our statements are right, so the tables are not ours any more */
        return err_set(err, ERR_INVALID,
                       "%s is damaged (%s); move it away to begin with an empty cluster", q->path,
                       sqlite3_errmsg(q->db));
    default:
        break;
    }
    int errnum = sqlite3_system_errno(q->db);
    if (errnum == ENOSPC || errnum == EDQUOT) {
        return err_set(err, ERR_UNAVAILABLE,
                       "the disk is full: %s cannot grow; free some space, and writing goes on by "
                       "itself",
                       q->path);
    }
    return err_set(err, ERR_UNAVAILABLE, "%s cannot be read or written: %s%s%s", q->path,
                   sqlite3_errmsg(q->db), errnum != 0 ? ": " : "",
                   errnum != 0 ? strerror(errnum) : "");
}

static int run_text(struct store_sql *q, const char *sql, struct err *err)
{
    return sqlite3_exec(q->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_sql_fail(q, err);
}

/* ---- statements ---- */

sqlite3_stmt *store_sql_stmt(struct store_sql *q, enum store_sql_text which, struct err *err)
{
    if (q->stmts[which] == NULL &&
        sqlite3_prepare_v3(q->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, &q->stmts[which],
                           NULL) != SQLITE_OK) {
        store_sql_fail(q, err);
        return NULL;
    }
    return q->stmts[which];
}

/* Runs one that gives no rows. */
int store_sql_run(struct store_sql *q, sqlite3_stmt *st, struct err *err)
{
    int rc = sqlite3_step(st);
    int result = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : store_sql_fail(q, err);
    sqlite3_reset(st);
    return result;
}

static int run_plain(struct store_sql *q, enum store_sql_text which, struct err *err)
{
    sqlite3_stmt *st = store_sql_stmt(q, which, err);
    return st != NULL ? store_sql_run(q, st, err) : -1;
}

/* The caller's until the statement has run. */
void store_sql_bind(sqlite3_stmt *st, int at, const char *s)
{
    sqlite3_bind_text(st, at, s, -1, SQLITE_STATIC);
}

/* ---- opening ---- */

static int on_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct store_sql *)arg)->wal_pages = pages;
    return SQLITE_OK;
}

static int open_connection(const char *path, const char *vfs, int flags, struct store_sql **ret,
                           struct err *err)
{
    struct store_sql *q = xnew(struct store_sql);
    q->path = xstrdup(path);
    int rc =
        sqlite3_open_v2(path, &q->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | flags, vfs);
    if (rc != SQLITE_OK) {
        if (q->db != NULL) {
            store_sql_fail(q, err);
        } else {
            err_set(err, ERR_UNAVAILABLE, "%s cannot be opened: %s", path, sqlite3_errstr(rc));
        }
        store_sql_close(q, false);
        return -1;
    }
    sqlite3_extended_result_codes(q->db, 1);
    sqlite3_busy_timeout(q->db, BUSY_MS);
    *ret = q;
    return 0;
}

static int count_pages(struct store_sql *q, int64_t *ret, struct err *err)
{
    sqlite3_stmt *st = store_sql_stmt(q, SQL_PAGES, err);
    if (st == NULL) {
        return -1;
    }
    int rc = sqlite3_step(st);
    int64_t n = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    int result = rc == SQLITE_ROW ? 0 : store_sql_fail(q, err);
    sqlite3_reset(st);
    *ret = n;
    return result;
}

static int to_wal(struct store_sql *q, struct err *err)
{
    sqlite3_stmt *st = store_sql_stmt(q, SQL_TO_WAL, err);
    if (st == NULL) {
        return -1;
    }
    int rc = sqlite3_step(st);
    const unsigned char *text = rc == SQLITE_ROW ? sqlite3_column_text(st, 0) : NULL;
    const char *mode = text != NULL ? (const char *)text : "none";
    int result = rc != SQLITE_ROW ? store_sql_fail(q, err) : 0;
    if (result == 0 && strcmp(mode, "wal") != 0) {
        result = err_set(err, ERR_UNAVAILABLE,
                         "%s cannot have a write-ahead log (it stays in mode \"%s\"): is it on a "
                         "network file system?",
                         q->path, mode);
    }
    sqlite3_reset(st);
    return result;
}

static int prepare_file(struct store_sql *q, bool *ret_new, struct err *err)
{
    int64_t pages = 0;
    if (run_text(q, "PRAGMA synchronous=FULL; PRAGMA page_size=4096; PRAGMA secure_delete=OFF;",
                 err) < 0 ||
        count_pages(q, &pages, err) < 0) {
        return -1;
    }
    if (pages == 0 && run_text(q, schema, err) < 0) {
        return -1;
    }
    *ret_new = pages == 0;
    if (to_wal(q, err) < 0) {
        return -1;
    }
    /* Checkpoints are made by the second connection; a restarted log gives its space back. */
    return run_text(q,
                    "PRAGMA wal_autocheckpoint=0;"
                    "PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=8388608;"
                    "PRAGMA cache_size=-1024; PRAGMA temp_store=MEMORY;",
                    err);
}

int store_sql_open(const char *path, const char *vfs, struct store_sql **ret, bool *ret_new,
                   struct err *err)
{
    struct store_sql *q = NULL;
    if (store_sql_file_check(path, vfs, err) < 0 ||
        open_connection(path, vfs, SQLITE_OPEN_CREATE, &q, err) < 0) {
        return -1;
    }
    if (prepare_file(q, ret_new, err) < 0) {
        store_sql_close(q, false);
        return -1;
    }
    sqlite3_wal_hook(q->db, on_wal, q);
    *ret = q;
    return 0;
}

int store_sql_open_second(const char *path, const char *vfs, struct store_sql **ret,
                          struct err *err)
{
    struct store_sql *q = NULL;
    if (open_connection(path, vfs, 0, &q, err) < 0) {
        return -1;
    }
    if (run_text(q,
                 "PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-64;",
                 err) < 0) {
        store_sql_close(q, false);
        return -1;
    }
    *ret = q;
    return 0;
}

void store_sql_close(struct store_sql *q, bool tidy)
{
    if (q == NULL) {
        return;
    }
    for (int i = 0; i < SQL_STMTS; i++) {
        sqlite3_finalize(q->stmts[i]);
    }
    if (!tidy && q->db != NULL) {
        sqlite3_db_config(q->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    sqlite3_close(q->db);
    free(q->path);
    free(q);
}

/* ---- transactions ---- */

int store_sql_begin(struct store_sql *q, bool sync, struct err *err)
{
    if (sync && run_text(q, "PRAGMA synchronous=FULL", err) < 0) {
        return -1;
    }
    q->synced = sync;
    return run_plain(q, SQL_BEGIN, err);
}

static void end_sync(struct store_sql *q)
{
    struct err ignored;
    if (q->synced && run_text(q, "PRAGMA synchronous=NORMAL", &ignored) == 0) {
        q->synced = false;
    }
}

int store_sql_end(struct store_sql *q, struct err *err)
{
    int rc = run_plain(q, SQL_COMMIT, err);
    if (rc == 0) {
        end_sync(q);
    }
    return rc;
}

void store_sql_undo(struct store_sql *q)
{
    struct err ignored;
    if (!sqlite3_get_autocommit(q->db) && run_plain(q, SQL_ROLLBACK, &ignored) < 0) {
        return; /* SQLite rolls back by itself when it cannot even do that */
    }
    end_sync(q);
}

/* ---- named values ---- */

int store_sql_set_int(struct store_sql *q, const char *name, int64_t value, struct err *err)
{
    sqlite3_stmt *st = store_sql_stmt(q, SQL_META_PUT, err);
    if (st == NULL) {
        return -1;
    }
    store_sql_bind(st, 1, name);
    sqlite3_bind_int64(st, 2, value);
    return store_sql_run(q, st, err);
}

int store_sql_set_text(struct store_sql *q, const char *name, const char *value, struct err *err)
{
    sqlite3_stmt *st = store_sql_stmt(q, SQL_META_PUT, err);
    if (st == NULL) {
        return -1;
    }
    store_sql_bind(st, 1, name);
    store_sql_bind(st, 2, value);
    return store_sql_run(q, st, err);
}

/* Runs META_GET: 1 when there is a row, which the caller resets. */
static int get_meta(struct store_sql *q, const char *name, sqlite3_stmt **ret, struct err *err)
{
    sqlite3_stmt *st = store_sql_stmt(q, SQL_META_GET, err);
    if (st == NULL) {
        return -1;
    }
    store_sql_bind(st, 1, name);
    int rc = sqlite3_step(st);
    *ret = st;
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : store_sql_fail(q, err);
}

int store_sql_get_int(struct store_sql *q, const char *name, int64_t *ret, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int there = get_meta(q, name, &st, err);
    if (there >= 0) {
        *ret = there > 0 ? sqlite3_column_int64(st, 0) : 0;
    }
    sqlite3_reset(st);
    return there >= 0 ? 0 : -1;
}

int store_sql_get_text(struct store_sql *q, const char *name, char **ret, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int there = get_meta(q, name, &st, err);
    if (there >= 0) {
        const unsigned char *text = there > 0 ? sqlite3_column_text(st, 0) : NULL;
        *ret = xstrdup(text != NULL ? (const char *)text : "");
    }
    sqlite3_reset(st);
    return there >= 0 ? 0 : -1;
}

int store_sql_probe(struct store_sql *q, size_t bytes, struct err *err)
{
    sqlite3_stmt *st = store_sql_stmt(q, SQL_PROBE, err);
    if (st == NULL || store_sql_begin(q, false, err) < 0) {
        return -1;
    }
    sqlite3_bind_int64(st, 1, (int64_t)bytes);
    if (store_sql_run(q, st, err) < 0 || store_sql_end(q, err) < 0) {
        store_sql_undo(q);
        return -1;
    }
    st = store_sql_stmt(q, SQL_META_DELETE, err);
    if (st == NULL) {
        return -1;
    }
    store_sql_bind(st, 1, "probe");
    return store_sql_run(q, st, err);
}

/* ---- the file ---- */

int store_sql_checkpoint(struct store_sql *q, bool restart, struct err *err)
{
    int mode = restart ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
    int rc = sqlite3_wal_checkpoint_v2(q->db, "main", mode, NULL, NULL);
    return rc == SQLITE_OK ? 0 : store_sql_fail(q, err);
}

int64_t store_sql_wal_bytes(const struct store_sql *q)
{
    return (int64_t)q->wal_pages * FRAME;
}

int64_t store_sql_db_bytes(struct store_sql *q)
{
    struct err ignored;
    int64_t pages = 0;
    return count_pages(q, &pages, &ignored) == 0 ? pages * PAGE : 0;
}
