/* SPDX-License-Identifier: Apache-2.0 */
/* What the pods of a ReplicaSet are called: never the same twice, known ahead, and where sandboxes
 * wait, as these. */
#include "client/spares.h"
#include "common/map.h"
#include "controllers/fixture.h"
#include "meta/name.h"

static const char rs_yaml[] = "apiVersion: apps/v1\n"
                              "kind: ReplicaSet\n"
                              "metadata: {name: web}\n"
                              "spec:\n"
                              "  replicas: 3\n"
                              "  selector: {matchLabels: {app: web}}\n"
                              "  template:\n"
                              "    metadata: {labels: {app: web}}\n"
                              "    spec: {containers: [{name: c, image: i}]}\n";

static char *nth(struct fixture *f, uint64_t n)
{
    return name_numbered("web-", object_uid(get(f, "replicasets.apps", "web")), n);
}

static bool has(struct fixture *f, uint64_t n)
{
    cleanup_free char *name = nth(f, n);
    return get(f, "pods", name) != NULL;
}

static void scale(struct fixture *f, int replicas)
{
    patch(f, "replicasets.apps", "web", NULL, json_pack("{s:{s:i}}", "spec", "replicas", replicas));
}

static void test_names_follow_a_series_that_is_known_ahead(void **state)
{
    struct fixture *f = *state;
    apply(f, rs_yaml);
    assert_int_equal(count(f, "pods"), 3);
    cleanup_free char *first = nth(f, 0);
    assert_true(has(f, 0) && has(f, 1) && has(f, 2));
    assert_string_equal(jx_str(get(f, "pods", first), "metadata.generateName", ""), "web-");
    delete_object(f, "pods", first, NULL);
    assert_true(!has(f, 0) && has(f, 3));
}

static void test_a_name_is_never_used_again(void **state)
{
    struct fixture *f = *state;
    apply(f, rs_yaml);
    scale(f, 0);
    controllers_free(f->controllers); /* another life */
    f->controllers = controllers_new(f->api, &f->clock);
    run_ms(f, 50);
    scale(f, 2);
    assert_int_equal(count(f, "pods"), 2);
    assert_true(has(f, 3) && has(f, 4));
}

static void test_a_name_that_is_taken_is_left_alone(void **state)
{
    struct fixture *f = *state;
    apply(f, rs_yaml);
    cleanup_free char *name = nth(f, 3);
    cleanup_free char *yaml = xasprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\n"
                                        "spec: {containers: [{name: c, image: mine}]}\n",
                                        name);
    apply(f, yaml);
    scale(f, 5);
    assert_int_equal(count(f, "pods"), 6);
    assert_string_equal(jx_str(get(f, "pods", name), "spec.containers[0].image", ""), "mine");
    assert_true(has(f, 4) && has(f, 5));
}

static void test_the_series_goes_with_its_owner(void **state)
{
    struct fixture *f = *state;
    apply(f, rs_yaml);
    cleanup_free char *uid = xstrdup(object_uid(get(f, "replicasets.apps", "web")));
    assert_non_null(client_record_find(f->client, "pods.names", uid));
    delete_object(f, "replicasets.apps", "web", NULL);
    assert_null(client_record_find(f->client, "pods.names", uid));
}

/* ---- sandboxes that wait ---- */

static void make_nodes(struct fixture *f)
{
    apply(f, "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n---\n"
             "apiVersion: v1\nkind: Node\nmetadata: {name: n2}\n---\n"
             "apiVersion: v1\nkind: Node\nmetadata: {name: n3}\n"
             "spec: {taints: [{key: k, effect: NoSchedule}]}\n");
}

static void put_spare(struct fixture *f, uint64_t number, const char *host, bool ready)
{
    cleanup_free char *name = nth(f, number);
    cleanup_free char *key = xasprintf("default/%s", name);
    client_record_put(f->client, spares_table, key,
                      json_pack("{s:s, s:I, s:s, s:b}", "owner",
                                object_uid(get(f, "replicasets.apps", "web")), "number",
                                (json_int_t)number, "node", host, "ready", ready));
}

static void bind(struct fixture *f, uint64_t number, const char *node)
{
    struct err err;
    cleanup_free char *name = nth(f, number);
    if (client_bind(f->client, "default", name, node, &err) < 0) {
        fixture_fail("bind", &err);
    }
    run_ms(f, 20);
}

/* They say that they are ready, for the time of a test. */
static void wake_nodes(struct fixture *f)
{
    static const char *const names[] = {"n1", "n2", "n3"};
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_t *node = jx_edit(get(f, "nodes", names[i]));
        object_set_condition(node, "Ready", "True", NULL, NULL, loop_wall_us(f->loop), false);
        if (client_update_status(f->client, kind("nodes"), node, NULL, &err) < 0) {
            fixture_fail("status", &err);
        }
    }
    run_ms(f, 20);
}

/* Three pods: two on n1, one on n2; so n2 is next. */
static void three_pods(struct fixture *f)
{
    make_nodes(f);
    wake_nodes(f);
    apply(f, rs_yaml);
    bind(f, 0, "n1");
    bind(f, 1, "n1");
    bind(f, 2, "n2");
}

static void test_a_spare_on_the_host_whose_turn_it_is_gives_the_name(void **state)
{
    struct fixture *f = *state;
    three_pods(f);
    put_spare(f, 3, "n1", true);
    put_spare(f, 4, "n2", true);
    scale(f, 4);
    assert_true(has(f, 4) && !has(f, 3));
    scale(f, 5); /* two each: the first spare that fits */
    assert_true(has(f, 3));
}

static void test_several_at_once_are_spread(void **state)
{
    struct fixture *f = *state;
    three_pods(f);
    put_spare(f, 3, "n1", true);
    put_spare(f, 4, "n2", true);
    put_spare(f, 5, "n2", true);
    scale(f, 6);
    assert_true(has(f, 3) && has(f, 4) && has(f, 5));
}

static void test_the_name_of_a_spare_is_kept_for_its_host(void **state)
{
    struct fixture *f = *state;
    three_pods(f);
    put_spare(f, 3, "n1", true);  /* has more pods than n2 */
    put_spare(f, 4, "n2", false); /* is still being made */
    put_spare(f, 5, "n3", true);  /* takes no pods */
    scale(f, 4);
    assert_true(has(f, 6));
    assert_true(!has(f, 3) && !has(f, 4) && !has(f, 5));
}

static void test_spares_of_others_do_not_matter(void **state)
{
    struct fixture *f = *state;
    three_pods(f);
    client_record_put(f->client, spares_table, "default/other",
                      json_pack("{s:s, s:i, s:s, s:b}", "owner", "somebody", "number", 3, "node",
                                "n2", "ready", 1));
    scale(f, 4);
    assert_true(has(f, 3));
}

#define test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        test(test_names_follow_a_series_that_is_known_ahead),
        test(test_a_name_is_never_used_again),
        test(test_a_name_that_is_taken_is_left_alone),
        test(test_the_series_goes_with_its_owner),
        test(test_a_spare_on_the_host_whose_turn_it_is_gives_the_name),
        test(test_several_at_once_are_spread),
        test(test_the_name_of_a_spare_is_kept_for_its_host),
        test(test_spares_of_others_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
