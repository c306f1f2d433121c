/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks: right after the start, before the end, in a kubelet's order, time and words. */
#include "fixture.h"

#define HOOKS(lifecycle, more)                                                                     \
    "{'containers':[{'name':'web','image':'podlab/web:v1','lifecycle':{" lifecycle "}" more "}],"  \
    "'terminationGracePeriodSeconds':20}"

static bool ready(struct fixture *f, const char *name)
{
    return object_pod_ready(pod(f, name));
}

/* Until then it is not Running, and no probe is made. */
static void after_the_start(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1",
               HOOKS("'postStart':{'exec':{'command':['exit=0','after=3000']}}",
                     ",'livenessProbe':{'exec':{'command':['exit=1']},'periodSeconds':1,"
                     "'failureThreshold':100}"));
    run_ms(&f, 2000);
    assert_string_equal(phase(&f, "a"), "Pending");
    assert_string_equal(ctext(&f, "a", 0, "state.waiting.reason"), "ContainerCreating");
    assert_false(ready(&f, "a"));
    assert_int_equal(find_events(&f, "a", "Unhealthy").count, 0);
    run_ms(&f, 1500);
    assert_string_equal(phase(&f, "a"), "Running");
    assert_non_null(cstatus(&f, "a", 0, "state.running"));
    assert_true(ready(&f, "a"));
    run_ms(&f, 1500);
    assert_true(find_events(&f, "a", "Unhealthy").count > 0);
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
    tear_down(&f);
}

static void a_start_that_fails(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", HOOKS("'postStart':{'exec':{'command':['exit=3']}}", ""));
    run_ms(&f, 300);
    struct search s = find_events(&f, "a", "FailedPostStartHook");
    assert_string_equal(s.message, "PostStartHook failed: exit=3\n");
    assert_false(ready(&f, "a"));
    wait_for(&f, "a", "status.containerStatuses[0].state.waiting.reason", "CrashLoopBackOff",
             20000);
    assert_true(cint(&f, "a", 0, "restartCount") >= 1);
    tear_down(&f);
}

static void other_ways_to_begin(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_set_probe(f.fake, "podlab/web:v1", 500); /* any answer will do */
    create_pod(&f, "http", "worker-1",
               HOOKS("'postStart':{'httpGet':{'port':8080,'path':'/warm'}}", ""));
    create_pod(&f, "sleep", "worker-1", HOOKS("'postStart':{'sleep':{'seconds':2}}", ""));
    create_pod(&f, "tcp", "worker-2", HOOKS("'postStart':{'tcpSocket':{'port':8080}}", ""));
    run_ms(&f, 1000);
    assert_string_equal(phase(&f, "http"), "Running");
    assert_string_equal(phase(&f, "sleep"), "Pending");
    assert_true(find_events(&f, "tcp", "FailedPostStartHook").count > 0);
    run_ms(&f, 1200);
    assert_string_equal(phase(&f, "sleep"), "Running");
    tear_down(&f);
}

/* When the pod is gone, in milliseconds from now. */
static uint64_t gone_after(struct fixture *f, const char *name)
{
    uint64_t begin = loop_mono_ns(f->loop);
    while (pod(f, name) != NULL) {
        run_ms(f, 100);
        if (loop_mono_ns(f->loop) - begin > LOOP_S(100)) {
            fail_msg("%s never went", name);
        }
    }
    return (loop_mono_ns(f->loop) - begin) / 1000000;
}

static void begin(struct fixture *f, const char *spec)
{
    set_up(f);
    create_pod(f, "a", "worker-1", spec);
    wait_for(f, "a", "status.phase", "Running", 3000);
}

static void before_the_end(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, HOOKS("'preStop':{'exec':{'command':['exit=0','after=5000']}}", ""));
    delete_pod(&f, "a", -1);
    run_ms(&f, 4500);
    assert_int_equal(take_census(&f, "default/a web").running, 1);
    uint64_t ms = gone_after(&f, "a");
    assert_true(ms >= 400 && ms < 1500);
    assert_int_equal(find_events(&f, "a", "FailedPreStopHook").count, 0);
    assert_int_equal(find_events(&f, "a", "Killing").count, 1);
    tear_down(&f);

    begin(&f, HOOKS("'preStop':{'sleep':{'seconds':7}}", ""));
    delete_pod(&f, "a", -1);
    ms = gone_after(&f, "a");
    assert_true(ms >= 7000 && ms < 8500);
    tear_down(&f);
}

/* It fails, and the end comes all the same. */
static void an_end_that_fails(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, HOOKS("'preStop':{'httpGet':{'port':9999,'path':'/bye'}}", ""));
    delete_pod(&f, "a", -1);
    assert_true(gone_after(&f, "a") < 1500);
    assert_int_equal(find_events(&f, "a", "FailedPreStopHook").count, 1);
    tear_down(&f);
}

/* The grace period goes on meanwhile; then the container gets two seconds more. */
static void no_hook_outlives_the_grace(void **state)
{
    struct fixture f;
    struct fake_opts slow = {.stop_ns = LOOP_S(60)};
    (void)state;
    set_up_with(&f, &slow);
    create_pod(&f, "a", "worker-1", HOOKS("'preStop':{'sleep':{'seconds':100}}", ""));
    wait_for(&f, "a", "status.phase", "Running", 1000);
    delete_pod(&f, "a", 5);
    uint64_t ms = gone_after(&f, "a");
    assert_true(ms >= 6500 && ms < 9000);
    struct search s = find_events(&f, "a", "FailedPreStopHook");
    assert_int_equal(s.count, 1);
    assert_non_null(strstr(s.message, "not done within the grace period"));
    tear_down(&f);
}

static void no_time_no_hook(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, HOOKS("'preStop':{'sleep':{'seconds':15}}", ""));
    delete_pod(&f, "a", -1);
    run_ms(&f, 1000);
    assert_string_equal(phase(&f, "a"), "Running");
    delete_pod(&f, "a", 0); /* while it runs */
    assert_true(gone_after(&f, "a") < 500);
    run_ms(&f, 2000);
    assert_int_equal(take_census(&f, "default/a web").all, 0);
    tear_down(&f);
}

/* It ends by itself in the middle of its hook: nothing is waited for. */
static void an_end_in_between(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, HOOKS("'preStop':{'exec':{'command':['exit=0','after=15000']}}", ""));
    delete_pod(&f, "a", -1);
    run_ms(&f, 1000);
    assert_true(fake_kill(f.fake, find_running(&f, "default/a web"), 3, false));
    assert_true(gone_after(&f, "a") < 1500);
    tear_down(&f);
}

/* A liveness probe that fails runs it, too; a crash does not. */
static void restarts(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, HOOKS("'preStop':{'sleep':{'seconds':5}}",
                    ",'livenessProbe':{'httpGet':{'port':8080},'periodSeconds':1,"
                    "'failureThreshold':1}"));
    fake_set_probe(f.fake, "podlab/web:v1", 500);
    run_ms(&f, 4000);
    assert_int_equal(find_events(&f, "a", "Killing").count, 1);
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
    fake_set_probe(f.fake, "podlab/web:v1", 200);
    run_ms(&f, 3000);
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 1);
    uint64_t before = loop_mono_ns(f.loop);
    assert_true(fake_kill(f.fake, find_running(&f, "default/a web"), 1, false));
    while (cint(&f, "a", 0, "restartCount") < 2) {
        run_ms(&f, 10);
    }
    assert_true(loop_mono_ns(f.loop) - before < LOOP_S(4));
    tear_down(&f);
}

/* A later life does not begin again what was begun, but ends as it should. */
static void a_later_life(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, HOOKS("'postStart':{'sleep':{'seconds':1}},'preStop':{'sleep':{'seconds':3}}", ""));
    end_life(&f);
    begin_life(&f);
    run_ms(&f, 200);
    assert_string_equal(phase(&f, "a"), "Running");
    assert_true(ready(&f, "a"));
    delete_pod(&f, "a", -1);
    run_ms(&f, 1000);
    end_life(&f); /* in the middle of the hook */
    begin_life(&f);
    uint64_t ms = gone_after(&f, "a");
    assert_true(ms >= 2500 && ms < 6000);
    tear_down(&f);
}

static void the_power_goes_in_the_middle(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, HOOKS("'preStop':{'exec':{'command':['exit=0','after=15000']}}", ""));
    delete_pod(&f, "a", -1);
    run_ms(&f, 1000);
    nodes_power_off(f.nodes, "worker-1");
    run_ms(&f, 30000);
    f.epoch[0]++;
    power_on(&f, 0);
    assert_true(gone_after(&f, "a") < 3000);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_the_start),
        cmocka_unit_test(a_start_that_fails),
        cmocka_unit_test(other_ways_to_begin),
        cmocka_unit_test(before_the_end),
        cmocka_unit_test(an_end_that_fails),
        cmocka_unit_test(no_hook_outlives_the_grace),
        cmocka_unit_test(no_time_no_hook),
        cmocka_unit_test(an_end_in_between),
        cmocka_unit_test(restarts),
        cmocka_unit_test(a_later_life),
        cmocka_unit_test(the_power_goes_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
