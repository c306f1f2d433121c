/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints, namespaces, service accounts, garbage, and the arithmetic of rollouts. */
#include "controllers/fixture.h"
#include "controllers/rollout.h"

static const char pod_yaml[] =
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {name: a, labels: {app: web}}\n"
    "spec:\n"
    "  containers:\n"
    "  - {name: c, image: i, ports: [{name: http, containerPort: 8080}]}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {name: b, labels: {app: web}}\n"
    "spec: {containers: [{name: c, image: i}]}\n";

static const char service_yaml[] = "apiVersion: v1\n"
                                   "kind: Service\n"
                                   "metadata: {name: web}\n"
                                   "spec:\n"
                                   "  selector: {app: web}\n"
                                   "  ports: [{port: 80, targetPort: 8080}]\n";

static bool take_slice(void *arg, const json_t *slice)
{
    const json_t **ret = arg;
    if (strcmp(jx_get_str(object_labels(slice), "kubernetes.io/service-name", ""), "web") == 0) {
        *ret = slice;
    }
    return true;
}

static const json_t *slice_of_web(struct fixture *f)
{
    const json_t *slice = NULL;
    struct client_filter filter = {.ns = "default"};
    client_each(f->client, kind("endpointslices.discovery.k8s.io"), &filter, take_slice, &slice);
    return slice;
}

static void test_only_ready_pods_are_endpoints(void **state)
{
    struct fixture *f = *state;
    apply(f, service_yaml);
    assert_int_equal(jx_len(get(f, "endpoints", "web"), "subsets"), 0);
    assert_int_equal(jx_len(slice_of_web(f), "endpoints"), 0);
    apply(f, pod_yaml);
    assert_int_equal(make_ready(f, 1), 1);
    const json_t *e = get(f, "endpoints", "web");
    assert_int_equal(jx_len(e, "subsets[0].addresses"), 1);
    assert_int_equal(jx_int(e, "subsets[0].ports[0].port", 0), 8080);
    assert_int_equal(jx_len(slice_of_web(f), "endpoints"), 1);
    make_ready(f, 1);
    assert_int_equal(jx_len(get(f, "endpoints", "web"), "subsets[0].addresses"), 2);
    delete_object(f, "pods", "a", NULL);
    assert_int_equal(jx_len(get(f, "endpoints", "web"), "subsets[0].addresses"), 1);
}

static void test_a_named_port_leads_only_to_pods_that_have_it(void **state)
{
    struct fixture *f = *state;
    apply(f, "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
             "spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}\n");
    apply(f, pod_yaml);
    make_ready(f, 2);
    const json_t *e = get(f, "endpoints", "web");
    assert_int_equal(jx_len(e, "subsets[0].addresses"), 1);
    assert_string_equal(jx_str(e, "subsets[0].addresses[0].targetRef.name", ""), "a");
}

static void test_endpoints_go_with_their_service(void **state)
{
    struct fixture *f = *state;
    apply(f, service_yaml);
    apply(f, pod_yaml);
    make_ready(f, 2);
    delete_object(f, "services", "web", NULL);
    run_ms(f, 500);
    assert_null(get(f, "endpoints", "web"));
    assert_null(slice_of_web(f));
}

static void test_a_selector_that_changes_moves_the_service(void **state)
{
    struct fixture *f = *state;
    apply(f, service_yaml);
    apply(f, pod_yaml);
    make_ready(f, 2);
    patch(f, "services", "web", NULL,
          json_pack("{s:{s:{s:s}}}", "spec", "selector", "app", "other"));
    assert_int_equal(jx_len(get(f, "endpoints", "web"), "subsets"), 0);
}

static void test_a_namespace_goes_with_all_that_is_in_it(void **state)
{
    struct fixture *f = *state;
    struct err err;
    apply(f, "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n");
    assert_non_null(client_get(f->client, kind("serviceaccounts"), "shop", "default", &err));
    apply(f,
          "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: shop}\ndata: {a: b}\n");
    delete_object(f, "namespaces", "shop", NULL);
    run_ms(f, 1000);
    assert_null(get(f, "namespaces", "shop"));
    struct client_filter in_shop = {.ns = "shop"};
    assert_int_equal(client_count(f->client, kind("configmaps"), &in_shop), 0);
    assert_int_equal(client_count(f->client, kind("serviceaccounts"), &in_shop), 0);
}

static void test_the_default_account_comes_back(void **state)
{
    struct fixture *f = *state;
    assert_non_null(get(f, "serviceaccounts", "default"));
    delete_object(f, "serviceaccounts", "default", NULL);
    assert_non_null(get(f, "serviceaccounts", "default"));
}

static void test_what_belongs_to_nobody_goes(void **state)
{
    struct fixture *f = *state;
    apply(f, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: lost\n  ownerReferences:\n"
             "  - {apiVersion: v1, kind: ConfigMap, name: gone, uid: nobody}\n");
    run_ms(f, 500);
    assert_null(get(f, "configmaps", "lost"));
}

/* ---- pure parts ---- */

static json_t *parse(const char *text)
{
    json_t *v = json_loads(text, 0, NULL);
    assert_non_null(v);
    return v;
}

static void test_rollout_arithmetic(void **state)
{
    struct rollout_limits l = {.replicas = 10, .max_surge = 3, .max_unavailable = 2};
    struct rollout_set fresh = {.replicas = 0, .available = 0};
    struct rollout_set old[] = {{.replicas = 10, .available = 10}};
    assert_int_equal(rollout_new_size(&l, &fresh, 10), 3);
    fresh.replicas = 3;
    rollout_shrink_old(&l, &fresh, old, 1);
    assert_int_equal(old[0].replicas, 8);
    old[0].available = 5; /* what does not work goes first */
    rollout_shrink_old(&l, &fresh, old, 1);
    assert_int_equal(old[0].replicas, 8);
    struct rollout_set both[] = {{.replicas = 6}, {.replicas = 4}};
    rollout_scale(20, both, 2, 10);
    assert_int_equal(both[0].replicas, 12);
    assert_int_equal(both[1].replicas, 8);
    rollout_scale(5, both, 2, 20);
    assert_int_equal(both[0].replicas + both[1].replicas, 5);
    json_auto_t *d = parse("{\"spec\":{\"replicas\":3,\"strategy\":{\"rollingUpdate\":"
                           "{\"maxSurge\":\"25%\",\"maxUnavailable\":\"25%\"}}}}");
    struct rollout_limits percent = rollout_limits(d);
    assert_int_equal(percent.max_surge, 1);
    assert_int_equal(percent.max_unavailable, 0);
}

#define with_cluster(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        with_cluster(test_only_ready_pods_are_endpoints),
        with_cluster(test_a_named_port_leads_only_to_pods_that_have_it),
        with_cluster(test_endpoints_go_with_their_service),
        with_cluster(test_a_selector_that_changes_moves_the_service),
        with_cluster(test_a_namespace_goes_with_all_that_is_in_it),
        with_cluster(test_the_default_account_comes_back),
        with_cluster(test_what_belongs_to_nobody_goes),
        cmocka_unit_test(test_rollout_arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
