/* SPDX-License-Identifier: Apache-2.0 */
/* Machines are switched on and off under epochs that never come again, whoever dies meanwhile; they
 * are added and removed, and what cannot be done is said on the object. */
#include "fixture.h"

#include "runtime/names.h"

/* ---- power ---- */

static void test_comes_up(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "control-plane", "On", 100);
    wait_power(&f, "worker-1", "On", 100);
    wait_power(&f, "worker-2", "On", 100);
    assert_int_equal(epoch(&f, "worker-2"), 1);
    assert_string_equal(jx_str(host(&f, "worker-2"), "status.address", ""), "10.77.0.12");
    assert_string_equal(jx_str(host(&f, "worker-2"), "status.network", ""), "Connected");
    assert_int_equal(map_count(f.guests), 3);
    expect_containers(&f, 3, 3);
    tear_down(&f);
}

static void test_off_and_on(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    make_app(&f, "app-1", "worker-1");
    wish(&f, "worker-1", "power", "Off");
    wait_power(&f, "worker-1", "Off", 100);
    assert_null(map_find(f.on, "worker-1"));
    expect_containers(&f, 2, 3); /* the pod's container went, the machine's is there, ended */
    wish(&f, "worker-1", "power", "On");
    wait_power(&f, "worker-1", "On", 100);
    assert_int_equal(epoch(&f, "worker-1"), 2);
    assert_int_equal((uintptr_t)map_find(f.on, "worker-1"), 2);
    expect_containers(&f, 3, 3);
    tear_down(&f);
}

static void test_control_plane_off_and_on(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "control-plane", "On", 100);
    run_ms(&f, 10);
    wish(&f, "control-plane", "power", "Off");
    wait_power(&f, "control-plane", "Off", 100);
    expect_containers(&f, 2, 3);
    wish(&f, "control-plane", "power", "On");
    wait_power(&f, "control-plane", "On", 100);
    expect_containers(&f, 3, 3);
    tear_down(&f);
}

/* Whatever moment the wish changes in, and changes back. */
static void test_off_at_every_tick(void **state)
{
    (void)state;
    for (int ticks = 0; ticks < 30; ticks++) {
        for (int later = 0; later < 8; later++) {
            struct fixture f;
            set_up(&f);
            for (int i = 0; i < ticks; i++) {
                if (!loop_sim_tick(f.loop)) {
                    loop_sim_advance(f.loop, loop_sim_next(f.loop));
                }
            }
            wish(&f, "worker-1", "power", "Off");
            for (int i = 0; i < later; i++) {
                if (!loop_sim_tick(f.loop)) {
                    loop_sim_advance(f.loop, loop_sim_next(f.loop));
                }
            }
            if (later % 2 == 0) {
                run_ms(&f, 5000);
                wait_power(&f, "worker-1", "Off", 1);
                assert_null(map_find(f.on, "worker-1"));
                struct census c = take_census(&f);
                assert_int_equal(c.running, 2);
            }
            wish(&f, "worker-1", "power", "On");
            run_ms(&f, 5000);
            wait_power(&f, "worker-1", "On", 1);
            expect_containers(&f, 3, 3);
            assert_int_equal((uintptr_t)map_find(f.on, "worker-1"), epoch(&f, "worker-1"));
            tear_down(&f);
        }
    }
}

/* A runtime that has not yet heard of what it is asked for, and counts how often it is asked what
 * it has. */
static struct {
    const struct runtime_ops *honest;
    struct runtime_ops ops;
    struct loop_timer *timer;
    struct runtime_spec spec; /* of the guest of worker-1 */
    void *self;
    uint64_t epoch;
    runtime_done *done;
    void *arg;
    int lists;
} slow;

static void slow_arrives(void *arg)
{
    (void)arg;
    slow.honest->ensure(slow.self, &slow.spec, slow.epoch, slow.done, slow.arg);
}

static void slow_ensure(void *self, const struct runtime_spec *spec, uint64_t epoch,
                        runtime_done *done, void *arg)
{
    static char name[RUNTIME_NAME_SIZE];
    if (strcmp(spec->host, "worker-1") != 0 || slow.done != NULL) {
        slow.honest->ensure(self, spec, epoch, done, arg);
        return;
    }
    str_copy(name, sizeof(name), spec->name);
    slow.spec = (struct runtime_spec){.name = name,
                                      .role = spec->role,
                                      .host = "worker-1",
                                      .hash = "host-1",
                                      .address = "10.77.0.11"};
    slow.self = self;
    slow.epoch = epoch;
    slow.done = done;
    slow.arg = arg;
    loop_timer_start(slow.timer, LOOP_S(2));
}

static void slow_list(void *self, runtime_list_done *done, void *arg)
{
    slow.lists++;
    slow.honest->list(self, done, arg);
}

static void make_slow(struct fixture *f)
{
    slow.honest = f->rt.ops;
    slow.ops = *f->rt.ops;
    slow.ops.ensure = slow_ensure;
    slow.ops.list = slow_list;
    slow.timer = loop_timer_new(f->loop, slow_arrives, NULL);
    slow.done = NULL;
    slow.lists = 0;
    f->rt.ops = &slow.ops;
}

/* Switched off while its guest is on its way: that is waited for, not asked for again and again,
 * and then it goes. */
static void test_off_while_the_guest_is_on_its_way(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    end_life(&f);
    f.wrap = make_slow;
    fake_free(f.fake);
    f.fake = fake_new(f.loop, NULL);
    begin_life(&f);
    run_ms(&f, 100);
    wish(&f, "worker-1", "power", "Off");
    run_ms(&f, 1000);
    assert_in_range(slow.lists, 1, 5);
    run_ms(&f, 2000);
    wait_power(&f, "worker-1", "Off", 1);
    expect_containers(&f, 2, 3); /* ended */
    wish(&f, "worker-1", "power", "On");
    wait_power(&f, "worker-1", "On", 1000);
    expect_containers(&f, 3, 3);
    loop_timer_free(slow.timer);
    tear_down(&f);
}

/* ---- restarts of ours ---- */

static void test_adopted_while_running(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    cleanup_free char *before = guest(&f, "worker-1");
    run_ms(&f, 10);
    end_life(&f);
    begin_life(&f);
    run_ms(&f, 100);
    cleanup_free char *after = guest(&f, "worker-1");
    assert_string_equal(before, after);
    assert_int_equal(epoch(&f, "worker-1"), 1);
    expect_containers(&f, 3, 3);
    /* and its wish is still listened to */
    wish(&f, "worker-1", "power", "Off");
    wait_power(&f, "worker-1", "Off", 100);
    expect_containers(&f, 2, 3);
    tear_down(&f);
}

static void test_exited_meanwhile(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    run_ms(&f, 10);
    cleanup_free char *before = guest(&f, "worker-1");
    end_life(&f);
    assert_true(fake_kill(f.fake, before, 137, false));
    begin_life(&f);
    run_ms(&f, 100);
    wait_power(&f, "worker-1", "On", 100);
    assert_int_equal(epoch(&f, "worker-1"), 2);
    expect_containers(&f, 3, 3); /* the earlier guest was swept */
    tear_down(&f);
}

/* Deaths of ours in every moment of a power cut: no epoch twice, nothing left behind. */
static void test_death_at_every_tick_of_a_cut(void **state)
{
    (void)state;
    for (int ticks = 0; ticks < 20; ticks++) {
        struct fixture f;
        set_up(&f);
        wait_power(&f, "worker-1", "On", 100);
        make_app(&f, "app-1", "worker-1");
        wish(&f, "worker-1", "power", "Off");
        loop_sim_tick(f.loop); /* committed */
        for (int i = 0; i < ticks; i++) {
            if (!loop_sim_tick(f.loop)) {
                loop_sim_advance(f.loop, loop_sim_next(f.loop));
            }
        }
        end_life(&f);
        begin_life(&f);
        run_ms(&f, 1000);
        wait_power(&f, "worker-1", "Off", 1);
        expect_containers(&f, 2, 3);
        wish(&f, "worker-1", "power", "On");
        run_ms(&f, 1000);
        wait_power(&f, "worker-1", "On", 1);
        assert_int_equal(epoch(&f, "worker-1"), 2);
        expect_containers(&f, 3, 3);
        tear_down(&f);
    }
}

/* ---- docker kill, and a daemon that goes ---- */

static void test_docker_kill_is_the_plug(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-2", "On", 100);
    make_app(&f, "app-2", "worker-2");
    cleanup_free char *container = guest(&f, "worker-2");
    assert_true(fake_kill(f.fake, container, 137, false));
    run_ms(&f, 20);
    assert_null(map_find(f.on, "worker-2")); /* off at once ... */
    expect_containers(&f, 2, 3);             /* with all that ran there */
    run_ms(&f, 3000);
    wait_power(&f, "worker-2", "Off", 1);
    assert_string_equal(jx_str(host(&f, "worker-2"), "spec.power", ""), "Off");
    assert_int_equal(events(&f, "worker-2", "PowerLost"), 1);
    assert_string_equal(jx_str(host(&f, "worker-1"), "spec.power", ""), "On");
    wish(&f, "worker-2", "power", "On");
    wait_power(&f, "worker-2", "On", 100);
    assert_int_equal(epoch(&f, "worker-2"), 2);
    tear_down(&f);
}

static void test_daemon_restart_brings_all_back(void **state)
{
    struct fixture f;
    static const char *const all[] = {"control-plane", "worker-1", "worker-2"};
    (void)state;
    for (int order = 0; order < 2; order++) {
        set_up(&f);
        wait_power(&f, "worker-2", "On", 100);
        run_ms(&f, 10);
        if (order == 1) { /* the deaths are not seen */
            fake_set_down(f.fake, true);
        }
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
            cleanup_free char *container = guest(&f, all[i]);
            assert_true(fake_kill(f.fake, container, 0, false));
            run_ms(&f, order == 0 ? 400 : 0);
        }
        fake_set_down(f.fake, true);
        run_ms(&f, 5000);
        fake_set_down(f.fake, false);
        run_ms(&f, 10000);
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
            assert_string_equal(jx_str(host(&f, all[i]), "spec.power", ""), "On");
            wait_power(&f, all[i], "On", 1);
            assert_int_equal(epoch(&f, all[i]), 2);
        }
        expect_containers(&f, 3, 3);
        tear_down(&f);
    }
}

static void test_daemon_away_keeps_state(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-2", "On", 100);
    run_ms(&f, 10);
    fake_set_down(f.fake, true);
    run_ms(&f, 20000);
    wait_power(&f, "worker-2", "On", 1);
    wish(&f, "worker-2", "power", "Off"); /* takes effect when it can */
    run_ms(&f, 3000);
    assert_null(map_find(f.on, "worker-2"));
    fake_set_down(f.fake, false);
    wait_power(&f, "worker-2", "Off", 1000);
    expect_containers(&f, 2, 3);
    assert_int_equal(epoch(&f, "worker-1"), 1);
    tear_down(&f);
}

/* ---- failures ---- */

static void test_failing_starts_back_off_and_are_said_once(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_fail_starts(f.fake, "podlab/guest:1", 12, RUNTIME_FAILED);
    run_ms(&f, 3000);
    assert_int_equal(events(&f, "worker-1", "FailedPower"), 1);
    run_ms(&f, 60000);
    wait_power(&f, "worker-1", "On", 1);
    assert_int_equal(events(&f, "worker-1", "FailedPower"), 1);
    assert_int_equal(epoch(&f, "worker-1"), 1);
    expect_containers(&f, 3, 3);
    tear_down(&f);
}

static void test_uncertain_starts(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    fake_fail_starts(f.fake, NULL, 3, RUNTIME_UNKNOWN);
    run_ms(&f, 5000);
    wait_power(&f, "worker-1", "On", 1);
    expect_containers(&f, 3, 3);
    tear_down(&f);
}

/* A guest of an earlier life that still has the address gives way. */
static void test_earlier_guest_gives_way(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    wish(&f, "worker-1", "power", "Off");
    wait_power(&f, "worker-1", "Off", 100);
    struct runtime_spec spec = {.name = "stray",
                                .role = RUNTIME_HOST,
                                .host = "worker-1",
                                .hash = "host-1",
                                .address = "10.77.0.11"};
    bool ok = false;
    f.rt.ops->ensure(f.rt.self, &spec, 1, nothing_more, &ok);
    run_ms(&f, 10);
    assert_true(ok);
    wish(&f, "worker-1", "power", "On");
    wait_power(&f, "worker-1", "On", 5000);
    run_ms(&f, 10);
    expect_containers(&f, 3, 3);
    tear_down(&f);
}

static void test_full_disk(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    run_ms(&f, 100);
    wish(&f, "worker-1", "power", "Off");
    loop_sim_tick(f.loop); /* the wish is committed, its end cannot be */
    memvfs_full(f.disk, true);
    run_ms(&f, 2000);
    memvfs_full(f.disk, false);
    run_ms(&f, 20000);
    wait_power(&f, "worker-1", "Off", 1);
    expect_containers(&f, 2, 3);
    end_life(&f);
    begin_life(&f);
    run_ms(&f, 100);
    wish(&f, "worker-1", "power", "On");
    wait_power(&f, "worker-1", "On", 1000);
    assert_true(epoch(&f, "worker-1") > 1);
    tear_down(&f);
}

/* ---- wishes ---- */

static void delete_host(struct fixture *f, const char *name)
{
    struct err err;
    if (client_delete(f->client, kind(), NULL, name, NULL, &err) < 0) {
        fail_msg("delete: %s", err.msg);
    }
}

static void add_host(struct fixture *f, const char *name, const char *power)
{
    struct err err;
    json_t *obj = json_pack("{s:s, s:s, s:{s:s}, s:{s:s, s:{s:i, s:s}}}", "apiVersion",
                            "podlab.dev/v1", "kind", "Host", "metadata", "name", name, "spec",
                            "power", power, "capacity", "cpu", 4, "memory", "8Gi");
    if (client_create(f->client, kind(), NULL, obj, NULL, &err) < 0) {
        fail_msg("create: %s", err.msg);
    }
}

static void expect_gone(struct fixture *f, const char *name, uint64_t ms)
{
    for (uint64_t end = loop_mono_ns(f->loop) + LOOP_MS(ms); host(f, name) != NULL; run_ms(f, 1)) {
        assert_true(loop_mono_ns(f->loop) < end);
    }
    assert_null(map_find(f->on, name));
    assert_null(map_find(f->guests, name));
}

static void test_the_control_plane_comes_back(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "control-plane", "On", 100);
    cleanup_free char *uid = xstrdup(object_uid(host(&f, "control-plane")));
    delete_host(&f, "control-plane");
    run_ms(&f, 100);
    assert_string_not_equal(object_uid(host(&f, "control-plane")), uid);
    wait_power(&f, "control-plane", "On", 100);
    assert_int_equal(epoch(&f, "control-plane"), 1); /* the machine did not notice */
    assert_int_equal(events(&f, "control-plane", "Restored"), 1);
    expect_containers(&f, 3, 3);
    wish(&f, "control-plane", "power", "Off"); /* what was off stays off */
    wait_power(&f, "control-plane", "Off", 100);
    delete_host(&f, "control-plane");
    run_ms(&f, 100);
    assert_string_equal(jx_str(host(&f, "control-plane"), "spec.power", ""), "Off");
    wait_power(&f, "control-plane", "Off", 100);
    tear_down(&f);
}

static void test_a_host_is_added(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    add_host(&f, "big-one", "On");
    wait_power(&f, "big-one", "On", 200);
    assert_string_equal(jx_str(host(&f, "big-one"), "status.address", ""), "10.77.0.13");
    assert_int_equal(epoch(&f, "big-one"), 1);
    const struct hosts_machine *m = map_find(f.machines, "big-one");
    assert_int_equal(m->cpu_milli, 4000);
    assert_int_equal(m->memory, (int64_t)8 << 30);
    assert_int_equal(m->pods, 110);
    assert_int_equal(events(&f, "big-one", "Added"), 1);
    assert_int_equal(events(&f, "big-one", "SwitchedOn"), 1);
    assert_int_equal(events(&f, "big-one", "SwitchedOff"), 0);
    expect_containers(&f, 4, 4);
    end_life(&f); /* it is remembered */
    begin_life(&f);
    run_ms(&f, 200);
    wait_power(&f, "big-one", "On", 100);
    assert_string_equal(jx_str(host(&f, "big-one"), "status.address", ""), "10.77.0.13");
    assert_int_equal(epoch(&f, "big-one"), 1);
    m = map_find(f.machines, "big-one");
    assert_int_equal(m->cpu_milli, 4000);
    expect_containers(&f, 4, 4);
    tear_down(&f);
}

static void test_a_host_is_added_switched_off(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    add_host(&f, "spare", "Off");
    wait_power(&f, "spare", "Off", 200);
    assert_int_equal(epoch(&f, "spare"), 0);
    assert_null(map_find(f.on, "spare"));
    wish(&f, "spare", "power", "On");
    wait_power(&f, "spare", "On", 200);
    assert_int_equal(epoch(&f, "spare"), 1);
    tear_down(&f);
}

static void test_a_host_is_removed(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    wait_power(&f, "worker-2", "On", 100);
    make_app(&f, "app-1", "worker-1");
    delete_host(&f, "worker-1");
    expect_gone(&f, "worker-1", 200);
    assert_int_equal(f.removed, 1);
    expect_containers(&f, 2, 2); /* the machine's own container went, too */
    for (int life = 0; life < 2; life++) {
        run_ms(&f, 5000);
        assert_null(host(&f, "worker-1")); /* it does not come back */
        expect_containers(&f, 2, 2);
        end_life(&f);
        begin_life(&f);
    }
    add_host(&f, "worker-1", "On"); /* unless somebody adds it: with its old address, and no
                                     * epoch twice */
    wait_power(&f, "worker-1", "On", 200);
    assert_int_equal(epoch(&f, "worker-1"), 2);
    assert_string_equal(jx_str(host(&f, "worker-1"), "status.address", ""), "10.77.0.11");
    tear_down(&f);
}

/* The object waits for its machine, also over deaths of ours in every moment. */
static void test_death_at_every_tick_of_a_removal(void **state)
{
    (void)state;
    for (int ticks = 0; ticks < 24; ticks++) {
        struct fixture f;
        set_up(&f);
        wait_power(&f, "worker-1", "On", 100);
        wait_power(&f, "worker-2", "On", 100);
        make_app(&f, "app-1", "worker-1");
        delete_host(&f, "worker-1");
        loop_sim_tick(f.loop); /* committed */
        for (int i = 0; i < ticks; i++) {
            if (!loop_sim_tick(f.loop)) {
                loop_sim_advance(f.loop, loop_sim_next(f.loop));
            }
        }
        end_life(&f);
        begin_life(&f);
        run_ms(&f, 1000);
        expect_gone(&f, "worker-1", 1);
        expect_containers(&f, 2, 2);
        tear_down(&f);
    }
}

/* In every moment of its coming up, of going down, paused, cut off, dead. */
static void test_removed_in_any_state(void **state)
{
    (void)state;
    for (int ticks = 0; ticks < 30; ticks++) {
        struct fixture f;
        set_up(&f);
        for (int i = 0; i < ticks; i++) {
            if (!loop_sim_tick(f.loop)) {
                loop_sim_advance(f.loop, loop_sim_next(f.loop));
            }
        }
        if (ticks % 3 == 1) {
            wish(&f, "worker-1", "power", ticks % 2 == 0 ? "Paused" : "Off");
            loop_sim_tick(f.loop);
        }
        delete_host(&f, "worker-1");
        run_ms(&f, 5000);
        expect_gone(&f, "worker-1", 1);
        expect_containers(&f, 2, 2);
        tear_down(&f);
    }
    struct fixture f;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    run_ms(&f, 10);
    cleanup_free char *container = guest(&f, "worker-1");
    assert_true(fake_kill(f.fake, container, 137, false));
    run_ms(&f, 20); /* nobody knows yet why it died */
    delete_host(&f, "worker-1");
    expect_gone(&f, "worker-1", 200);
    run_ms(&f, 10000);
    expect_containers(&f, 2, 2);
    tear_down(&f);
}

/* Somebody took our finalizer away: the machine goes all the same. */
static void test_removed_by_force(void **state)
{
    struct fixture f;
    struct err err;
    (void)state;
    for (int dead = 0; dead < 2; dead++) {
        set_up(&f);
        wait_power(&f, "worker-1", "On", 100);
        wait_power(&f, "worker-2", "On", 100);
        run_ms(&f, 10);
        if (dead == 1) {
            hosts_free(f.hosts);
            f.hosts = NULL;
        }
        delete_host(&f, "worker-1");
        json_t *patch = json_pack("{s:{s:n}}", "metadata", "finalizers");
        assert_int_equal(client_patch(f.client, kind(), NULL, "worker-1", NULL, patch, NULL, &err),
                         0);
        if (dead == 1) {
            loop_sim_tick(f.loop);
            end_life(&f);
            begin_life(&f);
        }
        run_ms(&f, 500);
        expect_gone(&f, "worker-1", 1);
        expect_containers(&f, 2, 2);
        add_host(&f, "worker-1", "On");
        wait_power(&f, "worker-1", "On", 200);
        assert_int_equal(epoch(&f, "worker-1"), 2);
        tear_down(&f);
    }
}

/* A new one by the name of one that is still going. */
static void test_replaced(void **state)
{
    struct fixture f;
    struct err err;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    delete_host(&f, "worker-1");
    json_t *patch = json_pack("{s:{s:n}}", "metadata", "finalizers");
    assert_int_equal(client_patch(f.client, kind(), NULL, "worker-1", NULL, patch, NULL, &err), 0);
    add_host(&f, "worker-1", "On");
    run_ms(&f, 3000);
    wait_power(&f, "worker-1", "On", 1);
    expect_containers(&f, 3, 3);
    tear_down(&f);
}

static void test_another_capacity(void **state)
{
    struct fixture f;
    struct err err;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    const struct hosts_machine *m = map_find(f.machines, "worker-1");
    assert_int_equal(m->cpu_milli, 2000);
    assert_int_equal(m->memory, (int64_t)2 << 30);
    assert_string_equal(jx_str(host(&f, "worker-1"), "spec.capacity.memory", ""), "2Gi");
    json_t *patch = json_pack("{s:{s:{s:s, s:i}}}", "spec", "capacity", "cpu", "1500m", "pods", 5);
    assert_int_equal(client_patch(f.client, kind(), NULL, "worker-1", NULL, patch, NULL, &err), 0);
    run_ms(&f, 10);
    m = map_find(f.machines, "worker-1");
    assert_int_equal(m->cpu_milli, 1500);
    assert_int_equal(m->memory, (int64_t)2 << 30);
    assert_int_equal(m->pods, 5);
    assert_int_equal(events(&f, "worker-1", "CapacityChanged"), 1);
    assert_int_equal(epoch(&f, "worker-1"), 1);
    patch = json_pack("{s:{s:{s:s}}}", "spec", "capacity", "cpu", "-1");
    assert_int_equal(client_patch(f.client, kind(), NULL, "worker-1", NULL, patch, NULL, &err), -1);
    patch = json_pack("{s:{s:{s:s}}}", "spec", "capacity", "cpu", "many");
    assert_int_equal(client_patch(f.client, kind(), NULL, "worker-1", NULL, patch, NULL, &err), -1);
    tear_down(&f);
}

static void expect_name(void *arg, const char *name)
{
    str_add_f(arg, "%s ", name);
}

static void test_whose_nodes_will_be_there(void **state)
{
    struct fixture f;
    cleanup_str struct str names = STR_INIT;
    (void)state;
    set_up(&f);
    hosts_each_expected(f.hosts, expect_name, &names);
    assert_string_equal(str_c(&names), "control-plane worker-1 worker-2 ");
    wait_power(&f, "worker-1", "On", 100);
    wish(&f, "worker-1", "power", "Off");
    wish(&f, "worker-2", "network", "Partitioned");
    str_clear(&names);
    hosts_each_expected(f.hosts, expect_name, &names);
    assert_string_equal(str_c(&names), "control-plane ");
    tear_down(&f);
}

static void test_the_status_is_ours(void **state)
{
    struct fixture f;
    struct err err;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 100);
    json_t *patch = json_pack("{s:{s:s, s:i}}", "status", "power", "Off", "epoch", 70);
    assert_int_equal(client_patch(f.client, kind(), NULL, "worker-1", "status", patch, NULL, &err),
                     0);
    run_ms(&f, 100);
    wait_power(&f, "worker-1", "On", 1);
    assert_int_equal(epoch(&f, "worker-1"), 1);
    tear_down(&f);
}

static void test_addresses(void **state)
{
    char a[16];
    (void)state;
    struct {
        int n;
        const char *want;
    } rows[] = {{-1, "10.5.0.2"},    {0, "10.5.0.11"},      {228, "10.5.0.239"},
                {229, "10.5.120.1"}, {478, "10.5.120.250"}, {479, "10.5.121.1"},
                {999, "10.5.123.21"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        hosts_address(a, "10.5.0.0/16", rows[i].n);
        assert_string_equal(a, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_up),
        cmocka_unit_test(test_off_and_on),
        cmocka_unit_test(test_control_plane_off_and_on),
        cmocka_unit_test(test_off_at_every_tick),
        cmocka_unit_test(test_off_while_the_guest_is_on_its_way),
        cmocka_unit_test(test_adopted_while_running),
        cmocka_unit_test(test_exited_meanwhile),
        cmocka_unit_test(test_death_at_every_tick_of_a_cut),
        cmocka_unit_test(test_docker_kill_is_the_plug),
        cmocka_unit_test(test_daemon_restart_brings_all_back),
        cmocka_unit_test(test_daemon_away_keeps_state),
        cmocka_unit_test(test_failing_starts_back_off_and_are_said_once),
        cmocka_unit_test(test_uncertain_starts),
        cmocka_unit_test(test_earlier_guest_gives_way),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_the_control_plane_comes_back),
        cmocka_unit_test(test_a_host_is_added),
        cmocka_unit_test(test_a_host_is_added_switched_off),
        cmocka_unit_test(test_a_host_is_removed),
        cmocka_unit_test(test_death_at_every_tick_of_a_removal),
        cmocka_unit_test(test_removed_in_any_state),
        cmocka_unit_test(test_removed_by_force),
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_another_capacity),
        cmocka_unit_test(test_whose_nodes_will_be_there),
        cmocka_unit_test(test_the_status_is_ours),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
