/* SPDX-License-Identifier: Apache-2.0 */
/* Deployments and ReplicaSets from the outside: what is asked for, what becomes of it. */
#include "controllers/fixture.h"

static const char web_yaml[] = "apiVersion: apps/v1\n"
                               "kind: Deployment\n"
                               "metadata: {name: web}\n"
                               "spec:\n"
                               "  replicas: 3\n"
                               "  selector: {matchLabels: {app: web}}\n"
                               "  template:\n"
                               "    metadata: {labels: {app: web}}\n"
                               "    spec:\n"
                               "      containers:\n"
                               "      - {name: web, image: 'podlab/web:v1'}\n";

static json_t *image_patch(const char *image)
{
    return json_pack("{s:{s:{s:{s:[{s:s, s:s}]}}}}", "spec", "template", "spec", "containers",
                     "name", "web", "image", image);
}

struct set_find {
    const char *image;
    char name[254];
    int64_t replicas;
    const json_t *found;
};

static bool match_set(void *arg, const json_t *set)
{
    struct set_find *s = arg;
    if (strcmp(jx_str(set, "spec.template.spec.containers[0].image", ""), s->image) == 0) {
        s->found = set;
    }
    return true;
}

static const json_t *set_with(struct fixture *f, const char *image)
{
    struct set_find s = {.image = image};
    client_each(f->client, kind("replicasets.apps"), NULL, match_set, &s);
    return s.found;
}

static int64_t replicas_of(struct fixture *f, const char *image)
{
    return jx_int(set_with(f, image), "spec.replicas", -1);
}

static const char *condition(struct fixture *f, const char *type, const char *field)
{
    return jx_get_str(object_condition(get(f, "deployments.apps", "web"), type), field, "");
}

static void test_three_pods_appear(void **state)
{
    struct fixture *f = *state;
    apply(f, web_yaml);
    assert_int_equal(count(f, "replicasets.apps"), 1);
    assert_int_equal(count(f, "pods"), 3);
    assert_string_equal(condition(f, "Available", "status"), "False");
    settle(f);
    const json_t *d = get(f, "deployments.apps", "web");
    assert_int_equal(jx_int(d, "status.readyReplicas", 0), 3);
    assert_int_equal(jx_int(d, "status.updatedReplicas", 0), 3);
    assert_int_equal(jx_int(d, "status.observedGeneration", 0), 1);
    assert_string_equal(condition(f, "Available", "status"), "True");
    assert_string_equal(condition(f, "Progressing", "reason"), "NewReplicaSetAvailable");
    assert_string_equal(object_annotation(d, "deployment.kubernetes.io/revision"), "1");
}

static bool note_first(void *arg, const json_t *pod)
{
    char *name = arg;
    str_copy(name, 254, object_name(pod));
    return false;
}

static void test_a_deleted_pod_is_replaced_by_another(void **state)
{
    struct fixture *f = *state;
    char name[254] = "";
    struct client_filter filter = {.ns = "default"};
    apply(f, web_yaml);
    settle(f);
    client_each(f->client, kind("pods"), &filter, note_first, name);
    delete_object(f, "pods", name, NULL);
    settle(f);
    assert_int_equal(count(f, "pods"), 3);
    assert_null(get(f, "pods", name));
    assert_int_equal(jx_int(get(f, "deployments.apps", "web"), "status.readyReplicas", 0), 3);
}

static void test_scaling_down_takes_the_unready_first(void **state)
{
    struct fixture *f = *state;
    apply(f, web_yaml);
    assert_int_equal(make_ready(f, 2), 2);
    patch(f, "deployments.apps", "web", "scale", json_pack("{s:{s:i}}", "spec", "replicas", 2));
    finish_deletions(f);
    assert_int_equal(count(f, "pods"), 2);
    assert_int_equal(jx_int(get(f, "deployments.apps", "web"), "status.readyReplicas", 0), 2);
}

static void test_a_rollout_keeps_enough_pods(void **state)
{
    struct fixture *f = *state;
    apply(f, web_yaml);
    settle(f);
    patch(f, "deployments.apps", "web", NULL, image_patch("podlab/web:v2"));
    /* 25 % of 3: one more, none fewer */
    assert_int_equal(replicas_of(f, "podlab/web:v1"), 3);
    assert_int_equal(replicas_of(f, "podlab/web:v2"), 1);
    assert_int_equal(make_ready(f, 1), 1);
    assert_int_equal(replicas_of(f, "podlab/web:v1"), 2);
    settle(f);
    assert_int_equal(replicas_of(f, "podlab/web:v1"), 0);
    assert_int_equal(replicas_of(f, "podlab/web:v2"), 3);
    const json_t *d = get(f, "deployments.apps", "web");
    assert_string_equal(object_annotation(d, "deployment.kubernetes.io/revision"), "2");
    assert_string_equal(condition(f, "Progressing", "reason"), "NewReplicaSetAvailable");
}

static void test_an_old_template_is_a_new_revision(void **state)
{
    struct fixture *f = *state;
    apply(f, web_yaml);
    settle(f);
    patch(f, "deployments.apps", "web", NULL, image_patch("podlab/web:v2"));
    settle(f);
    patch(f, "deployments.apps", "web", NULL, image_patch("podlab/web:v1"));
    settle(f);
    const json_t *set = set_with(f, "podlab/web:v1");
    assert_int_equal(count(f, "replicasets.apps"), 2);
    assert_string_equal(object_annotation(set, "deployment.kubernetes.io/revision"), "3");
    assert_string_equal(object_annotation(set, "deployment.kubernetes.io/revision-history"), "1");
    assert_int_equal(jx_int(set, "spec.replicas", 0), 3);
}

static void test_a_rollout_that_halts_says_so(void **state)
{
    struct fixture *f = *state;
    apply(f, web_yaml);
    settle(f);
    patch(f, "deployments.apps", "web", NULL,
          json_pack("{s:{s:i}}", "spec", "progressDeadlineSeconds", 10));
    patch(f, "deployments.apps", "web", NULL, image_patch("podlab/web:v9"));
    run_ms(f, 9000);
    assert_string_equal(condition(f, "Progressing", "status"), "True");
    run_ms(f, 3000);
    assert_string_equal(condition(f, "Progressing", "status"), "False");
    assert_string_equal(condition(f, "Progressing", "reason"), "ProgressDeadlineExceeded");
    assert_int_equal(replicas_of(f, "podlab/web:v1"), 3);
    assert_string_equal(condition(f, "Available", "status"), "True");
}

static void test_paused_changes_wait(void **state)
{
    struct fixture *f = *state;
    apply(f, web_yaml);
    settle(f);
    patch(f, "deployments.apps", "web", NULL, json_pack("{s:{s:b}}", "spec", "paused", 1));
    patch(f, "deployments.apps", "web", NULL, image_patch("podlab/web:v2"));
    assert_int_equal(count(f, "replicasets.apps"), 1);
    assert_string_equal(condition(f, "Progressing", "reason"), "DeploymentPaused");
    patch(f, "deployments.apps", "web", NULL, json_pack("{s:{s:n}}", "spec", "paused"));
    assert_int_equal(count(f, "replicasets.apps"), 2);
    settle(f);
    assert_int_equal(replicas_of(f, "podlab/web:v2"), 3);
}

static void test_recreate_waits_for_the_old_to_end(void **state)
{
    struct fixture *f = *state;
    apply(f, web_yaml);
    settle(f);
    patch(f, "deployments.apps", "web", NULL,
          json_pack("{s:{s:{s:s, s:n}}}", "spec", "strategy", "type", "Recreate", "rollingUpdate"));
    patch(f, "deployments.apps", "web", NULL, image_patch("podlab/web:v2"));
    settle(f);
    assert_int_equal(replicas_of(f, "podlab/web:v2"), 3);
    assert_int_equal(replicas_of(f, "podlab/web:v1"), 0);
}

static void test_a_replicaset_scaled_under_its_deployment_goes_back(void **state)
{
    struct fixture *f = *state;
    apply(f, web_yaml);
    settle(f);
    cleanup_free char *name = xstrdup(object_name(set_with(f, "podlab/web:v1")));
    patch(f, "replicasets.apps", name, "scale", json_pack("{s:{s:i}}", "spec", "replicas", 5));
    settle(f);
    assert_int_equal(replicas_of(f, "podlab/web:v1"), 3);
    assert_int_equal(count(f, "pods"), 3);
}

static void test_orphans_are_adopted_and_strangers_let_go(void **state)
{
    struct fixture *f = *state;
    apply(f, "apiVersion: v1\nkind: Pod\nmetadata: {name: lonely, labels: {app: solo}}\n"
             "spec: {containers: [{name: c, image: i}]}\n");
    apply(f, "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: solo}\n"
             "spec:\n  replicas: 1\n  selector: {matchLabels: {app: solo}}\n"
             "  template:\n    metadata: {labels: {app: solo}}\n"
             "    spec: {containers: [{name: c, image: i}]}\n");
    assert_int_equal(count(f, "pods"), 1);
    assert_string_equal(jx_get_str(object_controller(get(f, "pods", "lonely")), "name", ""),
                        "solo");
    patch(f, "pods", "lonely", NULL,
          json_pack("{s:{s:{s:s}}}", "metadata", "labels", "app", "other"));
    assert_null(object_controller(get(f, "pods", "lonely")));
    assert_int_equal(count(f, "pods"), 2);
}

static void test_old_sets_beyond_the_limit_go(void **state)
{
    struct fixture *f = *state;
    apply(f, web_yaml);
    settle(f);
    patch(f, "deployments.apps", "web", NULL,
          json_pack("{s:{s:i}}", "spec", "revisionHistoryLimit", 1));
    static const char *const images[] = {"a:1", "a:2", "a:3"};
    for (size_t i = 0; i < ARRAY_LEN(images); i++) {
        patch(f, "deployments.apps", "web", NULL, image_patch(images[i]));
        settle(f);
    }
    run_ms(f, 500);
    assert_int_equal(count(f, "replicasets.apps"), 2);
}

static void test_deleting_takes_everything_with_it(void **state)
{
    struct fixture *f = *state;
    apply(f, web_yaml);
    settle(f);
    delete_object(f, "deployments.apps", "web", NULL);
    run_ms(f, 200);
    settle(f);
    run_ms(f, 500);
    assert_int_equal(count(f, "replicasets.apps"), 0);
    assert_int_equal(count(f, "pods"), 0);
}

static void test_foreground_keeps_the_owner_until_the_last(void **state)
{
    struct fixture *f = *state;
    apply(f, web_yaml);
    settle(f);
    /* A pod on a node takes its time; here nobody ends it until the test does. */
    delete_object(f, "deployments.apps", "web", "Foreground");
    const json_t *d = get(f, "deployments.apps", "web");
    if (d != NULL) {
        assert_true(object_deleting(d));
    }
    for (int i = 0; i < 20; i++) {
        finish_deletions(f);
        run_ms(f, 300);
    }
    assert_null(get(f, "deployments.apps", "web"));
    assert_int_equal(count(f, "pods"), 0);
}

static void test_orphan_leaves_the_pods(void **state)
{
    struct fixture *f = *state;
    apply(f, web_yaml);
    settle(f);
    delete_object(f, "deployments.apps", "web", "Orphan");
    run_ms(f, 1000);
    assert_null(get(f, "deployments.apps", "web"));
    const json_t *set = set_with(f, "podlab/web:v1");
    assert_non_null(set);
    assert_null(object_controller(set));
    assert_int_equal(count(f, "pods"), 3);
}

#define with_cluster(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        with_cluster(test_three_pods_appear),
        with_cluster(test_a_deleted_pod_is_replaced_by_another),
        with_cluster(test_scaling_down_takes_the_unready_first),
        with_cluster(test_a_rollout_keeps_enough_pods),
        with_cluster(test_an_old_template_is_a_new_revision),
        with_cluster(test_a_rollout_that_halts_says_so),
        with_cluster(test_paused_changes_wait),
        with_cluster(test_recreate_waits_for_the_old_to_end),
        with_cluster(test_a_replicaset_scaled_under_its_deployment_goes_back),
        with_cluster(test_orphans_are_adopted_and_strangers_let_go),
        with_cluster(test_old_sets_beyond_the_limit_go),
        with_cluster(test_deleting_takes_everything_with_it),
        with_cluster(test_foreground_keeps_the_owner_until_the_last),
        with_cluster(test_orphan_leaves_the_pods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
