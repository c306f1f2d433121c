/* SPDX-License-Identifier: Apache-2.0 */
/* The database file: the only place that knows SQL and its schema.
 *
 * There is one table of versions, keyed by revision, and it is the log and the objects at once: a
 * row stays while it is an object's present version, an event that is kept, or the version before
 * one. So an object is written once, always at the end, and log and objects cannot disagree. */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include "store/store.h"

struct store_sql;

/* Opens, makes the tables when the file is empty, and checks whose it is. `*ret_new`: it was empty.
 */
int store_sql_open(const char *path, const char *vfs, struct store_sql **ret, bool *ret_new,
                   struct err *err) WARN_UNUSED;
/* A second connection to a database that is open, for checkpoints only. */
int store_sql_open_second(const char *path, const char *vfs, struct store_sql **ret,
                          struct err *err) WARN_UNUSED;
/* `tidy`: the log of SQLite is moved into the file. NULL is fine. */
void store_sql_close(struct store_sql *q, bool tidy);

/* One transaction. `sync`: its end waits for the disk. After a failure, also of the end, the caller
 * undoes. Errors are ERR_UNAVAILABLE and say what to do. */
int store_sql_begin(struct store_sql *q, bool sync, struct err *err) WARN_UNUSED;
int store_sql_end(struct store_sql *q, struct err *err) WARN_UNUSED;
void store_sql_undo(struct store_sql *q);

/* Small named numbers and texts. */
int store_sql_set_int(struct store_sql *q, const char *name, int64_t value,
                      struct err *err) WARN_UNUSED;
int store_sql_set_text(struct store_sql *q, const char *name, const char *value,
                       struct err *err) WARN_UNUSED;
/* 0, or "", when there is none. The text is the caller's. */
int store_sql_get_int(struct store_sql *q, const char *name, int64_t *ret,
                      struct err *err) WARN_UNUSED;
int store_sql_get_text(struct store_sql *q, const char *name, char **ret,
                       struct err *err) WARN_UNUSED;
/* Writes this many bytes that mean nothing, and removes them: is there room? */
int store_sql_probe(struct store_sql *q, size_t bytes, struct err *err) WARN_UNUSED;

struct store_row {
    struct store_entry entry; /* without labels */
    int type;                 /* enum store_event_type */
    int64_t prev;             /* the revision of the version before; 0: none */
    int64_t sum;              /* of the bytes */
    const char *labels;       /* as JSON; "" when there are none */
};
int store_sql_put_row(struct store_sql *q, const struct store_row *row,
                      struct err *err) WARN_UNUSED;
int store_sql_delete_row(struct store_sql *q, int64_t rev, struct err *err) WARN_UNUSED;
/* Calls fn for each in the order of revisions; `row` is borrowed. Stops at the first -1. */
int store_sql_each_row(struct store_sql *q,
                       int (*fn)(void *arg, const struct store_row *row, struct err *err),
                       void *arg, struct err *err) WARN_UNUSED;

/* `value` is JSON text; NULL deletes. */
int store_sql_put_record(struct store_sql *q, const char *table, const char *key, const char *value,
                         struct err *err) WARN_UNUSED;
int store_sql_each_record(struct store_sql *q,
                          int (*fn)(void *arg, const char *table, const char *key,
                                    const char *value, size_t n, struct err *err),
                          void *arg, struct err *err) WARN_UNUSED;

/* Moves SQLite's log into the file: what no reader or writer hinders, or, with `restart`, all of
 * it, so that the log begins anew. */
int store_sql_checkpoint(struct store_sql *q, bool restart, struct err *err) WARN_UNUSED;
/* Sizes in bytes; of the log as it was after the last commit. */
int64_t store_sql_wal_bytes(const struct store_sql *q);
int64_t store_sql_db_bytes(struct store_sql *q);

#endif
