/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that never come, daemons that go away, hosts without power: promises are kept all the
 * same. */
#include "fixture.h"

static bool count_record(void *arg, const char *key, const json_t *value)
{
    (void)key, (void)value;
    ++*(int *)arg;
    return true;
}

static int records(struct fixture *f)
{
    int n = 0;
    client_record_each(f->client, "node.pods", count_record, &n);
    return n;
}

static void expect_ready(struct fixture *f, const char *name)
{
    if (!object_pod_ready(pod(f, name))) {
        cleanup_free char *t = jx_dump_pretty(jx_get(pod(f, name), "status"));
        fail_msg("%s is not ready: %s", name, t);
    }
}

/* It happened, and nobody knows: the same name is asked for again, and it is there. */
static void test_unknown_answers(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_fail_starts(f.fake, NULL, 5, RUNTIME_UNKNOWN);
    create_pod(&f, "a", "worker-1", WEB);
    create_pod(&f, "b", "worker-2", WEB);
    run_ms(&f, 3000);
    expect_ready(&f, "a");
    expect_ready(&f, "b");
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
    assert_int_equal(take_census(&f, NULL).running, 4);
    tear_down(&f);
}

/* A start that fails is an attempt: it is told, waited for, and tried again under a new name. */
static void test_failing_start(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_fail_starts(f.fake, "podlab/web:v1", 2, RUNTIME_FAILED);
    create_pod(&f, "a", "worker-1", WEB);
    run_ms(&f, 100);
    assert_string_equal(ctext(&f, "a", 0, "state.waiting.reason"), "RunContainerError");
    assert_string_equal(ctext(&f, "a", 0, "state.waiting.message"),
                        "OCI runtime create failed: the start was made to fail");
    assert_string_equal(ctext(&f, "a", 0, "lastState.terminated.reason"), "StartError");
    assert_int_equal(cint(&f, "a", 0, "lastState.terminated.exitCode"), 128);
    run_ms(&f, 1000);
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 1);
    assert_string_equal(ctext(&f, "a", 0, "state.waiting.reason"), "CrashLoopBackOff");
    run_ms(&f, 2000);
    expect_ready(&f, "a");
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 2);
    assert_true(find_events(&f, "a", "Failed").count >= 1);
    tear_down(&f);
}

/* Perhaps the address is to blame: the next sandbox gets another one. */
static void test_failing_sandbox(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_fail_starts(f.fake, "podlab/guest:1", 1, RUNTIME_FAILED);
    create_pod(&f, "a", "worker-1", WEB);
    run_ms(&f, 500);
    expect_ready(&f, "a");
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
    assert_string_equal(jx_str(pod(&f, "a"), "status.podIP", ""), "10.77.1.2");
    assert_int_equal(find_events(&f, "a", "FailedCreatePodSandBox").count, 1);
    assert_int_equal(take_census(&f, NULL).all, 2);
    tear_down(&f);
}

/* The daemon goes away for a while; what ended meanwhile is noticed when it is back. */
static void test_daemon_away(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    create_pod(&f, "b", "worker-1", WEB);
    wait_for(&f, "b", "status.phase", "Running", 100);
    cleanup_free char *a = xstrdup(find_running(&f, "default/a web"));
    fake_set_down(f.fake, true);
    run_ms(&f, 100);
    fake_kill(f.fake, a, 9, false);
    create_pod(&f, "c", "worker-1", WEB);
    delete_pod(&f, "b", -1);
    run_ms(&f, 3000);
    assert_string_equal(phase(&f, "a"), "Running");
    assert_string_equal(phase(&f, "c"), "Pending");
    fake_set_down(f.fake, false);
    run_ms(&f, 3000);
    expect_ready(&f, "a");
    expect_ready(&f, "c");
    assert_int_equal(cint(&f, "a", 0, "lastState.terminated.exitCode"), 9);
    assert_null(pod(&f, "b"));
    assert_int_equal(take_census(&f, NULL).all, 5); /* and the last life of a */
    assert_int_equal(records(&f), 2);
    tear_down(&f);
}

/* At every moment of a start, for a moment. */
static void test_daemon_away_mid_start(void **state)
{
    (void)state;
    for (unsigned ticks = 0; ticks < 40; ticks++) {
        struct fixture f;
        set_up(&f);
        create_pod(&f, "a", "worker-1", WEB);
        for (unsigned i = 0; i < ticks; i++) {
            if (!loop_sim_tick(f.loop)) {
                loop_sim_advance(f.loop, LOOP_MS(1) / 2);
            }
        }
        fake_set_down(f.fake, true);
        run_ms(&f, ticks % 3 * 700);
        fake_set_down(f.fake, false);
        run_ms(&f, 5000);
        expect_ready(&f, "a");
        assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
        assert_int_equal(take_census(&f, NULL).running, 2);
        tear_down(&f);
    }
}

/* ---- strays ---- */

static void on_done(void *arg, enum runtime_result result, const struct runtime_status *st,
                    const struct err *err)
{
    (void)arg, (void)result, (void)st, (void)err;
}

static void start_by_hand(struct fixture *f, const char *name, const char *host, bool labelled)
{
    struct runtime rt;
    const char *const labels[] = {"dev.podlab.pod-uid=nobody", "dev.podlab.pod=x/y",
                                  "dev.podlab.container=c", NULL};
    static const char *const none[] = {NULL};
    struct runtime_spec spec = {.name = name,
                                .role = RUNTIME_APP,
                                .host = host,
                                .hash = "h",
                                .image = "podlab/web:v1",
                                .labels = labelled ? labels : none};
    fake_runtime(f->fake, &rt);
    rt.ops->ensure(rt.self, &spec, 1, on_done, NULL);
    loop_sim_advance(f->loop, LOOP_MS(2));
    rt.ops->free(rt.self);
}

static void count_named(void *arg, const struct runtime_status *st)
{
    *(int *)arg += strncmp(st->name, "stray", 5) == 0;
}

static int strays(struct fixture *f)
{
    int n = 0;
    fake_each(f->fake, count_named, &n);
    return n;
}

/* A create that was given up lands all the same: it goes as soon as it is seen. What a learner
 * started by hand stays. */
static void test_strays(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    run_ms(&f, 10);
    start_by_hand(&f, "stray-1", "worker-1", true);
    run_ms(&f, 10);
    assert_int_equal(strays(&f), 0);
    start_by_hand(&f, "stray-2", "worker-1", false);
    run_ms(&f, 10);
    assert_int_equal(strays(&f), 1);
    end_life(&f);
    start_by_hand(&f, "stray-3", "worker-2", true);
    assert_int_equal(strays(&f), 2);
    begin_life(&f);
    run_ms(&f, 10);
    assert_int_equal(strays(&f), 1);
    tear_down(&f);
}

/* Events were missed: the next list finds out. */
static void test_missed_events(void **state)
{
    struct fixture f;
    struct runtime rt;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    create_pod(&f, "b", "worker-1", WEB);
    wait_for(&f, "b", "status.phase", "Running", 100);
    cleanup_free char *a = xstrdup(find_running(&f, "default/a web"));
    cleanup_free char *b = xstrdup(find_running(&f, "default/b web"));
    f.rt.ops->subscribe(f.rt.self, NULL, NULL);
    fake_kill(f.fake, a, 5, false);
    fake_runtime(f.fake, &rt);
    rt.ops->remove(rt.self, b, on_done, NULL);
    rt.ops->free(rt.self);
    run_ms(&f, 1000);
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
    f.rt.ops->subscribe(f.rt.self, on_runtime, &f);
    nodes_runtime_event(f.nodes, &(struct runtime_event){.type = RUNTIME_EV_BACK});
    run_ms(&f, 100);
    assert_int_equal(cint(&f, "a", 0, "lastState.terminated.exitCode"), 5);
    assert_string_equal(ctext(&f, "b", 0, "lastState.terminated.reason"), "ContainerStatusUnknown");
    expect_ready(&f, "a");
    expect_ready(&f, "b");
    tear_down(&f);
}

/* Nobody knows that events were missed: now and then it is looked all the same. */
static void test_events_that_nobody_missed(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    create_pod(&f, "b", "worker-1", WEB);
    wait_for(&f, "b", "status.phase", "Running", 100);
    cleanup_free char *a = xstrdup(find_running(&f, "default/a web"));
    f.rt.ops->subscribe(f.rt.self, NULL, NULL);
    fake_kill(f.fake, a, 5, false);
    run_ms(&f, 1000);
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
    f.rt.ops->subscribe(f.rt.self, on_runtime, &f);
    run_ms(&f, 60000);
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 1);
    assert_int_equal(cint(&f, "b", 0, "restartCount"), 0);
    expect_ready(&f, "a");
    tear_down(&f);
}

/* What could not be removed is asked for again, as long as it takes. */
static void test_removal_is_repeated(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    create_pod(&f, "b", "worker-1", WEB);
    wait_for(&f, "b", "status.phase", "Running", 100);
    fake_set_down(f.fake, true);
    delete_pod(&f, "a", 0);
    delete_pod(&f, "b", 1);
    run_ms(&f, 7300);
    assert_int_equal(records(&f), 2);
    fake_set_down(f.fake, false);
    run_ms(&f, 5000);
    assert_int_equal(records(&f), 0);
    assert_null(pod(&f, "b"));
    assert_int_equal(take_census(&f, NULL).all, 0);
    tear_down(&f);
}

/* Owed over a restart, too. */
static void test_removal_waits_for_daemon(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    wait_for(&f, "a", "status.phase", "Running", 100);
    fake_set_down(f.fake, true);
    delete_pod(&f, "a", 0);
    run_ms(&f, 2500);
    assert_int_equal(records(&f), 1); /* it is owed */
    end_life(&f);
    begin_life(&f);
    run_ms(&f, 500);
    assert_int_equal(records(&f), 1);
    fake_set_down(f.fake, false);
    f.rt.ops->recover(f.rt.self, on_recovered, &f); /* as core does when the daemon is back */
    run_ms(&f, 3000);
    assert_int_equal(records(&f), 0);
    assert_int_equal(take_census(&f, NULL).all, 0);
    tear_down(&f);
}

/* ---- power ---- */

static void remove_all(void *arg, const struct runtime_status *st)
{
    struct runtime *rt = arg;
    if (strcmp(st->host, "worker-1") == 0) {
        rt->ops->remove(rt->self, st->name, on_done, NULL);
    }
}

/* As the hosts room does: the agent first, then everything on the host. */
static void power_off(struct fixture *f, bool clean)
{
    struct runtime rt;
    nodes_power_off(f->nodes, "worker-1");
    if (clean) {
        struct map *names = map_new(NULL);
        map_free(names);
        fake_runtime(f->fake, &rt);
        fake_each(f->fake, remove_all, &rt);
        loop_sim_advance(f->loop, LOOP_MS(5));
        rt.ops->free(rt.self);
    }
}

static void test_power_cycle(void **state)
{
    struct fixture f;
    (void)state;
    for (int clean = 0; clean < 2; clean++) {
        set_up(&f);
        create_pod(&f, "a", "worker-1", WEB);
        create_pod(&f, "b", "worker-2", WEB);
        create_pod(&f, "gone", "worker-1", WEB);
        create_pod(&f, "leaves", "worker-1", WEB);
        wait_for(&f, "leaves", "status.phase", "Running", 100);
        power_off(&f, clean == 1);
        int64_t rev = object_revision(pod(&f, "a"));
        delete_pod(&f, "gone", 0);
        delete_pod(&f, "leaves", -1);
        run_ms(&f, 2000);
        assert_int_equal(object_revision(pod(&f, "a")), rev); /* a dead agent says nothing */
        assert_non_null(pod(&f, "leaves"));
        f.epoch[0]++;
        power_on(&f, 0);
        run_ms(&f, 500);
        expect_ready(&f, "a");
        assert_int_equal(cint(&f, "a", 0, "restartCount"), 1);
        assert_string_equal(ctext(&f, "a", 0, "lastState.terminated.reason"),
                            "ContainerStatusUnknown");
        assert_int_equal(cint(&f, "b", 0, "restartCount"), 0);
        assert_null(pod(&f, "leaves"));
        assert_int_equal(records(&f), 2);
        assert_int_equal(take_census(&f, NULL).running, 4);
        tear_down(&f);
    }
}

/* Switched off in the middle of a start, at every moment, and on again under the next epoch: what
 * lands late is swept. */
static void test_power_cut_mid_start(void **state)
{
    (void)state;
    for (unsigned ticks = 0; ticks < 40; ticks++) {
        struct fixture f;
        set_up_with(&f, &(struct fake_opts){.start_ns = LOOP_MS(4)});
        run_ms(&f, 10);
        create_pod(&f, "a", "worker-1", WEB);
        for (unsigned i = 0; i < ticks; i++) {
            if (!loop_sim_tick(f.loop)) {
                loop_sim_advance(f.loop, LOOP_MS(1) / 2);
            }
        }
        power_off(&f, ticks % 2 == 0);
        f.epoch[0]++;
        power_on(&f, 0);
        run_ms(&f, 3000);
        expect_ready(&f, "a");
        struct census c = take_census(&f, NULL);
        assert_int_equal(c.running, 2);
        tear_down(&f);
    }
}

/* ---- a partition ---- */

static void test_cut(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", "{'containers':[{'name':'web','image':'podlab/web:v1'}]}");
    create_pod(&f, "leaves", "worker-1", WEB);
    create_pod(&f, "gone", "worker-1", WEB);
    wait_for(&f, "gone", "status.phase", "Running", 100);
    run_ms(&f, 10);
    nodes_cut(f.nodes, "worker-1", true);
    int64_t rev = object_revision(pod(&f, "a"));
    fake_kill(f.fake, find_running(&f, "default/a web"), 1, false);
    delete_pod(&f, "leaves", -1);
    delete_pod(&f, "gone", 0);
    create_pod(&f, "new", "worker-1", WEB);
    run_ms(&f, 3000);
    assert_int_equal(object_revision(pod(&f, "a")), rev);          /* nobody can tell */
    assert_int_equal(take_census(&f, "default/a web").running, 1); /* but it goes on */
    assert_int_equal(take_census(&f, "default/gone web").running, 1);
    assert_string_equal(phase(&f, "new"), "Pending");
    nodes_cut(f.nodes, "worker-1", false);
    run_ms(&f, 500);
    expect_ready(&f, "a");
    expect_ready(&f, "new");
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 1);
    assert_null(pod(&f, "leaves"));
    assert_int_equal(take_census(&f, NULL).running, 4);
    assert_int_equal(records(&f), 2);
    tear_down(&f);
}

/* ---- the disk ---- */

/* No commit, no container; when there is room again everything goes on. */
static void test_full_disk(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    wait_for(&f, "a", "status.phase", "Running", 100);
    create_pod(&f, "b", "worker-1", WEB);
    loop_sim_tick(f.loop); /* that much is committed */
    memvfs_full(f.disk, true);
    fake_kill(f.fake, find_running(&f, "default/a web"), 1, false);
    run_ms(&f, 5000);
    assert_int_equal(take_census(&f, "default/a web").running, 0);
    assert_int_equal(take_census(&f, "default/b web").all, 0);
    memvfs_full(f.disk, false);
    run_ms(&f, 5000);
    expect_ready(&f, "a");
    expect_ready(&f, "b");
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 1);
    take_census(&f, NULL);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_answers),
        cmocka_unit_test(test_failing_start),
        cmocka_unit_test(test_failing_sandbox),
        cmocka_unit_test(test_daemon_away),
        cmocka_unit_test(test_daemon_away_mid_start),
        cmocka_unit_test(test_strays),
        cmocka_unit_test(test_missed_events),
        cmocka_unit_test(test_events_that_nobody_missed),
        cmocka_unit_test(test_removal_is_repeated),
        cmocka_unit_test(test_removal_waits_for_daemon),
        cmocka_unit_test(test_power_cycle),
        cmocka_unit_test(test_power_cut_mid_start),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
