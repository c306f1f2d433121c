/* SPDX-License-Identifier: Apache-2.0 */
/* An agent on a machine that stands still, is out of reach, grows, or is no more. */
#include "fixture.h"

static void expect_ready(struct fixture *f, const char *name)
{
    assert_string_equal(phase(f, name), "Running");
    assert_true(object_pod_ready(pod(f, name)));
}

static void kill_container(struct fixture *f, const char *want)
{
    assert_true(fake_kill(f->fake, find_running(f, want), 1, false));
}

static const json_t *get(struct fixture *f, const char *gr, const char *ns, const char *name)
{
    struct err err;
    return client_get(f->client, kinds_find_gr(gr), ns, name, &err);
}

static int64_t lease_revision(struct fixture *f)
{
    return object_revision(get(f, "leases.coordination.k8s.io", "kube-node-lease", "worker-1"));
}

static bool count(void *arg, const char *key, const json_t *value)
{
    (void)key, (void)value;
    ++*(int *)arg;
    return true;
}

static int records(struct fixture *f)
{
    int n = 0;
    client_record_each(f->client, "node.pods", count, &n);
    return n;
}

#define PROBED                                                                                     \
    "{'containers':[{'name':'web','image':'podlab/web:v1',"                                        \
    "'livenessProbe':{'httpGet':{'path':'/healthz','port':8080},'periodSeconds':1,"                \
    "'failureThreshold':1},"                                                                       \
    "'readinessProbe':{'httpGet':{'path':'/readyz','port':8080},'periodSeconds':1,"                \
    "'failureThreshold':1}}]}"

/* Everything of a host at once, as the hosts room does it. */
struct all {
    struct fixture *f;
    bool pause, connect, on;
};

static void set_one(void *arg, const struct runtime_status *st)
{
    const struct all *a = arg;
    if (strcmp(st->host, "worker-1") != 0) {
        return;
    }
    if (a->pause) {
        fake_pause(a->f->fake, st->name, !a->on);
    }
    if (a->connect) {
        fake_connect(a->f->fake, st->name, a->on);
    }
}

static void pause_all(struct fixture *f, bool paused)
{
    fake_each(f->fake, set_one, &(struct all){.f = f, .pause = true, .on = !paused});
}

static void connect_all(struct fixture *f, bool connected)
{
    fake_each(f->fake, set_one, &(struct all){.f = f, .connect = true, .on = connected});
}

/* ---- frozen ---- */

static void test_a_frozen_agent_does_nothing(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", PROBED);
    create_pod(&f, "leaves", "worker-1", WEB);
    wait_for(&f, "leaves", "status.phase", "Running", 100);
    run_ms(&f, 2000);
    expect_ready(&f, "a");
    nodes_freeze(f.nodes, "worker-1", true);
    pause_all(&f, true);
    int64_t lease = lease_revision(&f);
    int64_t rev = object_revision(pod(&f, "a"));
    delete_pod(&f, "leaves", -1);
    create_pod(&f, "new", "worker-1", WEB);
    run_ms(&f, 60000);
    assert_int_equal(lease_revision(&f), lease);
    assert_int_equal(object_revision(pod(&f, "a")), rev); /* no probe failed */
    assert_string_equal(phase(&f, "new"), "Pending");
    assert_int_equal(take_census(&f, "default/leaves web").running, 1);
    pause_all(&f, false);
    nodes_freeze(f.nodes, "worker-1", false);
    run_ms(&f, 600);
    assert_true(lease_revision(&f) > lease);
    expect_ready(&f, "a");
    expect_ready(&f, "new");
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0); /* nothing died */
    assert_null(pod(&f, "leaves"));
    run_ms(&f, 5000);
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
    tear_down(&f);
}

/* What died on a frozen host is seen when it goes on. */
static void test_a_death_on_a_frozen_host(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    wait_for(&f, "a", "status.phase", "Running", 100);
    run_ms(&f, 10);
    nodes_freeze(f.nodes, "worker-1", true);
    kill_container(&f, "default/a web");
    run_ms(&f, 5000);
    assert_int_equal(take_census(&f, "default/a web").running, 0);
    nodes_freeze(f.nodes, "worker-1", false);
    run_ms(&f, 500);
    expect_ready(&f, "a");
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 1);
    tear_down(&f);
}

/* Frozen in every moment of a start, which goes on later; and in those of the agent's own. */
static void test_frozen_at_every_tick(void **state)
{
    (void)state;
    for (unsigned ticks = 0; ticks < 80; ticks++) {
        struct fixture f;
        set_up(&f);
        if (ticks >= 40) {
            run_ms(&f, 10);
        }
        create_pod(&f, "a", "worker-1", WEB);
        for (unsigned i = 0; i < ticks % 40; i++) {
            if (!loop_sim_tick(f.loop)) {
                loop_sim_advance(f.loop, loop_sim_next(f.loop));
            }
        }
        nodes_freeze(f.nodes, "worker-1", true);
        run_ms(&f, 3000);
        nodes_freeze(f.nodes, "worker-1", false);
        run_ms(&f, 3000);
        expect_ready(&f, "a");
        assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
        assert_int_equal(take_census(&f, NULL).all, 2);
        tear_down(&f);
    }
}

/* We die while it is frozen: the next life says and does nothing before it goes on, and then takes
 * over what runs. */
static void test_a_restart_of_ours_while_frozen(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", PROBED);
    wait_for(&f, "a", "status.phase", "Running", 100);
    run_ms(&f, 1500);
    nodes_freeze(f.nodes, "worker-1", true);
    pause_all(&f, true);
    run_ms(&f, 10);
    int64_t lease = lease_revision(&f);
    int64_t node = object_revision(get(&f, "nodes", NULL, "worker-1"));
    end_life(&f);
    f.frozen[0] = true;
    begin_life(&f);
    delete_pod(&f, "a", -1);
    run_ms(&f, 5000);
    assert_int_equal(lease_revision(&f), lease);
    assert_int_equal(object_revision(get(&f, "nodes", NULL, "worker-1")), node);
    assert_int_equal(take_census(&f, "default/a web").running, 1);
    pause_all(&f, false);
    nodes_freeze(f.nodes, "worker-1", false);
    run_ms(&f, 500);
    assert_null(pod(&f, "a"));
    assert_int_equal(take_census(&f, NULL).all, 0);
    tear_down(&f);
}

/* ---- cut off ---- */

/* Its probes would find nobody, and a real agent's would: they are not made. */
static void test_no_probe_crosses_a_partition(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", PROBED);
    wait_for(&f, "a", "status.phase", "Running", 100);
    run_ms(&f, 1500);
    expect_ready(&f, "a");
    nodes_cut(f.nodes, "worker-1", true);
    connect_all(&f, false);
    run_ms(&f, 10000);
    connect_all(&f, true);
    nodes_cut(f.nodes, "worker-1", false);
    run_ms(&f, 3000);
    expect_ready(&f, "a");
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
    tear_down(&f);
}

/* We die while it is cut off: it goes on as it was, and knows nothing of what happened since. */
static void test_a_restart_of_ours_while_cut(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    create_pod(&f, "leaves", "worker-1", WEB);
    create_pod(&f, "gone", "worker-1", WEB);
    create_pod(&f, "left", "worker-1",
               "{'terminationGracePeriodSeconds':20,'containers':[{'name':'web',"
               "'image':'podlab/web:v1'}]}");
    wait_for(&f, "gone", "status.phase", "Running", 100);
    run_ms(&f, 10);
    nodes_freeze(f.nodes, "worker-1", true); /* it has no time to finish */
    delete_pod(&f, "left", -1);
    run_ms(&f, 2500);
    f.cut_us[0] = loop_wall_us(f.loop);
    nodes_cut(f.nodes, "worker-1", true);
    nodes_freeze(f.nodes, "worker-1", false);
    run_ms(&f, 1500);
    delete_pod(&f, "leaves", -1);
    delete_pod(&f, "gone", 0);
    create_pod(&f, "new", "worker-1", WEB);
    run_ms(&f, 500);
    int64_t lease = lease_revision(&f);
    end_life(&f);
    begin_life(&f);
    run_ms(&f, 500);
    assert_int_equal(take_census(&f, "default/a web").running, 1);
    kill_container(&f, "default/a web");
    run_ms(&f, 3000);
    assert_int_equal(lease_revision(&f), lease);
    assert_int_equal(take_census(&f, "default/a web").running, 1); /* restarted */
    assert_int_equal(take_census(&f, "default/leaves web").running, 1);
    assert_int_equal(take_census(&f, "default/gone web").running, 1);
    assert_int_equal(take_census(&f, "default/new web").running, 0);
    assert_int_equal(take_census(&f, "default/left web").running, 0); /* that it knew */
    nodes_cut(f.nodes, "worker-1", false);
    run_ms(&f, 600);
    expect_ready(&f, "a");
    expect_ready(&f, "new");
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 1);
    assert_null(pod(&f, "leaves"));
    assert_null(pod(&f, "left"));
    assert_int_equal(take_census(&f, NULL).running, 4);
    assert_int_equal(records(&f), 2);
    tear_down(&f);
}

/* ---- both ---- */

static void test_thawed_while_cut(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    wait_for(&f, "a", "status.phase", "Running", 100);
    run_ms(&f, 10);
    int64_t lease = lease_revision(&f);
    nodes_freeze(f.nodes, "worker-1", true);
    nodes_cut(f.nodes, "worker-1", true);
    kill_container(&f, "default/a web");
    delete_pod(&f, "a", -1);
    run_ms(&f, 3000);
    nodes_freeze(f.nodes, "worker-1", false); /* it goes on, and nobody hears of it */
    run_ms(&f, 3000);
    assert_int_equal(take_census(&f, "default/a web").running, 1);
    assert_int_equal(lease_revision(&f), lease);
    nodes_freeze(f.nodes, "worker-1", true);
    nodes_cut(f.nodes, "worker-1", false); /* in reach, and frozen */
    run_ms(&f, 3000);
    assert_int_equal(lease_revision(&f), lease);
    assert_non_null(pod(&f, "a"));
    nodes_freeze(f.nodes, "worker-1", false);
    run_ms(&f, 500);
    assert_null(pod(&f, "a"));
    assert_int_equal(take_census(&f, NULL).all, 0);
    tear_down(&f);
}

static void test_power_off_while_frozen_and_cut(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", WEB);
    wait_for(&f, "a", "status.phase", "Running", 100);
    nodes_freeze(f.nodes, "worker-1", true);
    nodes_cut(f.nodes, "worker-1", true);
    nodes_power_off(f.nodes, "worker-1");
    f.epoch[0]++;
    power_on(&f, 0); /* nothing of that is left */
    run_ms(&f, 1000);
    expect_ready(&f, "a");
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 1);
    assert_int_equal(take_census(&f, NULL).running, 2);
    tear_down(&f);
}

/* ---- another size ---- */

static void test_another_capacity(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    run_ms(&f, 10);
    nodes_resize(f.nodes, "worker-1", 4500, (int64_t)8 << 30, 20);
    run_ms(&f, 1);
    const json_t *status = jx_get(get(&f, "nodes", NULL, "worker-1"), "status");
    assert_string_equal(jx_str(status, "capacity.cpu", ""), "4500m");
    assert_string_equal(jx_str(status, "capacity.memory", ""), "8388608Ki");
    assert_string_equal(jx_str(status, "allocatable.pods", ""), "20");
    assert_string_equal(jx_str(get(&f, "nodes", NULL, "worker-2"), "status.capacity.cpu", ""), "2");
    create_pod(&f, "big", "worker-1",
               "{'containers':[{'name':'web','image':'podlab/web:v1',"
               "'resources':{'requests':{'cpu':'4'}}}]}");
    wait_for(&f, "big", "status.phase", "Running", 200);
    nodes_resize(f.nodes, "worker-1", 1000, (int64_t)8 << 30, 20); /* what runs goes on */
    create_pod(&f, "more", "worker-1",
               "{'containers':[{'name':'web','image':'podlab/web:v1',"
               "'resources':{'requests':{'cpu':'100m'}}}]}");
    wait_for(&f, "more", "status.reason", "OutOfcpu", 200);
    expect_ready(&f, "big");
    tear_down(&f);
}

/* ---- no more ---- */

static void test_a_machine_that_is_no_more(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1",
               "{'volumes':[{'name':'v','emptyDir':{}}],'containers':[{'name':'web',"
               "'image':'podlab/web:v1','volumeMounts':[{'name':'v','mountPath':'/v'}]}]}");
    create_pod(&f, "b", "worker-2", WEB);
    wait_for(&f, "a", "status.phase", "Running", 100);
    wait_for(&f, "b", "status.phase", "Running", 100);
    run_ms(&f, 100);
    assert_int_equal(records(&f), 2);
    nodes_power_off(f.nodes, "worker-1");
    nodes_forget(f.nodes, "worker-1");
    nodes_forget(f.nodes, "worker-1"); /* which may be said again */
    run_ms(&f, 10);
    assert_int_equal(records(&f), 1);
    expect_ready(&f, "b");
    /* also by a life that never knew it on */
    create_pod(&f, "c", "worker-3", WEB);
    wait_for(&f, "c", "status.phase", "Running", 100);
    run_ms(&f, 10);
    end_life(&f);
    begin_life(&f);
    nodes_power_off(f.nodes, "worker-3");
    nodes_forget(f.nodes, "worker-3");
    run_ms(&f, 100);
    assert_int_equal(records(&f), 2); /* worker-1 was made again */
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_frozen_agent_does_nothing),
        cmocka_unit_test(test_a_death_on_a_frozen_host),
        cmocka_unit_test(test_frozen_at_every_tick),
        cmocka_unit_test(test_a_restart_of_ours_while_frozen),
        cmocka_unit_test(test_no_probe_crosses_a_partition),
        cmocka_unit_test(test_a_restart_of_ours_while_cut),
        cmocka_unit_test(test_thawed_while_cut),
        cmocka_unit_test(test_power_off_while_frozen_and_cut),
        cmocka_unit_test(test_another_capacity),
        cmocka_unit_test(test_a_machine_that_is_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
