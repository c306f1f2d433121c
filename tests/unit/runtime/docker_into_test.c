/* SPDX-License-Identifier: Apache-2.0 */
/* What people get of a running container: commands that end with who began them, its main program
 * with its terminal, and its ports, also those of its own 127.0.0.1. */
#include "docker_testing.h"

static struct {
    char sandbox[96], app[96], address[16];
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

/* A container that runs `sh -c script`; `join` NULL: without a network. */
static void start(struct box *x, const char *script, const char *join, struct runtime_spec spec)
{
    const char *const command[] = {"sh", "-c", script, NULL};
    cleanup_outcome struct outcome o = {0};
    spec.name = box_name(x, "a", names.app);
    spec.role = RUNTIME_APP;
    spec.host = "w1";
    spec.hash = "h";
    spec.image = BOX_SHELL;
    spec.command = command;
    spec.join = join;
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &spec, 1);
}

static void start_sandbox(struct box *x)
{
    cleanup_outcome struct outcome o = {0};
    const struct runtime_spec spec = {.name = box_name(x, "s", names.sandbox),
                                      .role = RUNTIME_SANDBOX,
                                      .host = "w1",
                                      .hash = "h",
                                      .hostname = "pod",
                                      .address = box_address(x, 20, names.address)};
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &spec, 1);
}

static struct runtime_stream *exec(struct box *x, struct runtime_exec how, const char *script,
                                   struct reader *r)
{
    const char *const command[] = {"sh", "-c", script, NULL};
    how.command = command;
    return x->rt.ops->exec(x->rt.self, names.app, &how, &reader_ops, r);
}

/* ---- hanging up ---- */

/* Whether a sleep of so long runs in the container: "[4]2" is 42, and not found in its own grep. */
static bool runs(struct box *x, const char *what)
{
    cleanup_str struct str out = STR_INIT;
    cleanup_free char *script =
        xasprintf("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -q 'sleep %s'", what);
    return box_exec(x, names.app, script, &out) == 0;
}

static void wait_until_gone(struct box *x, const char *what)
{
    uint64_t end = loop_mono_ns(x->loop) + LOOP_S(20);
    while (runs(x, what)) {
        assert_true(loop_mono_ns(x->loop) < end);
    }
}

static void who_leaves_ends_the_command(void **state)
{
    struct box *x = *state;
    if (x == NULL) {
        return;
    }
    start(x, "while true; do sleep 1; done", NULL, (struct runtime_spec){0});
    for (int tty = 0; tty < 2; tty++) {
        cleanup_reader struct reader r = {.takes = true};
        struct runtime_stream *s =
            exec(x, (struct runtime_exec){.tty = tty}, "echo up; sleep 4242 & sleep 4242", &r);
        box_wait_text(x, &r, "up");
        x->rt.ops->stream_free(s);
        wait_until_gone(x, "[4]242");
        assert_false(r.ended);
    }
}

/* Freed at any moment: before it is made, before it is started, before it is seen. */
static void who_leaves_early_leaves_nothing(void **state)
{
    struct box *x = *state;
    if (x == NULL) {
        return;
    }
    start(x, "while true; do sleep 1; done", NULL, (struct runtime_spec){0});
    for (unsigned ms = 0; ms < 80; ms += 8) {
        cleanup_reader struct reader r = {.takes = true};
        bool never = false;
        struct runtime_stream *s = exec(x, (struct runtime_exec){0}, "exec sleep 4343", &r);
        loop_run_until(x->loop, &never, LOOP_MS(ms));
        x->rt.ops->stream_free(s);
    }
    bool never = false;
    loop_run_until(x->loop, &never, LOOP_MS(500));
    wait_until_gone(x, "[4]343");
}

/* The end of a command that ended is not told twice, and what nohup says goes on. */
static void what_is_to_stay_stays(void **state)
{
    struct box *x = *state;
    if (x == NULL) {
        return;
    }
    start(x, "while true; do sleep 1; done", NULL, (struct runtime_spec){0});
    cleanup_reader struct reader r = {.takes = true};
    struct runtime_stream *s = exec(x, (struct runtime_exec){0},
                                    "trap '' HUP; sleep 4444 >/dev/null 2>&1 & echo up; wait", &r);
    box_wait_text(x, &r, "up");
    x->rt.ops->stream_free(s);
    bool never = false;
    loop_run_until(x->loop, &never, LOOP_MS(300));
    assert_true(runs(x, "[4]444"));
}

static void a_program_that_cannot_be_run(void **state)
{
    struct box *x = *state;
    if (x == NULL) {
        return;
    }
    start(x, "while true; do sleep 1; done", NULL, (struct runtime_spec){0});
    cleanup_reader struct reader r = {.takes = true}, same = {.takes = true};
    const char *const missing[] = {"nosuchprogram", NULL};
    const struct runtime_exec x1 = {.command = missing};
    struct runtime_stream *s = x->rt.ops->exec(x->rt.self, names.app, &x1, &reader_ops, &r);
    box_wait_end(x, &r);
    assert_non_null(strstr(r.err.msg, "executable file not found"));
    assert_false(r.exited);
    assert_string_equal(str_c(&r.out), "");
    x->rt.ops->stream_free(s);
    s = exec(x, (struct runtime_exec){0}, "echo OCI runtime exec failed: no; exit 3", &same);
    box_wait_end(x, &same);
    assert_int_equal(same.exit_code, 3);
    assert_string_equal(str_c(&same.out), "OCI runtime exec failed: no\n");
    x->rt.ops->stream_free(s);
}

/* ---- input that nobody reads ---- */

static unsigned drained;

static void on_drain(void *arg)
{
    (void)arg;
    drained++;
}

static void unread_input_is_counted(void **state)
{
    struct box *x = *state;
    static char piece[64 * 1024];
    if (x == NULL) {
        return;
    }
    static const struct runtime_stream_ops ops = {
        .on_data = reader_data, .on_end = reader_end, .on_exit = reader_exit, .on_drain = on_drain};
    start(x, "while true; do sleep 1; done", NULL, (struct runtime_spec){0});
    cleanup_reader struct reader r = {.takes = true};
    const char *const command[] = {"sh", "-c", "while [ ! -e /tmp/go ]; do sleep 0.05; done; wc -c",
                                   NULL};
    const struct runtime_exec how = {.command = command, .stdin_open = true};
    struct runtime_stream *s = x->rt.ops->exec(x->rt.self, names.app, &how, &ops, &r);
    size_t written = 0;
    bool never = false;
    drained = 0;
    for (int i = 0; i < 2000 && x->rt.ops->queued(s) <= (size_t)256 << 10; i++) {
        assert_true(x->rt.ops->write(s, piece, sizeof(piece)));
        written += sizeof(piece);
        loop_run_until(x->loop, &never, LOOP_MS(1));
    }
    assert_true(x->rt.ops->queued(s) > (size_t)256 << 10);
    cleanup_str struct str out = STR_INIT;
    box_exec(x, names.app, "touch /tmp/go", &out);
    drained = 0; /* it may have come before, without need */
    for (int i = 0; i < 10000 && drained == 0; i++) {
        loop_run_until(x->loop, &never, LOOP_MS(1));
    }
    assert_true(drained > 0);
    assert_true(x->rt.ops->queued(s) <= (size_t)64 << 10);
    x->rt.ops->end(s);
    box_wait_end(x, &r);
    cleanup_free char *count = xasprintf("%zu\n", written);
    assert_string_equal(str_c(&r.out), count);
    x->rt.ops->stream_free(s);
}

/* ---- the main program ---- */

static struct runtime_stream *join(struct box *x, const struct runtime_exec *how, struct reader *r)
{
    return x->rt.ops->join(x->rt.self, names.app, how, &reader_ops, r);
}

static void stdin_ends_with_the_first(void **state)
{
    struct box *x = *state;
    if (x == NULL) {
        return;
    }
    start(x, "cat; echo over", NULL, (struct runtime_spec){.stdin_open = true, .stdin_once = true});
    cleanup_reader struct reader watch = {.takes = true}, r = {.takes = true};
    struct runtime_stream *w = join(x, &(struct runtime_exec){0}, &watch);
    struct runtime_stream *s = join(x, &(struct runtime_exec){.stdin_open = true}, &r);
    x->rt.ops->write(s, "hello\n", 6);
    box_wait_text(x, &r, "hello\n");
    box_wait_text(x, &watch, "hello\n");
    x->rt.ops->stream_free(w); /* who only looks on ends nothing */
    x->rt.ops->write(s, "still\n", 6);
    box_wait_text(x, &r, "still\n");
    x->rt.ops->end(s);
    box_wait_end(x, &r);
    assert_non_null(strstr(str_c(&r.out), "over\n"));
    x->rt.ops->stream_free(s);
}

static void a_terminal_is_sized(void **state)
{
    struct box *x = *state;
    if (x == NULL) {
        return;
    }
    start(x, "while read -r line; do stty size; done", NULL,
          (struct runtime_spec){.stdin_open = true, .tty = true});
    cleanup_reader struct reader r = {.takes = true};
    struct runtime_stream *s =
        join(x, &(struct runtime_exec){.stdin_open = true, .width = 90, .height = 20}, &r);
    uint64_t end = loop_mono_ns(x->loop) + LOOP_S(20);
    bool never = false;
    while (strstr(str_c(&r.out), "20 90") == NULL && loop_mono_ns(x->loop) < end) {
        x->rt.ops->write(s, "\n", 1);
        loop_run_until(x->loop, &never, LOOP_MS(50));
    }
    x->rt.ops->write(s, "\x10\x11\n", 3); /* Docker's own keys to leave mean nothing here */
    x->rt.ops->resize(s, 77, 33);
    while (strstr(str_c(&r.out), "33 77") == NULL && loop_mono_ns(x->loop) < end) {
        x->rt.ops->write(s, "\n", 1);
        loop_run_until(x->loop, &never, LOOP_MS(50));
    }
    assert_non_null(strstr(str_c(&r.out), "20 90"));
    assert_non_null(strstr(str_c(&r.out), "33 77"));
    assert_false(r.ended);
    x->rt.ops->stream_free(s);
}

/* ---- ports ---- */

static struct runtime_stream *dial(struct box *x, int port, struct reader *r)
{
    return x->rt.ops->dial(x->rt.self, names.sandbox, names.address, port, &reader_ops, r);
}

/* What a port says to this, once it listens. */
static void ask(struct box *x, int port, const char *text, const char *want)
{
    uint64_t end = loop_mono_ns(x->loop) + LOOP_S(20);
    for (;;) {
        cleanup_reader struct reader r = {.takes = true};
        struct runtime_stream *s = dial(x, port, &r);
        x->rt.ops->write(s, text, strlen(text));
        x->rt.ops->end(s);
        box_wait_end(x, &r);
        x->rt.ops->stream_free(s);
        if (strstr(str_c(&r.out), want) != NULL) {
            assert_int_equal(r.err.code, ERR_NONE);
            return;
        }
        if (loop_mono_ns(x->loop) > end) {
            fail_msg("port %d: %s %s", port, str_c(&r.out), r.err.msg);
        }
    }
}

static void ports_of_a_pod(void **state)
{
    struct box *x = *state;
    if (x == NULL) {
        return;
    }
    start_sandbox(x);
    start(x,
          "mkdir /www; echo page >/www/index.html; httpd -p 127.0.0.1:7001 -h /www; "
          "while true; do nc -l -p 7000 -e wc -c; done",
          names.sandbox, (struct runtime_spec){0});
    ask(x, 7000, "twelve bytes", "12"); /* counted when our half has ended */
    ask(x, 7001, "GET / HTTP/1.0\r\n\r\n", "page");
    cleanup_reader struct reader r = {.takes = true};
    struct runtime_stream *s = dial(x, 7002, &r);
    box_wait_end(x, &r);
    assert_string_equal(r.err.msg, "dial tcp4 127.0.0.1:7002: connect: connection refused");
    x->rt.ops->stream_free(s);
    cleanup_reader struct reader gone = {.takes = true};
    s = dial(x, 7001, &gone); /* and freed at once */
    x->rt.ops->stream_free(s);
    bool never = false;
    loop_run_until(x->loop, &never, LOOP_MS(100));
    assert_false(gone.ended);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    int rc;
    const struct CMUnitTest tests[] = {
        T(who_leaves_ends_the_command), T(who_leaves_early_leaves_nothing),
        T(what_is_to_stay_stays),       T(a_program_that_cannot_be_run),
        T(unread_input_is_counted),     T(stdin_ends_with_the_first),
        T(a_terminal_is_sized),         T(ports_of_a_pod),
    };
    return box_have_docker(&rc) ? cmocka_run_group_tests(tests, NULL, NULL) : rc;
}
