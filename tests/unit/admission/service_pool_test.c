/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and ports run out, come back, and are never held by two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "admission/admission.h"
#include "admission/service_pool.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "store/memvfs.h"
#include "store/store.h"

struct bed {
    struct loop *loop;
    struct memvfs *vfs;
    struct store *store;
    struct service_pool *pool;
};

static void set_up(struct bed *b, const char *cidr, int port_min, int port_max)
{
    struct err err;
    jx_init();
    b->loop = loop_sim_new(3);
    b->vfs = memvfs_new("pool");
    struct store_opts so = {.path = "state.db", .vfs = "pool"};
    assert_int_equal(store_open(b->loop, &so, &b->store, &err), 0);
    struct admission_opts ao = {
        .service_cidr = cidr, .node_port_min = port_min, .node_port_max = port_max};
    b->pool = service_pool_new(b->loop, b->store, &ao);
}

static void tear_down(struct bed *b)
{
    service_pool_free(b->pool);
    store_close(b->store);
    loop_free(b->loop);
    memvfs_free(b->vfs);
}

static void put(struct bed *b, const char *name, const char *address, int port)
{
    struct err err;
    struct store_key key = {"services", "d", name};
    json_t *svc =
        json_pack("{s:{s:s, s:s}, s:{s:s, s:[s], s:[{s:i, s:s, s:i}]}}", "metadata", "name", name,
                  "namespace", "d", "spec", "clusterIP", address, "clusterIPs", address, "ports",
                  "port", 80, "protocol", "TCP", "nodePort", port);
    assert_int_equal(store_put(b->store, &key, svc, -1, NULL, &err), 0);
}

static void drop(struct bed *b, const char *name)
{
    struct err err;
    struct store_key key = {"services", "d", name};
    assert_int_equal(store_delete(b->store, &key, -1, NULL, &err), 0);
}

static void every_address_is_given_once(void **state)
{
    struct bed b;
    set_up(&b, "10.9.0.0/29", 0, 0); /* .1 is the API's, .2 to .6 are left */
    char seen[5][16], buf[16];
    for (int i = 0; i < 5; i++) {
        char owner[24], name[16];
        snprintf(name, sizeof(name), "s%d", i);
        snprintf(owner, sizeof(owner), "d/%s", name);
        assert_true(service_pool_take_address(b.pool, owner, seen[i]));
        assert_string_not_equal(seen[i], "10.9.0.1");
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(seen[i], seen[j]);
        }
        put(&b, name, seen[i], 0);
    }
    assert_false(service_pool_take_address(b.pool, "d/more", buf));
    drop(&b, "s3");
    assert_true(service_pool_take_address(b.pool, "d/more", buf));
    assert_string_equal(buf, seen[3]);
    tear_down(&b);
}

static void a_claim_is_worth_what_its_service_holds(void **state)
{
    struct bed b;
    set_up(&b, "10.9.0.0/24", 0, 0);
    assert_int_equal(service_pool_claim_address(b.pool, "d/a", "10.9.0.7", true), SERVICE_CLAIM_OK);
    /* d/a was never stored: its claim is worth nothing */
    assert_int_equal(service_pool_claim_address(b.pool, "d/b", "10.9.0.7", true), SERVICE_CLAIM_OK);
    put(&b, "b", "10.9.0.7", 30001);
    assert_int_equal(service_pool_claim_address(b.pool, "d/a", "10.9.0.7", true),
                     SERVICE_CLAIM_TAKEN);
    assert_int_equal(service_pool_claim_address(b.pool, "d/b", "10.9.0.7", true), SERVICE_CLAIM_OK);
    assert_int_equal(service_pool_claim_address(b.pool, "d/a", "10.9.1.1", true),
                     SERVICE_CLAIM_OUTSIDE);
    assert_int_equal(service_pool_claim_address(b.pool, "d/a", "10.9.0.0", true),
                     SERVICE_CLAIM_OUTSIDE);
    assert_int_equal(service_pool_claim_address(b.pool, "d/a", "10.9.0.255", true),
                     SERVICE_CLAIM_OUTSIDE);
    assert_int_equal(service_pool_claim_address(b.pool, "d/a", "here", true),
                     SERVICE_CLAIM_OUTSIDE);
    assert_int_equal(service_pool_claim_address(b.pool, "d/a", "10.9.0.1", true),
                     SERVICE_CLAIM_TAKEN);
    assert_int_equal(service_pool_claim_address(b.pool, "default/kubernetes", "10.9.0.1", true),
                     SERVICE_CLAIM_OK);
    tear_down(&b);
}

static void a_service_does_not_lose_its_address_by_restart(void **state)
{
    struct bed b;
    set_up(&b, "10.9.0.0/24", 30000, 30002);
    put(&b, "a", "10.9.0.7", 30001);
    struct admission_opts ao = {.service_cidr = "10.9.0.0/24"};
    struct service_pool *again = service_pool_new(b.loop, b.store, &ao);
    assert_int_equal(service_pool_claim_address(again, "d/b", "10.9.0.7", true),
                     SERVICE_CLAIM_TAKEN);
    assert_int_equal(service_pool_claim_port(again, "d/b", "TCP", 30001, true),
                     SERVICE_CLAIM_TAKEN);
    assert_int_equal(service_pool_claim_port(again, "d/b", "UDP", 30001, true), SERVICE_CLAIM_OK);
    service_pool_free(again);
    tear_down(&b);
}

static void ports_run_out_and_come_back(void **state)
{
    struct bed b;
    set_up(&b, NULL, 30000, 30001);
    int first = service_pool_take_port(b.pool, "d/a", "TCP");
    int second = service_pool_take_port(b.pool, "d/a", "TCP"); /* two ports of one service */
    assert_in_range(first, 30000, 30001);
    assert_int_equal(first + second, 60001);
    put(&b, "a", "10.77.128.9", first);
    int third = service_pool_take_port(b.pool, "d/b", "TCP"); /* `second` was never stored */
    assert_int_equal(third, second);
    put(&b, "b", "10.77.128.10", third);
    assert_int_equal(service_pool_take_port(b.pool, "d/c", "TCP"), 0);
    assert_int_not_equal(service_pool_take_port(b.pool, "d/c", "UDP"), 0);
    drop(&b, "a");
    assert_int_equal(service_pool_take_port(b.pool, "d/c", "TCP"), first);
    tear_down(&b);
}

static void a_malformed_range_is_the_default_one(void **state)
{
    static const char *const odd[] = {"10.9.0.0", "10.9.0.0/33", "x/24", "10.9.0.0/x", ""};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        struct bed b;
        char first[16];
        set_up(&b, odd[i], 0, 0);
        service_pool_first(b.pool, first);
        assert_string_equal(first, "10.77.128.1");
        assert_string_equal(service_pool_cidr(b.pool), "10.77.128.0/17");
        tear_down(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_address_is_given_once),
        cmocka_unit_test(a_claim_is_worth_what_its_service_holds),
        cmocka_unit_test(a_service_does_not_lose_its_address_by_restart),
        cmocka_unit_test(ports_run_out_and_come_back),
        cmocka_unit_test(a_malformed_range_is_the_default_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
