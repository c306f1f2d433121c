/* SPDX-License-Identifier: Apache-2.0 */
/* A container's whole life as a process, every step of it repeated and interrupted. */
#include "process_testing.h"

static void test_a_pod_starts_and_is_described(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    start_pod(x, &p);
    BOX_CALL(x, &o, RUNTIME_OK, inspect, p.app);
    assert_int_equal(o.st->state, RUNTIME_RUNNING);
    assert_string_equal(o.st->name, p.app);
    assert_int_equal(o.st->role, RUNTIME_APP);
    assert_string_equal(o.st->host, "worker-1");
    assert_string_equal(o.st->hash, "h2");
    assert_int_equal(o.st->epoch, 7);
    assert_string_equal(o.st->labels[0], "dev.podlab.pod=default/web-0");
    assert_int_equal(strlen(o.st->id), 64);
    assert_true(str_has_prefix(o.st->image_id, "sha256:"));
    int64_t age = loop_wall_us(x->loop) - o.st->started_us;
    assert_true(age >= -1000000 && age < 60000000);
    assert_int_equal(o.st->finished_us, 0);
    box_wait_event(x, p.app, "create:0");
    box_wait_event(x, p.app, "start:0");
    box_wait_answer(x, p.address, 8080);
    struct probed got = box_get(x, p.address, 8080, "/info");
    assert_non_null(strstr(got.body, "\"pod\":\"web-0\""));
    assert_non_null(strstr(got.body, p.address));
    assert_int_equal(box_processes(x), 4);
}

static void test_it_listens_on_its_own_address_alone(void **state)
{
    struct box *x = *state;
    struct pod p, q;
    make_pod(x, &p, 10);
    make_pod(x, &q, 11);
    start_pod(x, &p);
    start_pod(x, &q);
    box_wait_answer(x, p.address, 8080);
    box_wait_answer(x, q.address, 8080); /* the same port */
    struct probed none = box_get(x, x->gateway, 8080, "/");
    assert_int_equal(none.status, 0);
    assert_non_null(strstr(none.err.msg, "connection refused"));
}

static void test_ensure_again_is_the_same_container(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_outcome struct outcome first = {0}, second = {0}, third = {0};
    make_pod(x, &p, 10);
    BOX_CALL(x, &first, RUNTIME_OK, ensure, &p.sandbox_spec, 7);
    BOX_CALL(x, &second, RUNTIME_OK, ensure, &p.sandbox_spec, 7);
    assert_string_equal(first.st->id, second.st->id);
    assert_int_equal(first.st->started_us, second.st->started_us);
    box_reopen(x); /* another life adopts it */
    BOX_CALL(x, &third, RUNTIME_OK, ensure, &p.sandbox_spec, 8);
    assert_string_equal(first.st->id, third.st->id);
    assert_int_equal(first.st->started_us, third.st->started_us);
    assert_int_equal(third.st->epoch, 7); /* of when it was made */
    assert_int_equal(box_processes(x), 2);
}

static void test_the_hash_must_be_the_same(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &p.sandbox_spec, 1);
    p.sandbox_spec.hash = "another";
    BOX_CALL(x, &o, RUNTIME_FAILED, ensure, &p.sandbox_spec, 1);
    assert_int_equal(o.err.code, ERR_CONFLICT);
    assert_non_null(strstr(o.err.msg, "another specification"));
}

/* Abandons a life at many moments of a start; the next one must find or make exactly one. */
static void test_a_life_ends_in_the_middle_of_a_start(void **state)
{
    struct box *x = *state;
    static const unsigned cuts_us[] = {0, 50, 200, 400, 700, 1000, 1500, 2500, 4000, 8000};
    const struct runtime_file file = {"/etc/podlab/app.conf", "hello", 5, 0644};
    for (size_t i = 0; i < ARRAY_LEN(cuts_us); i++) {
        struct pod p;
        struct outcome lost = {0};
        cleanup_outcome struct outcome o = {0}, again = {0};
        bool never = false;
        make_pod(x, &p, 20 + (unsigned)i);
        p.sandbox_spec.files = &file;
        p.sandbox_spec.nfiles = 1;
        x->rt.ops->ensure(x->rt.self, &p.sandbox_spec, 1, outcome_done, &lost);
        loop_run_until(x->loop, &never, cuts_us[i] * 1000);
        free(lost.st);
        box_reopen(x);
        BOX_CALL(x, &o, RUNTIME_OK, ensure, &p.sandbox_spec, 2);
        assert_int_equal(o.st->state, RUNTIME_RUNNING);
        BOX_CALL(x, &again, RUNTIME_OK, inspect, p.sandbox);
        assert_string_equal(o.st->id, again.st->id);
        assert_int_equal(box_processes(x), 2 * (i + 1));
    }
}

static void test_an_end_is_left_and_reported(void **state)
{
    struct box *x = *state;
    struct pod p;
    const char *const args[] = {"exit", "3", NULL};
    cleanup_outcome struct outcome o = {0}, again = {0}, later = {0};
    make_pod(x, &p, 10);
    p.app_spec.args = args;
    start_pod(x, &p);
    box_wait_event(x, p.app, "die:3");
    BOX_CALL(x, &o, RUNTIME_OK, inspect, p.app);
    assert_int_equal(o.st->state, RUNTIME_EXITED);
    assert_int_equal(o.st->exit_code, 3);
    assert_false(o.st->oom_killed);
    assert_true(o.st->finished_us >= o.st->started_us);
    BOX_CALL(x, &again, RUNTIME_OK, ensure, &p.app_spec, 7);
    assert_int_equal(again.st->state, RUNTIME_EXITED); /* not started again */
    assert_int_equal(again.st->started_us, o.st->started_us);
    box_reopen(x);
    BOX_CALL(x, &later, RUNTIME_OK, ensure, &p.app_spec, 7);
    assert_int_equal(later.st->state, RUNTIME_EXITED);
    assert_int_equal(later.st->exit_code, 3);
}

/* The end comes while nobody of ours lives to see it. */
static void test_an_end_is_known_to_the_next_life(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    start_pod(x, &p);
    box_wait_answer(x, p.address, 8080);
    x->rt.ops->free(x->rt.self);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(8080)};
    inet_pton(AF_INET, p.address, &at.sin_addr);
    static const char crash[] = "GET /crash?code=7 HTTP/1.0\r\n\r\n";
    char byte;
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(write(fd, crash, sizeof(crash) - 1), sizeof(crash) - 1);
    assert_true(read(fd, &byte, 1) <= 0); /* it is gone now */
    close(fd);
    box_open(x);
    BOX_CALL(x, &o, RUNTIME_OK, inspect, p.app);
    if (o.st->state != RUNTIME_EXITED) { /* its shim was about to say so */
        box_wait_event(x, p.app, "die:7");
        BOX_CALL(x, &o, RUNTIME_OK, inspect, p.app);
    }
    assert_int_equal(o.st->state, RUNTIME_EXITED);
    assert_int_equal(o.st->exit_code, 7);
}

static void test_starts_that_fail(void **state)
{
    struct box *x = *state;
    struct pod p, q;
    const char *const nothing[] = {"/no/such/program", NULL};
    const char *const shell[] = {"sh", "-c", "true", NULL};
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    make_pod(x, &q, 11);
    BOX_CALL(x, &o, RUNTIME_FAILED, ensure, &p.app_spec, 1);
    assert_non_null(strstr(o.err.msg, "No such container"));
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &p.sandbox_spec, 1);
    p.app_spec.command = nothing;
    p.app_spec.name = "nothing";
    BOX_CALL(x, &o, RUNTIME_FAILED, ensure, &p.app_spec, 1);
    assert_non_null(strstr(o.err.msg, "/no/such/program"));
    BOX_CALL(x, &o, RUNTIME_OK, inspect, "nothing");
    assert_int_equal(o.st->state, RUNTIME_CREATED);
    assert_non_null(strstr(o.st->error, "/no/such/program"));
    p.app_spec.command = shell;
    p.app_spec.name = "shell";
    BOX_CALL(x, &o, RUNTIME_FAILED, ensure, &p.app_spec, 1);
    assert_non_null(strstr(o.err.msg, "executable file not found in $PATH"));
    p.app_spec.image = "busybox";
    p.app_spec.name = "box";
    BOX_CALL(x, &o, RUNTIME_FAILED, ensure, &p.app_spec, 1);
    assert_int_equal(o.err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(o.err.msg, "needs Docker"));
    q.sandbox_spec.address = p.address; /* taken */
    BOX_CALL(x, &o, RUNTIME_FAILED, ensure, &q.sandbox_spec, 1);
    assert_non_null(strstr(o.err.msg, "Address already in use"));
    q.sandbox_spec.address = "127.0.0.5";
    q.sandbox_spec.name = "elsewhere";
    BOX_CALL(x, &o, RUNTIME_FAILED, ensure, &q.sandbox_spec, 1);
    assert_non_null(strstr(o.err.msg, "Invalid address"));
    p.app_spec.name = "../x";
    BOX_CALL(x, &o, RUNTIME_FAILED, ensure, &p.app_spec, 1);
    assert_int_equal(o.err.code, ERR_INVALID);
}

static void test_stop(void **state)
{
    struct box *x = *state;
    struct pod p, q;
    const char *const args[] = {"sleep", "100", NULL};
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    make_pod(x, &q, 11);
    start_pod(x, &p);
    box_wait_answer(x, p.address, 8080);
    uint64_t start = loop_mono_ns(x->loop);
    BOX_CALL(x, &o, RUNTIME_OK, stop, p.app, 30);
    assert_true(loop_mono_ns(x->loop) - start < LOOP_S(5)); /* it obeys SIGTERM */
    box_wait_event(x, p.app, "die:0");
    BOX_CALL(x, &o, RUNTIME_OK, stop, p.app, 30);   /* not running any more */
    BOX_CALL(x, &o, RUNTIME_OK, stop, "nobody", 1); /* not there */
    q.app_spec.args = args;
    start_pod(x, &q);
    BOX_CALL(x, &o, RUNTIME_OK, pause, q.app, true); /* it cannot obey */
    start = loop_mono_ns(x->loop);
    BOX_CALL(x, &o, RUNTIME_OK, stop, q.app, 1);
    assert_true(loop_mono_ns(x->loop) - start >= LOOP_MS(900));
    box_wait_event(x, q.app, "die:137");
}

static void test_no_grace_is_a_kill(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    start_pod(x, &p);
    BOX_CALL(x, &o, RUNTIME_OK, stop, p.app, 0);
    box_wait_event(x, p.app, "die:137");
}

static void test_remove(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    start_pod(x, &p);
    box_wait_answer(x, p.address, 8080);
    BOX_CALL(x, &o, RUNTIME_OK, remove, p.app);
    BOX_CALL(x, &o, RUNTIME_FAILED, inspect, p.app);
    assert_int_equal(o.err.code, ERR_NOT_FOUND);
    box_wait_event(x, p.app, "destroy:0");
    BOX_CALL(x, &o, RUNTIME_OK, remove, p.app); /* again */
    assert_int_equal(box_get(x, p.address, 8080, "/").status, 0);
    BOX_CALL(x, &o, RUNTIME_OK, remove, p.sandbox);
    box_wait(x, box_is_empty, x, "no process is left");
    start_pod(x, &p); /* the address is free again */
    box_wait_answer(x, p.address, 8080);
}

static void test_remove_during_a_start(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_outcome struct outcome made = {0}, gone = {0};
    make_pod(x, &p, 10);
    x->rt.ops->ensure(x->rt.self, &p.sandbox_spec, 1, outcome_done, &made);
    BOX_CALL(x, &gone, RUNTIME_OK, remove, p.sandbox);
    assert_true(made.done); /* it came first */
    box_wait(x, box_is_empty, x, "no process is left");
}

static void test_pause(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    start_pod(x, &p);
    box_wait_answer(x, p.address, 8080);
    BOX_CALL(x, &o, RUNTIME_OK, pause, p.app, true);
    BOX_CALL(x, &o, RUNTIME_OK, pause, p.app, true); /* already */
    BOX_CALL(x, &o, RUNTIME_OK, inspect, p.app);
    assert_int_equal(o.st->state, RUNTIME_PAUSED);
    box_wait_event(x, p.app, "pause:0");
    struct probed hung = box_get(x, p.address, 8080, "/healthz");
    assert_int_equal(hung.err.code, ERR_TIMEOUT); /* connected, and never answered */
    box_reopen(x);
    BOX_CALL(x, &o, RUNTIME_OK, inspect, p.app);
    assert_int_equal(o.st->state, RUNTIME_PAUSED);
    BOX_CALL(x, &o, RUNTIME_OK, pause, p.app, false);
    box_wait_event(x, p.app, "unpause:0");
    box_wait_answer(x, p.address, 8080);
    BOX_CALL(x, &o, RUNTIME_OK, stop, p.app, 0);
    BOX_CALL(x, &o, RUNTIME_FAILED, pause, p.app, true);
    assert_int_equal(o.err.code, ERR_CONFLICT);
    BOX_CALL(x, &o, RUNTIME_FAILED, pause, "nobody", true);
    assert_int_equal(o.err.code, ERR_NOT_FOUND);
}

static void test_out_of_memory(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    p.app_spec.memory_limit = 16 << 20;
    start_pod(x, &p);
    box_wait_answer(x, p.address, 8080);
    assert_int_equal(box_get(x, p.address, 8080, "/leak?mb=4").status, 200);
    assert_int_equal(box_get(x, p.address, 8080, "/leak?mb=40").status, 0);
    box_wait_event(x, p.app, "oom:0");
    box_wait_event(x, p.app, "die:137");
    BOX_CALL(x, &o, RUNTIME_OK, inspect, p.app);
    assert_true(o.st->oom_killed);
}

static void test_a_kill_is_not_out_of_memory(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    p.app_spec.memory_limit = 16 << 20;
    start_pod(x, &p);
    box_wait_answer(x, p.address, 8080);
    BOX_CALL(x, &o, RUNTIME_OK, stop, p.app, 0);
    BOX_CALL(x, &o, RUNTIME_OK, inspect, p.app);
    assert_int_equal(o.st->exit_code, 137);
    assert_false(o.st->oom_killed);
}

/* No answer and no refusal either. */
static bool hangs(void *arg)
{
    const struct answer_wanted *w = arg;
    return box_get(w->x, w->address, w->port, "/healthz").err.code == ERR_TIMEOUT;
}

static void test_connect(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    start_pod(x, &p);
    box_wait_answer(x, p.address, 8080);
    BOX_CALL(x, &o, RUNTIME_OK, connect, p.app, false); /* has no network of its own */
    assert_int_equal(box_get(x, p.address, 8080, "/healthz").status, 200);
    BOX_CALL(x, &o, RUNTIME_OK, connect, p.sandbox, false);
    BOX_CALL(x, &o, RUNTIME_OK, connect, p.sandbox, false);
    BOX_CALL(x, &o, RUNTIME_OK, inspect, p.sandbox);
    assert_true(o.st->cut);
    box_wait_event(x, p.sandbox, "disconnect:0");
    box_wait(x, hangs, &(struct answer_wanted){x, p.address, 8080}, "nobody reaches it");
    box_reopen(x);
    BOX_CALL(x, &o, RUNTIME_OK, inspect, p.sandbox);
    assert_true(o.st->cut);
    BOX_CALL(x, &o, RUNTIME_OK, inspect, p.app);
    assert_int_equal(o.st->state, RUNTIME_RUNNING); /* it runs on */
    BOX_CALL(x, &o, RUNTIME_OK, connect, p.sandbox, true);
    box_wait_answer(x, p.address, 8080);
    BOX_CALL(x, &o, RUNTIME_FAILED, connect, "nobody", true);
    assert_int_equal(o.err.code, ERR_NOT_FOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_pod_starts_and_is_described),
        TEST(test_it_listens_on_its_own_address_alone),
        TEST(test_ensure_again_is_the_same_container),
        TEST(test_the_hash_must_be_the_same),
        TEST(test_a_life_ends_in_the_middle_of_a_start),
        TEST(test_an_end_is_left_and_reported),
        TEST(test_an_end_is_known_to_the_next_life),
        TEST(test_starts_that_fail),
        TEST(test_stop),
        TEST(test_no_grace_is_a_kill),
        TEST(test_remove),
        TEST(test_remove_during_a_start),
        TEST(test_pause),
        TEST(test_out_of_memory),
        TEST(test_a_kill_is_not_out_of_memory),
        TEST(test_connect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
