/* SPDX-License-Identifier: Apache-2.0 */
/* Machines are paused and cut off the network, by their objects and by Docker commands on their
 * containers, whoever dies meanwhile; nothing is said before it is so. */
#include "fixture.h"

static const char *text(struct fixture *f, const char *name, const char *path)
{
    return jx_str(host(f, name), path, "none");
}

/* ---- what is so ---- */

struct view {
    const char *host;
    int running, paused, cut, all;
};

static void see(void *arg, const struct runtime_status *st)
{
    struct view *v = arg;
    if (strcmp(st->host, v->host) == 0 && st->state != RUNTIME_EXITED) {
        v->all++;
        v->running += st->state == RUNTIME_RUNNING;
        v->paused += st->state == RUNTIME_PAUSED;
        v->cut += st->cut;
    }
}

static struct view view_of(struct fixture *f, const char *name)
{
    struct view v = {.host = name};
    fake_each(f->fake, see, &v);
    return v;
}

/* Holds at every moment in which nobody but us touches the containers. */
static void check_promises(struct fixture *f, const char *name)
{
    struct view v = view_of(f, name);
    const struct hosts_machine *m = map_find(f->machines, name);
    const char *power = text(f, name, "status.power");
    const char *network = text(f, name, "status.network");
    if (strcmp(power, "Paused") == 0 && strcmp(text(f, name, "spec.power"), "Paused") == 0) {
        assert_true(m->paused); /* the status comes last */
        assert_int_equal(v.paused, v.all);
    }
    if (strcmp(network, "Partitioned") == 0 && map_find(f->guests, name) != NULL &&
        strcmp(text(f, name, "spec.network"), "Partitioned") == 0) {
        assert_true(m->cut_us != 0);
        assert_int_equal(v.cut, v.all);
    }
    if (map_find(f->on, name) != NULL && !m->paused) {
        assert_int_equal(v.paused, 0); /* the agent goes on last, and stands still first */
    }
    if (map_find(f->on, name) != NULL && m->cut_us == 0) {
        assert_int_equal(v.cut, 0);
    }
}

static void step(struct fixture *f)
{
    if (!loop_sim_tick(f->loop)) {
        loop_sim_advance(f->loop, loop_sim_next(f->loop));
    }
}

static void wait_text(struct fixture *f, const char *name, const char *path, const char *want,
                      uint64_t ms)
{
    uint64_t end = loop_mono_ns(f->loop) + LOOP_MS(ms);
    while (strcmp(text(f, name, path), want) != 0) {
        if (loop_mono_ns(f->loop) >= end) {
            fail_msg("%s: %s is %s, not %s", name, path, text(f, name, path), want);
        }
        check_promises(f, name);
        step(f);
    }
    check_promises(f, name);
}

static void ready(struct fixture *f)
{
    set_up(f);
    wait_power(f, "control-plane", "On", 100);
    wait_power(f, "worker-1", "On", 100);
    wait_power(f, "worker-2", "On", 100);
    assert_true(try_app(f, "app-1", "worker-1", 1));
    assert_true(try_app(f, "app-2", "worker-1", 2));
    assert_true(try_app(f, "app-3", "worker-2", 3));
}

static void expect(struct fixture *f, const char *name, int running, int paused, int cut)
{
    struct view v = view_of(f, name);
    assert_int_equal(v.running, running);
    assert_int_equal(v.paused, paused);
    assert_int_equal(v.cut, cut);
}

static bool is_paused(struct fixture *f, const char *name)
{
    return ((const struct hosts_machine *)map_find(f->machines, name))->paused;
}

static bool is_cut(struct fixture *f, const char *name)
{
    return ((const struct hosts_machine *)map_find(f->machines, name))->cut_us != 0;
}

/* ---- by the object ---- */

static void test_pause_and_resume(void **state)
{
    struct fixture f;
    (void)state;
    ready(&f);
    wish(&f, "worker-1", "power", "Paused");
    wait_text(&f, "worker-1", "status.power", "Paused", 100);
    expect(&f, "worker-1", 0, 3, 0);
    expect(&f, "worker-2", 2, 0, 0);
    assert_true(is_paused(&f, "worker-1"));
    assert_int_equal(epoch(&f, "worker-1"), 1);
    run_ms(&f, 10000);
    wish(&f, "worker-1", "power", "On");
    wait_text(&f, "worker-1", "status.power", "On", 100);
    expect(&f, "worker-1", 3, 0, 0);
    assert_false(is_paused(&f, "worker-1"));
    assert_int_equal(epoch(&f, "worker-1"), 1); /* nothing died */
    assert_int_equal(f.powered, 3);
    assert_int_equal(events(&f, "worker-1", "Paused"), 1);
    assert_int_equal(events(&f, "worker-1", "Resumed"), 1);
    assert_int_equal(events(&f, "worker-1", "PowerChanged"), 0);
    assert_int_equal(events(&f, "worker-1", "SwitchedOn"), 1);
    tear_down(&f);
}

static void test_cut_and_join(void **state)
{
    struct fixture f;
    (void)state;
    ready(&f);
    wish(&f, "worker-1", "network", "Partitioned");
    wait_text(&f, "worker-1", "status.network", "Partitioned", 100);
    expect(&f, "worker-1", 3, 0, 3);
    expect(&f, "worker-2", 2, 0, 0);
    assert_true(is_cut(&f, "worker-1"));
    assert_string_equal(text(&f, "worker-1", "status.power"), "On");
    wish(&f, "worker-1", "network", "Connected");
    wait_text(&f, "worker-1", "status.network", "Connected", 100);
    expect(&f, "worker-1", 3, 0, 0);
    assert_false(is_cut(&f, "worker-1"));
    assert_int_equal(epoch(&f, "worker-1"), 1);
    assert_int_equal(events(&f, "worker-1", "Partitioned"), 1);
    assert_int_equal(events(&f, "worker-1", "Connected"), 1);
    assert_int_equal(events(&f, "worker-1", "NetworkChanged"), 0);
    tear_down(&f);
}

static void test_both_at_once_and_one_after_the_other(void **state)
{
    struct fixture f;
    (void)state;
    ready(&f);
    wish(&f, "worker-1", "power", "Paused");
    wish(&f, "worker-1", "network", "Partitioned");
    wait_text(&f, "worker-1", "status.power", "Paused", 100);
    wait_text(&f, "worker-1", "status.network", "Partitioned", 100);
    expect(&f, "worker-1", 0, 3, 3);
    wish(&f, "worker-1", "power", "On");
    wait_text(&f, "worker-1", "status.power", "On", 100);
    expect(&f, "worker-1", 3, 0, 3); /* it goes on, and nobody reaches it */
    assert_string_equal(text(&f, "worker-1", "status.network"), "Partitioned");
    wish(&f, "worker-1", "power", "Paused");
    wait_text(&f, "worker-1", "status.power", "Paused", 100);
    wish(&f, "worker-1", "network", "Connected");
    wait_text(&f, "worker-1", "status.network", "Connected", 100);
    expect(&f, "worker-1", 0, 3, 0);
    wish(&f, "worker-1", "power", "On");
    wait_text(&f, "worker-1", "status.power", "On", 100);
    expect(&f, "worker-1", 3, 0, 0);
    assert_int_equal(epoch(&f, "worker-1"), 1);
    tear_down(&f);
}

static void test_off_while_paused(void **state)
{
    struct fixture f;
    (void)state;
    ready(&f);
    wish(&f, "worker-1", "power", "Paused");
    wait_text(&f, "worker-1", "status.power", "Paused", 100);
    wish(&f, "worker-1", "power", "Off");
    wait_text(&f, "worker-1", "status.power", "Off", 100);
    expect(&f, "worker-1", 0, 0, 0);
    wish(&f, "worker-1", "power", "On");
    wait_text(&f, "worker-1", "status.power", "On", 100);
    expect(&f, "worker-1", 1, 0, 0);
    assert_int_equal(epoch(&f, "worker-1"), 2);
    assert_false(is_paused(&f, "worker-1"));
    tear_down(&f);
}

/* A machine that is off cannot stand still: it is switched on first. */
static void test_paused_from_off(void **state)
{
    struct fixture f;
    (void)state;
    ready(&f);
    wish(&f, "worker-1", "power", "Off");
    wait_text(&f, "worker-1", "status.power", "Off", 100);
    wish(&f, "worker-1", "power", "Paused");
    wait_text(&f, "worker-1", "status.power", "Paused", 100);
    expect(&f, "worker-1", 0, 1, 0);
    assert_int_equal(epoch(&f, "worker-1"), 2);
    tear_down(&f);
}

static void test_on_while_partitioned_stays_so(void **state)
{
    struct fixture f;
    (void)state;
    ready(&f);
    wish(&f, "worker-1", "network", "Partitioned");
    wait_text(&f, "worker-1", "status.network", "Partitioned", 100);
    wish(&f, "worker-1", "power", "Off");
    wait_text(&f, "worker-1", "status.power", "Off", 100);
    assert_string_equal(text(&f, "worker-1", "status.network"), "Partitioned");
    assert_true(map_find(f.guests, "worker-1") == NULL);
    wish(&f, "worker-1", "power", "On");
    while (map_find(f.guests, "worker-1") == NULL) { /* nobody is told of it before it is cut off */
        step(&f);
    }
    expect(&f, "worker-1", 1, 0, 1);
    wait_text(&f, "worker-1", "status.power", "On", 100);
    assert_true(is_cut(&f, "worker-1"));
    assert_string_equal(text(&f, "worker-1", "status.network"), "Partitioned");
    assert_int_equal(epoch(&f, "worker-1"), 2);
    wish(&f, "worker-1", "power", "Off"); /* the cable is put back while it is off */
    wish(&f, "worker-1", "network", "Connected");
    wait_text(&f, "worker-1", "status.power", "Off", 100);
    wait_text(&f, "worker-1", "status.network", "Connected", 100);
    wish(&f, "worker-1", "power", "On");
    wait_text(&f, "worker-1", "status.power", "On", 100);
    expect(&f, "worker-1", 1, 0, 0);
    tear_down(&f);
}

/* What is started on a host that stands still, or is cut off, is so too. */
static void test_what_starts_meanwhile(void **state)
{
    struct fixture f;
    (void)state;
    ready(&f);
    wish(&f, "worker-1", "power", "Paused");
    wish(&f, "worker-1", "network", "Partitioned");
    wait_text(&f, "worker-1", "status.power", "Paused", 100);
    assert_true(try_app(&f, "late", "worker-1", 4));
    run_ms(&f, 20);
    expect(&f, "worker-1", 0, 4, 4);
    wish(&f, "worker-1", "power", "On");
    wish(&f, "worker-1", "network", "Connected");
    wait_text(&f, "worker-1", "status.power", "On", 100);
    wait_text(&f, "worker-1", "status.network", "Connected", 100);
    expect(&f, "worker-1", 4, 0, 0);
    assert_true(try_app(&f, "later", "worker-1", 5));
    expect(&f, "worker-1", 5, 0, 0);
    tear_down(&f);
}

static void test_the_control_plane_too(void **state)
{
    struct fixture f;
    (void)state;
    ready(&f);
    assert_true(try_app(&f, "app-0", "control-plane", 4));
    wish(&f, "control-plane", "network", "Partitioned");
    wait_text(&f, "control-plane", "status.network", "Partitioned", 100);
    struct census c = take_census(&f);
    assert_int_equal(c.cut, 2);
    wish(&f, "control-plane", "network", "Connected");
    wait_text(&f, "control-plane", "status.network", "Connected", 100);
    c = take_census(&f);
    assert_int_equal(c.cut, 0);
    tear_down(&f);
}

/* ---- every moment ---- */

static const struct {
    const char *field, *value, *back;
} faults[] = {
    {"power", "Paused", "On"},
    {"network", "Partitioned", "Connected"},
    {"power", "Off", "On"},
};

static void settle(struct fixture *f)
{
    run_ms(f, 20000);
    wait_text(f, "worker-1", "status.power", "On", 1);
    wait_text(f, "worker-1", "status.network", "Connected", 1);
    struct view v = view_of(f, "worker-1");
    assert_int_equal(v.paused, 0);
    assert_int_equal(v.cut, 0);
    assert_int_equal(v.running, v.all);
    assert_false(is_paused(f, "worker-1"));
    assert_false(is_cut(f, "worker-1"));
    assert_non_null(map_find(f->guests, "worker-1"));
}

/* One fault after every tick of another, and back again after every tick. */
static void test_every_two_faults_at_every_tick(void **state)
{
    (void)state;
    for (size_t first = 0; first < ARRAY_LEN(faults); first++) {
        for (size_t second = 0; second < ARRAY_LEN(faults); second++) {
            for (int ticks = 0; ticks < 12; ticks++) {
                struct fixture f;
                ready(&f);
                wish(&f, "worker-1", faults[first].field, faults[first].value);
                for (int i = 0; i < ticks; i++) {
                    step(&f);
                    check_promises(&f, "worker-1");
                }
                wish(&f, "worker-1", faults[second].field, faults[second].value);
                for (int i = 0; i < 11 - ticks; i++) {
                    step(&f);
                    check_promises(&f, "worker-1");
                }
                wish(&f, "worker-1", faults[first].field, faults[first].back);
                for (int i = 0; i < ticks; i++) {
                    step(&f);
                    check_promises(&f, "worker-1");
                }
                wish(&f, "worker-1", faults[second].field, faults[second].back);
                settle(&f);
                tear_down(&f);
            }
        }
    }
}

/* Deaths of ours in every moment of a fault, and of its end. */
static void test_death_at_every_tick(void **state)
{
    (void)state;
    for (size_t which = 0; which < ARRAY_LEN(faults); which++) {
        for (int ticks = 1; ticks < 36; ticks++) {
            struct fixture f;
            bool back = ticks >= 18;
            char path[32];
            ready(&f);
            snprintf(path, sizeof(path), "status.%s", faults[which].field);
            wish(&f, "worker-1", faults[which].field, faults[which].value);
            if (back) {
                wait_text(&f, "worker-1", path, faults[which].value, 200);
                run_ms(&f, 5);
                wish(&f, "worker-1", faults[which].field, faults[which].back);
            }
            for (int i = 0; i < ticks % 18 + 1; i++) {
                step(&f);
            }
            end_life(&f);
            begin_life(&f);
            for (int i = 0; i < 40; i++) {
                step(&f);
                if (map_find(f.machines, "worker-1") != NULL) {
                    check_promises(&f, "worker-1");
                }
            }
            wait_text(&f, "worker-1", path, back ? faults[which].back : faults[which].value, 200);
            int64_t before = epoch(&f, "worker-1");
            assert_int_equal(before, which == 2 && back ? 2 : 1);
            wish(&f, "worker-1", faults[which].field, faults[which].back);
            settle(&f);
            tear_down(&f);
        }
    }
}

/* The agent of a life that goes on begins as the machine is, not as it is wished. */
static void test_a_life_that_goes_on_begins_frozen(void **state)
{
    struct fixture f;
    (void)state;
    ready(&f);
    wish(&f, "worker-1", "power", "Paused");
    wish(&f, "worker-1", "network", "Partitioned");
    wait_text(&f, "worker-1", "status.power", "Paused", 100);
    wait_text(&f, "worker-1", "status.network", "Partitioned", 100);
    run_ms(&f, 5000);
    int64_t since = ((const struct hosts_machine *)map_find(f.machines, "worker-1"))->cut_us;
    end_life(&f);
    run_ms(&f, 5000);
    begin_life(&f);
    while (map_find(f.machines, "worker-1") == NULL) {
        step(&f);
    }
    const struct hosts_machine *m = map_find(f.machines, "worker-1");
    assert_true(m->paused);
    assert_int_equal(m->cut_us, since);
    run_ms(&f, 1000);
    expect(&f, "worker-1", 0, 3, 3);
    assert_string_equal(text(&f, "worker-1", "status.power"), "Paused");
    assert_int_equal(epoch(&f, "worker-1"), 1);
    assert_int_equal(events(&f, "worker-1", "Paused"), 1);
    wish(&f, "worker-1", "power", "On");
    wish(&f, "worker-1", "network", "Connected");
    settle(&f);
    tear_down(&f);
}

/* ---- with Docker ---- */

static void test_docker_pause_is_the_wish(void **state)
{
    struct fixture f;
    (void)state;
    ready(&f);
    cleanup_free char *container = guest(&f, "worker-1");
    assert_true(fake_pause(f.fake, container, true));
    wait_power(&f, "worker-1", "Paused", 200);
    assert_string_equal(text(&f, "worker-1", "spec.power"), "Paused");
    expect(&f, "worker-1", 0, 3, 0); /* all of the machine, not its container alone */
    assert_true(is_paused(&f, "worker-1"));
    run_ms(&f, 5000);
    assert_true(fake_pause(f.fake, container, false));
    wait_power(&f, "worker-1", "On", 200);
    assert_string_equal(text(&f, "worker-1", "spec.power"), "On");
    expect(&f, "worker-1", 3, 0, 0);
    assert_false(is_paused(&f, "worker-1"));
    assert_int_equal(epoch(&f, "worker-1"), 1);
    assert_int_equal(events(&f, "worker-1", "PowerChanged"), 2);
    tear_down(&f);
}

static void test_docker_network_disconnect_is_the_wish(void **state)
{
    struct fixture f;
    (void)state;
    ready(&f);
    cleanup_free char *container = guest(&f, "worker-1");
    assert_true(fake_connect(f.fake, container, false));
    run_ms(&f, 200);
    assert_string_equal(text(&f, "worker-1", "spec.network"), "Partitioned");
    assert_string_equal(text(&f, "worker-1", "status.network"), "Partitioned");
    expect(&f, "worker-1", 3, 0, 3);
    assert_true(fake_connect(f.fake, container, true));
    run_ms(&f, 200);
    assert_string_equal(text(&f, "worker-1", "spec.network"), "Connected");
    assert_string_equal(text(&f, "worker-1", "status.network"), "Connected");
    expect(&f, "worker-1", 3, 0, 0);
    assert_int_equal(events(&f, "worker-1", "NetworkChanged"), 2);
    tear_down(&f);
}

/* docker kill, then docker start: the same container is the machine's next life. */
static void test_docker_start_switches_on(void **state)
{
    struct fixture f;
    (void)state;
    for (int how = 0; how < 3; how++) {
        ready(&f);
        cleanup_free char *container = guest(&f, "worker-1");
        if (how == 0) {
            wish(&f, "worker-1", "power", "Off"); /* switched off by its object */
        } else {
            assert_true(fake_kill(f.fake, container, how == 1 ? 137 : 0, false));
        }
        run_ms(&f, 10000);
        assert_string_equal(text(&f, "worker-1", "spec.power"), "Off");
        wait_power(&f, "worker-1", "Off", 1);
        assert_true(fake_start(f.fake, container));
        run_ms(&f, 500);
        wait_power(&f, "worker-1", "On", 1);
        assert_string_equal(text(&f, "worker-1", "spec.power"), "On");
        assert_int_equal(epoch(&f, "worker-1"), 2);
        cleanup_free char *now = guest(&f, "worker-1");
        assert_string_equal(now, container);
        expect(&f, "worker-1", 1, 0, 0);
        end_life(&f); /* which is remembered */
        begin_life(&f);
        run_ms(&f, 200);
        cleanup_free char *after = guest(&f, "worker-1");
        assert_string_equal(after, container);
        assert_int_equal(epoch(&f, "worker-1"), 2);
        wish(&f, "worker-1", "power", "Off");
        wait_power(&f, "worker-1", "Off", 100);
        wish(&f, "worker-1", "power", "On");
        wait_power(&f, "worker-1", "On", 100);
        assert_int_equal(epoch(&f, "worker-1"), 3);
        run_ms(&f, 10);
        expect(&f, "worker-1", 1, 0, 0);
        expect_containers(&f, 4, 4);
        tear_down(&f);
    }
}

/* docker restart: quicker than anybody looks, or not. */
static void test_docker_restart_is_another_life(void **state)
{
    struct fixture f;
    (void)state;
    for (int ticks = 0; ticks < 40; ticks++) {
        ready(&f);
        run_ms(&f, 10);
        cleanup_free char *container = guest(&f, "worker-1");
        assert_true(fake_kill(f.fake, container, 0, false));
        for (int i = 0; i < ticks; i++) {
            step(&f);
        }
        if (!fake_start(f.fake, container)) {
            fail_msg("the container is gone after %d ticks", ticks);
        }
        run_ms(&f, 20000);
        wait_power(&f, "worker-1", "On", 1);
        assert_string_equal(text(&f, "worker-1", "spec.power"), "On");
        assert_int_equal(epoch(&f, "worker-1"), 2);
        expect(&f, "worker-1", 1, 0, 0); /* what ran there is dead */
        cleanup_free char *now = guest(&f, "worker-1");
        assert_string_equal(now, container);
        assert_int_equal(
            events(&f, "worker-1", "Restarted") + events(&f, "worker-1", "PowerChanged"), 1);
        tear_down(&f);
    }
}

static void test_docker_kill_of_a_paused_one(void **state)
{
    struct fixture f;
    (void)state;
    ready(&f);
    wish(&f, "worker-1", "power", "Paused");
    wait_text(&f, "worker-1", "status.power", "Paused", 100);
    cleanup_free char *container = guest(&f, "worker-1");
    assert_true(fake_kill(f.fake, container, 137, false));
    run_ms(&f, 3000);
    wait_power(&f, "worker-1", "Off", 1);
    assert_string_equal(text(&f, "worker-1", "spec.power"), "Off");
    expect(&f, "worker-1", 0, 0, 0);
    tear_down(&f);
}

/* The wish that is under way counts, not what somebody did at the same time. */
static void test_a_wish_goes_before_a_hand(void **state)
{
    struct fixture f;
    (void)state;
    ready(&f);
    cleanup_free char *container = guest(&f, "worker-1");
    wish(&f, "worker-1", "power", "Off");
    assert_true(fake_pause(f.fake, container, true));
    run_ms(&f, 3000);
    wait_power(&f, "worker-1", "Off", 1);
    assert_string_equal(text(&f, "worker-1", "spec.power"), "Off");
    tear_down(&f);
}

/* What was done while we were away is put right: then the object counts. */
static void test_the_object_counts_after_a_restart(void **state)
{
    struct fixture f;
    (void)state;
    ready(&f);
    cleanup_free char *container = guest(&f, "worker-1");
    end_life(&f);
    assert_true(fake_pause(f.fake, container, true));
    assert_true(fake_connect(f.fake, "app-1", false));
    begin_life(&f);
    run_ms(&f, 500);
    settle(&f);
    assert_string_equal(text(&f, "worker-1", "spec.power"), "On");
    assert_int_equal(epoch(&f, "worker-1"), 1);
    expect(&f, "worker-1", 3, 0, 0);
    tear_down(&f);
}

/* ---- a daemon that is away ---- */

static void test_the_daemon_is_away(void **state)
{
    struct fixture f;
    (void)state;
    for (int ticks = 0; ticks < 10; ticks++) {
        ready(&f);
        wish(&f, "worker-1", "power", "Paused");
        wish(&f, "worker-1", "network", "Partitioned");
        for (int i = 0; i < ticks; i++) {
            step(&f);
        }
        fake_set_down(f.fake, true);
        run_ms(&f, 5000);
        fake_set_down(f.fake, false);
        run_ms(&f, 3000);
        wait_text(&f, "worker-1", "status.power", "Paused", 1);
        wait_text(&f, "worker-1", "status.network", "Partitioned", 1);
        expect(&f, "worker-1", 0, 3, 3);
        assert_int_equal(epoch(&f, "worker-1"), 1);
        tear_down(&f);
    }
}

/* A daemon that restarts kills the paused, too: the machine comes back, and is paused again. */
static void test_a_daemon_restart_keeps_the_wish(void **state)
{
    struct fixture f;
    static const char *const all[] = {"control-plane", "worker-1", "worker-2"};
    (void)state;
    ready(&f);
    wish(&f, "worker-1", "power", "Paused");
    wish(&f, "worker-2", "network", "Partitioned");
    wait_text(&f, "worker-1", "status.power", "Paused", 100);
    wait_text(&f, "worker-2", "status.network", "Partitioned", 100);
    fake_set_down(f.fake, true);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        cleanup_free char *container = guest(&f, all[i]);
        assert_true(fake_kill(f.fake, container, 0, false));
    }
    run_ms(&f, 5000);
    fake_set_down(f.fake, false);
    run_ms(&f, 10000);
    assert_string_equal(text(&f, "worker-1", "spec.power"), "Paused");
    wait_text(&f, "worker-1", "status.power", "Paused", 1);
    wait_text(&f, "worker-2", "status.network", "Partitioned", 1);
    wait_text(&f, "worker-2", "status.power", "On", 1);
    assert_int_equal(epoch(&f, "worker-1"), 2);
    assert_int_equal(epoch(&f, "worker-2"), 2);
    expect(&f, "worker-1", 0, 1, 0);
    expect(&f, "worker-2", 1, 0, 1);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pause_and_resume),
        cmocka_unit_test(test_cut_and_join),
        cmocka_unit_test(test_both_at_once_and_one_after_the_other),
        cmocka_unit_test(test_off_while_paused),
        cmocka_unit_test(test_paused_from_off),
        cmocka_unit_test(test_on_while_partitioned_stays_so),
        cmocka_unit_test(test_what_starts_meanwhile),
        cmocka_unit_test(test_the_control_plane_too),
        cmocka_unit_test(test_every_two_faults_at_every_tick),
        cmocka_unit_test(test_death_at_every_tick),
        cmocka_unit_test(test_a_life_that_goes_on_begins_frozen),
        cmocka_unit_test(test_docker_pause_is_the_wish),
        cmocka_unit_test(test_docker_network_disconnect_is_the_wish),
        cmocka_unit_test(test_docker_start_switches_on),
        cmocka_unit_test(test_docker_restart_is_another_life),
        cmocka_unit_test(test_docker_kill_of_a_paused_one),
        cmocka_unit_test(test_a_wish_goes_before_a_hand),
        cmocka_unit_test(test_the_object_counts_after_a_restart),
        cmocka_unit_test(test_the_daemon_is_away),
        cmocka_unit_test(test_a_daemon_restart_keeps_the_wish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
