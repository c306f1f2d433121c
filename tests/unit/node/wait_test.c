/* SPDX-License-Identifier: Apache-2.0 */
/* Pods that cannot start yet say why, in Kubernetes' words, and start when they can. */
#include "fixture.h"

static void make_config(struct fixture *f, const char *gr, const char *kind, const char *name)
{
    create(f, gr, "default",
           json_pack("{s:s, s:s, s:{s:s}, s:{s:s}}", "apiVersion", "v1", "kind", kind, "metadata",
                     "name", name, "data", "k", "djE="));
}

static void test_missing_config(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1",
               "{'containers':[{'name':'c','image':'podlab/web:v1',"
               "'envFrom':[{'configMapRef':{'name':'settings'}}]}]}");
    create_pod(&f, "b", "worker-1",
               "{'containers':[{'name':'c','image':'podlab/web:v1','env':[{'name':'A',"
               "'valueFrom':{'secretKeyRef':{'name':'keys','key':'k'}}}]}]}");
    create_pod(&f, "v", "worker-1",
               "{'volumes':[{'name':'vol','configMap':{'name':'settings'}}],"
               "'containers':[{'name':'c','image':'podlab/web:v1',"
               "'volumeMounts':[{'name':'vol','mountPath':'/v'}]}]}");
    run_ms(&f, 100);
    assert_string_equal(ctext(&f, "a", 0, "state.waiting.reason"), "CreateContainerConfigError");
    assert_string_equal(ctext(&f, "a", 0, "state.waiting.message"),
                        "configmap \"settings\" not found");
    assert_string_equal(ctext(&f, "b", 0, "state.waiting.message"), "secret \"keys\" not found");
    assert_string_equal(find_events(&f, "a", "Failed").message,
                        "Error: configmap \"settings\" not found");
    assert_string_equal(ctext(&f, "v", 0, "state.waiting.reason"), "ContainerCreating");
    assert_string_equal(find_events(&f, "v", "FailedMount").message,
                        "MountVolume.SetUp failed for volume \"vol\" : configmap \"settings\" not "
                        "found");
    make_config(&f, "configmaps", "ConfigMap", "settings");
    run_ms(&f, 50); /* at once, not at the next look */
    assert_true(object_pod_ready(pod(&f, "a")));
    assert_true(object_pod_ready(pod(&f, "v")));
    assert_false(object_pod_ready(pod(&f, "b")));
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
    make_config(&f, "secrets", "Secret", "keys");
    run_ms(&f, 50);
    assert_true(object_pod_ready(pod(&f, "b")));
    tear_down(&f);
}

static void test_missing_image(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", "{'containers':[{'name':'c','image':'podlab/web:v9'}]}");
    run_ms(&f, 100);
    assert_string_equal(ctext(&f, "a", 0, "state.waiting.reason"), "ErrImagePull");
    assert_non_null(strstr(ctext(&f, "a", 0, "state.waiting.message"), "podlab/web:v1"));
    assert_true(find_events(&f, "a", "Pulling").count == 1);
    run_ms(&f, 400);
    assert_string_equal(ctext(&f, "a", 0, "state.waiting.reason"), "ImagePullBackOff");
    assert_true(str_has_prefix(ctext(&f, "a", 0, "state.waiting.message"),
                               "Back-off pulling image \"podlab/web:v9\": ErrImagePull: "));
    assert_int_equal(find_events(&f, "a", "BackOff").count, 1);
    assert_string_equal(phase(&f, "a"), "Pending");
    run_ms(&f, 700);
    assert_string_equal(ctext(&f, "a", 0, "state.waiting.reason"), "ErrImagePull");
    assert_int_equal(find_events(&f, "a", "Pulling").count, 2);
    fake_add_image(f.fake, "podlab/web:v9");
    run_ms(&f, 3000);
    assert_true(object_pod_ready(pod(&f, "a")));
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
    tear_down(&f);
}

/* The image is corrected in place, as `kubectl set image` does. */
static void test_corrected_image(void **state)
{
    struct fixture f;
    struct err err;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", "{'containers':[{'name':'c','image':'podlab/web:v9'}]}");
    run_ms(&f, 5000);
    json_t *p = jx_edit(pod(&f, "a"));
    jx_put_str(json_array_get(json_object_get(json_object_get(p, "spec"), "containers"), 0),
               "image", "podlab/web:v2");
    assert_int_equal(client_update(f.client, pods_kind(), p, NULL, &err), 0);
    run_ms(&f, 50);
    assert_true(object_pod_ready(pod(&f, "a")));
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
    tear_down(&f);
}

static void test_pull_policies(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "never", "worker-1",
               "{'containers':[{'name':'c','image':'podlab/web:v9','imagePullPolicy':'Never'}]}");
    create_pod(&f, "here", "worker-1",
               "{'containers':[{'name':'c','image':'podlab/web:v1','imagePullPolicy':'Never'}]}");
    create_pod(&f, "always", "worker-1",
               "{'containers':[{'name':'c','image':'podlab/web:v1','imagePullPolicy':'Always'}]}");
    create_pod(&f, "bad", "worker-1", "{'containers':[{'name':'c','image':'Not An Image'}]}");
    run_ms(&f, 100);
    assert_string_equal(ctext(&f, "never", 0, "state.waiting.reason"), "ErrImageNeverPull");
    assert_string_equal(ctext(&f, "never", 0, "state.waiting.message"),
                        "Container image \"podlab/web:v9\" is not present with pull policy of "
                        "Never");
    assert_true(object_pod_ready(pod(&f, "here")));
    assert_true(object_pod_ready(pod(&f, "always")));
    assert_true(str_has_prefix(find_events(&f, "always", "Pulled").message,
                               "Successfully pulled image \"podlab/web:v1\" in "));
    assert_string_equal(phase(&f, "bad"), "Pending");
    tear_down(&f);
}

/* Pods that are held up do not keep others from starting, however many there are. */
static void test_many_held_up(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    char name[32];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "held-%d", i);
        create_pod(&f, name, node_names[i % 3],
                   "{'containers':[{'name':'c','image':'podlab/web:v9'}]}");
    }
    create_pod(&f, "a", "worker-1", WEB);
    wait_for(&f, "a", "status.phase", "Running", 1000);
    tear_down(&f);
}

static void test_many_at_once(void **state)
{
    struct fixture f;
    (void)state;
    set_up_with(&f, &(struct fake_opts){.jitter = true});
    char name[32];
    for (int i = 0; i < 330; i++) {
        snprintf(name, sizeof(name), "p-%d", i);
        create_pod(&f, name, node_names[i % 3], WEB);
    }
    run_ms(&f, 2000);
    assert_int_equal(take_census(&f, NULL).running, 660);
    for (int i = 0; i < 330; i++) {
        snprintf(name, sizeof(name), "p-%d", i);
        assert_true(object_pod_ready(pod(&f, name)));
        delete_pod(&f, name, i % 2 == 0 ? -1 : 0);
    }
    run_ms(&f, 2000);
    assert_int_equal(take_census(&f, NULL).all, 0);
    assert_int_equal(client_count(f.client, pods_kind(), NULL), 0);
    tear_down(&f);
}

/* The default account comes a moment after its namespace. */
static void test_service_account(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    end_life(&f);
    f.auth_on = true;
    begin_life(&f);
    create_pod(&f, "a", "worker-1", WEB);
    run_ms(&f, 100);
    assert_string_equal(find_events(&f, "a", "FailedMount").message,
                        "MountVolume.SetUp failed for volume \"kube-api-access\" : failed to fetch "
                        "token: serviceaccounts \"default\" not found");
    create(&f, "serviceaccounts", "default",
           json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", "ServiceAccount",
                     "metadata", "name", "default"));
    run_ms(&f, 50);
    assert_true(object_pod_ready(pod(&f, "a")));
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_config),  cmocka_unit_test(test_missing_image),
        cmocka_unit_test(test_corrected_image), cmocka_unit_test(test_pull_policies),
        cmocka_unit_test(test_many_held_up),    cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_service_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
