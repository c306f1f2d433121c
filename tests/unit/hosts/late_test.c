/* SPDX-License-Identifier: Apache-2.0 */
/* A runtime that takes its time: what was asked of it appears when nobody wants it any more. */
#include "fixture.h"
#include "runtime/names.h"

/* Keeps the first guest of worker-1 back for two seconds, and counts how often it is asked what
 * there is. */
static struct {
    const struct runtime_ops *honest;
    struct runtime_ops ops;
    struct loop_timer *timer;
    struct runtime_spec spec;
    char name[RUNTIME_NAME_SIZE];
    void *self;
    uint64_t epoch;
    runtime_done *done;
    void *arg;
    int lists;
} slow;

static void arrive(void *arg)
{
    (void)arg;
    slow.honest->ensure(slow.self, &slow.spec, slow.epoch, slow.done, slow.arg);
}

static void ensure(void *self, const struct runtime_spec *spec, uint64_t epoch, runtime_done *done,
                   void *arg)
{
    if (strcmp(spec->host, "worker-1") != 0 || slow.done != NULL) {
        slow.honest->ensure(self, spec, epoch, done, arg);
        return;
    }
    str_copy(slow.name, sizeof(slow.name), spec->name);
    slow.spec = (struct runtime_spec){.name = slow.name,
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

static void list(void *self, runtime_list_done *done, void *arg)
{
    slow.lists++;
    slow.honest->list(self, done, arg);
}

static void wrap(struct fixture *f)
{
    slow.honest = f->rt.ops;
    slow.ops = *f->rt.ops;
    slow.ops.ensure = ensure;
    slow.ops.list = list;
    slow.timer = loop_timer_new(f->loop, arrive, NULL);
    slow.done = NULL;
    slow.lists = 0;
    f->rt.ops = &slow.ops;
}

static void set_up_slow(struct fixture *f)
{
    set_up(f);
    end_life(f);
    fake_free(f->fake);
    f->fake = fake_new(f->loop, NULL);
    f->wrap = wrap;
    begin_life(f);
}

/* Switched off while its guest is on its way: that is waited for, not looked for again and again,
 * and then it goes. */
static void test_off_while_the_guest_is_on_its_way(void **state)
{
    struct fixture f;
    (void)state;
    set_up_slow(&f);
    run_ms(&f, 100);
    int before = slow.lists;
    wish(&f, "worker-1", "power", "Off");
    run_ms(&f, 1000);
    assert_in_range(slow.lists - before, 1, 5);
    run_ms(&f, 2000);
    wait_power(&f, "worker-1", "Off", 1);
    assert_int_equal(take_census(&f).running, 2);
    wish(&f, "worker-1", "power", "On");
    wait_power(&f, "worker-1", "On", 1000);
    assert_int_equal(take_census(&f).running, 3);
    loop_timer_free(slow.timer);
    tear_down(&f);
}

/* It died, and nobody was told: now and then it is looked all the same. */
static void test_a_death_that_nobody_told(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    wait_power(&f, "worker-1", "On", 1000);
    run_ms(&f, 10);
    cleanup_free char *container = guest(&f, "worker-1");
    f.rt.ops->subscribe(f.rt.self, NULL, NULL);
    assert_true(fake_kill(f.fake, container, 137, false));
    run_ms(&f, 1000);
    f.rt.ops->subscribe(f.rt.self, on_runtime, &f);
    assert_string_equal(jx_str(host(&f, "worker-1"), "status.power", ""), "On");
    run_ms(&f, 65000);
    assert_string_equal(jx_str(host(&f, "worker-1"), "spec.power", ""), "Off");
    assert_string_equal(jx_str(host(&f, "worker-1"), "status.power", ""), "Off");
    assert_string_equal(jx_str(host(&f, "worker-2"), "status.power", ""), "On");
    tear_down(&f);
}

static void come(struct fixture *f, const char *name, const char *on)
{
    struct runtime_spec spec = {
        .name = name, .role = RUNTIME_SANDBOX, .host = on, .hash = "h", .address = "10.77.1.9"};
    static bool done;
    f->rt.ops->ensure(f->rt.self, &spec, 1, nothing_more, &done);
}

static bool is_there(struct fixture *f, const char *name)
{
    return fake_kill(f->fake, name, 1, false);
}

/* A container that comes when its host has no power, or is no more. */
static void test_too_late(void **state)
{
    struct fixture f;
    (void)state;
    for (int told = 0; told < 2; told++) {
        set_up(&f);
        wait_power(&f, "worker-1", "On", 1000);
        wait_power(&f, "worker-2", "On", 1000);
        wish(&f, "worker-1", "power", "Off");
        wait_power(&f, "worker-1", "Off", 1000);
        if (told == 0) {
            f.rt.ops->subscribe(f.rt.self, NULL, NULL);
        }
        come(&f, "a", "worker-1");
        come(&f, "b", "nowhere");
        run_ms(&f, told == 0 ? 65000 : 500);
        assert_false(is_there(&f, "a"));
        assert_false(is_there(&f, "b"));
        assert_string_equal(jx_str(host(&f, "worker-1"), "status.power", ""), "Off");
        wish(&f, "worker-1", "power", "On");
        wait_power(&f, "worker-1", "On", 1000);
        tear_down(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_off_while_the_guest_is_on_its_way),
        cmocka_unit_test(test_a_death_that_nobody_told),
        cmocka_unit_test(test_too_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
