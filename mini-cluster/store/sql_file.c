/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a foreign database with SQLite could roll back its journal or leave files beside it. So
 * its first bytes are read first, through the same VFS. */
#include "store/sql_file.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/mem.h"

enum { HEADER_N = 100 };

static uint32_t big_endian(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void free_name(const char **name)
{
    sqlite3_free_filename((char *)(uintptr_t)*name);
}

/* The first bytes of a file, zeros behind its end, and its size; -1: missing. */
static int read_head(sqlite3_vfs *vfs, const char *path, const char *suffix, int flags,
                     unsigned char *head, sqlite3_int64 *ret_size, struct err *err)
{
    cleanup_free char *whole = xasprintf("%s%s", path, suffix);
    int there = 0;
    *ret_size = -1;
    if (vfs->xAccess(vfs, whole, SQLITE_ACCESS_EXISTS, &there) == SQLITE_OK && !there) {
        return 0;
    }
    __attribute__((cleanup(free_name))) const char *name =
        sqlite3_create_filename(whole, "", "", 0, NULL);
    cleanup_free sqlite3_file *f = xcalloc(1, (size_t)vfs->szOsFile);
    int rc = vfs->xOpen(vfs, name, f, SQLITE_OPEN_READONLY | flags, NULL);
    if (rc == SQLITE_OK) {
        rc = f->pMethods->xFileSize(f, ret_size);
    }
    if (rc == SQLITE_OK && *ret_size == 0 && f->pMethods->xRead(f, head, 1, 0) == SQLITE_OK) {
        *ret_size = 1; /* SQLite takes a file of one byte for an empty one */
    }
    if (rc == SQLITE_OK) {
        memset(head, 0, HEADER_N);
        rc = f->pMethods->xRead(f, head, HEADER_N, 0);
        rc = rc == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : rc;
    }
    if (f->pMethods != NULL) {
        f->pMethods->xClose(f);
    }
    return rc == SQLITE_OK
               ? 0
               : err_set(err, ERR_UNAVAILABLE, "%s cannot be read: %s", whole, sqlite3_errstr(rc));
}

/* A rollback journal that says the database was empty before: a creation that did not end. */
static bool was_being_made(const unsigned char *head, sqlite3_int64 size)
{
    static const unsigned char magic[] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    return size >= 28 && memcmp(head, magic, sizeof(magic)) == 0 && big_endian(head + 16) == 0;
}

static int check_head(const char *path, const unsigned char *head, struct err *err)
{
    if (memcmp(head, "SQLite format 3", 16) != 0) {
        return err_set(err, ERR_INVALID,
                       "%s is no database: it was left as it is; move it away, or choose another "
                       "folder for the cluster's state",
                       path);
    }
    if (big_endian(head + 68) != STORE_SQL_APPLICATION) {
        return err_set(err, ERR_INVALID,
                       "%s is the database of another program: it was left as it is; move it away, "
                       "or choose another folder for the cluster's state",
                       path);
    }
    if (big_endian(head + 60) > STORE_SQL_FORMAT) {
        return err_set(err, ERR_INVALID,
                       "%s was written by a newer version (format %u; this one reads up to %d): it "
                       "was left as it is; use that version, or remove the cluster first",
                       path, (unsigned)big_endian(head + 60), STORE_SQL_FORMAT);
    }
    return 0;
}

int store_sql_file_check(const char *path, const char *vfs_name, struct err *err)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(vfs_name);
    if (vfs == NULL) {
        return err_set(err, ERR_INTERNAL, "SQLite has no VFS \"%s\"",
                       vfs_name != NULL ? vfs_name : "");
    }
    unsigned char head[HEADER_N] = {0}, journal[HEADER_N] = {0};
    sqlite3_int64 size, journal_size;
    if (read_head(vfs, path, "", SQLITE_OPEN_MAIN_DB, head, &size, err) < 0) {
        return -1;
    }
    if (size <= 0) {
        return 0;
    }
    if (check_head(path, head, err) == 0) {
        return 0;
    }
    struct err ignored;
    if (read_head(vfs, path, "-journal", SQLITE_OPEN_MAIN_JOURNAL, journal, &journal_size,
                  &ignored) == 0 &&
        was_being_made(journal, journal_size)) {
        return 0;
    }
    return -1;
}
