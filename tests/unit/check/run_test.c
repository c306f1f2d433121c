/* SPDX-License-Identifier: Apache-2.0 */
/* Proves when checks tick, when they go back, and when a step is done: against a fake cluster. */
#include "check/fixture.h"

#define READY_1 ".status.readyReplicas == 1"

static void test_a_tick_comes_when_the_state_is_right(void **state)
{
    struct fixture *f = *state;
    fixture_get(f, "ready", "deployments", "web", ".spec.replicas == 1 and " READY_1);
    fixture_run(f);
    assert_int_equal(check_run_count(f->run), 1);
    assert_int_equal(fixture_verdict(f, 0)->state, CHECK_WAITING);
    assert_null(fixture_verdict(f, 0)->seen);
    fixture_until_seen(f, 0);
    assert_int_equal(fixture_verdict(f, 0)->state, CHECK_WAITING);
    assert_true(json_is_null(fixture_verdict(f, 0)->seen));

    fixture_deployment(f, "web", 1, 1, 0, true);
    fixture_pod(f, "web", "web-a", FIXTURE_CREATING);
    fixture_until(f, 0, CHECK_MOVING);
    int64_t got, want;
    assert_true(check_verdict_progress(fixture_verdict(f, 0), &got, &want) ||
                json_is_null(jx_path(fixture_verdict(f, 0)->clauses, "[1].got")));
    assert_int_equal(f->dones, 0);

    fixture_pod(f, "web", "web-a", FIXTURE_READY);
    fixture_deployment(f, "web", 1, 1, 1, true);
    uint64_t from = loop_mono_ns(f->fake->loop);
    fixture_until(f, 0, CHECK_OK);
    uint64_t tick = loop_mono_ns(f->fake->loop);
    assert_null(fixture_verdict(f, 0)->clauses);
    fixture_until_done(f);
    assert_true(check_run_done(f->run) && check_run_settled(f->run));
    print_message("tick after %d ms, done after %d ms\n", (int)((tick - from) / 1000000),
                  (int)((f->done_ns - from) / 1000000));
    assert_true(f->done_ns - from < LOOP_MS(1500));
    assert_non_null(strstr(f->history, "ready=ok done"));
}

static void test_a_tick_may_go_back(void **state)
{
    struct fixture *f = *state;
    fixture_get(f, "ready", "deployments", "web", READY_1);
    fixture_get(f, "never", "deployments", "kv", READY_1);
    fixture_deployment(f, "web", 1, 1, 1, true);
    fixture_run(f);
    fixture_until(f, 0, CHECK_OK);
    fixture_deployment(f, "web", 1, 1, 0, true);
    fixture_until(f, 0, CHECK_WAITING);
    fixture_deployment(f, "web", 1, 1, 1, true);
    fixture_until(f, 0, CHECK_OK);
    fake_delete(f->fake, "Deployment", "default", "web");
    fixture_until(f, 0, CHECK_WAITING);
    assert_int_equal(f->dones, 0);
}

/* The new wish beside the old numbers looks fulfilled. */
static void test_an_old_status_does_not_count(void **state)
{
    struct fixture *f = *state;
    fixture_get(f, "two", "deployments", "web", ".spec.replicas == 2 and " READY_1);
    fixture_deployment(f, "web", 1, 1, 1, true);
    fixture_run(f);
    fixture_until_seen(f, 0);
    fixture_deployment(f, "web", 2, 1, 1, false);
    fixture_pass(f, 300);
    fixture_deployment(f, "web", 2, 2, 2, true);
    fixture_pass(f, 300);
    assert_null(strstr(f->history, "two=ok"));
    fixture_deployment(f, "web", 2, 1, 1, true);
    fixture_until(f, 0, CHECK_OK);
}

/* The numbers are right for a moment, while the old pods still end. */
static void test_not_done_while_pods_end(void **state)
{
    struct fixture *f = *state;
    fixture_get(f, "two", "deployments", "web", ".status.readyReplicas == 1");
    fixture_deployment(f, "web", 1, 1, 1, true);
    fixture_pod(f, "web", "web-a", FIXTURE_READY);
    fake_apply(f->fake, "{kind: Pod, metadata: {name: web-b, labels: {app: web}, deletionTimestamp:"
                        " x, ownerReferences: [{kind: ReplicaSet, name: web-1, controller: true}]},"
                        " spec: {nodeName: worker-1}, status: " FIXTURE_ENDING "}");
    fixture_run(f);
    fixture_until(f, 0, CHECK_OK);
    fixture_pass(f, 2500);
    assert_int_equal(f->dones, 0);
    assert_false(check_run_settled(f->run));
    fake_delete(f->fake, "Pod", "default", "web-b");
    fixture_until_done(f);
}

/* Another app of the learner may be in trouble. */
static void test_done_though_others_move(void **state)
{
    struct fixture *f = *state;
    fixture_get(f, "ready", "deployments", "web", READY_1);
    fixture_deployment(f, "web", 1, 1, 1, true);
    fixture_pod(f, "web", "web-a", FIXTURE_READY);
    fixture_deployment(f, "kv", 1, 1, 0, false);
    fixture_pod(f, "kv", "kv-a", FIXTURE_CREATING);
    fixture_run(f);
    fixture_until_done(f);
}

static void test_lists(void **state)
{
    struct fixture *f = *state;
    fixture_list(f, "pods", "app=web",
                 "[.items[] | select(.metadata.deletionTimestamp == null)] | length == 2");
    fixture_pod(f, "kv", "kv-a", FIXTURE_READY);
    fixture_run(f);
    fixture_pod(f, "web", "web-a", FIXTURE_READY);
    int64_t got = 0, want = 0;
    for (int i = 0; i < 1500 && got != 1; i++) {
        fixture_pass(f, 10);
        (void)check_verdict_progress(fixture_verdict(f, 0), &got, &want);
    }
    assert_int_equal(got, 1);
    assert_int_equal(want, 2);
    unsigned changes = f->changes;
    fixture_pod(f, "web", "web-b", FIXTURE_READY);
    fixture_until(f, 0, CHECK_OK);
    assert_true(f->changes > changes);
}

static void test_variables(void **state)
{
    struct fixture *f = *state;
    f->began_us = 1767225605500000; /* 2026-01-01T00:00:05.5Z */
    fixture_list(f, "new", "app=web",
                 "$namespace == \"default\" and any(.items[]; .metadata.creationTimestamp > "
                 "$began)");
    fake_apply(f->fake, "{kind: Pod, metadata: {name: a, labels: {app: web}, creationTimestamp: "
                        "'2026-01-01T00:00:04Z'}}");
    fixture_run(f);
    fixture_until(f, 0, CHECK_MOVING); /* the pod is nowhere yet */
    assert_int_equal(fixture_verdict(f, 0)->began_us, 1767225605500000);
    fake_apply(f->fake, "{kind: Pod, metadata: {name: b, labels: {app: web}, creationTimestamp: "
                        "'2026-01-01T00:00:05Z'}}");
    fixture_until(f, 0, CHECK_OK);
}

static void test_keep(void **state)
{
    struct fixture *f = *state;
    fixture_get(f, "goal", "deployments", "kv", READY_1);
    fixture_get(f, "kept", "deployments", "web", ".status.readyReplicas >= 1")->keep = true;
    fixture_run(f);
    fixture_until_seen(f, 1);
    /* It never was: there is nothing to keep yet. */
    assert_int_equal(fixture_verdict(f, 1)->state, CHECK_WAITING);
    fixture_deployment(f, "web", 1, 1, 1, true);
    fixture_until(f, 1, CHECK_OK);
    fixture_deployment(f, "web", 1, 1, 0, true);
    fixture_until(f, 1, CHECK_BROKEN);
    fixture_deployment(f, "web", 1, 1, 1, true);
    fixture_deployment(f, "kv", 1, 1, 1, true);
    fixture_until(f, 0, CHECK_OK);
    fixture_pass(f, 1500);
    assert_int_equal(fixture_verdict(f, 1)->state, CHECK_BROKEN);
    assert_int_equal(f->dones, 0);
}

static void test_within(void **state)
{
    struct fixture *f = *state;
    fixture_get(f, "soon", "deployments", "web", READY_1)->within_ms = 600;
    fixture_get(f, "in-time", "deployments", "kv", READY_1)->within_ms = 600;
    fixture_deployment(f, "kv", 1, 1, 1, true);
    fixture_run(f);
    fixture_until(f, 1, CHECK_OK);
    fixture_until(f, 0, CHECK_BROKEN);
    fixture_deployment(f, "web", 1, 1, 1, true);
    fixture_deployment(f, "kv", 1, 1, 0, true);
    fixture_until(f, 1, CHECK_WAITING); /* it was true in time */
    assert_int_equal(fixture_verdict(f, 0)->state, CHECK_BROKEN);
}

static void test_any(void **state)
{
    struct fixture *f = *state;
    struct lab_check ways[] = {
        {.kind = LAB_GET, .resource = "deployments", .object = "web", .expect = READY_1},
        {.kind = LAB_LIST,
         .resource = "pods",
         .selector = "app=web",
         .expect = "(.items | length) > 0 and .items[0].status.phase == \"Running\""},
    };
    struct lab_check *c = fixture_check(f, "either", LAB_GET, NULL);
    c->any = ways;
    c->nany = ARRAY_LEN(ways);
    fixture_pod(f, "web", "web-a", "{phase: Pending}");
    fixture_run(f);
    for (int i = 0; i < 1500 && fixture_verdict(f, 0)->judged != &ways[1]; i++) {
        fixture_pass(f, 10);
    }
    /* Half of the second is true: that is the one to speak of. */
    assert_ptr_equal(fixture_verdict(f, 0)->judged, &ways[1]);
    assert_ptr_equal(fixture_verdict(f, 0)->check, c);
    fixture_pod(f, "web", "web-a", FIXTURE_READY);
    fixture_until(f, 0, CHECK_OK);
    fixture_until_done(f);
    check_run_free(steal(f->run));
}

static void test_a_cluster_that_does_not_answer(void **state)
{
    struct fixture *f = *state;
    fixture_get(f, "ready", "deployments", "web", READY_1);
    fake_stop(f->fake);
    fixture_run(f);
    fixture_until(f, 0, CHECK_UNKNOWN);
    assert_true(fixture_verdict(f, 0)->message[0] != '\0');
    fake_listen(f->fake);
    fixture_deployment(f, "web", 1, 1, 0, true);
    fixture_until(f, 0, CHECK_WAITING);
    fake_stop(f->fake);
    fixture_until(f, 0, CHECK_UNKNOWN);
    fake_listen(f->fake);
    fixture_deployment(f, "web", 1, 1, 1, true);
    fixture_until(f, 0, CHECK_OK);
    fixture_until_done(f);
}

/* The line is cut: nothing is refused, nothing comes. */
static void test_a_cluster_that_hangs(void **state)
{
    struct fixture *f = *state;
    fixture_get(f, "ready", "deployments", "web", READY_1);
    fixture_get(f, "never", "deployments", "kv", READY_1);
    fixture_deployment(f, "web", 1, 1, 1, true);
    fixture_run(f);
    fixture_until(f, 0, CHECK_OK);
    f->fake->mute = true;
    fixture_until(f, 0, CHECK_UNKNOWN);
    f->fake->mute = false;
    fixture_until(f, 0, CHECK_OK);
}

static void test_what_cannot_be_judged(void **state)
{
    struct fixture *f = *state;
    fixture_get(f, "crd", "gadgets", "x", ". != null");
    fixture_get(f, "wrong", "deployments", "web", ".status. ==");
    fixture_get(f, "error", "deployments", "web", ".status.conditions[] | .type == \"x\"");
    fixture_run(f);
    fixture_until(f, 1, CHECK_UNKNOWN);
    assert_non_null(strstr(fixture_verdict(f, 1)->message, "syntax error"));
    for (int i = 0; i < 500 && fixture_verdict(f, 2)->message[0] == '\0'; i++) {
        fixture_pass(f, 10);
    }
    assert_int_equal(fixture_verdict(f, 0)->state, CHECK_WAITING);
    assert_int_equal(fixture_verdict(f, 2)->state, CHECK_WAITING);
    assert_non_null(strstr(fixture_verdict(f, 2)->message, "Cannot iterate over null"));
    check_run_poke(f->run);
    fixture_pass(f, 100);
}

static void test_once_is_enough(void **state)
{
    struct fixture *f = *state;
    struct lab_check *c = fixture_get(f, "away", "nodes", "worker-1", ".status.phase == \"away\"");
    c->eventually = true;
    fixture_get(f, "back", "nodes", "worker-1", ".status.phase == \"back\"");
    fake_apply(f->fake, "{kind: Node, metadata: {name: worker-1}, status: {phase: away}}");
    fixture_run(f);
    fixture_until(f, 0, CHECK_OK);
    fake_apply(f->fake, "{kind: Node, metadata: {name: worker-1}, status: {phase: back}}");
    fixture_until_done(f);
    assert_int_equal(fixture_verdict(f, 0)->state, CHECK_OK);
}

static void test_ask_never_blocks(void **state)
{
    struct fixture *f = *state;
    fixture_check(f, "ask", LAB_ASK, NULL);
    fixture_run(f);
    fixture_until_done(f);
}

static void free_on_change(void *arg, const struct check_verdict *v)
{
    struct fixture *f = arg;
    f->changes++;
    check_run_free(steal(f->run));
}

static void test_may_be_freed_by_whoever_is_told(void **state)
{
    struct fixture *f = *state;
    fixture_get(f, "a", "deployments", "web", READY_1);
    fixture_get(f, "b", "deployments", "web", READY_1);
    fixture_deployment(f, "web", 1, 1, 1, true);
    struct check_opts opts = {.loop = f->fake->loop,
                              .kube = f->fake->kube,
                              .expr = f->expr,
                              .lab = &f->lab,
                              .step = &f->step,
                              .on_change = free_on_change,
                              .arg = f};
    f->run = check_run_new(&opts);
    for (int i = 0; i < 500 && f->run != NULL; i++) {
        fixture_pass(f, 10);
    }
    assert_null(f->run);
    fixture_pass(f, 300);
    assert_int_equal(f->changes, 1);
}

int main(int argc, char **argv)
{
    if (expr_child_wanted(argc, argv)) {
        return expr_child_main();
    }
    jx_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_tick_comes_when_the_state_is_right),
        TEST(test_a_tick_may_go_back),
        TEST(test_an_old_status_does_not_count),
        TEST(test_not_done_while_pods_end),
        TEST(test_done_though_others_move),
        TEST(test_lists),
        TEST(test_variables),
        TEST(test_keep),
        TEST(test_within),
        TEST(test_any),
        TEST(test_a_cluster_that_does_not_answer),
        TEST(test_a_cluster_that_hangs),
        TEST(test_what_cannot_be_judged),
        TEST(test_once_is_enough),
        TEST(test_ask_never_blocks),
        TEST(test_may_be_freed_by_whoever_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
