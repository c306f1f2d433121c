/* SPDX-License-Identifier: Apache-2.0 */
/* Probes decide who is ready and who is started again, in a kubelet's time and words. */
#include "fixture.h"

static bool ready(struct fixture *f, const char *name)
{
    return object_pod_ready(pod(f, name));
}

#define READY(probe)                                                                               \
    "{'containers':[{'name':'web','image':'podlab/web:v1','ports':[{'name':'http',"                \
    "'containerPort':8080}],'readinessProbe':" probe "}]}"

static void test_ready_at_once(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", READY("{'httpGet':{'port':'http','path':'/healthz'}}"));
    create_pod(&f, "b", "worker-1", READY("{'tcpSocket':{'port':8080}}"));
    run_ms(&f, 50);
    assert_true(ready(&f, "a"));
    assert_true(ready(&f, "b"));
    assert_int_equal(find_events(&f, "a", "Unhealthy").count, 0);
    tear_down(&f);
}

/* Slow to answer: asked again four times a second, and nobody is told of it; but only on a fast
 * clock. */
static void test_ready_soon(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_set_probe(f.fake, "podlab/web:v1", 0);
    create_pod(&f, "a", "worker-1", READY("{'httpGet':{'port':8080}}"));
    run_ms(&f, 600);
    assert_false(ready(&f, "a"));
    assert_true(cstatus(&f, "a", 0, "started") == json_true());
    fake_set_probe(f.fake, "podlab/web:v1", 200);
    run_ms(&f, 260);
    assert_true(ready(&f, "a"));
    assert_int_equal(find_events(&f, "a", "Unhealthy").count, 0);
    tear_down(&f);

    set_up(&f);
    f.clock = &clock_kubernetes;
    fake_set_probe(f.fake, "podlab/web:v1", 0);
    create_pod(&f, "a", "worker-1", READY("{'httpGet':{'port':8080}}"));
    run_ms(&f, 600);
    fake_set_probe(f.fake, "podlab/web:v1", 200);
    run_ms(&f, 9000);
    assert_false(ready(&f, "a"));
    run_ms(&f, 500);
    assert_true(ready(&f, "a"));
    struct search s = find_events(&f, "a", "Unhealthy");
    assert_string_equal(s.message, "Readiness probe failed: Get \"http://10.77.1.1:8080/\": dial "
                                   "tcp 10.77.1.1:8080: connect: connection refused");
    tear_down(&f);
}

/* Thresholds: three failures until it is not ready, one success until it is again. */
static void test_not_ready_any_more(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", READY("{'httpGet':{'port':8080},'periodSeconds':1}"));
    run_ms(&f, 50);
    assert_true(ready(&f, "a"));
    fake_set_probe(f.fake, "podlab/web:v1", 404);
    run_ms(&f, 2500);
    assert_true(ready(&f, "a"));
    run_ms(&f, 1000);
    assert_false(ready(&f, "a"));
    assert_string_equal(jx_get_str(object_condition(pod(&f, "a"), "Ready"), "message", ""),
                        "containers with unready status: [web]");
    struct search s = find_events(&f, "a", "Unhealthy");
    assert_string_equal(s.message,
                        "Readiness probe failed: HTTP probe failed with statuscode: 404");
    assert_int_equal(s.count, 3);
    fake_set_probe(f.fake, "podlab/web:v1", 302);
    run_ms(&f, 1000);
    assert_true(ready(&f, "a"));
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
    tear_down(&f);
}

static void test_success_threshold_and_delay(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1",
               READY("{'httpGet':{'port':8080},'periodSeconds':2,'successThreshold':2,"
                     "'initialDelaySeconds':3}"));
    run_ms(&f, 4800);
    assert_false(ready(&f, "a"));
    run_ms(&f, 400);
    assert_true(ready(&f, "a"));
    tear_down(&f);
}

static void test_timeout(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", READY("{'httpGet':{'port':8080},'periodSeconds':1}"));
    run_ms(&f, 50);
    fake_set_probe(f.fake, "podlab/web:v1", -1);
    run_ms(&f, 6500);
    assert_false(ready(&f, "a"));
    assert_string_equal(find_events(&f, "a", "Unhealthy").message,
                        "Readiness probe failed: Get \"http://10.77.1.1:8080/\": context deadline "
                        "exceeded");
    tear_down(&f);
}

static void test_liveness(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1",
               "{'containers':[{'name':'web','image':'podlab/web:v1','livenessProbe':"
               "{'httpGet':{'port':8080},'periodSeconds':1,'failureThreshold':2}}]}");
    run_ms(&f, 3000);
    assert_true(ready(&f, "a"));
    fake_set_probe(f.fake, "podlab/web:v1", 500);
    run_ms(&f, 1000);
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
    run_ms(&f, 1000);
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 1);
    assert_string_equal(find_events(&f, "a", "Killing").message,
                        "Container web failed liveness probe, will be restarted");
    assert_string_equal(find_events(&f, "a", "Unhealthy").message,
                        "Liveness probe failed: HTTP probe failed with statuscode: 500");
    fake_set_probe(f.fake, "podlab/web:v1", 200);
    run_ms(&f, 10000);
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 1);
    assert_true(ready(&f, "a"));
    tear_down(&f);
}

/* Until the startup probe succeeds the others wait. */
static void test_startup(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_set_probe(f.fake, "podlab/web:v1", 0);
    const char *spec = "{'containers':[{'name':'web','image':'podlab/web:v1',"
                       "'startupProbe':{'httpGet':{'port':8080},'periodSeconds':1,"
                       "'failureThreshold':5},"
                       "'livenessProbe':{'httpGet':{'port':8080},'periodSeconds':1,"
                       "'failureThreshold':1}}]}";
    create_pod(&f, "a", "worker-1", spec);
    run_ms(&f, 3000);
    assert_true(cstatus(&f, "a", 0, "started") == json_false());
    assert_false(ready(&f, "a"));
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
    fake_set_probe(f.fake, "podlab/web:v1", 200);
    run_ms(&f, 1200);
    assert_true(cstatus(&f, "a", 0, "started") == json_true());
    assert_true(ready(&f, "a"));
    fake_set_probe(f.fake, "podlab/web:v1", 0);
    create_pod(&f, "b", "worker-1", spec);
    run_ms(&f, 8000);
    assert_true(cint(&f, "b", 0, "restartCount") >= 1);
    assert_string_equal(find_events(&f, "b", "Killing").message,
                        "Container web failed startup probe, will be restarted");
    tear_down(&f);
}

/* The fake's exec ends as its words say. */
static void test_exec(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", READY("{'exec':{'command':['exit=0']}}"));
    create_pod(&f, "b", "worker-1", READY("{'exec':{'command':['exit=1']},'periodSeconds':1}"));
    run_ms(&f, 3000);
    assert_true(ready(&f, "a"));
    assert_false(ready(&f, "b"));
    assert_string_equal(find_events(&f, "b", "Unhealthy").message,
                        "Readiness probe failed: exit=1\n");
    delete_pod(&f, "b", -1);
    run_ms(&f, 1000);
    assert_int_equal(take_census(&f, "default/b web").all, 0);
    tear_down(&f);
}

static void test_grpc_is_refused(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", READY("{'grpc':{'port':8080}}"));
    run_ms(&f, 30000);
    assert_false(ready(&f, "a"));
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
    assert_int_equal(find_events(&f, "a", "Unhealthy").count, 1);
    tear_down(&f);
}

/* Powered off with a probe in flight. */
static void test_power_off_while_probing(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_set_probe(f.fake, "podlab/web:v1", -1);
    create_pod(&f, "a", "worker-1", READY("{'httpGet':{'port':8080},'periodSeconds':1}"));
    run_ms(&f, 500);
    nodes_power_off(f.nodes, "worker-1");
    run_ms(&f, 5000);
    assert_false(ready(&f, "a"));
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ready_at_once),
        cmocka_unit_test(test_ready_soon),
        cmocka_unit_test(test_not_ready_any_more),
        cmocka_unit_test(test_success_threshold_and_delay),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_liveness),
        cmocka_unit_test(test_startup),
        cmocka_unit_test(test_exec),
        cmocka_unit_test(test_grpc_is_refused),
        cmocka_unit_test(test_power_off_while_probing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
