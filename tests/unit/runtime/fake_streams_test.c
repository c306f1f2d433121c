/* SPDX-License-Identifier: Apache-2.0 */
/* Probes, logs and execs of containers that do not exist. */
#include "fake_testing.h"

static void on_probe(void *arg, int status, const char *body, const struct err *err)
{
    struct answer *a = arg;
    a->done = true;
    a->status = status;
    a->code = err->code;
    str_copy(a->msg, sizeof(a->msg), err->msg);
}

static struct answer probe(struct fixture *x, const char *path, int port, bool tcp)
{
    struct answer a = {0};
    const struct runtime_probe p = {
        .address = "10.77.1.1", .port = port, .tcp = tcp, .path = path, .timeout_ns = LOOP_S(1)};
    x->rt.ops->probe(x->rt.self, &p, on_probe, &a);
    assert_true(loop_run_until(x->loop, &a.done, LOOP_S(2)));
    return a;
}

static void test_probes(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(probe(x, "/", 8080, false).code, ERR_TIMEOUT); /* nobody is there */
    ensure(x, &sandbox);
    struct answer a = probe(x, "/healthz", 8080, false);
    assert_string_equal(a.msg, "Get \"http://10.77.1.1:8080/healthz\": dial tcp 10.77.1.1:8080: "
                               "connect: connection refused");
    ensure(x, &app);
    assert_int_equal(probe(x, "/healthz", 8080, false).status, 200);
    assert_int_equal(probe(x, "/health", 8080, false).status, 404);
    assert_int_equal(probe(x, NULL, 8080, true).status, 200);
    assert_string_equal(probe(x, NULL, 81, true).msg,
                        "dial tcp 10.77.1.1:81: connect: connection refused");
    fake_set_probe(x->fake, "podlab/web:v1", 500);
    assert_int_equal(probe(x, "/healthz", 8080, false).status, 500);
    fake_set_probe(x->fake, "podlab/web:v1", -1);
    a = probe(x, "/healthz", 8080, false);
    assert_int_equal(a.code, ERR_TIMEOUT);
    assert_non_null(strstr(a.msg, "context deadline exceeded"));
}

struct reader {
    struct str text;
    bool takes, ended;
    int exit_code;
    enum err_code code;
};

static bool on_data(void *arg, int fd, const char *bytes, size_t n)
{
    struct reader *r = arg;
    str_add_n(&r->text, bytes, n);
    return r->takes;
}

static void on_end(void *arg, const struct err *err)
{
    struct reader *r = arg;
    assert_false(r->ended);
    r->ended = true;
    r->code = err->code;
}

static void on_exit_code(void *arg, int exit_code)
{
    ((struct reader *)arg)->exit_code = exit_code;
}

static const struct runtime_stream_ops reader_ops = {
    .on_data = on_data, .on_end = on_end, .on_exit = on_exit_code};

static void test_logs_follow_until_the_end(void **state)
{
    struct fixture *x = *state;
    ensure(x, &sandbox);
    ensure(x, &app);
    struct reader r = {.takes = true};
    const struct runtime_log_opts opts = {.follow = true, .tail = 1};
    struct runtime_stream *s = x->rt.ops->logs(x->rt.self, "a1", &opts, &reader_ops, &r);
    assert_null(r.text.p);
    loop_sim_advance(x->loop, LOOP_S(1));
    assert_string_equal(str_c(&r.text), "listening on port 8080\n");
    assert_false(r.ended);
    fake_kill(x->fake, "a1", 1, false);
    loop_sim_advance(x->loop, LOOP_S(1));
    assert_true(r.ended);
    assert_int_equal(r.code, ERR_NONE);
    x->rt.ops->stream_free(s);
    str_fini(&r.text);
}

static void test_a_paused_reader_is_waited_for(void **state)
{
    struct fixture *x = *state;
    ensure(x, &sandbox);
    struct reader r = {.takes = false};
    const struct runtime_log_opts opts = {.tail = -1};
    struct runtime_stream *s = x->rt.ops->logs(x->rt.self, "s1", &opts, &reader_ops, &r);
    loop_sim_advance(x->loop, LOOP_S(1));
    assert_false(r.ended);
    x->rt.ops->resume(s);
    loop_sim_advance(x->loop, LOOP_S(1));
    assert_true(r.ended);
    x->rt.ops->stream_free(s);
    str_fini(&r.text);
}

static void test_exec(void **state)
{
    struct fixture *x = *state;
    ensure(x, &sandbox);
    struct reader r = {.takes = true};
    const struct runtime_exec cmd = {.command = (const char *const[]){"probe", "exit=3", NULL}};
    struct runtime_stream *s = x->rt.ops->exec(x->rt.self, "s1", &cmd, &reader_ops, &r);
    loop_sim_advance(x->loop, LOOP_S(1));
    assert_true(r.ended);
    assert_int_equal(r.exit_code, 3);
    assert_string_equal(str_c(&r.text), "probe exit=3\n");
    x->rt.ops->stream_free(s);
    struct reader none = {.takes = true};
    s = x->rt.ops->exec(x->rt.self, "nobody", &cmd, &reader_ops, &none);
    loop_sim_advance(x->loop, LOOP_S(1));
    assert_int_equal(none.code, ERR_NOT_FOUND);
    x->rt.ops->stream_free(s);
    str_fini(&r.text);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_probes),
        T(test_logs_follow_until_the_end),
        T(test_a_paused_reader_is_waited_for),
        T(test_exec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
