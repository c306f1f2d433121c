/* SPDX-License-Identifier: Apache-2.0 */
/* The memory VFS is a disk to SQLite: two connections, locks, a write-ahead log; and it breaks as a
 * disk does. */
#include <sqlite3.h>

#include "fixture.h"
#include "store/memvfs_disk.h"

static sqlite3 *open_db(void)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2("t.db", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, DISK),
                     SQLITE_OK);
    return db;
}

static int run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* The one number that a query gives. */
static int64_t ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st = NULL;
    int64_t n = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW) {
        n = sqlite3_column_int64(st, 0);
    }
    sqlite3_finalize(st);
    return n;
}

#define COUNT "SELECT count(*) FROM t"
#define INSERT "INSERT INTO t VALUES(randomblob(3000))"

static void check_two_connections(const char *mode)
{
    struct memvfs *v = memvfs_new(DISK);
    sqlite3 *a = open_db(), *b = open_db();
    cleanup_free char *pragma = xasprintf("PRAGMA journal_mode=%s", mode);
    assert_int_equal(run(a, pragma), SQLITE_OK);
    assert_int_equal(run(a, "CREATE TABLE t(x)"), SQLITE_OK);
    assert_int_equal(run(a, INSERT), SQLITE_OK);
    assert_int_equal(ask(b, COUNT), 1);
    assert_int_equal(run(a, "BEGIN IMMEDIATE;" INSERT), SQLITE_OK);
    assert_int_equal(run(b, "BEGIN IMMEDIATE"), SQLITE_BUSY);
    assert_int_equal(ask(b, COUNT), 1);
    assert_int_equal(run(a, "ROLLBACK"), SQLITE_OK);
    assert_int_equal(run(b, "BEGIN IMMEDIATE;" INSERT ";COMMIT"), SQLITE_OK);
    assert_int_equal(ask(a, COUNT), 2);
    assert_int_equal(
        ask(a, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
    sqlite3_close(b);
    sqlite3_close(a);
    memvfs_free(v);
}

static void two_connections_see_and_lock_each_other(void **state)
{
    check_two_connections("DELETE");
    check_two_connections("WAL");
}

static void a_reader_keeps_its_snapshot(void **state)
{
    struct memvfs *v = memvfs_new(DISK);
    sqlite3 *a = open_db(), *b = open_db();
    run(a, "PRAGMA journal_mode=WAL; CREATE TABLE t(x);" INSERT);
    assert_int_equal(run(b, "BEGIN"), SQLITE_OK);
    assert_int_equal(ask(b, COUNT), 1);
    run(a, INSERT);
    assert_int_equal(ask(a, COUNT), 2);
    assert_int_equal(ask(b, COUNT), 1);
    int log = 0, moved = 0;
    sqlite3_wal_checkpoint_v2(a, NULL, SQLITE_CHECKPOINT_PASSIVE, &log, &moved);
    assert_true(moved < log);
    run(b, "COMMIT");
    assert_int_equal(sqlite3_wal_checkpoint_v2(b, NULL, SQLITE_CHECKPOINT_TRUNCATE, &log, &moved),
                     SQLITE_OK);
    assert_int_equal(ask(b, COUNT), 2);
    size_t n = 1;
    memvfs_read(v, "t.db-wal", &n);
    assert_int_equal(n, 0);
    sqlite3_close(a);
    sqlite3_close(b);
    assert_null(memvfs_read(v, "t.db-wal", &n));
    memvfs_free(v);
}

static void a_full_disk_gives_the_error_of_one(void **state)
{
    struct memvfs *v = memvfs_new(DISK);
    sqlite3 *a = open_db();
    run(a, "PRAGMA journal_mode=WAL; CREATE TABLE t(x)");
    memvfs_full(v, true);
    assert_int_equal(run(a, INSERT), SQLITE_FULL);
    assert_int_equal(ask(a, COUNT), 0);
    memvfs_full(v, false);
    assert_int_equal(run(a, INSERT), SQLITE_OK);
    sqlite3_close(a);
    memvfs_free(v);
}

static void steps_are_counted_and_the_machine_dies_at_one(void **state)
{
    struct memvfs *v = memvfs_new(DISK);
    sqlite3 *a = open_db();
    run(a, "PRAGMA journal_mode=WAL; CREATE TABLE t(x)");
    uint64_t before = memvfs_steps(v);
    assert_int_equal(run(a, INSERT), SQLITE_OK);
    assert_true(memvfs_steps(v) > before);
    memvfs_crash_at(v, memvfs_steps(v) + 2);
    assert_int_equal(run(a, INSERT) & 0xff, SQLITE_IOERR);
    uint64_t dead = memvfs_steps(v);
    assert_int_not_equal(run(a, INSERT), SQLITE_OK);
    assert_int_equal(memvfs_steps(v), dead);
    sqlite3 *b = NULL;
    assert_int_not_equal(sqlite3_open_v2("t.db", &b, SQLITE_OPEN_READWRITE, DISK), SQLITE_OK);
    sqlite3_close(b);
    memvfs_reboot(v, 1, false);
    assert_int_not_equal(run(a, INSERT), SQLITE_OK); /* open before the reboot: dead for good */
    b = open_db();
    assert_int_equal(ask(b, COUNT), 1);
    sqlite3_close(a);
    assert_int_equal(run(b, INSERT), SQLITE_OK);
    assert_int_equal(ask(b, COUNT), 2);
    sqlite3_close(b);
    memvfs_free(v);
}

/* What is synced stays, what is not may go; both happen. */
static void a_power_cut_keeps_what_is_synced(void **state)
{
    int kept = 0, lost = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct memvfs *v = memvfs_new(DISK);
        sqlite3 *a = open_db();
        run(a, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t(x);" INSERT);
        run(a, "PRAGMA synchronous=NORMAL;" INSERT);
        memvfs_reboot(v, seed, true);
        sqlite3 *b = open_db();
        int64_t n = ask(b, COUNT);
        assert_in_range(n, 1, 2);
        kept += n == 2;
        lost += n == 1;
        sqlite3_close(b);
        sqlite3_close(a);
        memvfs_free(v);
    }
    assert_true(kept > 0);
    assert_true(lost > 0);
}

/* An overwritten file is old, new, or torn between sectors; each happens. */
static void a_power_cut_tears_what_is_not_synced(void **state)
{
    int old = 0, new = 0, torn = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct mem_disk d = {NULL};
        struct mem_file *f = memvfs_disk_make(&d, "f");
        char bytes[2048], got[2048];
        memset(bytes, 'o', sizeof(bytes));
        memvfs_disk_write(f, bytes, sizeof(bytes), 0);
        memvfs_disk_sync(f);
        memset(bytes, 'n', sizeof(bytes));
        memvfs_disk_write(f, bytes, sizeof(bytes), 0);
        uint64_t state_of_chance = seed;
        memvfs_disk_power_cut(f, &state_of_chance);
        assert_int_equal(memvfs_disk_read(f, got, sizeof(got), 0), sizeof(got));
        int n = 0;
        for (int i = 0; i < 4; i++) {
            assert_memory_equal(got + i * 512, got[i * 512] == 'o' ? "oooo" : "nnnn", 4);
            assert_int_equal(got[i * 512], got[i * 512 + 511]);
            n += got[i * 512] == 'n';
        }
        old += n == 0;
        new += n == 4;
        torn += n > 0 && n < 4;
        memvfs_disk_unref(f);
        memvfs_disk_fini(&d);
    }
    assert_true(old > 0 && new > 0 && torn > 0);
}

static void files_can_be_written_and_read_from_outside(void **state)
{
    struct memvfs *v = memvfs_new(DISK);
    size_t n = 0;
    assert_null(memvfs_read(v, "f", &n));
    memvfs_write(v, "f", "hello", 5);
    memvfs_write(v, "f", "bye", 3);
    assert_memory_equal(memvfs_read(v, "f", &n), "bye", 3);
    assert_int_equal(n, 3);
    memvfs_free(v);
}

/* A file that is not ours, on this disk too. */
static void a_foreign_file_is_left_alone(void **state)
{
    struct fixture f = {.loop = loop_sim_new(1), .disk = memvfs_new(DISK)};
    f.opts = (struct store_opts){.path = FILE_NAME, .vfs = DISK, .boot_id = "first"};
    memvfs_write(f.disk, FILE_NAME, "somebody's notes", 16);
    uint64_t steps = memvfs_steps(f.disk);
    struct err err;
    assert_int_equal(store_open(f.loop, &f.opts, &f.s, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(memvfs_steps(f.disk), steps);
    size_t n;
    assert_null(memvfs_read(f.disk, FILE_NAME "-wal", &n));
    assert_null(memvfs_read(f.disk, FILE_NAME "-journal", &n));
    assert_memory_equal(memvfs_read(f.disk, FILE_NAME, &n), "somebody's notes", 16);
    tear_down(&f);
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_connections_see_and_lock_each_other),
        cmocka_unit_test(a_reader_keeps_its_snapshot),
        cmocka_unit_test(a_full_disk_gives_the_error_of_one),
        cmocka_unit_test(steps_are_counted_and_the_machine_dies_at_one),
        cmocka_unit_test(a_power_cut_keeps_what_is_synced),
        cmocka_unit_test(a_power_cut_tears_what_is_not_synced),
        cmocka_unit_test(files_can_be_written_and_read_from_outside),
        cmocka_unit_test(a_foreign_file_is_left_alone),
    };
    return cmocka_run_group_tests_name("store memvfs", tests, NULL, NULL);
}
