/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster's subnet must not take addresses away from anybody: Docker's networks, a VPN, a LAN. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "runtime/docker/docker_subnet.h"

#define HEAD "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
#define ROUTE(destination, mask)                                                                   \
    "eth0\t" destination "\t00000000\t0001\t0\t0\t0\t" mask "\t0\t0\t0\n"

static void expect(const char *networks, const char *routes, const char *subnet)
{
    json_t *json = NULL;
    char chosen[24] = "";
    struct err err;
    assert_int_equal(jx_parse(networks, strlen(networks), false, &json, &err), 0);
    if (docker_subnet_choose(json, routes, NULL, chosen, &err) != 0) {
        str_copy(chosen, sizeof(chosen), "none");
        assert_int_equal(err.code, ERR_CONFLICT);
    }
    json_decref(json);
    assert_string_equal(chosen, subnet);
}

static void test_the_first_candidate(void **state)
{
    expect("[]", "", "10.77.0.0/16");
    expect("[{\"IPAM\":{\"Config\":[{\"Subnet\":\"172.17.0.0/16\"}]}}]",
           HEAD ROUTE("00000000", "00000000") ROUTE("000011AC", "0000FFFF"), "10.77.0.0/16");
}

static void test_networks_in_use(void **state)
{
    expect("[{\"IPAM\":{\"Config\":[{\"Subnet\":\"10.77.0.0/16\"}]}},"
           "{\"IPAM\":{\"Config\":[{\"Subnet\":\"10.78.3.0/24\"},{\"Subnet\":\"fd00::/64\"}]}}]",
           "", "10.79.0.0/16");
    expect("[{\"IPAM\":{\"Config\":[{\"Subnet\":\"10.76.0.0/14\"}]}}]", "", "10.80.0.0/16");
}

static void test_routes_in_use(void **state)
{
    expect("[]", HEAD ROUTE("00004D0A", "0000FFFF"), "10.78.0.0/16");  /* 10.77.0.0/16 */
    expect("[]", HEAD ROUTE("05044D0A", "FFFFFFFF"), "10.78.0.0/16");  /* 10.77.4.5 */
    expect("[]", HEAD ROUTE("0000000A", "000000FF"), "172.30.0.0/16"); /* 10.0.0.0/8 */
    expect("[]", HEAD ROUTE("0000000A", "000000FF") ROUTE("000010AC", "0000F0FF"),
           "198.18.0.0/16"); /* and 172.16.0.0/12 */
    expect("[]", HEAD ROUTE("00000000", "00000080") ROUTE("00000080", "00000080"),
           "10.77.0.0/16"); /* a VPN's two halves of everything are a way out */
}

static void test_nothing_left(void **state)
{
    expect("[{\"IPAM\":{\"Config\":[{\"Subnet\":\"10.0.0.0/8\"},{\"Subnet\":\"172.16.0.0/12\"},"
           "{\"Subnet\":\"198.18.0.0/15\"}]}}]",
           "", "none");
    expect("[{\"IPAM\":{\"Config\":[{\"Subnet\":\"0.0.0.0/0\"}]}}]", "", "none");
}

static void test_odd_input_is_survived(void **state)
{
    static const char *const odd[] = {
        "{}",
        "[1,null,\"x\",[],{\"IPAM\":1},{\"IPAM\":{\"Config\":null}}]",
        "[{\"IPAM\":{\"Config\":[{\"Subnet\":7},{},3,{\"Subnet\":\"10.77.0.0\"}]}}]",
        "[{\"IPAM\":{\"Config\":[{\"Subnet\":\"10.77.0.0/99\"},{\"Subnet\":\"/16\"},{\"Subnet\":"
        "\"999999999999999999999/16\"},{\"Subnet\":\"10.77.0.0/-1\"},{\"Subnet\":\"\"}]}}]",
    };
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        expect(odd[i], "no header\nx\n\n\teth0\nlo zz zz zz zz zz zz zz\n", "10.77.0.0/16");
    }
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_candidate),   cmocka_unit_test(test_networks_in_use),
        cmocka_unit_test(test_routes_in_use),         cmocka_unit_test(test_nothing_left),
        cmocka_unit_test(test_odd_input_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
