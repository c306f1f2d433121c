/* SPDX-License-Identifier: Apache-2.0 */
/* Logs, attach and exec of real containers: bytes unharmed, ends told once, readers waited for. */
#include "docker_testing.h"

static struct {
    char app[96];
} names;

static int setup(void **state)
{
    if (box_setup(state) != 0) {
        return -1;
    }
    if (!box_shell(*state)) {
        box_teardown(state);
        *state = NULL;
    }
    return 0;
}

static int teardown(void **state)
{
    if (*state == NULL) {
        return 0;
    }
    struct box *x = *state;
    struct outcome o = {0};
    x->rt.ops->destroy(x->rt.self, outcome_done, &o);
    loop_run_until(x->loop, &o.done, LOOP_S(60));
    box_drop_shell(x);
    return box_teardown(state);
}

/* A container without a network that runs `sh -c script`. */
static void start(struct box *x, const char *script, bool tty, bool stdin_open)
{
    const char *const command[] = {"sh", "-c", script, NULL};
    cleanup_outcome struct outcome o = {0};
    const struct runtime_spec spec = {.name = box_name(x, "a", names.app),
                                      .role = RUNTIME_APP,
                                      .host = "w1",
                                      .hash = "h",
                                      .image = BOX_SHELL,
                                      .command = command,
                                      .tty = tty,
                                      .stdin_open = stdin_open};
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &spec, 1);
}

static struct runtime_stream *logs(struct box *x, const struct runtime_log_opts *opts,
                                   struct reader *r)
{
    return x->rt.ops->logs(x->rt.self, names.app, opts, &reader_ops, r);
}

static void test_logs_of_both_streams(void **state)
{
    struct box *x = *state;
    if (x == NULL) {
        return;
    }
    start(x, "echo out1; echo err1 >&2; sleep 0.3; echo out2", false, false);
    box_wait_event(x, names.app, "die:0");
    cleanup_reader struct reader all = {.takes = true}, tail = {.takes = true};
    struct runtime_stream *s = logs(x, &(struct runtime_log_opts){.tail = -1}, &all);
    box_wait_end(x, &all);
    assert_int_equal(all.err.code, ERR_NONE);
    assert_string_equal(str_c(&all.out), "out1\nout2\n");
    assert_string_equal(str_c(&all.err_out), "err1\n");
    x->rt.ops->stream_free(s);
    s = logs(x, &(struct runtime_log_opts){.tail = 1, .timestamps = true}, &tail);
    box_wait_end(x, &tail);
    assert_non_null(strstr(str_c(&tail.out), "Z out2\n"));
    assert_null(strstr(str_c(&tail.out), "out1"));
    x->rt.ops->stream_free(s);
    cleanup_reader struct reader none = {.takes = true};
    s = logs(x, &(struct runtime_log_opts){.tail = -1, .since_us = loop_wall_us(x->loop)}, &none);
    box_wait_end(x, &none);
    assert_string_equal(str_c(&none.out), "");
    x->rt.ops->stream_free(s);
}

static void test_logs_are_followed(void **state)
{
    struct box *x = *state;
    if (x == NULL) {
        return;
    }
    start(x, "echo one; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo two", false, false);
    cleanup_reader struct reader r = {.takes = true};
    cleanup_str struct str ignored = STR_INIT;
    struct runtime_stream *s = logs(x, &(struct runtime_log_opts){.follow = true, .tail = -1}, &r);
    box_wait_text(x, &r, "one\n");
    assert_false(r.ended);
    assert_int_equal(box_exec(x, names.app, "touch /tmp/go", &ignored), 0);
    box_wait_end(x, &r);
    assert_int_equal(r.err.code, ERR_NONE);
    assert_string_equal(str_c(&r.out), "one\ntwo\n");
    x->rt.ops->stream_free(s);
}

static void test_logs_wait_for_their_reader(void **state)
{
    struct box *x = *state;
    if (x == NULL) {
        return;
    }
    start(x, "i=0; while [ $i -lt 20000 ]; do echo line number $i of the log; i=$((i+1)); done",
          false, false);
    box_wait_event(x, names.app, "die:0");
    cleanup_reader struct reader r = {.takes = false};
    struct runtime_stream *s = logs(x, &(struct runtime_log_opts){.tail = -1}, &r);
    unsigned rounds = 0;
    for (size_t before = 0; !r.ended && rounds < 1000000; rounds++) {
        bool never = false;
        loop_run_until(x->loop, &never, LOOP_MS(1));
        if (r.out.len != before) {
            before = r.out.len;
            if (rounds % 2 == 0) {
                r.takes = !r.takes;
            }
        }
        x->rt.ops->resume(s);
    }
    assert_int_equal(r.err.code, ERR_NONE);
    char last[64];
    size_t expected = 0;
    for (int i = 0; i < 20000; i++) {
        expected += (size_t)snprintf(last, sizeof(last), "line number %d of the log\n", i);
    }
    assert_int_equal(r.out.len, expected);
    assert_string_equal(r.out.p + r.out.len - strlen(last), last);
    x->rt.ops->stream_free(s);
}

static void test_logs_that_cannot_be(void **state)
{
    struct box *x = *state;
    cleanup_reader struct reader r = {.takes = true}, none = {.takes = true}, odd = {.takes = true};
    if (x == NULL) {
        return;
    }
    const struct runtime_log_opts opts = {.tail = -1};
    struct runtime_stream *s =
        x->rt.ops->logs(x->rt.self, "rt-test-nobody", &opts, &reader_ops, &r);
    box_wait_end(x, &r);
    assert_int_equal(r.err.code, ERR_NOT_FOUND);
    x->rt.ops->stream_free(s);
    s = x->rt.ops->logs(x->rt.self, "../info", &opts, &reader_ops, &odd);
    assert_false(odd.ended);
    box_wait_end(x, &odd);
    assert_int_equal(odd.err.code, ERR_INVALID);
    x->rt.ops->stream_free(s);
    char sandbox[96], address[16];
    cleanup_outcome struct outcome o = {0};
    const struct runtime_spec spec = {.name = box_name(x, "s", sandbox),
                                      .role = RUNTIME_SANDBOX,
                                      .host = "w1",
                                      .hash = "h",
                                      .address = box_address(x, 10, address)};
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &spec, 1);
    s = x->rt.ops->logs(x->rt.self, sandbox, &opts, &reader_ops, &none); /* it keeps none */
    box_wait_end(x, &none);
    assert_int_not_equal(none.err.code, ERR_NONE);
    x->rt.ops->stream_free(s);
}

static void test_attach_carries_bytes_both_ways(void **state)
{
    struct box *x = *state;
    if (x == NULL) {
        return;
    }
    start(x, "cat; echo over", false, true);
    cleanup_reader struct reader r = {.takes = true}, again = {.takes = true};
    struct runtime_stream *s = x->rt.ops->attach(x->rt.self, names.app, &reader_ops, &r);
    assert_true(x->rt.ops->write(s, "early\n", 6)); /* before it is open */
    box_wait_text(x, &r, "early\n");
    x->rt.ops->write(s, "late\n", 5);
    box_wait_text(x, &r, "late\n");
    x->rt.ops->stream_free(s);
    /* a second writer is heard, as after a restart of mini-cluster */
    s = x->rt.ops->attach(x->rt.self, names.app, &reader_ops, &again);
    x->rt.ops->write(s, "second\n", 7);
    box_wait_text(x, &again, "second\n");
    assert_false(again.ended);
    cleanup_outcome struct outcome o = {0};
    BOX_CALL(x, &o, RUNTIME_OK, stop, names.app, 0);
    box_wait_end(x, &again);
    assert_int_equal(again.err.code, ERR_NONE);
    x->rt.ops->stream_free(s);
    cleanup_reader struct reader late = {.takes = true};
    s = x->rt.ops->attach(x->rt.self, names.app, &reader_ops, &late);
    box_wait_end(x, &late);
    assert_int_equal(late.err.code, ERR_CONFLICT); /* it does not run */
    x->rt.ops->stream_free(s);
}

/* The guest's own roles are spoken to over this: an answer must come. */
static void test_a_host_can_be_attached(void **state)
{
    struct box *x = *state;
    char host[96], address[16];
    cleanup_outcome struct outcome o = {0};
    cleanup_reader struct reader r = {.takes = true};
    if (x == NULL) {
        return;
    }
    const struct runtime_spec spec = {.name = box_name(x, "w1", host),
                                      .role = RUNTIME_HOST,
                                      .host = "w1",
                                      .hash = "h",
                                      .hostname = "worker-1",
                                      .address = box_address(x, 10, address)};
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &spec, 1);
    struct runtime_stream *s = x->rt.ops->attach(x->rt.self, host, &reader_ops, &r);
    x->rt.ops->write(s, "this is no frame\n", 17);
    bool never = false;
    loop_run_until(x->loop, &never, LOOP_MS(200));
    assert_false(r.ended);
    BOX_CALL(x, &o, RUNTIME_OK, inspect, host);
    assert_int_equal(o.st->state, RUNTIME_RUNNING);
    BOX_CALL(x, &o, RUNTIME_OK, remove, host);
    box_wait_end(x, &r);
    x->rt.ops->stream_free(s);
}

static void exec(struct box *x, const struct runtime_exec *cmd, const char *input, struct reader *r)
{
    struct runtime_stream *s = x->rt.ops->exec(x->rt.self, names.app, cmd, &reader_ops, r);
    if (input != NULL) {
        x->rt.ops->write(s, input, strlen(input));
        x->rt.ops->end(s);
    }
    box_wait_end(x, r);
    x->rt.ops->stream_free(s);
}

static void test_exec(void **state)
{
    struct box *x = *state;
    if (x == NULL) {
        return;
    }
    start(x, "while true; do sleep 1; done", false, false);
    cleanup_reader struct reader code = {.takes = true}, in = {.takes = true},
                                 none = {.takes = true}, tty = {.takes = true};
    const char *const fails[] = {"sh", "-c", "echo a; echo b >&2; exit 7", NULL};
    exec(x, &(struct runtime_exec){.command = fails}, NULL, &code);
    assert_true(code.exited);
    assert_int_equal(code.exit_code, 7);
    assert_string_equal(str_c(&code.out), "a\n");
    assert_string_equal(str_c(&code.err_out), "b\n");

    const char *const cat[] = {"cat", NULL};
    exec(x, &(struct runtime_exec){.command = cat, .stdin_open = true}, "through\n", &in);
    assert_int_equal(in.exit_code, 0);
    assert_string_equal(str_c(&in.out), "through\n");

    const char *const missing[] = {"/no/such/program", NULL};
    exec(x, &(struct runtime_exec){.command = missing}, NULL, &none);
    assert_true(none.err.code != ERR_NONE || (none.exited && none.exit_code >= 126));

    cleanup_reader struct reader odd = {.takes = true};
    const char *const bytes[] = {"sh", "\xff\xfe", NULL}; /* dropping it would run something else */
    exec(x, &(struct runtime_exec){.command = bytes}, NULL, &odd);
    assert_int_equal(odd.err.code, ERR_INVALID);

    const char *const size[] = {"sh", "-c", "sleep 0.5; stty size", NULL};
    exec(x, &(struct runtime_exec){.command = size, .tty = true, .width = 120, .height = 40}, NULL,
         &tty);
    assert_string_equal(str_c(&tty.out), "40 120\r\n");
}

static void test_exec_ends_with_its_container(void **state)
{
    struct box *x = *state;
    if (x == NULL) {
        return;
    }
    start(x, "while true; do sleep 1; done", false, false);
    cleanup_reader struct reader r = {.takes = true};
    cleanup_outcome struct outcome o = {0};
    const char *const command[] = {"sh", "-c", "echo up; while true; do sleep 1; done", NULL};
    const struct runtime_exec cmd = {.command = command};
    struct runtime_stream *s = x->rt.ops->exec(x->rt.self, names.app, &cmd, &reader_ops, &r);
    box_wait_text(x, &r, "up\n");
    BOX_CALL(x, &o, RUNTIME_OK, remove, names.app);
    box_wait_end(x, &r);
    x->rt.ops->stream_free(s);
}

struct suicide {
    struct box *x;
    struct runtime_stream *s;
    bool called;
};

static bool free_it(void *arg, int fd, const char *bytes, size_t n)
{
    struct suicide *k = arg;
    assert_false(k->called);
    k->called = true;
    k->x->rt.ops->stream_free(k->s);
    return true;
}

static void never_end(void *arg, const struct err *err)
{
    fail_msg("a freed stream has no end to tell");
}

static void test_a_stream_may_die_in_its_callback(void **state)
{
    struct box *x = *state;
    if (x == NULL) {
        return;
    }
    start(x, "echo one; echo two >&2; cat", false, true);
    static const struct runtime_stream_ops ops = {.on_data = free_it, .on_end = never_end};
    const struct runtime_log_opts opts = {.follow = true, .tail = -1};
    struct suicide a = {.x = x}, b = {.x = x};
    a.s = x->rt.ops->logs(x->rt.self, names.app, &opts, &ops, &a);
    assert_true(loop_run_until(x->loop, &a.called, LOOP_S(30)));
    b.s = x->rt.ops->attach(x->rt.self, names.app, &ops, &b);
    x->rt.ops->write(b.s, "hello\n", 6);
    assert_true(loop_run_until(x->loop, &b.called, LOOP_S(30)));
    bool never = false;
    loop_run_until(x->loop, &never, LOOP_MS(100));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    int rc;
    const struct CMUnitTest tests[] = {
        T(test_logs_of_both_streams),
        T(test_logs_are_followed),
        T(test_logs_wait_for_their_reader),
        T(test_logs_that_cannot_be),
        T(test_attach_carries_bytes_both_ways),
        T(test_a_host_can_be_attached),
        T(test_exec),
        T(test_exec_ends_with_its_container),
        T(test_a_stream_may_die_in_its_callback),
    };
    return box_have_docker(&rc) ? cmocka_run_group_tests(tests, NULL, NULL) : rc;
}
