/* SPDX-License-Identifier: Apache-2.0 */
/* What is written through the API reaches the guests it concerns, survives a restart of
 * mini-cluster, and can be looked up. */
#include "api/rig.h"

#include "client/client.h"
#include "guests.h"
#include "kinds/kinds.h"
#include "net/net.h"

static struct rig rig;
static struct guests guests;
static struct guest *services, *worker;
static struct net *net;
static struct client *client;

static void begin_net(void)
{
    struct net_opts o = {.dns = "10.77.128.10",
                         .control_plane = "control-plane",
                         .resolv_conf = "nameserver 127.0.0.53\nnameserver 192.0.2.1\n"};
    net = net_new(rig.api, &guests.rt, &o);
}

static void pass(unsigned ms)
{
    loop_sim_advance(rig.loop, LOOP_MS(ms));
}

static int setup(void **state)
{
    rig_init(&rig);
    guests_init(&guests, rig.loop);
    services = guest_of(&guests, "c-services");
    worker = guest_of(&guests, "c-worker");
    client = client_new(rig.api, "system:test");
    begin_net();
    net_guest_up(net, "control-plane", "c-services");
    net_guest_up(net, "worker-1", "c-worker");
    pass(100);
    return 0;
}

static int teardown(void **state)
{
    net_free(net);
    client_free(client);
    guests_fini(&guests);
    rig_fini(&rig);
    return 0;
}

/* ---- writing ---- */

static void create(const char *kind, const char *text)
{
    struct err err;
    json_t *obj = NULL;
    assert_int_equal(jx_parse(text, strlen(text), true, &obj, &err), 0);
    if (client_create(client, kinds_find_gr(kind), "default", obj, NULL, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

static void create_web(const char *type)
{
    cleanup_free char *text = xasprintf(
        "{\"metadata\":{\"name\":\"web\"},\"spec\":{\"type\":\"%s\",\"clusterIP\":\"10.77.128.20\","
        "\"selector\":{\"app\":\"web\"},\"ports\":[{\"name\":\"http\",\"port\":80,%s"
        "\"targetPort\":8080}]}}",
        type, strcmp(type, "NodePort") == 0 ? "\"nodePort\":30080," : "");
    create("services", text);
}

/* A slice of web with endpoints .1 to .n. */
static void create_slice(const char *name, unsigned from, unsigned n)
{
    struct str list = STR_INIT;
    for (unsigned i = 0; i < n; i++) {
        str_add_f(&list, "%s{\"addresses\":[\"10.77.1.%u\"],\"conditions\":{\"ready\":true}}",
                  i > 0 ? "," : "", from + i);
    }
    cleanup_free char *text =
        xasprintf("{\"metadata\":{\"name\":\"%s\",\"labels\":{\"kubernetes.io/service-name\":"
                  "\"web\"}},\"addressType\":\"IPv4\",\"endpoints\":[%s],\"ports\":[{\"name\":"
                  "\"http\",\"port\":8080,\"protocol\":\"TCP\"}]}",
                  name, str_c(&list));
    create("endpointslices.discovery.k8s.io", text);
    str_fini(&list);
}

static void remove_object(const char *kind, const char *name)
{
    struct err err;
    if (client_delete(client, kinds_find_gr(kind), "default", name, NULL, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

/* ---- guests ---- */

static void the_api_itself_is_a_service(void **state)
{
    assert_int_equal(guest_has(services, "f default/kubernetes:https"), 1);
    assert_int_equal(guest_has(services, "n 1 kubernetes.default.svc.cluster.local"), 1);
    assert_int_equal(guest_has(services, "c"), 1); /* one resolver that a container can reach */
    assert_int_equal(guest_has(worker, "f default/kubernetes:https"), -1);
    assert_true(net_synced(net, "control-plane"));
    assert_true(net_synced(net, "worker-1"));
    assert_false(net_synced(net, "worker-9"));
}

static void endpoints_come_and_go(void **state)
{
    create_web("ClusterIP");
    pass(100);
    assert_int_equal(guest_has(services, "f default/web:http"), 0);
    create_slice("web-a", 1, 2);
    create_slice("web-b", 3, 1);
    pass(100);
    assert_int_equal(guest_has(services, "f default/web:http"), 3);
    remove_object("endpointslices.discovery.k8s.io", "web-a");
    pass(100);
    assert_int_equal(guest_has(services, "f default/web:http"), 1);
    assert_int_equal(guest_has(worker, "f default/web:http"), -1);
    remove_object("services", "web");
    pass(100);
    assert_int_equal(guest_has(services, "f default/web:http"), -1);
    assert_int_equal(guest_has(services, "n 1 web.default.svc.cluster.local"), -1);
}

static void a_slice_may_change_its_service(void **state)
{
    struct err err;
    create_web("ClusterIP");
    create_slice("web-a", 1, 2);
    pass(100);
    json_t *patch = json_pack("{s:{s:{s:s}}}", "metadata", "labels", "kubernetes.io/service-name",
                              "kubernetes");
    assert_int_equal(client_patch(client, kinds_find_gr("endpointslices.discovery.k8s.io"),
                                  "default", "web-a", NULL, patch, NULL, &err),
                     0);
    pass(100);
    assert_int_equal(guest_has(services, "f default/web:http"), 0);
}

static void node_ports_reach_every_host(void **state)
{
    create_slice("web-a", 1, 2); /* before its service */
    create_web("NodePort");
    pass(100);
    assert_int_equal(guest_has(worker, "f default/web:http"), 2);
    net_guest_up(net, "worker-2", "c-late");
    pass(100);
    assert_int_equal(guest_has(guest_of(&guests, "c-late"), "f default/web:http"), 2);
}

static void a_host_that_is_off_is_told_when_it_returns(void **state)
{
    create_slice("web-a", 1, 2);
    create_web("NodePort");
    pass(100);
    net_guest_down(net, "worker-1");
    assert_null(worker->stream);
    remove_object("services", "web");
    pass(100);
    assert_int_equal(guest_has(worker, "f default/web:http"), 2); /* nobody told it */
    net_guest_up(net, "worker-1", "c-worker-again");
    pass(100);
    assert_int_equal(map_count(guest_of(&guests, "c-worker-again")->table), 0);
    assert_true(net_synced(net, "worker-1"));
}

/* A guest that serves must never hear of an empty table while the new mini-cluster still reads. */
static void a_restart_is_not_noticed(void **state)
{
    for (unsigned i = 0; i < 300; i++) { /* more than one tick's work */
        cleanup_free char *text =
            xasprintf("{\"metadata\":{\"name\":\"s%u\"},\"spec\":{\"ports\":[{\"port\":80}]}}", i);
        create("services", text);
    }
    create_web("NodePort");
    create_slice("web-a", 1, 2);
    pass(100);
    unsigned applied = services->applied;
    size_t count = map_count(services->table);
    net_free(net);
    assert_null(services->stream);
    begin_net();
    net_guest_up(net, "control-plane", "c-services");
    net_guest_up(net, "worker-1", "c-worker");
    for (int i = 0; i < 2000; i++) {
        loop_sim_tick(rig.loop);
        assert_int_equal(map_count(services->table), count);
        assert_int_equal(guest_has(services, "f default/web:http"), 2);
        assert_int_equal(guest_has(worker, "f default/web:http"), 2);
    }
    pass(100);
    assert_true(net_synced(net, "control-plane"));
    assert_true(services->applied > applied);
}

/* ---- ports ---- */

static int put_port(const char *host, const char *key, int port, struct err *err)
{
    struct net_port p = {.key = key, .port = port, .address = "10.77.1.9", .target_port = 80};
    return net_port_put(net, host, &p, err);
}

static void a_port_of_a_host_has_one_owner(void **state)
{
    struct err err;
    assert_int_equal(put_port("worker-1", "docker/a/80", 8080, &err), 0);
    assert_int_equal(put_port("worker-1", "docker/a/80", 8080, &err), 0); /* itself, again */
    assert_int_equal(put_port("worker-2", "docker/b/80", 8080, &err), 0); /* another host */
    assert_int_equal(put_port("worker-1", "docker/b/80", 8080, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_string_equal(err.msg, "port 8080 of worker-1 is taken by docker/a/80");
    assert_string_equal(net_port_owner(net, "worker-1", false, 8080), "docker/a/80");
    assert_null(net_port_owner(net, "worker-1", true, 8080));
    pass(100);
    assert_int_equal(guest_has(worker, "f docker/a/80"), 1);
    assert_int_equal(guest_has(worker, "f docker/b/80"), -1);
    net_port_delete(net, "worker-1", "docker/a/80");
    net_port_delete(net, "worker-1", "never/was");
    assert_int_equal(put_port("worker-1", "docker/b/80", 8080, &err), 0);
    pass(100);
    assert_int_equal(guest_has(worker, "f docker/a/80"), -1);
    assert_int_equal(guest_has(worker, "f docker/b/80"), 1);
}

static void a_node_port_is_taken_on_every_host(void **state)
{
    struct err err;
    create_web("NodePort");
    pass(100);
    assert_string_equal(net_port_owner(net, "worker-2", false, 30080), "service/default/web");
    assert_int_equal(put_port("worker-2", "docker/a/80", 30080, &err), -1);
    assert_string_equal(err.msg, "port 30080 of worker-2 is taken by service/default/web");
}

static void a_port_that_makes_no_sense_is_refused(void **state)
{
    struct err err;
    assert_int_equal(put_port("worker-1", "k", 0, &err), -1);
    assert_int_equal(put_port("worker-1", "k", 65536, &err), -1);
    assert_int_equal(put_port("worker-1", "", 80, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
}

/* ---- reading ---- */

static void services_can_be_looked_up(void **state)
{
    struct net_target t[4];
    struct err err;
    create_web("ClusterIP");
    pass(100);
    assert_int_equal(net_resolve(net, "default", "web", "http", t, 4, &err), 0);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_string_equal(err.msg, "no endpoints available for service \"web\"");
    create_slice("web-a", 1, 3);
    pass(100);
    assert_int_equal(net_resolve(net, "default", "web", "http", t, 4, &err), 3);
    assert_string_equal(t[2].address, "10.77.1.3");
    assert_int_equal(t[2].port, 8080);
    assert_int_equal(net_resolve(net, "default", "web", "80", t, 2, &err), 2);
    assert_int_equal(net_resolve(net, "default", "web", NULL, t, 4, &err), 3);
    assert_int_equal(net_resolve(net, "default", "web", "8080", t, 4, &err), 0);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(net_resolve(net, "other", "web", "http", t, 4, &err), 0);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static struct net_count last;
static unsigned counts_seen;

static bool see_count(void *arg, const struct net_count *c)
{
    last = *c;
    counts_seen++;
    return true;
}

static void report(struct guest *g, uint32_t addr, uint64_t connections, uint32_t active)
{
    uint8_t bytes[200];
    struct wire_out o = {.p = bytes, .cap = sizeof(bytes)};
    struct table_count c = {.key = "default/web:http",
                            .target = {addr, 8080},
                            .connections = connections,
                            .failed = 1,
                            .active = active};
    table_put_count(&o, &c);
    guest_say(g, WIRE_COUNTS, o.p, o.len);
}

static unsigned look_at_counts(const char *service)
{
    counts_seen = 0;
    net_counts(net, service, see_count, NULL);
    return counts_seen;
}

static void counts_add_up_across_lives_of_a_guest(void **state)
{
    create_web("NodePort");
    create_slice("web-a", 1, 2);
    pass(100);
    report(worker, 0x0a4d0101, 10, 3);
    report(worker, 0x0a4d0101, 15, 2);
    assert_int_equal(look_at_counts("default/web"), 1);
    assert_int_equal(last.connections, 15);
    assert_int_equal(last.active, 2);
    assert_string_equal(last.host, "worker-1");
    assert_string_equal(last.address, "10.77.1.1");
    net_guest_down(net, "worker-1");
    assert_int_equal(look_at_counts(NULL), 1);
    assert_int_equal(last.active, 0);
    net_guest_up(net, "worker-1", "c-again");
    pass(100);
    report(guest_of(&guests, "c-again"), 0x0a4d0101, 40,
           1); /* more than the earlier one ever had */
    assert_int_equal(look_at_counts("default/web:http"), 1);
    assert_int_equal(last.connections, 55);
    assert_int_equal(last.failed, 2);
    report(guest_of(&guests, "c-again"), 0x0a4d0101, 3, 1); /* the same container, started again */
    assert_int_equal(look_at_counts("default/web:http"), 1);
    assert_int_equal(last.connections, 58);
    report(services, 0x0a4d0102, 7, 0);
    assert_int_equal(look_at_counts("default/web"), 2);
    assert_int_equal(look_at_counts("default/we"), 0);
    remove_object("endpointslices.discovery.k8s.io",
                  "web-a"); /* endpoints that are gone are forgotten */
    pass(100);
    assert_int_equal(look_at_counts("default/web"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_api_itself_is_a_service),
        TEST(endpoints_come_and_go),
        TEST(a_slice_may_change_its_service),
        TEST(node_ports_reach_every_host),
        TEST(a_host_that_is_off_is_told_when_it_returns),
        TEST(a_restart_is_not_noticed),
        TEST(a_port_of_a_host_has_one_owner),
        TEST(a_node_port_is_taken_on_every_host),
        TEST(a_port_that_makes_no_sense_is_refused),
        TEST(services_can_be_looked_up),
        TEST(counts_add_up_across_lives_of_a_guest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
