/* SPDX-License-Identifier: Apache-2.0 */
/* Pods come up, their containers come back, and everything goes when it should. */
#include "fixture.h"

static void test_runs(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    run_ms(&f, 0);
    assert_string_equal(phase(&f, "a"), "Pending");
    assert_string_equal(ctext(&f, "a", 0, "state.waiting.reason"), "ContainerCreating");
    wait_for(&f, "a", "status.phase", "Running", 100);
    assert_string_equal(jx_str(pod(&f, "a"), "status.podIP", ""), "10.77.1.1");
    assert_string_equal(jx_str(pod(&f, "a"), "status.hostIP", ""), "10.77.0.11");
    assert_true(object_pod_ready(pod(&f, "a")));
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
    assert_memory_equal(ctext(&f, "a", 0, "containerID"), "docker://", 9);
    struct census c = take_census(&f, NULL);
    assert_int_equal(c.running, 2);
    assert_int_equal(find_events(&f, "a", "Started").count, 1);
    struct search pulled = find_events(&f, "a", "Pulled");
    assert_string_equal(pulled.message,
                        "Container image \"podlab/web:v1\" already present on machine");
    tear_down(&f);
}

static void note_phase(void *arg, enum client_event type, const json_t *obj, const json_t *prev)
{
    (void)prev;
    if (type != CLIENT_SYNCED) {
        bool ready = object_pod_ready(obj);
        str_add_f(arg, "%s%s ", type == CLIENT_DELETED ? "gone" : jx_str(obj, "status.phase", ""),
                  ready ? "+" : "");
    }
}

/* How it ended is told before it goes. */
static void test_deletion(void **state)
{
    struct fixture f;
    cleanup_str struct str phases = STR_INIT;
    (void)state;
    set_up(&f);
    client_watch(f.client, pods_kind(), note_phase, &phases);
    create_pod(&f, "a", "worker-1", WEB);
    wait_for(&f, "a", "status.phase", "Running", 100);
    delete_pod(&f, "a", -1);
    assert_true(object_deleting(pod(&f, "a")));
    wait_for(&f, "a", "status.phase", "gone", 100);
    run_ms(&f, 10);
    assert_string_equal(str_c(&phases),
                        "Pending Pending Running+ Running+ Running+ Succeeded gone ");
    assert_int_equal(take_census(&f, NULL).all, 0);
    assert_int_equal(find_events(&f, "a", "Killing").count, 1);
    create_pod(&f, "b", "worker-1", WEB);
    wait_for(&f, "b", "status.phase", "Running", 100);
    assert_string_equal(jx_str(pod(&f, "b"), "status.podIP", ""), "10.77.1.2");
    tear_down(&f);
}

static void test_forced_deletion(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    wait_for(&f, "a", "status.phase", "Running", 100);
    delete_pod(&f, "a", 0);
    assert_null(pod(&f, "a"));
    run_ms(&f, 50);
    assert_int_equal(take_census(&f, NULL).all, 0);
    tear_down(&f);
}

/* A stubborn container is killed when its grace is over, and sooner when the grace is shortened. */
static void test_grace(void **state)
{
    struct fixture f;
    (void)state;
    set_up_with(&f, &(struct fake_opts){.stop_ns = LOOP_S(100)});
    create_pod(&f, "a", "worker-1",
               "{'terminationGracePeriodSeconds':5,"
               "'containers':[{'name':'web','image':'podlab/web:v1'}]}");
    create_pod(&f, "b", "worker-1", WEB);
    wait_for(&f, "b", "status.phase", "Running", 100);
    delete_pod(&f, "a", -1);
    delete_pod(&f, "b", -1);
    run_ms(&f, 4900);
    assert_string_equal(phase(&f, "a"), "Running");
    wait_for(&f, "a", "status.phase", "gone", 300);
    assert_string_equal(phase(&f, "b"), "Running");
    delete_pod(&f, "b", 6);
    wait_for(&f, "b", "status.phase", "gone", 1300);
    run_ms(&f, 10);
    assert_int_equal(take_census(&f, NULL).all, 0);
    tear_down(&f);
}

#define CRASH "{'containers':[{'name':'c','image':'podlab/web:v1','args':['crash']}]}"

/* 10 ms a life; on the lab clock the waits are 0, 1, 2, 4 ... 30 s. */
static void test_crash_loop(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", CRASH);
    run_ms(&f, 100);
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 1);
    assert_string_equal(ctext(&f, "a", 0, "state.waiting.reason"), "CrashLoopBackOff");
    cleanup_free char *want = xasprintf(
        "back-off 1s restarting failed container=c pod=a_default(%s)", object_uid(pod(&f, "a")));
    assert_string_equal(ctext(&f, "a", 0, "state.waiting.message"), want);
    assert_int_equal(cint(&f, "a", 0, "lastState.terminated.exitCode"), 1);
    assert_string_equal(ctext(&f, "a", 0, "lastState.terminated.reason"), "Error");
    assert_string_equal(phase(&f, "a"), "Running");
    static const uint64_t waits[] = {1, 2, 4, 8, 16, 30, 30};
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        uint64_t since = loop_mono_ns(f.loop);
        while (cint(&f, "a", 0, "restartCount") == (int64_t)i + 1) {
            loop_sim_advance(f.loop, LOOP_MS(10));
        }
        uint64_t took = loop_mono_ns(f.loop) - since;
        assert_in_range(took, LOOP_MS(waits[i] * 1000 - 120), LOOP_MS(waits[i] * 1000 + 60));
        struct census c = take_census(&f, "default/a c");
        assert_true(c.all <= 2); /* this one and the one before, for its logs */
    }
    tear_down(&f);
}

/* Another clock counts at once. */
static void test_clock_change(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    f.clock = &clock_kubernetes;
    create_pod(&f, "a", "worker-1", CRASH);
    run_ms(&f, 2000);
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 1);
    f.clock = &clock_lab;
    nodes_clock_changed(f.nodes);
    run_ms(&f, 20);
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 2);
    tear_down(&f);
}

static void test_restart_policies(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "done", "worker-1",
               "{'restartPolicy':'OnFailure',"
               "'containers':[{'name':'c','image':'podlab/web:v1','args':['exit=0']}]}");
    create_pod(&f, "failed", "worker-1",
               "{'restartPolicy':'Never',"
               "'containers':[{'name':'c','image':'podlab/web:v1','args':['exit=3']}]}");
    create_pod(&f, "again", "worker-1",
               "{'restartPolicy':'OnFailure',"
               "'containers':[{'name':'c','image':'podlab/web:v1','args':['exit=3']}]}");
    wait_for(&f, "done", "status.phase", "Succeeded", 100);
    wait_for(&f, "failed", "status.phase", "Failed", 100);
    run_ms(&f, 100);
    assert_int_equal(cint(&f, "failed", 0, "state.terminated.exitCode"), 3);
    assert_string_equal(ctext(&f, "done", 0, "state.terminated.reason"), "Completed");
    assert_string_equal(phase(&f, "again"), "Running");
    assert_string_equal(ctext(&f, "again", 0, "state.waiting.reason"), "CrashLoopBackOff");
    assert_int_equal(take_census(&f, "default/done ").all, 0);  /* its sandbox is gone ... */
    assert_int_equal(take_census(&f, "default/done c").all, 1); /* ... its logs are not */
    delete_pod(&f, "done", -1);
    run_ms(&f, 50);
    assert_int_equal(take_census(&f, "default/done c").all, 0);
    tear_down(&f);
}

static void test_oom(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1",
               "{'containers':[{'name':'c','image':'podlab/web:v1','args':['oom']}]}");
    run_ms(&f, 100);
    assert_string_equal(ctext(&f, "a", 0, "lastState.terminated.reason"), "OOMKilled");
    assert_int_equal(cint(&f, "a", 0, "lastState.terminated.exitCode"), 137);
    tear_down(&f);
}

/* A new sandbox, and everything in it anew; the address stays. */
static void test_sandbox_death(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    wait_for(&f, "a", "status.phase", "Running", 100);
    assert_true(fake_kill(f.fake, find_running(&f, "default/a "), 137, false));
    run_ms(&f, 50);
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 1);
    assert_true(object_pod_ready(pod(&f, "a")));
    assert_string_equal(jx_str(pod(&f, "a"), "status.podIP", ""), "10.77.1.1");
    struct census c = take_census(&f, NULL);
    assert_int_equal(c.running, 2);
    assert_int_equal(find_events(&f, "a", "SandboxChanged").count, 1);
    tear_down(&f);
}

static void test_init_containers(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1",
               "{'initContainers':["
               "{'name':'one','image':'podlab/web:v1','args':['exit=0','after=50']},"
               "{'name':'side','image':'podlab/web:v1','restartPolicy':'Always'},"
               "{'name':'two','image':'podlab/web:v1','args':['exit=0','after=50']}],"
               "'containers':[{'name':'web','image':'podlab/web:v1'}]}");
    run_ms(&f, 20);
    assert_string_equal(phase(&f, "a"), "Pending");
    assert_string_equal(ctext(&f, "a", 0, "state.waiting.reason"), "PodInitializing");
    assert_int_equal(take_census(&f, "default/a side").all, 0);
    run_ms(&f, 60);
    assert_int_equal(take_census(&f, "default/a side").running, 1);
    assert_int_equal(take_census(&f, "default/a web").all, 0);
    wait_for(&f, "a", "status.phase", "Running", 100);
    run_ms(&f, 10);
    assert_true(object_condition_is(pod(&f, "a"), "Initialized", "True"));
    assert_true(object_pod_ready(pod(&f, "a")));
    const json_t *init = jx_arr(pod(&f, "a"), "status.initContainerStatuses");
    assert_int_equal(json_array_size(init), 3);
    assert_string_equal(jx_str(json_array_get(init, 0), "state.terminated.reason", ""),
                        "Completed");
    assert_int_equal(take_census(&f, NULL).running, 3);
    tear_down(&f);
}

static void test_failing_init(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    const char *spec = "{'restartPolicy':'Never','initContainers':["
                       "{'name':'one','image':'podlab/web:v1','args':['exit=1']}],"
                       "'containers':[{'name':'web','image':'podlab/web:v1'}]}";
    create_pod(&f, "a", "worker-1", spec);
    wait_for(&f, "a", "status.phase", "Failed", 100);
    assert_int_equal(take_census(&f, "default/a web").all, 0);
    tear_down(&f);
}

/* A sidecar does not keep a finished pod alive. */
static void test_sidecar_ends(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1",
               "{'restartPolicy':'Never','initContainers':["
               "{'name':'side','image':'podlab/web:v1','restartPolicy':'Always'}],"
               "'containers':[{'name':'c','image':'podlab/web:v1','args':['exit=0','after=50']}]}");
    wait_for(&f, "a", "status.phase", "Running", 100);
    wait_for(&f, "a", "status.phase", "Succeeded", 200);
    run_ms(&f, 10);
    assert_int_equal(take_census(&f, NULL).running, 0);
    tear_down(&f);
}

static void test_deadline(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1",
               "{'activeDeadlineSeconds':3,"
               "'containers':[{'name':'web','image':'podlab/web:v1'}]}");
    wait_for(&f, "a", "status.phase", "Running", 100);
    run_ms(&f, 2000);
    assert_string_equal(phase(&f, "a"), "Running");
    wait_for(&f, "a", "status.phase", "Failed", 1500);
    assert_string_equal(jx_str(pod(&f, "a"), "status.reason", ""), "DeadlineExceeded");
    run_ms(&f, 50);
    assert_int_equal(take_census(&f, NULL).running, 0);
    tear_down(&f);
}

/* Bound by hand to a host that has no room. */
static void test_no_room(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    const char *spec = "{'containers':[{'name':'web','image':'podlab/web:v1',"
                       "'resources':{'requests':{'cpu':'1200m'}}}]}";
    create_pod(&f, "a", "worker-1", spec);
    create_pod(&f, "b", "worker-1", spec);
    wait_for(&f, "a", "status.phase", "Running", 100);
    wait_for(&f, "b", "status.phase", "Failed", 100);
    assert_string_equal(jx_str(pod(&f, "b"), "status.reason", ""), "OutOfcpu");
    assert_string_equal(jx_str(pod(&f, "b"), "status.message", ""),
                        "Pod was rejected: Node didn't have enough resource: cpu, requested: 1200, "
                        "used: 1200, capacity: 2000");
    delete_pod(&f, "a", -1);
    wait_for(&f, "a", "status.phase", "gone", 100);
    create_pod(&f, "c", "worker-1", spec);
    wait_for(&f, "c", "status.phase", "Running", 100);
    tear_down(&f);
}

/* An image can be changed in place. */
static void test_image_change(void **state)
{
    struct fixture f;
    struct err err;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    wait_for(&f, "a", "status.phase", "Running", 100);
    json_t *p = jx_edit(pod(&f, "a"));
    jx_put_str(json_array_get(json_object_get(json_object_get(p, "spec"), "containers"), 0),
               "image", "podlab/web:v2");
    assert_int_equal(client_update(f.client, pods_kind(), p, NULL, &err), 0);
    run_ms(&f, 50);
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 1);
    assert_string_equal(ctext(&f, "a", 0, "image"), "podlab/web:v2");
    assert_true(object_pod_ready(pod(&f, "a")));
    assert_int_equal(take_census(&f, "default/a web").running, 1);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_deletion),
        cmocka_unit_test(test_forced_deletion),
        cmocka_unit_test(test_grace),
        cmocka_unit_test(test_crash_loop),
        cmocka_unit_test(test_clock_change),
        cmocka_unit_test(test_restart_policies),
        cmocka_unit_test(test_oom),
        cmocka_unit_test(test_sandbox_death),
        cmocka_unit_test(test_init_containers),
        cmocka_unit_test(test_failing_init),
        cmocka_unit_test(test_sidecar_ends),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_image_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
