/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that what a learner did is there the next day, and that no other file is harmed. */
#include "common/testing.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "journal/journal.h"

struct fixture {
    char dir[64];
    char path[96];
    struct journal *j;
};

static int set_up(void **state)
{
    struct fixture *f = xnew(struct fixture);
    str_copy(f->dir, sizeof(f->dir), "/tmp/journal-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/journal.db", f->dir);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    static const char *const ends[] = {"", "-wal", "-shm"};
    journal_close(f->j);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s%s", f->path, ends[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

static void reopen(struct fixture *f)
{
    struct err err;
    journal_close(f->j);
    f->j = NULL;
    if (journal_open(f->path, &f->j, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

static void add(struct fixture *f, const char *lab, struct journal_session *ret)
{
    struct err err;
    *ret = (struct journal_session){0};
    str_copy(ret->lab, sizeof(ret->lab), lab);
    str_copy(ret->lab_sha, sizeof(ret->lab_sha), "abc");
    str_copy(ret->cluster, sizeof(ret->cluster), "uid-1");
    if (journal_add(f->j, ret, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

static int64_t append(struct fixture *f, const struct journal_session *s, const char *kind,
                      const char *step, const char *args)
{
    struct err err;
    int64_t seq = 0;
    static int64_t wall = 1000;
    json_auto_t *json = args != NULL ? json_loads(args, 0, NULL) : NULL;
    if (journal_append(f->j, s->uuid, 5, ++wall, kind, step, json, &seq, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return seq;
}

static void sessions_outlive_the_program(void **state)
{
    struct fixture *f = *state;
    struct journal_session a, b, found;
    struct err err;
    reopen(f);
    assert_false(journal_unfinished(f->j, "09-x", &found));
    add(f, "09-x", &a);
    add(f, "09-x", &b);
    assert_int_equal(a.attempt, 1);
    assert_int_equal(b.attempt, 2);
    assert_string_not_equal(a.uuid, b.uuid);
    reopen(f);
    assert_true(journal_unfinished(f->j, "09-x", &found));
    assert_string_equal(found.uuid, b.uuid);
    assert_string_equal(found.cluster, "uid-1");
    assert_string_equal(found.lab_sha, "abc");
    assert_int_equal(found.attempt, 2);
    assert_false(journal_unfinished(f->j, "10-y", &found));
    assert_int_equal(journal_find(f->j, a.uuid, &found, &err), 0);
    assert_int_equal(found.attempt, 1);
    assert_int_equal(journal_find(f->j, "nobody", &found, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void finished_and_abandoned_are_not_gone_on_with(void **state)
{
    struct fixture *f = *state;
    struct journal_session a, b, found;
    reopen(f);
    add(f, "09-x", &a);
    add(f, "09-x", &b);
    append(f, &b, "abandoned", "one", NULL);
    assert_true(journal_unfinished(f->j, "09-x", &found));
    assert_string_equal(found.uuid, a.uuid);
    assert_false(journal_lab_done(f->j, "09-x"));
    append(f, &a, "finished", "two", NULL);
    assert_false(journal_unfinished(f->j, "09-x", &found));
    assert_true(journal_lab_done(f->j, "09-x"));
    assert_false(journal_lab_done(f->j, "10-y"));
}

static void the_latest_on_a_cluster_is_told(void **state)
{
    struct fixture *f = *state;
    struct journal_session a, b, found;
    struct err err;
    reopen(f);
    assert_false(journal_latest(f->j, "uid-1", &found));
    add(f, "09-x", &a);
    add(f, "10-y", &b);
    append(f, &b, "step", "one", NULL);
    append(f, &a, "step", "one", NULL);
    assert_true(journal_latest(f->j, "uid-1", &found));
    assert_string_equal(found.uuid, a.uuid);
    assert_int_equal(journal_move(f->j, a.uuid, "uid-2", &err), 0);
    assert_true(journal_latest(f->j, "uid-1", &found));
    assert_string_equal(found.uuid, b.uuid);
    assert_true(journal_latest(f->j, "uid-2", &found));
    assert_string_equal(found.uuid, a.uuid);
}

static void numbers_begin_at_one_in_each_session(void **state)
{
    struct fixture *f = *state;
    struct journal_session a, b;
    struct err err;
    reopen(f);
    add(f, "09-x", &a);
    add(f, "09-x", &b);
    assert_int_equal(append(f, &a, "step", "one", NULL), 1);
    assert_int_equal(append(f, &a, "command", "one", "{\"word\":\"ls\"}"), 2);
    assert_int_equal(append(f, &b, "step", "one", NULL), 1);
    reopen(f);
    assert_int_equal(append(f, &a, "step", "two", NULL), 3);
    /* A session that there is not. */
    assert_int_equal(journal_append(f->j, "nobody", 1, 1, "step", "", NULL, NULL, &err), -1);
}

static bool collect(void *arg, int64_t seq, int64_t wall_us, const char *kind, const char *step,
                    const json_t *args)
{
    struct str *out = arg;
    cleanup_free char *text = jx_dump_text(args);
    str_add_f(out, "%d %s %s %s;", (int)seq, kind, step, text);
    return seq < 3;
}

static void events_come_in_order_until_told_to_stop(void **state)
{
    struct fixture *f = *state;
    struct journal_session a;
    struct str out = STR_INIT;
    reopen(f);
    add(f, "09-x", &a);
    append(f, &a, "step", "one", NULL);
    append(f, &a, "check", "one", "{\"to\":\"ok\"}");
    append(f, &a, "done", "one", NULL);
    append(f, &a, "step", "two", NULL);
    journal_each(f->j, a.uuid, collect, &out);
    assert_string_equal(str_c(&out), "1 step one {};2 check one {\"to\":\"ok\"};3 done one {};");
    str_fini(&out);
}

static void progress_is_what_the_events_add_up_to(void **state)
{
    struct fixture *f = *state;
    struct journal_session a;
    struct journal_progress p;
    reopen(f);
    add(f, "09-x", &a);
    journal_progress(f->j, a.uuid, &p);
    assert_string_equal(p.step, "");
    assert_int_equal(p.started_us, 0);
    append(f, &a, "step", "one", NULL);
    append(f, &a, "hint", "one", "{\"n\":1}");
    append(f, &a, "ask", "one", "{\"choice\":1}");
    append(f, &a, "done", "one", NULL);
    append(f, &a, "step", "two", NULL);
    append(f, &a, "hint", "two", "{\"n\":1}");
    append(f, &a, "hint", "two", "{\"n\":2}");
    append(f, &a, "ask", "two", "{\"choice\":2}");
    append(f, &a, "command", "two", NULL);
    append(f, &a, "leave", "two", NULL);
    append(f, &a, "step", "two", NULL); /* come back: what was known of the step stays */
    journal_progress(f->j, a.uuid, &p);
    assert_string_equal(p.step, "two");
    assert_int_equal(p.done, 1);
    assert_int_equal(p.hints, 3);
    assert_int_equal(p.step_hints, 2);
    assert_int_equal(p.step_choice, 2);
    assert_int_equal(p.commands, 1);
    assert_false(p.finished);
    assert_int_equal(p.last_us - p.started_us, 10);
    append(f, &a, "redo", "two", NULL);
    append(f, &a, "step", "two", NULL);
    append(f, &a, "finished", "two", NULL);
    journal_progress(f->j, a.uuid, &p);
    assert_int_equal(p.step_hints, 0);
    assert_int_equal(p.step_choice, 0);
    assert_int_equal(p.redos, 1);
    assert_true(p.finished);
}

static void refuse(struct fixture *f, const char *words)
{
    struct err err;
    struct journal *j = NULL;
    assert_int_equal(journal_open(f->path, &j, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    if (strstr(err.msg, words) == NULL) {
        fail_msg("\"%s\" is not in: %s", words, err.msg);
    }
}

static void another_file_is_refused_and_left_as_it_is(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "the notes of somebody else, longer than a header of sqlite is: "
                               "..................................................";
    char back[sizeof(text)] = "";
    int fd = open(f->path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
    close(fd);
    refuse(f, "no journal of podlab");
    fd = open(f->path, O_RDONLY);
    assert_int_equal(read(fd, back, sizeof(back)), sizeof(text));
    close(fd);
    assert_memory_equal(text, back, sizeof(text));
}

static void sql(const char *path, const char *statement)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void another_programs_database_is_refused(void **state)
{
    struct fixture *f = *state;
    sql(f->path, "CREATE TABLE song(title TEXT); PRAGMA application_id=77");
    refuse(f, "another program's");
}

static void a_newer_format_is_refused(void **state)
{
    struct fixture *f = *state;
    reopen(f);
    journal_close(f->j);
    f->j = NULL;
    sql(f->path, "PRAGMA user_version=99");
    refuse(f, "newer podlab");
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    struct journal *j = NULL;
    struct err err;
    assert_int_equal(journal_open("/nowhere/at/all/journal.db", &j, &err), -1);
    assert_non_null(strstr(err.msg, "/nowhere/at/all"));
}

/* Eight processes open a journal that is not there yet, all at once. */
static void two_may_begin_at_once(void **state)
{
    struct fixture *f = *state;
    pid_t pids[8];
    for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            struct journal *j;
            struct err err;
            struct journal_session s = {.lab = "09-x"};
            _exit(journal_open(f->path, &j, &err) < 0 || journal_add(j, &s, &err) < 0);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    struct journal_session s;
    reopen(f);
    assert_true(journal_unfinished(f->j, "09-x", &s));
    assert_int_equal(s.attempt, 8);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sessions_outlive_the_program),
        TEST(finished_and_abandoned_are_not_gone_on_with),
        TEST(the_latest_on_a_cluster_is_told),
        TEST(numbers_begin_at_one_in_each_session),
        TEST(events_come_in_order_until_told_to_stop),
        TEST(progress_is_what_the_events_add_up_to),
        TEST(another_file_is_refused_and_left_as_it_is),
        TEST(another_programs_database_is_refused),
        TEST(a_newer_format_is_refused),
        TEST(a_folder_that_is_not_there_is_an_error),
        TEST(two_may_begin_at_once),
    };
    jx_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
