/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation believes the fake; so what the fake promises is shown here. */
#include "fake_testing.h"

static void test_ensure_starts_once(void **state)
{
    struct fixture *x = *state;
    x->rt.ops->subscribe(x->rt.self, on_event, x);
    struct answer a = ensure(x, &sandbox);
    assert_int_equal(a.result, RUNTIME_OK);
    assert_int_equal(a.state, RUNTIME_RUNNING);
    assert_int_equal(a.epoch, 3);
    a = ensure(x, &sandbox);
    assert_int_equal(a.result, RUNTIME_OK);
    assert_int_equal(fake_starts(x->fake, "s1"), 1);
    assert_string_equal(str_c(&x->trace), "s1:create:0 s1:start:0 ");
}

static void test_two_ensures_at_once_start_once(void **state)
{
    struct fixture *x = *state;
    struct answer a = {0}, b = {0};
    x->rt.ops->ensure(x->rt.self, &sandbox, 1, on_done, &a);
    x->rt.ops->ensure(x->rt.self, &sandbox, 1, on_done, &b);
    loop_sim_advance(x->loop, LOOP_S(1));
    assert_true(a.done && b.done);
    assert_int_equal(a.result, RUNTIME_OK);
    assert_int_equal(b.result, RUNTIME_OK);
    assert_int_equal(fake_starts(x->fake, "s1"), 1);
}

static void on_probed(void *arg, int status, const char *body, const struct err *err)
{
    struct answer *a = arg;
    (void)body;
    a->done = true;
    a->status = status;
    a->code = err->code;
}

static int probe_app(struct fixture *x)
{
    struct answer a = {0};
    const struct runtime_probe q = {
        .address = "10.77.1.1", .port = 8080, .path = "/", .timeout_ns = LOOP_S(1)};
    x->rt.ops->probe(x->rt.self, &q, on_probed, &a);
    assert_true(loop_run_until(x->loop, &a.done, LOOP_S(2)));
    return a.status;
}

static struct answer connect_it(struct fixture *x, const char *name, bool connected)
{
    struct answer a = {0};
    x->rt.ops->connect(x->rt.self, name, connected, on_done, &a);
    assert_false(a.done);
    assert_true(loop_run_until(x->loop, &a.done, LOOP_S(1)));
    return a;
}

static void test_off_the_network_nothing_answers(void **state)
{
    struct fixture *x = *state;
    ensure(x, &sandbox);
    ensure(x, &app);
    assert_int_equal(probe_app(x), 200);
    x->rt.ops->subscribe(x->rt.self, on_event, x);
    for (int twice = 0; twice < 2; twice++) {
        struct answer a = connect_it(x, "s1", false);
        assert_int_equal(a.result, RUNTIME_OK);
        assert_int_equal(a.state, RUNTIME_RUNNING);
        assert_true(a.cut);
    }
    assert_int_equal(connect_it(x, "a1", false).result, RUNTIME_OK); /* has none of its own */
    assert_false(inspect(x, "a1").cut);
    assert_int_equal(probe_app(x), 0);
    assert_int_equal(connect_it(x, "s1", true).result, RUNTIME_OK);
    assert_int_equal(probe_app(x), 200);
    assert_false(inspect(x, "s1").cut);
    assert_string_equal(str_c(&x->trace), "s1:disconnect:0 s1:connect:0 ");
    assert_int_equal(connect_it(x, "nobody", false).code, ERR_NOT_FOUND);
}

static void test_somebody_pauses_and_pulls_the_cable(void **state)
{
    struct fixture *x = *state;
    ensure(x, &sandbox);
    ensure(x, &app);
    x->rt.ops->subscribe(x->rt.self, on_event, x);
    assert_true(fake_pause(x->fake, "s1", true));
    assert_false(fake_pause(x->fake, "s1", true));
    assert_int_equal(inspect(x, "s1").state, RUNTIME_PAUSED);
    assert_true(fake_connect(x->fake, "s1", false));
    assert_false(fake_connect(x->fake, "s1", false));
    assert_true(fake_pause(x->fake, "s1", false));
    assert_int_equal(probe_app(x), 0);
    assert_true(fake_connect(x->fake, "s1", true));
    assert_int_equal(probe_app(x), 200);
    assert_false(fake_connect(x->fake, "a1", false));
    assert_true(fake_kill(x->fake, "s1", 137, false));
    assert_false(fake_pause(x->fake, "s1", true));
    loop_sim_advance(x->loop, LOOP_MS(1));
    assert_string_equal(str_c(&x->trace), "s1:pause:0 s1:disconnect:0 s1:unpause:0 s1:connect:0 "
                                          "s1:die:137 ");
}

/* As `docker start` of one that ended: the same container, and no start of ours. */
static void test_somebody_starts_it_again(void **state)
{
    struct fixture *x = *state;
    ensure(x, &sandbox);
    assert_false(fake_start(x->fake, "s1"));
    assert_true(fake_kill(x->fake, "s1", 137, false));
    loop_sim_advance(x->loop, LOOP_MS(5));
    assert_true(fake_start(x->fake, "s1"));
    assert_int_equal(inspect(x, "s1").state, RUNTIME_RUNNING);
    assert_int_equal(fake_starts(x->fake, "s1"), 1);
    assert_int_equal(ensure(x, &sandbox).state, RUNTIME_RUNNING);
}

static void test_another_hash_is_a_conflict(void **state)
{
    struct fixture *x = *state;
    ensure(x, &sandbox);
    struct runtime_spec other = sandbox;
    other.hash = "h9";
    struct answer a = ensure(x, &other);
    assert_int_equal(a.result, RUNTIME_FAILED);
    assert_int_equal(a.code, ERR_CONFLICT);
}

static void test_unknown_image_names_what_is_here(void **state)
{
    struct fixture *x = *state;
    struct runtime_spec spec = sandbox;
    spec.image = "podlab/web:v9";
    struct answer a = ensure(x, &spec);
    assert_int_equal(a.code, ERR_NOT_FOUND);
    assert_non_null(strstr(a.msg, "podlab/web:v9 is not on this machine"));
    assert_non_null(strstr(a.msg, "podlab/web:v3"));
    assert_int_equal(inspect(x, "s1").code, ERR_NOT_FOUND);
    fake_add_image(x->fake, "podlab/web:v9");
    assert_int_equal(ensure(x, &spec).result, RUNTIME_OK);
}

static void test_an_app_needs_its_sandbox(void **state)
{
    struct fixture *x = *state;
    struct answer a = ensure(x, &app);
    assert_int_equal(a.result, RUNTIME_FAILED);
    assert_non_null(strstr(a.msg, "No such container: s1"));
    ensure(x, &sandbox);
    a = ensure(x, &app); /* the same container is started, not another made */
    assert_int_equal(a.result, RUNTIME_OK);
    assert_int_equal(fake_starts(x->fake, "a1"), 1);
}

static void test_an_address_has_one_owner(void **state)
{
    struct fixture *x = *state;
    ensure(x, &sandbox);
    struct runtime_spec second = sandbox;
    second.name = "s2";
    struct answer a = ensure(x, &second);
    assert_int_equal(a.result, RUNTIME_FAILED);
    assert_string_equal(a.msg, "Address already in use");
    assert_true(fake_kill(x->fake, "s1", 137, false));
    assert_int_equal(ensure(x, &second).result, RUNTIME_OK);
}

static void test_stop_and_remove(void **state)
{
    struct fixture *x = *state;
    ensure(x, &sandbox);
    ensure(x, &app);
    x->rt.ops->subscribe(x->rt.self, on_event, x);
    struct answer a = {0};
    x->rt.ops->stop(x->rt.self, "a1", 30, on_done, &a);
    loop_sim_advance(x->loop, LOOP_MS(2));
    assert_false(a.done); /* it needs 3 ms to end */
    loop_sim_advance(x->loop, LOOP_MS(2));
    assert_true(a.done);
    assert_int_equal(a.result, RUNTIME_OK);
    assert_int_equal(a.exit_code, 0); /* podlab/web obeys SIGTERM */
    struct answer b = {0}, c = {0};
    x->rt.ops->remove(x->rt.self, "a1", on_done, &b);
    x->rt.ops->remove(x->rt.self, "a1", on_done, &c);
    loop_sim_advance(x->loop, LOOP_MS(1));
    assert_int_equal(b.result, RUNTIME_OK);
    assert_int_equal(c.result, RUNTIME_OK);
    assert_true(c.done);
    assert_string_equal(str_c(&x->trace), "a1:die:0 a1:destroy:0 ");
    /* ensure after that is a new start: whoever does it has broken its word, and can be seen */
    ensure(x, &app);
    assert_int_equal(fake_starts(x->fake, "a1"), 2);
}

static void test_no_grace_is_a_kill(void **state)
{
    struct fixture *x = *state;
    ensure(x, &sandbox);
    struct answer a = {0};
    x->rt.ops->stop(x->rt.self, "s1", 0, on_done, &a);
    loop_sim_advance(x->loop, LOOP_MS(1));
    assert_true(a.done);
    assert_int_equal(a.exit_code, 137);
    struct answer b = {0};
    x->rt.ops->stop(x->rt.self, "nobody", 0, on_done, &b);
    loop_sim_advance(x->loop, LOOP_MS(1));
    assert_int_equal(b.result, RUNTIME_OK);
}

static void test_a_remove_waits_for_the_start(void **state)
{
    struct fixture *x = *state;
    struct answer a = {0}, b = {0};
    x->rt.ops->ensure(x->rt.self, &sandbox, 1, on_done, &a);
    x->rt.ops->remove(x->rt.self, "s1", on_done, &b);
    loop_sim_advance(x->loop, LOOP_S(1));
    assert_true(a.done && b.done);
    assert_int_equal(a.result, RUNTIME_OK);
    assert_int_equal(b.result, RUNTIME_OK);
    assert_int_equal(inspect(x, "s1").code, ERR_NOT_FOUND);
}

static struct answer run_words(struct fixture *x, const char *name, const char *image,
                               const char *words)
{
    const struct runtime_spec spec = {.name = name,
                                      .role = RUNTIME_APP,
                                      .host = "worker-1",
                                      .hash = "h",
                                      .image = image,
                                      .args = (const char *const[]){words, NULL}};
    return ensure(x, &spec);
}

static void test_words_end_a_container(void **state)
{
    struct fixture *x = *state;
    static const struct {
        const char *image, *words;
        uint64_t runs_until_ms, ended_at_ms;
        int exit_code;
        bool oom;
    } rows[] = {
        {"podlab/web:v1", "exit=3 after=500", 499, 501, 3, false},
        {"podlab/web:v1", "crash", 9, 11, 1, false},
        {"podlab/load", "oom", 9, 11, 137, true},
        {"busybox", "sh -c 'sleep 2; exit 4'", 1999, 2001, 4, false},
        {"busybox", "sleep 1", 999, 1001, 0, false},
        {"busybox:latest", "false", 0, 1, 1, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[16];
        snprintf(name, sizeof(name), "w%zu", i);
        run_words(x, name, rows[i].image, rows[i].words);
        if (rows[i].runs_until_ms > 0) {
            loop_sim_advance(x->loop, LOOP_MS(rows[i].runs_until_ms));
            assert_int_equal(inspect(x, name).state, RUNTIME_RUNNING);
        }
        loop_sim_advance(x->loop, LOOP_MS(rows[i].ended_at_ms - rows[i].runs_until_ms));
        struct answer a = inspect(x, name);
        assert_int_equal(a.state, RUNTIME_EXITED);
        assert_int_equal(a.exit_code, rows[i].exit_code);
        assert_int_equal(a.oom, rows[i].oom);
    }
    run_words(x, "for-ever", "busybox", "sh -c 'while true; do sleep 1; done'");
    loop_sim_advance(x->loop, LOOP_S(1000));
    assert_int_equal(inspect(x, "for-ever").state, RUNTIME_RUNNING);
}

static void test_pause_holds_the_end(void **state)
{
    struct fixture *x = *state;
    run_words(x, "w", "podlab/web:v1", "exit=0 after=1000");
    struct answer a = {0};
    x->rt.ops->pause(x->rt.self, "w", true, on_done, &a);
    loop_sim_advance(x->loop, LOOP_S(60));
    assert_int_equal(a.result, RUNTIME_OK);
    assert_int_equal(inspect(x, "w").state, RUNTIME_PAUSED);
    struct answer b = {0};
    x->rt.ops->pause(x->rt.self, "w", false, on_done, &b);
    loop_sim_advance(x->loop, LOOP_MS(900));
    assert_int_equal(inspect(x, "w").state, RUNTIME_RUNNING);
    loop_sim_advance(x->loop, LOOP_MS(200));
    assert_int_equal(inspect(x, "w").state, RUNTIME_EXITED);
}

static void test_starts_that_fail_or_stay_unknown(void **state)
{
    struct fixture *x = *state;
    fake_fail_starts(x->fake, NULL, 1, RUNTIME_FAILED);
    fake_fail_starts(x->fake, NULL, 1, RUNTIME_UNKNOWN);
    struct answer a = ensure(x, &sandbox);
    assert_int_equal(a.result, RUNTIME_FAILED);
    assert_int_equal(fake_starts(x->fake, "s1"), 0);
    a = ensure(x, &sandbox);
    assert_int_equal(a.result, RUNTIME_UNKNOWN);
    assert_int_equal(fake_starts(x->fake, "s1"), 1); /* it happened */
    a = ensure(x, &sandbox);
    assert_int_equal(a.result, RUNTIME_OK);
    assert_int_equal(fake_starts(x->fake, "s1"), 1);
}

static void test_the_daemon_goes_and_comes(void **state)
{
    struct fixture *x = *state;
    ensure(x, &sandbox);
    x->rt.ops->subscribe(x->rt.self, on_event, x);
    struct answer a = {0};
    x->rt.ops->ensure(x->rt.self, &app, 1, on_done, &a);
    loop_sim_advance(x->loop, LOOP_MS(1));
    fake_set_down(x->fake, true);
    loop_sim_advance(x->loop, LOOP_S(1));
    assert_int_equal(a.result, RUNTIME_UNKNOWN); /* though it lands */
    assert_int_equal(fake_starts(x->fake, "a1"), 1);
    struct answer b = inspect(x, "s1");
    assert_int_equal(b.result, RUNTIME_FAILED);
    assert_int_equal(b.code, ERR_UNAVAILABLE);
    fake_set_down(x->fake, false);
    loop_sim_advance(x->loop, LOOP_S(1));
    assert_string_equal(str_c(&x->trace), "a1:create:0 LOST BACK ");
    assert_int_equal(inspect(x, "a1").state, RUNTIME_RUNNING);
}

static void on_list(void *arg, enum runtime_result result, const struct runtime_status *list,
                    size_t n, const struct err *err)
{
    struct answer *a = arg;
    a->done = true;
    a->n = n;
    assert_int_equal(result, RUNTIME_OK);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(list[i].labels[0], "app=web");
    }
}

static void test_it_outlives_a_core(void **state)
{
    struct fixture *x = *state;
    struct runtime_spec spec = sandbox;
    spec.labels = (const char *const[]){"app=web", NULL};
    struct answer lost = {0};
    x->rt.ops->ensure(x->rt.self, &spec, 1, on_done, &lost);
    x->rt.ops->free(x->rt.self); /* abandoned in the middle of a start */
    loop_sim_advance(x->loop, LOOP_S(1));
    assert_false(lost.done);
    assert_int_equal(fake_starts(x->fake, "s1"), 1);
    fake_runtime(x->fake, &x->rt);
    struct answer a = {0};
    x->rt.ops->list(x->rt.self, on_list, &a);
    assert_true(loop_run_until(x->loop, &a.done, LOOP_S(1)));
    assert_int_equal(a.n, 1);
    assert_int_equal(ensure(x, &spec).result, RUNTIME_OK);
    assert_int_equal(fake_starts(x->fake, "s1"), 1);
}

static void free_in_callback(void *arg, enum runtime_result result, const struct runtime_status *st,
                             const struct err *err)
{
    struct fixture *x = arg;
    x->rt.ops->free(x->rt.self);
    x->rt.self = NULL;
}

static void test_a_driver_may_die_in_its_callback(void **state)
{
    struct fixture *x = *state;
    struct answer never = {0};
    x->rt.ops->recover(x->rt.self, free_in_callback, x);
    x->rt.ops->recover(x->rt.self, on_done, &never);
    x->rt.ops->ensure(x->rt.self, &sandbox, 1, on_done, &never);
    loop_sim_advance(x->loop, LOOP_S(1));
    assert_false(never.done);
    assert_int_equal(fake_starts(x->fake, "s1"), 1);
}

static void count(void *arg, const struct runtime_status *st)
{
    *(size_t *)arg += st->state == RUNTIME_RUNNING;
}

static void count_done(void *arg, enum runtime_result result, const struct runtime_status *st,
                       const struct err *err)
{
    *(size_t *)arg += result == RUNTIME_OK;
}

static void test_ten_thousand(void **state)
{
    struct fixture *x = *state;
    size_t done = 0, running = 0;
    for (int i = 0; i < 10000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "c%d", i);
        struct runtime_spec spec = {
            .name = name, .role = RUNTIME_APP, .host = "h", .hash = "h", .image = "podlab/web:v1"};
        x->rt.ops->ensure(x->rt.self, &spec, 1, count_done, &done);
    }
    loop_sim_advance(x->loop, LOOP_S(1));
    fake_each(x->fake, count, &running);
    assert_int_equal(done, 10000);
    assert_int_equal(running, 10000);
    struct answer a = {0};
    x->rt.ops->destroy(x->rt.self, on_done, &a);
    loop_sim_advance(x->loop, LOOP_S(1));
    assert_int_equal(a.result, RUNTIME_OK);
    running = 0;
    fake_each(x->fake, count, &running);
    assert_int_equal(running, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_ensure_starts_once),
        T(test_two_ensures_at_once_start_once),
        T(test_off_the_network_nothing_answers),
        T(test_somebody_pauses_and_pulls_the_cable),
        T(test_somebody_starts_it_again),
        T(test_another_hash_is_a_conflict),
        T(test_unknown_image_names_what_is_here),
        T(test_an_app_needs_its_sandbox),
        T(test_an_address_has_one_owner),
        T(test_stop_and_remove),
        T(test_no_grace_is_a_kill),
        T(test_a_remove_waits_for_the_start),
        T(test_words_end_a_container),
        T(test_pause_holds_the_end),
        T(test_starts_that_fail_or_stay_unknown),
        T(test_the_daemon_goes_and_comes),
        T(test_it_outlives_a_core),
        T(test_a_driver_may_die_in_its_callback),
        T(test_ten_thousand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
