/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever moment mini-cluster dies in, its next life takes over what runs, starts nothing twice,
 * and leaves nothing behind. */
#include "fixture.h"

#define TWO                                                                                        \
    "{'initContainers':[{'name':'i','image':'podlab/web:v1','args':['exit=0','after=20']}],"       \
    "'containers':[{'name':'x','image':'podlab/web:v1'},{'name':'y','image':'podlab/web:v2'}]}"

static void restart(struct fixture *f)
{
    end_life(f);
    begin_life(f);
}

static void expect_two(struct fixture *f, const char *what, unsigned at)
{
    wait_for(f, "a", "status.phase", "Running", 3000);
    run_ms(f, 3000);
    if (!object_pod_ready(pod(f, "a"))) {
        cleanup_free char *t = jx_dump_pretty(jx_get(pod(f, "a"), "status"));
        fail_msg("%s %u: not ready: %s", what, at, t);
    }
    struct census c = take_census(f, NULL);
    assert_int_equal(c.running, 3);
    assert_int_equal(take_census(f, "default/a x").running, 1);
    assert_int_equal(take_census(f, "default/a y").running, 1);
    assert_int_equal(cint(f, "a", 0, "restartCount"), 0);
    assert_int_equal(cint(f, "a", 1, "restartCount"), 0);
}

/* After every tick of a start; each starts at most once, ever. */
static void test_every_tick_of_a_start(void **state)
{
    (void)state;
    for (unsigned ticks = 0; ticks < 60; ticks++) {
        struct fixture f;
        set_up(&f);
        run_ms(&f, 10);
        create_pod(&f, "a", "worker-1", TWO);
        for (unsigned i = 0; i < ticks; i++) {
            if (!loop_sim_tick(f.loop)) {
                loop_sim_advance(f.loop, loop_sim_next(f.loop));
            }
        }
        restart(&f);
        if (pod(&f, "a") != NULL) { /* its creation was committed */
            expect_two(&f, "after tick", ticks);
        }
        tear_down(&f);
    }
}

/* And twice in a row, at every pair of moments. */
static void test_two_deaths(void **state)
{
    (void)state;
    for (unsigned first = 1; first < 24; first += 2) {
        for (unsigned second = 1; second < 24; second += 2) {
            struct fixture f;
            set_up(&f);
            run_ms(&f, 10);
            create_pod(&f, "a", "worker-1", TWO);
            loop_sim_tick(f.loop);
            for (unsigned i = 0; i < first; i++) {
                loop_sim_tick(f.loop);
                loop_sim_advance(f.loop, LOOP_MS(1) / 2);
            }
            restart(&f);
            for (unsigned i = 0; i < second; i++) {
                loop_sim_tick(f.loop);
                loop_sim_advance(f.loop, LOOP_MS(1) / 2);
            }
            restart(&f);
            expect_two(&f, "after two deaths", first * 100 + second);
            tear_down(&f);
        }
    }
}

/* While it is being deleted: it goes, and nothing is left. */
static void test_every_tick_of_a_deletion(void **state)
{
    (void)state;
    for (unsigned ticks = 0; ticks < 40; ticks++) {
        struct fixture f;
        set_up(&f);
        create_pod(&f, "a", "worker-1", WEB);
        wait_for(&f, "a", "status.phase", "Running", 100);
        delete_pod(&f, "a", ticks % 2 == 0 ? -1 : 0);
        for (unsigned i = 0; i < ticks; i++) {
            if (!loop_sim_tick(f.loop)) {
                loop_sim_advance(f.loop, loop_sim_next(f.loop));
            }
        }
        bool committed = ticks > 0;
        restart(&f);
        run_ms(&f, 3000);
        if (committed) {
            assert_null(pod(&f, "a"));
            assert_int_equal(take_census(&f, NULL).all, 0);
        }
        tear_down(&f);
    }
}

/* While it starts: deleted at every moment, gracefully or by force. */
static void test_deletion_mid_start(void **state)
{
    (void)state;
    for (unsigned ticks = 0; ticks < 50; ticks++) {
        struct fixture f;
        set_up(&f);
        create_pod(&f, "a", "worker-1", TWO);
        for (unsigned i = 0; i < ticks; i++) {
            if (!loop_sim_tick(f.loop)) {
                loop_sim_advance(f.loop, loop_sim_next(f.loop));
            }
        }
        delete_pod(&f, "a", ticks % 2 == 0 ? -1 : 0);
        run_ms(&f, 3000);
        assert_null(pod(&f, "a"));
        assert_int_equal(take_census(&f, NULL).all, 0);
        tear_down(&f);
    }
}

/* What ended meanwhile is told with its exit code, and started again as the spec says. */
static void test_ended_meanwhile(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    create_pod(&f, "b", "worker-1",
               "{'restartPolicy':'Never',"
               "'containers':[{'name':'web','image':'podlab/web:v1'}]}");
    wait_for(&f, "b", "status.phase", "Running", 100);
    char name[2][128];
    snprintf(name[0], 128, "%s", find_running(&f, "default/a web"));
    snprintf(name[1], 128, "%s", find_running(&f, "default/b web"));
    end_life(&f);
    assert_true(fake_kill(f.fake, name[0], 42, false));
    assert_true(fake_kill(f.fake, name[1], 43, false));
    begin_life(&f);
    run_ms(&f, 100);
    assert_int_equal(cint(&f, "a", 0, "lastState.terminated.exitCode"), 42);
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 1);
    assert_true(object_pod_ready(pod(&f, "a")));
    assert_int_equal(cint(&f, "b", 0, "state.terminated.exitCode"), 43);
    assert_string_equal(phase(&f, "b"), "Failed");
    tear_down(&f);
}

/* A running pod is taken over as it is: not one write, no new container. */
static void test_taken_over_unchanged(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1",
               "{'containers':[{'name':'web','image':'podlab/web:v1','readinessProbe':"
               "{'httpGet':{'port':8080}}}]}");
    wait_for(&f, "a", "status.conditions[2].status", "True", 1000);
    run_ms(&f, 100);
    int64_t rev = object_revision(pod(&f, "a"));
    cleanup_free char *name = xstrdup(find_running(&f, "default/a web"));
    restart(&f);
    run_ms(&f, 3000);
    assert_int_equal(object_revision(pod(&f, "a")), rev);
    assert_string_equal(find_running(&f, "default/a web"), name);
    delete_pod(&f, "a", -1);
    wait_for(&f, "a", "status.phase", "gone", 1000);
    run_ms(&f, 10);
    assert_int_equal(take_census(&f, NULL).all, 0);
    tear_down(&f);
}

/* In the middle of a crash loop: the count goes on, every attempt has its own name. */
static void test_crash_loop_goes_on(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1",
               "{'containers':[{'name':'c','image':'podlab/web:v1','args':['crash']}]}");
    int64_t count = 0;
    for (int i = 0; i < 12; i++) {
        run_ms(&f, 333);
        restart(&f);
        run_ms(&f, 50);
        int64_t now = cint(&f, "a", 0, "restartCount");
        assert_true(now >= count);
        count = now;
        take_census(&f, NULL);
        assert_true(take_census(&f, "default/a c").all <= 2);
    }
    assert_true(count >= 3);
    tear_down(&f);
}

/* Removed by hand while nobody looked. */
static void on_done(void *arg, enum runtime_result result, const struct runtime_status *st,
                    const struct err *err)
{
    (void)arg, (void)result, (void)st, (void)err;
}

static void remove_by_hand(struct fixture *f, const char *want)
{
    struct runtime rt;
    cleanup_free char *name = xstrdup(find_running(f, want));
    fake_runtime(f->fake, &rt);
    rt.ops->remove(rt.self, name, on_done, NULL);
    loop_sim_tick(f->loop);
    rt.ops->free(rt.self);
}

static void test_vanished(void **state)
{
    struct fixture f;
    (void)state;
    for (int alive = 0; alive < 2; alive++) {
        set_up(&f);
        create_pod(&f, "a", "worker-1", WEB);
        wait_for(&f, "a", "status.phase", "Running", 100);
        if (alive) {
            remove_by_hand(&f, "default/a web");
        } else {
            struct runtime rt;
            cleanup_free char *name = xstrdup(find_running(&f, "default/a web"));
            end_life(&f);
            fake_runtime(f.fake, &rt);
            rt.ops->remove(rt.self, name, on_done, NULL);
            loop_sim_tick(f.loop);
            rt.ops->free(rt.self);
            begin_life(&f);
        }
        run_ms(&f, 100);
        assert_int_equal(cint(&f, "a", 0, "restartCount"), 1);
        assert_string_equal(ctext(&f, "a", 0, "lastState.terminated.reason"),
                            "ContainerStatusUnknown");
        assert_true(object_pod_ready(pod(&f, "a")));
        assert_int_equal(take_census(&f, NULL).running, 2);
        tear_down(&f);
    }
}

/* Its object is deleted by force while mini-cluster is down: the record owes the removal. */
static void test_addresses_come_back(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    wait_for(&f, "a", "status.phase", "Running", 100);
    restart(&f);
    run_ms(&f, 100);
    create_pod(&f, "b", "worker-2", WEB);
    wait_for(&f, "b", "status.phase", "Running", 100);
    const char *b = jx_str(pod(&f, "b"), "status.podIP", "");
    assert_string_not_equal(b, "10.77.1.1");
    assert_memory_equal(b, "10.77.1.", 8);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_tick_of_a_start),
        cmocka_unit_test(test_two_deaths),
        cmocka_unit_test(test_every_tick_of_a_deletion),
        cmocka_unit_test(test_deletion_mid_start),
        cmocka_unit_test(test_ended_meanwhile),
        cmocka_unit_test(test_taken_over_unchanged),
        cmocka_unit_test(test_crash_loop_goes_on),
        cmocka_unit_test(test_vanished),
        cmocka_unit_test(test_addresses_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
