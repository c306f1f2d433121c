/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent says of its node, against what others believe and do to it. */
#include "fixture.h"

static const json_t *node(struct fixture *f, const char *name)
{
    struct err err;
    return client_get(f->client, kinds_find_gr("nodes"), NULL, name, &err);
}

static const json_t *lease(struct fixture *f, const char *name)
{
    struct err err;
    return client_get(f->client, kinds_find_gr("leases.coordination.k8s.io"), "kube-node-lease",
                      name, &err);
}

static bool is_ready(struct fixture *f, const char *name, const char *status)
{
    return object_condition_is(node(f, name), "Ready", status);
}

static void delete_node(struct fixture *f, const char *name)
{
    struct err err;
    if (client_delete(f->client, kinds_find_gr("nodes"), NULL, name, NULL, &err) < 0) {
        fail_msg("delete: %s", err.msg);
    }
}

static void doubt(struct fixture *f, const char *name)
{
    struct err err;
    json_auto_t *edit = jx_edit(node(f, name));
    object_set_condition(edit, "Ready", "Unknown", "NodeStatusUnknown", "", loop_wall_us(f->loop),
                         false);
    assert_int_equal(
        client_update_status(f->client, kinds_find_gr("nodes"), steal(edit), NULL, &err), 0);
}

/* One that is deleted while its machine is on comes back at once, with a lease of its own. */
static void test_deleted_while_on(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    create_pod(&f, "a", "worker-1", "{'containers':[{'name':'c','image':'podlab/web:v1'}]}");
    wait_for(&f, "a", "status.phase", "Running", 200);
    cleanup_free char *uid = xstrdup(object_uid(node(&f, "worker-1")));
    delete_node(&f, "worker-1");
    run_ms(&f, 20);
    assert_non_null(node(&f, "worker-1"));
    assert_string_not_equal(object_uid(node(&f, "worker-1")), uid);
    assert_true(is_ready(&f, "worker-1", "True"));
    assert_non_null(lease(&f, "worker-1"));
    assert_string_equal(phase(&f, "a"), "Running"); /* its pods never knew */
    assert_int_equal(cint(&f, "a", 0, "restartCount"), 0);
    tear_down(&f);
}

/* One that is deleted while the machine is off, or cut off, comes back with it. */
static void test_deleted_while_away(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    run_ms(&f, 20);
    nodes_power_off(f.nodes, "worker-1");
    nodes_cut(f.nodes, "worker-2", true);
    delete_node(&f, "worker-1");
    delete_node(&f, "worker-2");
    run_ms(&f, 5000);
    assert_null(node(&f, "worker-1"));
    assert_null(node(&f, "worker-2"));
    f.epoch[0]++;
    power_on(&f, 0);
    nodes_cut(f.nodes, "worker-2", false);
    run_ms(&f, 20);
    assert_non_null(node(&f, "worker-1"));
    assert_true(is_ready(&f, "worker-2", "True"));
    tear_down(&f);
}

/* Others took its silence for its end; the next heartbeat sets that right. */
static void test_doubted_and_alive(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    run_ms(&f, 20);
    doubt(&f, "worker-1");
    run_ms(&f, 520);
    assert_true(is_ready(&f, "worker-1", "True"));
    nodes_cut(f.nodes, "worker-1", true);
    doubt(&f, "worker-1");
    run_ms(&f, 5000);
    assert_true(is_ready(&f, "worker-1", "Unknown"));
    nodes_cut(f.nodes, "worker-1", false);
    run_ms(&f, 20);
    assert_true(is_ready(&f, "worker-1", "True"));
    tear_down(&f);
}

/* What was said is said again when writes may have been lost. */
static void test_said_again(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    run_ms(&f, 20);
    doubt(&f, "worker-1");
    nodes_say_again(f.nodes);
    run_ms(&f, 1);
    assert_true(is_ready(&f, "worker-1", "True"));
    tear_down(&f);
}

/* A restart of ours is nothing that happened to a node: it stays Ready until its guest is found, or
 * is not. */
static void test_trusted_after_a_restart(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    run_ms(&f, 20);
    assert_true(is_ready(&f, "worker-1", "True"));
    f.host_unknown = true;
    end_life(&f);
    begin_life(&f);
    run_ms(&f, 1500);
    assert_true(is_ready(&f, "worker-1", "True"));
    nodes_host_up(f.nodes, "worker-1", false); /* it is not there */
    nodes_host_up(f.nodes, "worker-2", true);
    run_ms(&f, 20);
    assert_true(is_ready(&f, "worker-1", "False"));
    assert_true(is_ready(&f, "worker-2", "True"));
    assert_true(is_ready(&f, "worker-3", "True")); /* of this one nothing is known */
    run_ms(&f, 1000);
    assert_true(is_ready(&f, "worker-3", "False"));
    tear_down(&f);
}

/* ... also when somebody deletes the node meanwhile. */
static void test_trusted_and_deleted(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    run_ms(&f, 20);
    f.host_unknown = true;
    end_life(&f);
    begin_life(&f);
    run_ms(&f, 500);
    delete_node(&f, "worker-1");
    run_ms(&f, 20);
    assert_true(is_ready(&f, "worker-1", "True"));
    run_ms(&f, 2000);
    assert_true(is_ready(&f, "worker-1", "False"));
    tear_down(&f);
}

/* Another life of the host begins with nothing. */
static void test_not_trusted_after_power_on(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    run_ms(&f, 20);
    f.host_unknown = true;
    nodes_power_off(f.nodes, "worker-1");
    f.epoch[0]++;
    power_on(&f, 0);
    run_ms(&f, 1);
    assert_true(is_ready(&f, "worker-1", "False"));
    tear_down(&f);
}

/* A lease says how long others wait, on whatever clock. */
static void test_lease_follows_the_clock(void **state)
{
    struct fixture f;
    struct clock odd = clock_lab;
    (void)state;
    set_up(&f);
    run_ms(&f, 20);
    assert_int_equal(jx_int(lease(&f, "worker-1"), "spec.leaseDurationSeconds", 0), 2);
    f.clock = &clock_kubernetes;
    nodes_clock_changed(f.nodes);
    run_ms(&f, 20);
    assert_int_equal(jx_int(lease(&f, "worker-1"), "spec.leaseDurationSeconds", 0), 40);
    odd.grace = LOOP_MS(2500);
    f.clock = &odd;
    nodes_clock_changed(f.nodes);
    run_ms(&f, 20);
    assert_int_equal(jx_int(lease(&f, "worker-1"), "spec.leaseDurationSeconds", 0), 3);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deleted_while_on),
        cmocka_unit_test(test_deleted_while_away),
        cmocka_unit_test(test_doubted_and_alive),
        cmocka_unit_test(test_said_again),
        cmocka_unit_test(test_trusted_after_a_restart),
        cmocka_unit_test(test_trusted_and_deleted),
        cmocka_unit_test(test_not_trusted_after_power_on),
        cmocka_unit_test(test_lease_follows_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
