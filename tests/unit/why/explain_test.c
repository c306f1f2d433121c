/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that explanations find what they need in a cluster, whatever it allows and however it
 * answers. */
#include "kube/fake_cluster.h"

#include "expr/expr.h"
#include "lab/lab.h"
#include "why/why.h"

struct explaining {
    struct fake *fake;
    struct lab lab;
    struct lab_check check;
    struct check_verdict v;
    json_t *answer;
    bool done;
};

static int set_up(void **state)
{
    struct explaining *x = xnew(struct explaining);
    x->fake = fake_new();
    x->lab.ns = "default";
    x->check = (struct lab_check){.id = "ready",
                                  .name = "web is ready",
                                  .kind = LAB_GET,
                                  .resource = "deploy",
                                  .object = "web",
                                  .expect = ".status.readyReplicas == 1"};
    x->v = (struct check_verdict){.lab = &x->lab,
                                  .check = &x->check,
                                  .judged = &x->check,
                                  .state = CHECK_WAITING,
                                  .message = "",
                                  .began_us = loop_wall_us(x->fake->loop)};
    *state = x;
    return 0;
}

static int tear_down(void **state)
{
    struct explaining *x = *state;
    json_decref(x->answer);
    fake_free(x->fake);
    free(x);
    return 0;
}

static void on_answer(void *arg, json_t *answer)
{
    struct explaining *x = arg;
    assert_false(x->done);
    x->answer = answer;
    x->done = true;
}

static void explain(struct explaining *x, const char *want_cause, const char *want_first)
{
    struct why_opts opts = {.kube = x->fake->kube};
    x->done = false;
    json_decref(steal(x->answer));
    why_explain(&opts, &x->v, on_answer, x);
    assert_false(x->done);
    assert_true(loop_run_until(x->fake->loop, &x->done, FAKE_DEADLINE));
    if (strcmp(jx_get_str(x->answer, "cause", ""), want_cause) != 0 ||
        strstr(jx_str(x->answer, "lines[0]", ""), want_first) == NULL) {
        cleanup_free char *text = jx_dump_pretty(x->answer);
        fail_msg("wanted %s, \"%s\"; got %s", want_cause, want_first, text);
    }
}

static void test_another_namespace(void **state)
{
    struct explaining *x = *state;
    fake_apply(x->fake, "{kind: Deployment, metadata: {name: web, namespace: shop}}");
    explain(x, "other-namespace", "there is no Deployment web in the namespace default");
    assert_string_equal(jx_str(x->answer, "args.other", ""), "shop");
    assert_string_equal(jx_str(x->answer, "check", ""), "ready");
    assert_string_equal(jx_str(x->answer, "state", ""), "failed");
}

/* A learner of a class may see one namespace only. */
static void test_only_one_namespace_may_be_seen(void **state)
{
    struct explaining *x = *state;
    x->fake->narrow = true;
    fake_apply(x->fake, "{kind: Deployment, metadata: {name: web, namespace: shop}}\n---\n"
                        "{kind: Deployment, metadata: {name: webb}}");
    explain(x, "similar-name", "there is webb");
}

static void test_a_resource_of_another_kind(void **state)
{
    struct explaining *x = *state;
    x->check.resource = "configmaps";
    fake_apply(x->fake, "{kind: ConfigMap, metadata: {name: wev}}");
    explain(x, "similar-name", "there is no ConfigMap web; there is wev");
    x->check.resource = "gadgets";
    explain(x, "not-found", "the cluster knows no gadgets");
}

static void test_last_words(void **state)
{
    struct explaining *x = *state;
    fake_apply(
        x->fake,
        "{kind: Deployment, metadata: {name: web}, spec: {replicas: 1}}\n---\n"
        "{kind: ReplicaSet, metadata: {name: web-1, ownerReferences: [{kind: Deployment, name: web,"
        " controller: true}]}}\n---\n"
        "{kind: Pod, metadata: {name: web-a, ownerReferences: [{kind: ReplicaSet, name: web-1,"
        " controller: true}]}, spec: {nodeName: worker-1, containers: [{name: c}]}, status: {phase:"
        " Running, containerStatuses: [{name: c, restartCount: 4, state: {waiting: {reason:"
        " CrashLoopBackOff}}, lastState: {terminated: {exitCode: 1}}}]}}");
    map_put(x->fake->logs, "web-a", xstrdup("KV_DIR is not set\n"));
    explain(x, "crashing", "web is ready: web-a restarted 4 times");
    assert_string_equal(jx_str(x->answer, "lines[1]", ""),
                        "It exits with 1 after 1 s: \"KV_DIR is not set\".");
    map_remove(x->fake->logs, "web-a");
    explain(x, "crashing", "web is ready: web-a restarted 4 times");
    assert_string_equal(jx_str(x->answer, "lines[1]", ""), "It exits with 1 after 1 s.");
}

static void test_services_have_schemes_and_ports(void **state)
{
    struct explaining *x = *state;
    x->check = (struct lab_check){
        .id = "a", .name = "a", .kind = LAB_HTTP, .service = "https:web:8443", .expect = "false"};
    fake_apply(x->fake,
               "{kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port:"
               " 443}]}}\n---\n{kind: Pod, metadata: {name: p, labels: {app: web}}, status:"
               " {conditions: [{type: Ready, status: 'True'}]}}");
    explain(x, "no-port", "service web has no port 8443");
}

static void test_a_cluster_that_is_away(void **state)
{
    struct explaining *x = *state;
    x->v.state = CHECK_UNKNOWN;
    fake_stop(x->fake);
    explain(x, "unknown", "web is ready: not known");
    assert_non_null(strstr(jx_str(x->answer, "lines[1]", ""), "The cluster does not answer"));
    fake_listen(x->fake);
}

static void test_a_cluster_that_hangs(void **state)
{
    struct explaining *x = *state;
    uint64_t from = loop_mono_ns(x->fake->loop);
    fake_discover(x->fake);
    x->fake->mute = true;
    explain(x, "unknown", "web is ready: not known");
    assert_true(loop_mono_ns(x->fake->loop) - from < LOOP_S(4));
    assert_string_equal(jx_str(x->answer, "state", ""), "unknown");
}

static void test_cancelling(void **state)
{
    struct explaining *x = *state;
    struct why_opts opts = {.kube = x->fake->kube};
    bool never = false;
    why_cancel(why_explain(&opts, &x->v, on_answer, x)); /* before discovery */
    struct why *w = why_explain(&opts, &x->v, on_answer, x);
    fake_discover(x->fake);
    why_cancel(w); /* while lists are asked for */
    why_cancel(NULL);
    loop_run_until(x->fake->loop, &never, LOOP_MS(100));
    assert_false(x->done);
}

int main(void)
{
    jx_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_another_namespace),
        TEST(test_only_one_namespace_may_be_seen),
        TEST(test_a_resource_of_another_kind),
        TEST(test_last_words),
        TEST(test_services_have_schemes_and_ports),
        TEST(test_a_cluster_that_is_away),
        TEST(test_a_cluster_that_hangs),
        TEST(test_cancelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
