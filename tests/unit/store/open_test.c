/* SPDX-License-Identifier: Apache-2.0 */
/* Opening on a real disk: whose files are refused, untouched and with nothing left beside them; and
 * how the database's own log is kept short while the loop goes on. */
#include <dirent.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "fixture.h"

struct place {
    struct loop *loop;
    char folder[64];
    char *path;
    struct store_opts opts;
    struct store *s;
};

static void set_up_place(struct place *p, bool real)
{
    *p = (struct place){.loop = real ? loop_new() : loop_sim_new(1)};
    strcpy(p->folder, "/tmp/store-open-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    p->path = xasprintf("%s/state.db", p->folder);
    p->opts = (struct store_opts){.path = p->path};
}

/* The names in the folder. */
static char *names_in(const char *folder)
{
    struct dirent **list = NULL;
    int n = scandir(folder, &list, NULL, alphasort);
    struct str out = STR_INIT;
    for (int i = 0; i < n; i++) {
        if (list[i]->d_name[0] != '.') {
            str_add_f(&out, "%s ", list[i]->d_name);
        }
        free(list[i]);
    }
    free(list);
    return str_take(&out);
}

static void tear_down_place(struct place *p)
{
    store_close(p->s);
    loop_free(p->loop);
    static const char *const names[] = {"state.db", "state.db-wal", "state.db-shm",
                                        "state.db-journal"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        cleanup_free char *path = xasprintf("%s/%s", p->folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(p->folder), 0);
    free(p->path);
}

static void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static char *read_file(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    struct str out = STR_INIT;
    char buf[4096];
    for (size_t n; (n = fread(buf, 1, sizeof(buf), f)) > 0;) {
        str_add_n(&out, buf, n);
    }
    fclose(f);
    *ret_n = out.len;
    return str_take(&out);
}

/* The file is refused with this in the message, and is all there is in the folder, as before. */
static void check_refused(struct place *p, const char *part)
{
    size_t before_n, after_n;
    cleanup_free char *before = read_file(p->path, &before_n);
    struct err err = {ERR_NONE, ""};
    assert_int_equal(store_open(p->loop, &p->opts, &p->s, &err), -1);
    assert_null(p->s);
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.msg, p->path));
    if (strstr(err.msg, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, err.msg);
    }
    cleanup_free char *after = read_file(p->path, &after_n);
    assert_int_equal(before_n, after_n);
    assert_memory_equal(before, after, before_n);
    cleanup_free char *names = names_in(p->folder);
    assert_string_equal(names, "state.db ");
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
        fail_msg("%s: %s", sql, why);
    }
    sqlite3_close(db);
}

static void what_is_no_database_is_refused(void **state)
{
    struct place p;
    set_up_place(&p, false);
    write_file(p.path, "x", 1);
    check_refused(&p, "is no database");
    char text[5000];
    memset(text, 'n', sizeof(text));
    write_file(p.path, text, sizeof(text));
    check_refused(&p, "is no database");
    tear_down_place(&p);
}

static void the_database_of_another_program_is_refused(void **state)
{
    struct place p;
    set_up_place(&p, false);
    run_sql(p.path, "CREATE TABLE t(x); INSERT INTO t VALUES(1);");
    check_refused(&p, "another program");
    run_sql(p.path, "PRAGMA journal_mode=WAL; PRAGMA application_id=7; INSERT INTO t VALUES(2);");
    check_refused(&p, "another program");
    tear_down_place(&p);
}

static void a_newer_format_is_refused(void **state)
{
    struct place p;
    struct err err;
    set_up_place(&p, false);
    assert_int_equal(store_open(p.loop, &p.opts, &p.s, &err), 0);
    store_close(steal(p.s));
    run_sql(p.path, "PRAGMA user_version=2;");
    check_refused(&p, "newer version (format 2; this one reads up to 1)");
    tear_down_place(&p);
}

static void a_database_with_a_foreign_journal_is_refused(void **state)
{
    struct place p;
    set_up_place(&p, false);
    run_sql(p.path, "CREATE TABLE t(x);");
    cleanup_free char *journal = xasprintf("%s-journal", p.path);
    /* As another program would leave it: a journal of a database that had one page. */
    unsigned char head[512] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    head[19] = 1;
    write_file(journal, head, sizeof(head));
    struct err err = {ERR_NONE, ""};
    assert_int_equal(store_open(p.loop, &p.opts, &p.s, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    cleanup_free char *names = names_in(p.folder);
    assert_string_equal(names, "state.db state.db-journal ");
    tear_down_place(&p);
}

static void an_empty_file_is_a_new_store(void **state)
{
    struct place p;
    struct err err;
    set_up_place(&p, false);
    write_file(p.path, "", 0);
    assert_int_equal(store_open(p.loop, &p.opts, &p.s, &err), 0);
    assert_int_equal(store_revision(p.s, STORE_COMMITTED), 0);
    tear_down_place(&p);
}

static void where_nothing_can_be_made_the_reason_is_given(void **state)
{
    struct place p;
    struct err err = {ERR_NONE, ""};
    set_up_place(&p, false);
    p.opts.path = "/proc/nowhere/state.db";
    assert_int_equal(store_open(p.loop, &p.opts, &p.s, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(err.msg, "/proc/nowhere/state.db"));
    tear_down_place(&p);
}

static void the_same_file_is_not_opened_twice(void **state)
{
    struct place p;
    struct store *second = NULL;
    struct err err = {ERR_NONE, ""};
    set_up_place(&p, false);
    assert_int_equal(store_open(p.loop, &p.opts, &p.s, &err), 0);
    assert_int_equal(store_open(p.loop, &p.opts, &second, &err), -1);
    assert_non_null(strstr(err.msg, "is open already"));
    store_abandon(steal(p.s));
    assert_int_equal(store_open(p.loop, &p.opts, &p.s, &err), 0);
    tear_down_place(&p);
}

/* ---- damage ---- */

static void put_one(struct place *p, const char *name, const char *value)
{
    struct store_key key = pod_key(name);
    struct err err;
    assert_int_equal(store_put(p->s, &key, object("default", name, value), -1, NULL, &err), 0);
}

static void check_damage(const char *sql, const char *part)
{
    struct place p;
    struct err err = {ERR_NONE, ""};
    set_up_place(&p, false);
    assert_int_equal(store_open(p.loop, &p.opts, &p.s, &err), 0);
    put_one(&p, "a", "1");
    put_one(&p, "a", "2");
    store_record_put(p.s, "t", "k", json_true());
    store_close(steal(p.s));
    run_sql(p.path, sql);
    assert_int_equal(store_open(p.loop, &p.opts, &p.s, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    if (strstr(err.msg, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, err.msg);
    }
    tear_down_place(&p);
}

static void damage_is_found_at_the_door(void **state)
{
    check_damage("UPDATE version SET bytes = replace(bytes, 'Pod', 'pod') WHERE rev = 2",
                 "damaged at revision 2 (the object is not what was written)");
    check_damage("UPDATE version SET type = 9", "damaged at revision 1 (a value that cannot be)");
    check_damage("UPDATE version SET gr = '' WHERE rev = 2", "damaged at revision 2");
    check_damage("UPDATE version SET labels = '[1]' WHERE rev = 1", "labels that cannot be read");
    check_damage("UPDATE version SET labels = '{' WHERE rev = 1", "labels that cannot be read");
    check_damage("DELETE FROM version WHERE rev = 1", "the version before is missing");
    check_damage("UPDATE record SET value = 'tru'", "record t/k");
    check_damage("DROP TABLE version", "no such table");
}

/* ---- the database's own log ---- */

static void nothing(void *arg)
{
    (void)arg;
}

struct writer {
    struct place *p;
    int left;
    bool done;
    int64_t wal_max;
};

static void write_more(void *arg, bool ok, const char *why)
{
    struct writer *w = arg;
    struct store_stats st;
    assert_true(ok);
    store_stats(w->p->s, &st);
    w->wal_max = st.wal_bytes > w->wal_max ? st.wal_bytes : w->wal_max;
    w->done = w->left-- == 0;
    static char big[20000];
    memset(big, 'a' + w->left % 26, sizeof(big) - 1);
    for (int i = 0; i < 20 && !w->done; i++) {
        cleanup_free char *name = xasprintf("p%d", i);
        put_one(w->p, name, big);
    }
    if (!w->done) {
        store_on_commit(w->p->s, write_more, w);
    }
}

static void the_log_of_the_database_stays_short(void **state)
{
    struct place p;
    struct err err;
    set_up_place(&p, true);
    p.opts.log_keep = 50;
    assert_int_equal(store_open(p.loop, &p.opts, &p.s, &err), 0);
    struct writer w = {&p, 400, false,
                       0}; /* 160 MB; past 64 the log is begun anew, however busy the machine is */
    store_on_commit(p.s, write_more, &w);
    assert_true(loop_run_until(p.loop, &w.done, LOOP_S(60)));
    assert_true(w.wal_max > 4 << 20);
    assert_true(w.wal_max < 80 << 20);
    store_close(steal(p.s));
    cleanup_free char *names = names_in(p.folder);
    assert_string_equal(names, "state.db ");
    assert_int_equal(store_open(p.loop, &p.opts, &p.s, &err), 0);
    assert_int_equal(store_count(p.s, STORE_COMMITTED, "pods", NULL), 20);
    tear_down_place(&p);
}

static int64_t wal_of(struct store *s)
{
    struct store_stats st;
    store_stats(s, &st);
    return st.wal_bytes;
}

/* Somebody looks into the file with another program, for long. */
static void a_reader_of_the_file_only_delays_the_restart_of_its_log(void **state)
{
    struct place p;
    struct err err;
    sqlite3 *db = NULL;
    set_up_place(&p, false);
    p.opts.log_keep = 50;
    assert_int_equal(store_open(p.loop, &p.opts, &p.s, &err), 0);
    assert_int_equal(sqlite3_open(p.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT * FROM version", NULL, NULL, NULL), SQLITE_OK);
    struct writer w = {&p, 180, false, 0};
    store_on_commit(p.s, write_more, &w);
    assert_true(loop_run_until(p.loop, &w.done, LOOP_S(60)));
    loop_sim_advance(p.loop, 0);
    assert_true(wal_of(p.s) > 64 << 20);
    assert_true(store_writable(p.s));
    loop_sim_advance(p.loop, LOOP_S(11)); /* it failed a moment ago */
    put_one(&p, "after", "x");
    loop_sim_tick(p.loop); /* the commit, which begins a checkpoint */
    loop_sim_tick(p.loop); /* the worker moves what the reader lets it move */
    sqlite3_close(db);
    loop_sim_tick(p.loop); /* the writer moves the rest, and the log begins anew */
    put_one(&p, "after", "y");
    loop_sim_tick(p.loop);
    assert_true(wal_of(p.s) < 1 << 20);
    tear_down_place(&p);
}

static void a_store_closes_while_a_checkpoint_is_under_way(void **state)
{
    for (int i = 0; i < 10; i++) {
        struct place p;
        struct err err;
        set_up_place(&p, i < 5);
        assert_int_equal(store_open(p.loop, &p.opts, &p.s, &err), 0);
        struct writer w = {&p, 10 + i, false, 0};
        store_on_commit(p.s, write_more, &w);
        bool never = false;
        for (int j = 0; j < 100 && w.wal_max < 4 << 20; j++) {
            loop_defer(p.loop, nothing, &p);
            loop_run_until(p.loop, &never, 0);
        }
        if (i % 2 == 0) {
            store_abandon(steal(p.s));
        }
        tear_down_place(&p);
    }
}

int main(void)
{
    jx_init();
    log_set_level(LOG_ERROR + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_database_is_refused),
        cmocka_unit_test(the_database_of_another_program_is_refused),
        cmocka_unit_test(a_newer_format_is_refused),
        cmocka_unit_test(a_database_with_a_foreign_journal_is_refused),
        cmocka_unit_test(an_empty_file_is_a_new_store),
        cmocka_unit_test(where_nothing_can_be_made_the_reason_is_given),
        cmocka_unit_test(the_same_file_is_not_opened_twice),
        cmocka_unit_test(damage_is_found_at_the_door),
        cmocka_unit_test(the_log_of_the_database_stays_short),
        cmocka_unit_test(a_reader_of_the_file_only_delays_the_restart_of_its_log),
        cmocka_unit_test(a_store_closes_while_a_checkpoint_is_under_way),
    };
    return cmocka_run_group_tests_name("store open", tests, NULL, NULL);
}
