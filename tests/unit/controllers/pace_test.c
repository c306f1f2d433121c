/* SPDX-License-Identifier: Apache-2.0 */
/* Large sets: made at the pace at which pods come up, each pod once, and looked at once in a while.
 */
#include "controllers/fixture.h"

#include "common/map.h"
#include "controllers/pace.h"

/* ---- the line ---- */

struct line {
    struct loop *loop;
    struct pace *pace;
    char called[32]; /* whose turn it was said to be, last; "" since it was looked at */
    unsigned made, settled;
};

static void on_turn(void *arg, const char *maker)
{
    struct line *l = arg;
    str_copy(l->called, sizeof(l->called), maker);
}

static void set_up(struct line *l)
{
    *l = (struct line){.loop = loop_sim_new(1)};
    l->pace = pace_new(l->loop, on_turn, l);
}

static void tear_down(struct line *l)
{
    pace_free(l->pace);
    loop_free(l->loop);
}

/* Asks, and makes what is granted. */
static size_t ask(struct line *l, const char *maker, size_t wanted)
{
    size_t n = pace_ask(l->pace, maker, wanted);
    for (size_t i = 0; i < n; i++) {
        char uid[24];
        snprintf(uid, sizeof(uid), "uid-%u", l->made++);
        pace_made(l->pace, uid);
    }
    return n;
}

static void settle_pods(struct line *l, unsigned n)
{
    while (n-- > 0) {
        char uid[24];
        snprintf(uid, sizeof(uid), "uid-%u", l->settled++);
        pace_settled(l->pace, uid);
    }
}

static const char *called(struct line *l)
{
    static char name[32];
    str_copy(name, sizeof(name), l->called);
    l->called[0] = '\0';
    return name;
}

static void test_few_need_not_wait(void **state)
{
    struct line l;
    set_up(&l);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ask(&l, "a", 30), 30);
    }
    assert_string_equal(called(&l), "");
    tear_down(&l);
}

static void test_more_are_made_when_those_run(void **state)
{
    struct line l;
    set_up(&l);
    size_t first = ask(&l, "a", 1000);
    assert_true(first > 0 && first < 1000);
    assert_int_equal(ask(&l, "a", 1000 - first), 0);
    settle_pods(&l, 10);
    assert_string_equal(called(&l), ""); /* a look at a set for few pods is a waste */
    settle_pods(&l, (unsigned)first - 10);
    assert_string_equal(called(&l), "a");
    assert_int_equal(ask(&l, "a", 1000 - first), first);
    tear_down(&l);
}

static void test_turns_are_taken(void **state)
{
    struct line l;
    set_up(&l);
    size_t first = ask(&l, "a", 10000);
    assert_int_equal(ask(&l, "b", 10), 0);
    assert_int_equal(ask(&l, "c", 10000), 0);
    unsigned turns = 0;
    for (; turns < 100 && strcmp(l.called, "b") != 0; turns++) {
        settle_pods(&l, (unsigned)first);
        if (strcmp(l.called, "a") == 0) {
            (void)called(&l);
            ask(&l, "a", 10000);
        }
    }
    assert_in_range(turns, 1, 10); /* "a" has its turn, and then it is another's */
    assert_int_equal(ask(&l, "b", 10), 10);
    assert_string_equal(called(&l), "c");
    pace_leave(l.pace, "c");
    assert_string_equal(called(&l), "a");
    tear_down(&l);
}

static void test_pods_that_never_run_hold_up_nobody_for_long(void **state)
{
    struct line l;
    set_up(&l);
    size_t first = ask(&l, "a", 1000);
    loop_sim_advance(l.loop, LOOP_MS(400));
    assert_string_equal(called(&l), "");
    loop_sim_advance(l.loop, LOOP_MS(200));
    assert_string_equal(called(&l), "a");
    assert_int_equal(ask(&l, "a", 1000 - first), first);
    tear_down(&l);
}

/* ---- a ReplicaSet ---- */

static const char large_yaml[] = "apiVersion: apps/v1\n"
                                 "kind: ReplicaSet\n"
                                 "metadata: {name: large}\n"
                                 "spec:\n"
                                 "  replicas: 300\n"
                                 "  selector: {matchLabels: {app: large}}\n"
                                 "  template:\n"
                                 "    metadata: {labels: {app: large}}\n"
                                 "    spec: {containers: [{name: web, image: 'podlab/web:v1'}]}\n";

static const json_t *large(struct fixture *f)
{
    return get(f, "replicasets.apps", "large");
}

/* Nobody places them, and still all of them are there before long. */
static void test_a_large_set_is_complete_without_nodes(void **state)
{
    struct fixture *f = *state;
    apply(f, large_yaml);
    size_t now = count(f, "pods");
    assert_in_range(now, 1, 299);
    run_ms(f, 2000);
    assert_int_equal(count(f, "pods"), 300);
    assert_int_equal(jx_int(large(f), "status.replicas", 0), 300);
    patch(f, "replicasets.apps", "large", NULL, json_pack("{s:{s:i}}", "spec", "replicas", 5));
    run_ms(f, 2000);
    assert_int_equal(jx_int(large(f), "status.replicas", 0), 5);
}

static void test_a_large_set_counts_its_pods_as_they_come_up(void **state)
{
    struct fixture *f = *state;
    apply(f, large_yaml);
    for (int i = 0; i < 200 && jx_int(large(f), "status.readyReplicas", 0) < 300; i++) {
        make_ready(f, 64);
    }
    assert_int_equal(jx_int(large(f), "status.readyReplicas", 0), 300);
    assert_int_equal(jx_int(large(f), "status.replicas", 0), 300);
    assert_int_equal(count(f, "pods"), 300); /* none was made twice */
}

/* The first in the line goes away while others wait behind it. */
static void test_a_deleted_set_leaves_the_line(void **state)
{
    struct fixture *f = *state;
    apply(f, large_yaml);
    delete_object(f, "replicasets.apps", "large", "Background");
    apply(f, "apiVersion: apps/v1\n"
             "kind: ReplicaSet\n"
             "metadata: {name: small}\n"
             "spec:\n"
             "  replicas: 3\n"
             "  selector: {matchLabels: {app: small}}\n"
             "  template:\n"
             "    metadata: {labels: {app: small}}\n"
             "    spec: {containers: [{name: web, image: 'podlab/web:v1'}]}\n");
    run_ms(f, 1000);
    assert_int_equal(jx_int(get(f, "replicasets.apps", "small"), "status.replicas", 0), 3);
    assert_int_equal(count(f, "pods"), 3);
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_need_not_wait),
        cmocka_unit_test(test_more_are_made_when_those_run),
        cmocka_unit_test(test_turns_are_taken),
        cmocka_unit_test(test_pods_that_never_run_hold_up_nobody_for_long),
        cmocka_unit_test_setup_teardown(test_a_large_set_is_complete_without_nodes, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_large_set_counts_its_pods_as_they_come_up,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_deleted_set_leaves_the_line, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
