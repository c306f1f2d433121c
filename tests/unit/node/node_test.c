/* SPDX-License-Identifier: Apache-2.0 */
/* What the cluster sees of a host: its Node, its Lease, its pods' logs. */
#include "fixture.h"

#include "meta/time.h"

static const json_t *node(struct fixture *f, const char *name)
{
    struct err err;
    return client_get(f->client, kinds_find_gr("nodes"), NULL, name, &err);
}

static const json_t *lease(struct fixture *f, const char *name)
{
    struct err err;
    return client_get(f->client, kinds_find_gr("leases.coordination.k8s.io"), "kube-node-lease",
                      name, &err);
}

static const char *why_ready(struct fixture *f, const char *name)
{
    return jx_get_str(object_condition(node(f, name), "Ready"), "reason", "");
}

static void test_registration(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    run_ms(&f, 1);
    const json_t *n = node(&f, "worker-2");
    assert_non_null(n);
    assert_string_equal(object_label(n, "kubernetes.io/hostname"), "worker-2");
    assert_string_equal(object_label(n, "kubernetes.io/os"), "linux");
    assert_null(object_label(n, "node-role.kubernetes.io/control-plane"));
    assert_string_equal(jx_str(n, "status.addresses[0].address", ""), "10.77.0.12");
    assert_string_equal(jx_str(n, "status.capacity.cpu", ""), "2");
    assert_string_equal(jx_str(n, "status.allocatable.memory", ""), "2097152Ki");
    assert_string_equal(jx_str(n, "status.capacity.pods", ""), "110");
    assert_string_equal(jx_str(n, "status.nodeInfo.kubeletVersion", ""), "v1.35.0+podlab");
    assert_true(object_condition_is(n, "Ready", "True"));
    assert_true(object_condition_is(n, "MemoryPressure", "False"));
    const struct node_opts cp = {.name = "control-plane",
                                 .address = "10.77.0.2",
                                 .cpu_milli = 500,
                                 .memory = 1 << 30,
                                 .pods = 10,
                                 .control_plane = true};
    nodes_power_on(f.nodes, &cp, 1);
    run_ms(&f, 1);
    n = node(&f, "control-plane");
    assert_string_equal(object_label(n, "node-role.kubernetes.io/control-plane"), "");
    assert_string_equal(jx_str(n, "spec.taints[0].effect", ""), "NoSchedule");
    assert_string_equal(jx_str(n, "status.capacity.cpu", ""), "500m");
    assert_string_equal(why_ready(&f, "control-plane"), "KubeletNotReady");
    tear_down(&f);
}

/* Ready only while the host's own container runs. */
static void test_host_up(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    run_ms(&f, 1);
    nodes_host_up(f.nodes, "worker-1", false);
    assert_true(object_condition_is(node(&f, "worker-1"), "Ready", "False"));
    assert_true(object_condition_is(node(&f, "worker-2"), "Ready", "True"));
    nodes_host_up(f.nodes, "worker-1", true);
    assert_string_equal(why_ready(&f, "worker-1"), "KubeletReady");
    tear_down(&f);
}

/* How many times the lease changes within a time. */
static int beats(struct fixture *f, const char *name, uint64_t ms)
{
    int n = 0;
    int64_t last = lease(f, name) != NULL ? object_revision(lease(f, name)) : 0;
    for (uint64_t t = 0; t < ms; t += 10) {
        run_ms(f, 10);
        int64_t now = lease(f, name) != NULL ? object_revision(lease(f, name)) : 0;
        n += now != last;
        last = now;
    }
    return n;
}

static void test_heartbeats(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    run_ms(&f, 1);
    int64_t rev = object_revision(node(&f, "worker-1"));
    assert_int_equal(beats(&f, "worker-1", 10000), 20);
    int64_t at = 0;
    assert_true(time_parse(jx_str(lease(&f, "worker-1"), "spec.renewTime", ""), &at));
    assert_in_range(loop_wall_us(f.loop) - at, 0, 500000);
    assert_int_equal(object_revision(node(&f, "worker-1")), rev); /* only the lease */
    run_ms(&f, 21000);
    assert_true(object_revision(node(&f, "worker-1")) > rev); /* but once in a while */
    f.clock = &clock_kubernetes;
    nodes_clock_changed(f.nodes);
    assert_int_equal(beats(&f, "worker-1", 30000), 3);
    f.clock = &clock_lab;
    nodes_clock_changed(f.nodes);
    run_ms(&f, 10); /* one at once */
    assert_int_equal(beats(&f, "worker-1", 5000), 10);
    tear_down(&f);
}

/* After a closed lid the heartbeat is there before anybody counts the silence. */
static void test_gap(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    f.clock = &clock_kubernetes;
    nodes_clock_changed(f.nodes);
    run_ms(&f, 700);
    int64_t rev = object_revision(lease(&f, "worker-1"));
    loop_sim_gap(f.loop, LOOP_S(7200));
    loop_sim_tick(f.loop);
    assert_true(object_revision(lease(&f, "worker-1")) > rev);
    tear_down(&f);
}

static void test_silence(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    run_ms(&f, 1000);
    nodes_power_off(f.nodes, "worker-1");
    nodes_cut(f.nodes, "worker-2", true);
    int64_t rev = object_revision(node(&f, "worker-1"));
    assert_int_equal(beats(&f, "worker-1", 5000), 0);
    assert_int_equal(beats(&f, "worker-2", 5000), 0);
    assert_int_equal(beats(&f, "worker-3", 5000), 10);
    assert_int_equal(object_revision(node(&f, "worker-1")), rev);
    nodes_cut(f.nodes, "worker-2", false);
    f.epoch[0]++;
    power_on(&f, 0);
    assert_int_equal(beats(&f, "worker-1", 5000), 10);
    assert_int_equal(beats(&f, "worker-2", 5000), 10);
    tear_down(&f);
}

static void test_boot_id(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    run_ms(&f, 10);
    cleanup_free char *boot = xstrdup(jx_str(node(&f, "worker-1"), "status.nodeInfo.bootID", ""));
    cleanup_free char *machine =
        xstrdup(jx_str(node(&f, "worker-1"), "status.nodeInfo.machineID", ""));
    end_life(&f);
    begin_life(&f);
    run_ms(&f, 10);
    assert_string_equal(jx_str(node(&f, "worker-1"), "status.nodeInfo.bootID", ""), boot);
    f.epoch[0]++;
    power_on(&f, 0);
    assert_string_not_equal(jx_str(node(&f, "worker-1"), "status.nodeInfo.bootID", ""), boot);
    assert_string_equal(jx_str(node(&f, "worker-1"), "status.nodeInfo.machineID", ""), machine);
    tear_down(&f);
}

/* ---- logs ---- */

struct answer {
    bool done, ended, cut;
    int status;
    struct str text;
    struct api_stream *stream;
};

static void drain(void *arg)
{
    struct answer *a = arg;
    char buf[16];
    for (;;) {
        ptrdiff_t n = a->stream->pull(a->stream, buf, sizeof(buf));
        if (n <= 0) {
            a->ended = n < 0;
            a->cut = n == -2;
            return;
        }
        str_add_n(&a->text, buf, (size_t)n);
    }
}

static void on_answer(void *arg, struct api_response *res)
{
    struct answer *a = arg;
    a->done = true;
    a->status = res->status;
    a->stream = steal(res->stream);
    str_add(&a->text, str_c(&res->body));
    if (a->stream != NULL) {
        a->stream->wake = drain;
        a->stream->wake_arg = a;
        drain(a);
    }
}

static void ask_logs(struct fixture *f, const char *name, const char *query, struct answer *a)
{
    static const char *const groups[] = {"system:masters", NULL};
    cleanup_free char *path = xasprintf("/api/v1/namespaces/default/pods/%s/log", name);
    struct api_request req = {.method = "GET",
                              .path = path,
                              .query = query,
                              .accept = "",
                              .content_type = "",
                              .user_agent = "",
                              .body = "",
                              .user = {.name = "admin", .uid = "", .groups = groups}};
    *a = (struct answer){0};
    api_handle(f->api, &req, on_answer, a);
    run_ms(f, 10);
    assert_true(a->done);
}

static void end_answer(struct answer *a)
{
    if (a->stream != NULL) {
        a->stream->free(a->stream);
    }
    str_fini(&a->text);
}

#define expect_logs(f, name, query, want_status, want)                                             \
    do {                                                                                           \
        struct answer a_;                                                                          \
        ask_logs((f), (name), (query), &a_);                                                       \
        if (a_.status != (want_status) || strstr(str_c(&a_.text), (want)) == NULL) {               \
            fail_msg("%s?%s: %d %s", (name), (query), a_.status, str_c(&a_.text));                 \
        }                                                                                          \
        end_answer(&a_);                                                                           \
    } while (0)

static void test_logs(void **state)
{
    struct fixture f;
    struct answer a;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    wait_for(&f, "a", "status.phase", "Running", 100);
    ask_logs(&f, "a", "", &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(str_c(&a.text), "podlab/web:v1: started\nlistening on port 8080\n");
    assert_true(a.ended && !a.cut);
    end_answer(&a);
    expect_logs(&f, "a", "tailLines=1", 200, "listening on port 8080\n");
    expect_logs(&f, "a", "timestamps=true", 200, "2026-01-01T00:00:00.");
    ask_logs(&f, "a", "limitBytes=5", &a);
    assert_string_equal(str_c(&a.text), "podla");
    end_answer(&a);
    expect_logs(&f, "a", "previous=true", 400,
                "previous terminated container \\\"web\\\" in pod \\\"a\\\" not found");
    tear_down(&f);
}

/* Followed until the container ends; the one before is kept. */
static void test_follow_and_previous(void **state)
{
    struct fixture f;
    struct answer a;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    wait_for(&f, "a", "status.phase", "Running", 100);
    ask_logs(&f, "a", "follow=true", &a);
    assert_false(a.ended);
    fake_kill(f.fake, find_running(&f, "default/a web"), 3, false);
    run_ms(&f, 100);
    assert_true(a.ended && !a.cut);
    end_answer(&a);
    expect_logs(&f, "a", "previous=true", 200, "ended with 3");
    expect_logs(&f, "a", "", 200, "listening");
    ask_logs(&f, "a", "follow=true", &a);
    nodes_power_off(f.nodes, "worker-1");
    run_ms(&f, 10);
    assert_true(a.cut);
    end_answer(&a);
    expect_logs(&f, "a", "", 500, "does not answer");
    tear_down(&f);
}

static void test_logs_of_waiting(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "image", "worker-1", "{'containers':[{'name':'c','image':'podlab/web:v9'}]}");
    create_pod(&f, "config", "worker-1",
               "{'containers':[{'name':'c','image':'podlab/web:v1',"
               "'envFrom':[{'configMapRef':{'name':'nope'}}]}]}");
    create_pod(&f, "crash", "worker-1",
               "{'containers':[{'name':'c','image':'podlab/web:v1','args':['crash']}]}");
    create_pod(&f, "init", "worker-1",
               "{'initContainers':[{'name':'i','image':'podlab/web:v1'}],"
               "'containers':[{'name':'c','image':'podlab/web:v1'}]}");
    run_ms(&f, 100);
    expect_logs(
        &f, "image", "", 400,
        "container \\\"c\\\" in pod \\\"image\\\" is waiting to start: image can't be pulled");
    expect_logs(&f, "config", "", 400,
                "container \\\"c\\\" in pod \\\"config\\\" is waiting to start: "
                "CreateContainerConfigError");
    expect_logs(&f, "init", "container=c", 400,
                "container \\\"c\\\" in pod \\\"init\\\" is waiting to start: PodInitializing");
    expect_logs(&f, "init", "container=i", 200, "listening");
    expect_logs(&f, "crash", "", 200, "ended with 1"); /* in its back-off: the last words */
    expect_logs(&f, "crash", "previous=true", 200, "ended with 1");
    run_ms(&f, 400);
    expect_logs(&f, "image", "", 400, "waiting to start: trying and failing to pull image");
    tear_down(&f);
}

/* A finished pod keeps its logs, also over a restart of ours. */
static void test_logs_of_finished(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1",
               "{'restartPolicy':'Never',"
               "'containers':[{'name':'c','image':'podlab/web:v1','args':['exit=0']}]}");
    wait_for(&f, "a", "status.phase", "Succeeded", 100);
    expect_logs(&f, "a", "", 200, "ended with 0");
    end_life(&f);
    begin_life(&f);
    run_ms(&f, 100);
    expect_logs(&f, "a", "", 200, "ended with 0");
    assert_string_equal(phase(&f, "a"), "Succeeded");
    delete_pod(&f, "a", -1);
    run_ms(&f, 100);
    assert_int_equal(take_census(&f, NULL).all, 0);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registration),
        cmocka_unit_test(test_host_up),
        cmocka_unit_test(test_heartbeats),
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_boot_id),
        cmocka_unit_test(test_logs),
        cmocka_unit_test(test_follow_and_previous),
        cmocka_unit_test(test_logs_of_waiting),
        cmocka_unit_test(test_logs_of_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
