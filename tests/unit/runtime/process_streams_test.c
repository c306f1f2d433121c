/* SPDX-License-Identifier: Apache-2.0 */
/* Logs, attach, exec and dial of processes; with terminals, with slow readers, across lives. */
#include "process_testing.h"

static const struct runtime_log_opts all = {.tail = -1};

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what)) {
        n++;
    }
    return n;
}

/* ---- logs ---- */

/* Until it has been written down: that takes a moment. */
static void wait_logged(struct box *x, const char *name, const char *text)
{
    cleanup_reader struct reader r = {.takes = true};
    const struct runtime_log_opts opts = {.tail = -1, .follow = true};
    struct runtime_stream *s = x->rt.ops->logs(x->rt.self, name, &opts, &reader_ops, &r);
    box_wait_text(x, &r, text);
    x->rt.ops->stream_free(s);
}

static void test_logs(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_reader struct reader r = {0}, last = {0}, timed = {0}, none = {0}, later = {0};
    make_pod(x, &p, 10);
    start_pod(x, &p);
    box_wait_answer(x, p.address, 8080);
    assert_int_equal(box_get(x, p.address, 8080, "/?a").status, 200);
    assert_int_equal(box_get(x, p.address, 8080, "/?b").status, 200);
    wait_logged(x, p.app, "/?b 200");
    box_logs(x, p.app, &all, &r);
    assert_non_null(strstr(str_c(&r.out), "web v1 listens on port 8080"));
    assert_int_equal(count(str_c(&r.out), "\n"), 3);
    box_logs(x, p.app, &(struct runtime_log_opts){.tail = 1}, &last);
    assert_non_null(strstr(str_c(&last.out), "GET /?b 200"));
    assert_int_equal(count(str_c(&last.out), "\n"), 1);
    box_logs(x, p.app, &(struct runtime_log_opts){.tail = -1, .timestamps = true}, &timed);
    assert_int_equal(count(str_c(&timed.out), "000Z "), 3); /* microseconds */
    assert_true(str_has_prefix(str_c(&timed.out), "20"));
    const struct runtime_log_opts future = {.tail = -1,
                                            .since_us = loop_wall_us(x->loop) + 10000000};
    box_logs(x, p.app, &future, &none);
    assert_int_equal(none.out.len, 0);
    box_reopen(x); /* it goes on while nobody of ours lives */
    box_logs(x, p.app, &all, &later);
    assert_string_equal(str_c(&later.out), str_c(&r.out));
}

static void test_logs_are_followed_to_the_end(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_outcome struct outcome o = {0};
    cleanup_reader struct reader r = {.takes = true};
    const struct runtime_log_opts opts = {.tail = -1, .follow = true};
    make_pod(x, &p, 10);
    start_pod(x, &p);
    struct runtime_stream *s = x->rt.ops->logs(x->rt.self, p.app, &opts, &reader_ops, &r);
    box_wait_text(x, &r, "listens on port");
    assert_int_equal(box_get(x, p.address, 8080, "/?again").status, 200);
    box_wait_text(x, &r, "/?again");
    assert_false(r.ended);
    BOX_CALL(x, &o, RUNTIME_OK, stop, p.app, 5);
    box_wait_end(x, &r);
    assert_non_null(strstr(str_c(&r.err_out), "stopping: finishing what was begun"));
    assert_int_equal(r.err.code, ERR_NONE);
    x->rt.ops->stream_free(s);
}

static void test_logs_of_nobody(void **state)
{
    struct box *x = *state;
    cleanup_reader struct reader r = {0};
    box_logs(x, "nobody", &all, &r);
    assert_int_equal(r.err.code, ERR_NOT_FOUND);
}

/* A line of more than 16 KiB is kept in parts, and read as one. */
static void test_a_long_line(void **state)
{
    struct box *x = *state;
    struct pod p;
    static char word[40001];
    const char *args[] = {"echo", word, NULL};
    cleanup_reader struct reader r = {0}, timed = {0};
    memset(word, 'x', sizeof(word) - 1);
    make_pod(x, &p, 10);
    p.app_spec.args = args;
    start_pod(x, &p);
    box_wait_event(x, p.app, "die:0");
    box_logs(x, p.app, &all, &r);
    assert_int_equal(r.out.len, sizeof(word));
    assert_int_equal(r.out.p[sizeof(word) - 1], '\n');
    box_logs(x, p.app, &(struct runtime_log_opts){.tail = 1, .timestamps = true}, &timed);
    assert_int_equal(count(str_c(&timed.out), "Z "), 1);
}

/* 15 MB of log in files of 5 MB: the newest are kept, whole lines, and no more than two files. */
static void test_logs_are_bounded(void **state)
{
    struct box *x = *state;
    struct pod p;
    static char word[16001];
    cleanup_outcome struct outcome o = {0};
    cleanup_reader struct reader r = {0}, said = {0};
    const char *args[] = {"cat", NULL};
    make_pod(x, &p, 10);
    p.app_spec.args = args;
    p.app_spec.stdin_open = true;
    p.app_spec.stdin_once = true;
    start_pod(x, &p);
    struct runtime_stream *s = x->rt.ops->attach(x->rt.self, p.app, &reader_ops, &said);
    said.takes = true;
    memset(word, 'y', sizeof(word) - 1);
    word[sizeof(word) - 2] = '\n';
    for (unsigned i = 0; i < 1000; i++) {
        char number[8];
        snprintf(number, sizeof(number), "%05u ", i);
        memcpy(word, number, 6);
        bool never = false;
        while (!x->rt.ops->write(s, word, sizeof(word) - 1)) {
            loop_run_until(x->loop, &never, LOOP_MS(5));
        }
    }
    x->rt.ops->end(s);
    box_wait_event(x, p.app, "die:0");
    box_wait_end(x, &said);
    assert_int_equal(said.out.len, 1000 * (sizeof(word) - 1)); /* nothing is lost on the way */
    x->rt.ops->stream_free(s);
    box_logs(x, p.app, &all, &r);
    assert_true(r.out.len > 4000000 && r.out.len < 11000000);
    assert_non_null(strstr(str_c(&r.out), "00999 yyy"));
    cleanup_free char *sizes =
        xasprintf("test $(cat %s/containers/%s/log* | wc -c) -lt 10500000", x->dir, p.app);
    assert_int_equal(system(sizes), 0);
    BOX_CALL(x, &o, RUNTIME_OK, remove, p.app);
}

/* ---- exec ---- */

static void test_exec(void **state)
{
    struct box *x = *state;
    struct pod p;
    const char *const echo[] = {"echo", "hello", "world", NULL};
    const char *const code[] = {"exit", "3", NULL};
    const char *const env[] = {"env", NULL};
    const char *const missing[] = {"sh", "-c", "true", NULL};
    const char *const nothing[] = {"cat", "/no/such/file", NULL};
    const char *const vars[] = {"COLOR=blue", NULL};
    cleanup_reader struct reader r = {0}, c = {0}, e = {0}, m = {0}, n = {0}, g = {0};
    make_pod(x, &p, 10);
    p.app_spec.env = vars;
    start_pod(x, &p);
    assert_int_equal(box_exec(x, p.app, echo, &r), 0);
    assert_string_equal(str_c(&r.out), "hello world\n");
    assert_int_equal(box_exec(x, p.app, code, &c), 3);
    assert_int_equal(box_exec(x, p.app, env, &e), 0);
    assert_non_null(strstr(str_c(&e.out), "COLOR=blue\n"));
    assert_non_null(strstr(str_c(&e.out), "VERSION=v1\n"));
    assert_non_null(strstr(str_c(&e.out), "HOSTNAME=web-0\n"));
    assert_int_equal(box_exec(x, p.app, nothing, &n), 1);
    assert_non_null(strstr(str_c(&n.err_out), "/no/such/file: No such file"));
    assert_int_equal(box_exec(x, p.app, missing, &m), -1);
    assert_int_equal(m.err.code, ERR_INVALID);
    assert_non_null(strstr(m.err.msg, "exec: \"sh\": executable file not found in $PATH"));
    assert_int_equal(box_exec(x, "nobody", echo, &g), -1);
    assert_int_equal(g.err.code, ERR_NOT_FOUND);
}

/* 1 is the container's own process and not the machine's, and no other is reached. */
static void test_kill_from_within(void **state)
{
    struct box *x = *state;
    struct pod p;
    const char *const all_of_us[] = {"kill", "-9", "-1", NULL};
    const char *const parent[] = {"kill", "-0", "2", NULL};
    const char *const own[] = {"kill", "-9", "1", NULL};
    cleanup_reader struct reader r = {0}, q = {0}, s = {0};
    make_pod(x, &p, 10);
    start_pod(x, &p);
    assert_int_equal(box_exec(x, p.app, all_of_us, &r), 1);
    assert_non_null(strstr(str_c(&r.err_out), "No such process"));
    assert_int_equal(box_exec(x, p.app, parent, &s), 1);
    box_wait_answer(x, p.address, 8080);
    box_exec(x, p.app, own, &q);
    box_wait_event(x, p.app, "die:137");
}

static void test_exec_with_input(void **state)
{
    struct box *x = *state;
    struct pod p;
    const char *const cat[] = {"cat", NULL};
    const struct runtime_exec cmd = {.command = cat, .stdin_open = true};
    cleanup_reader struct reader r = {.takes = true};
    static char bytes[100000];
    make_pod(x, &p, 10);
    start_pod(x, &p);
    memset(bytes, 'z', sizeof(bytes));
    struct runtime_stream *s = x->rt.ops->exec(x->rt.self, p.app, &cmd, &reader_ops, &r);
    assert_true(x->rt.ops->write(s, "first\n", 6));
    box_wait_text(x, &r, "first");
    assert_true(x->rt.ops->write(s, bytes, sizeof(bytes)));
    x->rt.ops->end(s);
    box_wait_end(x, &r);
    assert_int_equal(r.exit_code, 0);
    assert_int_equal(r.out.len, 6 + sizeof(bytes));
    x->rt.ops->stream_free(s);
}

static void test_exec_on_a_terminal(void **state)
{
    struct box *x = *state;
    struct pod p;
    const char *const stty[] = {"stty", "watch", NULL};
    const struct runtime_exec cmd = {
        .command = stty, .tty = true, .stdin_open = true, .width = 120, .height = 40};
    cleanup_reader struct reader r = {.takes = true};
    make_pod(x, &p, 10);
    start_pod(x, &p);
    struct runtime_stream *s = x->rt.ops->exec(x->rt.self, p.app, &cmd, &reader_ops, &r);
    box_wait_text(x, &r, "40 120\r\n");
    x->rt.ops->resize(s, 80, 25);
    box_wait_text(x, &r, "25 80\r\n");
    assert_true(x->rt.ops->write(s, "\003", 1)); /* Ctrl-C */
    box_wait_end(x, &r);
    assert_int_equal(r.exit_code, 130);
    x->rt.ops->stream_free(s);
}

/* A reader that is slow holds its program up, and nobody else. */
static void test_exec_with_a_slow_reader(void **state)
{
    struct box *x = *state;
    struct pod p;
    const char *const cat[] = {"cat", "/data/big", NULL};
    const struct runtime_exec cmd = {.command = cat};
    static char big[3 << 20];
    const struct runtime_file file = {"/data/big", big, sizeof(big), 0644};
    cleanup_reader struct reader r = {.takes = false};
    make_pod(x, &p, 10);
    p.app_spec.files = &file;
    p.app_spec.nfiles = 1;
    memset(big, 'b', sizeof(big));
    start_pod(x, &p);
    struct runtime_stream *s = x->rt.ops->exec(x->rt.self, p.app, &cmd, &reader_ops, &r);
    box_wait_text(x, &r, "b"); /* one piece, and then it is paused */
    bool never = false;
    loop_run_until(x->loop, &never, LOOP_MS(50));
    size_t first = r.out.len;
    assert_true(first < 100000);
    box_wait_answer(x, p.address, 8080);
    while (!r.ended && r.out.len < sizeof(big)) {
        size_t before = r.out.len;
        x->rt.ops->resume(s);
        while (r.out.len == before && !r.ended) {
            loop_run_until(x->loop, &never, LOOP_MS(1));
        }
    }
    x->rt.ops->resume(s);
    box_wait_end(x, &r);
    assert_int_equal(r.out.len, sizeof(big));
    assert_int_equal(r.exit_code, 0);
    x->rt.ops->stream_free(s);
}

static bool only_the_pod(void *arg)
{
    return box_processes(arg) == 4;
}

static void test_an_exec_that_nobody_waits_for_ends(void **state)
{
    struct box *x = *state;
    struct pod p;
    const char *const command[] = {"sleep", "infinity", NULL};
    const struct runtime_exec cmd = {.command = command};
    cleanup_reader struct reader r = {.takes = true}, q = {.takes = true};
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    start_pod(x, &p);
    struct runtime_stream *s = x->rt.ops->exec(x->rt.self, p.app, &cmd, &reader_ops, &r);
    struct runtime_stream *t = x->rt.ops->exec(x->rt.self, p.app, &cmd, &reader_ops, &q);
    bool never = false;
    while (box_processes(x) != 6) {
        loop_run_until(x->loop, &never, LOOP_MS(5));
    }
    x->rt.ops->stream_free(s);
    BOX_CALL(x, &o, RUNTIME_OK, stop, p.app, 0); /* the other one dies with its container */
    box_wait_end(x, &q);
    assert_int_equal(q.exit_code, 137);
    x->rt.ops->stream_free(t);
    BOX_CALL(x, &o, RUNTIME_OK, remove, p.app);
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &p.app_spec, 8);
    box_wait(x, only_the_pod, x, "the exec has ended");
}

/* ---- attach ---- */

static void test_attach(void **state)
{
    struct box *x = *state;
    struct pod p;
    const char *const cat[] = {"cat", NULL};
    cleanup_reader struct reader r = {.takes = true}, q = {.takes = true}, logs = {0};
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    p.app_spec.args = cat;
    p.app_spec.stdin_open = true;
    start_pod(x, &p);
    struct runtime_stream *s = x->rt.ops->attach(x->rt.self, p.app, &reader_ops, &r);
    struct runtime_stream *t =
        x->rt.ops->join(x->rt.self, p.app, &(struct runtime_exec){0}, &reader_ops, &q);
    x->rt.ops->write(s, "one\n", 4);
    box_wait_text(x, &r, "one");
    box_wait_text(x, &q, "one");     /* who only listens hears it, too */
    x->rt.ops->write(t, "two\n", 4); /* ... and is not heard */
    x->rt.ops->stream_free(s);
    x->rt.ops->stream_free(t);
    box_reopen(x);
    r.out.len = 0;
    s = x->rt.ops->attach(x->rt.self, p.app, &reader_ops, &r);
    x->rt.ops->write(s, "three\n", 6); /* its input did not end with the first who left */
    box_wait_text(x, &r, "three");
    BOX_CALL(x, &o, RUNTIME_OK, stop, p.app, 0);
    box_wait_end(x, &r);
    x->rt.ops->stream_free(s);
    box_logs(x, p.app, &all, &logs);
    assert_string_equal(str_c(&logs.out), "one\nthree\n");
    r.ended = false;
    s = x->rt.ops->attach(x->rt.self, p.app, &reader_ops, &r);
    box_wait_end(x, &r);
    assert_int_equal(r.err.code, ERR_CONFLICT); /* it does not run */
    x->rt.ops->stream_free(s);
}

static void test_input_that_ends_with_who_gave_it(void **state)
{
    struct box *x = *state;
    struct pod p;
    const char *const cat[] = {"cat", NULL};
    cleanup_reader struct reader r = {.takes = true};
    make_pod(x, &p, 10);
    p.app_spec.args = cat;
    p.app_spec.stdin_open = p.app_spec.stdin_once = true;
    start_pod(x, &p);
    struct runtime_stream *s = x->rt.ops->attach(x->rt.self, p.app, &reader_ops, &r);
    x->rt.ops->write(s, "one\n", 4);
    box_wait_text(x, &r, "one");
    x->rt.ops->stream_free(s);
    box_wait_event(x, p.app, "die:0");
}

static void test_a_terminal_of_the_main_program(void **state)
{
    struct box *x = *state;
    struct pod p;
    const char *const stty[] = {"stty", "watch", NULL};
    cleanup_reader struct reader r = {.takes = true};
    make_pod(x, &p, 10);
    p.app_spec.args = stty;
    p.app_spec.stdin_open = p.app_spec.tty = true;
    start_pod(x, &p);
    const struct runtime_exec size = {.tty = true, .stdin_open = true, .width = 100, .height = 30};
    struct runtime_stream *s = x->rt.ops->join(x->rt.self, p.app, &size, &reader_ops, &r);
    box_wait_text(x, &r, "30 100\r\n");
    x->rt.ops->write(s, "\003", 1);
    box_wait_end(x, &r);
    box_wait_event(x, p.app, "die:130");
    x->rt.ops->stream_free(s);
}

/* ---- dial ---- */

static void test_dial(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_reader struct reader r = {.takes = true}, none = {.takes = true};
    make_pod(x, &p, 10);
    start_pod(x, &p);
    box_wait_answer(x, p.address, 8080);
    struct runtime_stream *s =
        x->rt.ops->dial(x->rt.self, p.sandbox, p.address, 8080, &reader_ops, &r);
    static const char ask[] = "GET /healthz HTTP/1.0\r\n\r\n";
    x->rt.ops->write(s, ask, sizeof(ask) - 1);
    box_wait_text(x, &r, "200 OK");
    box_wait_end(x, &r);
    x->rt.ops->stream_free(s);
    s = x->rt.ops->dial(x->rt.self, p.sandbox, p.address, 8081, &reader_ops, &none);
    box_wait_end(x, &none);
    assert_non_null(strstr(none.err.msg, "connection refused"));
    x->rt.ops->stream_free(s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_logs),
        TEST(test_logs_are_followed_to_the_end),
        TEST(test_logs_of_nobody),
        TEST(test_a_long_line),
        TEST(test_logs_are_bounded),
        TEST(test_exec),
        TEST(test_kill_from_within),
        TEST(test_exec_with_input),
        TEST(test_exec_on_a_terminal),
        TEST(test_exec_with_a_slow_reader),
        TEST(test_an_exec_that_nobody_waits_for_ends),
        TEST(test_attach),
        TEST(test_input_that_ends_with_who_gave_it),
        TEST(test_a_terminal_of_the_main_program),
        TEST(test_dial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
