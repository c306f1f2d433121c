/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a host's Docker that need no daemon: ports, policies, queries, archives, addresses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "hosts/dock/dock_impl.h"
#include "hosts/dock/dock_tar.h"
#include "runtime/tar.h"

static json_t *parse(const char *text)
{
    json_t *v;
    struct err err;
    if (jx_parse(text, strlen(text), true, &v, &err) != 0) {
        fail_msg("%s: %s", text, err.msg);
    }
    return v;
}

/* ---- ports ---- */

/* Ports that somebody has, as "tcp/8080 udp/53". */
static bool taken(void *arg, bool udp, int port)
{
    cleanup_free char *word = xasprintf("%s/%d ", udp ? "udp" : "tcp", port);
    return strstr(arg, word) != NULL;
}

/* "80->8080 53u->53", or what is wrong. */
static char *choose(const char *bindings, const char *exposed, const char *others, int *cursor)
{
    struct dock_ports p = {0};
    struct err err;
    cleanup_str struct str out = STR_INIT;
    json_auto_t *b = parse(bindings), *e = parse(exposed);
    if (dock_ports_read(b, "10.77.0.11", &p, &err) != 0) {
        return xstrdup(err.msg);
    }
    dock_ports_add_exposed(&p, e);
    if (dock_ports_choose(&p, cursor, taken, (void *)(uintptr_t)others, &err) != 0) {
        dock_ports_fini(&p);
        return xstrdup(err.msg);
    }
    for (size_t i = 0; i < p.all.n; i++) {
        str_add_f(&out, "%s%d%s->%d", i > 0 ? " " : "", p.all.v[i].target,
                  p.all.v[i].udp ? "u" : "", p.all.v[i].port);
    }
    dock_ports_fini(&p);
    return str_take(&out);
}

static void expect_ports(const char *bindings, const char *exposed, const char *others,
                         const char *expected)
{
    int cursor = 0;
    cleanup_free char *got = choose(bindings, exposed, others, &cursor);
    assert_string_equal(got, expected);
}

static void ports_are_chosen(void **state)
{
    (void)state;
    expect_ports("{}", "{}", "", "");
    expect_ports("{\"80/tcp\":[{\"HostPort\":\"8080\"}]}", "{}", "", "80->8080");
    expect_ports("{\"80\":[{\"HostPort\":\"8080\"}]}", "{}", "", "80->8080");
    expect_ports("{\"53/udp\":[{\"HostPort\":\"53\"}]}", "{}", "tcp/53 ", "53u->53");
    expect_ports("{\"80/tcp\":[{\"HostPort\":\"8080\"}]}", "{}", "tcp/8080 ",
                 "Bind for 0.0.0.0:8080 failed: port is already allocated");
    expect_ports("{\"80/tcp\":[{\"HostPort\":\"8080\"}],\"81/tcp\":[{\"HostPort\":\"8080\"}]}",
                 "{}", "", "Bind for 0.0.0.0:8080 failed: port is already allocated");
    /* any port, and a range */
    expect_ports("{\"80/tcp\":[{\"HostPort\":\"\"}]}", "{}", "", "80->32768");
    expect_ports("{\"80/tcp\":[{\"HostPort\":\"0\"}]}", "{}", "tcp/32768 ", "80->32769");
    expect_ports("{\"80/tcp\":null}", "{}", "", "80->32768");
    expect_ports("{\"80/tcp\":[{\"HostPort\":\"8000-8002\"}]}", "{}", "tcp/8000 tcp/8001 ",
                 "80->8002");
    expect_ports("{\"80/tcp\":[{\"HostPort\":\"8000-8001\"}]}", "{}", "tcp/8000 tcp/8001 ",
                 "Bind for 0.0.0.0:8000 failed: port is already allocated");
    /* both families of addresses are one port here */
    expect_ports("{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"8080\"},{\"HostIp\":\"::\","
                 "\"HostPort\":\"8080\"}]}",
                 "{}", "", "80->8080");
    expect_ports("{\"80/tcp\":[{\"HostPort\":\"1\"},{\"HostPort\":\"2\"}]}", "{}", "",
                 "80->1 80->2");
    /* -P: what is exposed and not published yet */
    expect_ports("{\"80/tcp\":[{\"HostPort\":\"8080\"}]}", "{\"80/tcp\":{},\"53/udp\":{}}", "",
                 "80->8080 53u->32768");
}

static void any_port_is_the_next(void **state)
{
    (void)state;
    int cursor = 0;
    cleanup_free char *first = choose("{\"80/tcp\":[{}]}", "{}", "", &cursor);
    cleanup_free char *second = choose("{\"80/tcp\":[{}]}", "{}", "", &cursor);
    assert_string_equal(first, "80->32768");
    assert_string_equal(second, "80->32769");
}

static void ports_are_kept_and_shown(void **state)
{
    (void)state;
    struct dock_ports p = {0};
    json_auto_t *packed = parse("[[\"tcp\",80,8080],[\"udp\",53,53],[\"tcp\",0,1],[\"tcp\",1],7]");
    dock_ports_unpack(packed, &p);
    assert_int_equal(p.all.n, 2);
    json_auto_t *again = dock_ports_pack(&p);
    cleanup_free char *kept = jx_dump_text(again);
    assert_string_equal(kept, "[[\"tcp\",80,8080],[\"udp\",53,53]]");
    json_auto_t *exposed = parse("{\"80/tcp\":{},\"9/tcp\":{}}");
    json_auto_t *map = dock_ports_map(&p, exposed);
    cleanup_free char *shown = jx_dump_text(map);
    assert_string_equal(shown, "{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"8080\"}],"
                               "\"53/udp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"53\"}],"
                               "\"9/tcp\":null}");
    json_auto_t *list = parse("[{\"PrivatePort\":80,\"Type\":\"tcp\"},"
                              "{\"PrivatePort\":9,\"Type\":\"tcp\"}]");
    json_auto_t *rows = dock_ports_rows(&p, list);
    assert_int_equal(json_array_size(rows), 3);
    assert_int_equal(jx_int(json_array_get(rows, 0), "PublicPort", 0), 8080);
    assert_int_equal(jx_int(json_array_get(rows, 2), "PrivatePort", 0), 9);
    dock_ports_fini(&p);
}

/* ---- policies ---- */

static bool wants(const char *policy, int exit_code, int64_t restarts, bool stopped, bool power)
{
    struct dock_policy p;
    struct err err;
    json_auto_t *v = parse(policy);
    if (dock_policy_read(v, &p, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    const struct dock_end end = {exit_code, restarts, stopped, power};
    return dock_policy_wants(&p, &end);
}

static void policies_want(void **state)
{
    (void)state;
    static const char never[] = "{\"Name\":\"no\"}", none[] = "{\"Name\":\"\"}";
    static const char always[] = "{\"Name\":\"always\"}";
    static const char unless[] = "{\"Name\":\"unless-stopped\"}";
    static const char failure[] = "{\"Name\":\"on-failure\",\"MaximumRetryCount\":2}";
    static const char endless[] = "{\"Name\":\"on-failure\"}";
    assert_false(wants(never, 1, 0, false, false));
    assert_false(wants(none, 1, 0, false, false));
    assert_false(wants(never, 137, 0, false, true));
    /* it ended by itself */
    assert_true(wants(always, 0, 9, false, false));
    assert_true(wants(unless, 0, 9, false, false));
    assert_true(wants(failure, 1, 1, false, false));
    assert_false(wants(failure, 1, 2, false, false));
    assert_false(wants(failure, 0, 0, false, false));
    assert_true(wants(endless, 1, 1000, false, false));
    /* somebody stopped it */
    assert_false(wants(always, 137, 0, true, false));
    assert_false(wants(unless, 137, 0, true, false));
    assert_false(wants(endless, 137, 0, true, false));
    /* the power was off */
    assert_true(wants(always, 137, 0, false, true));
    assert_true(wants(always, 137, 0, true, true));
    assert_true(wants(unless, 137, 0, false, true));
    assert_false(wants(unless, 137, 0, true, true));
    assert_false(wants(endless, 137, 0, false, true));
}

static void delays_grow(void **state)
{
    (void)state;
    uint64_t delay = dock_policy_delay(0, 0);
    assert_int_equal(delay, LOOP_MS(100));
    delay = dock_policy_delay(delay, LOOP_S(1));
    assert_int_equal(delay, LOOP_MS(200));
    for (int i = 0; i < 20; i++) {
        delay = dock_policy_delay(delay, 0);
    }
    assert_int_equal(delay, LOOP_S(60));
    assert_int_equal(dock_policy_delay(delay, LOOP_S(10)), LOOP_MS(100)); /* it ran well */
}

/* ---- queries ---- */

static char *query(const char *raw, const char *allowed, const char *key)
{
    struct dock_query q = {0};
    struct err err;
    if (dock_query_parse(raw, allowed, &q, &err) != 0) {
        return xstrdup(err.msg);
    }
    char *value = xstrdup(dock_query_get(&q, key));
    dock_query_fini(&q);
    return value;
}

static void expect_query(const char *raw, const char *key, const char *expected)
{
    cleanup_free char *got = query(raw, "name all v filters", key);
    assert_string_equal(got, expected);
}

static void queries_are_read(void **state)
{
    (void)state;
    expect_query("", "name", "");
    expect_query("name=web&all=1", "all", "1");
    expect_query("name=a%20b+c%2F", "name", "a b c/");
    expect_query("&&name=x&", "name", "x");
    expect_query("name=%", "name", "a parameter of the request has a broken escape");
    expect_query("name=%4", "name", "a parameter of the request has a broken escape");
    expect_query("name=%zz", "name", "a parameter of the request has a broken escape");
    expect_query("name=a%00b", "name", "a parameter of the request has a broken escape");
    expect_query("name=%ff", "name", "a parameter of the request has a broken escape");
    expect_query("name=a&name=b", "name", "parameter \"name\" is there twice");
    expect_query("n%61me=a&name=b", "name", "parameter \"name\" is there twice");
    expect_query("Name=a", "name",
                 "parameter \"Name\": the Docker of a podlab host does not take it here");
    expect_query("nam=a", "name",
                 "parameter \"nam\": the Docker of a podlab host does not take it here");
    expect_query("=a", "name", "parameter \"\": the Docker of a podlab host does not take it here");
}

static char *filters(const char *text)
{
    struct dock_query q = {0};
    struct err err;
    json_t *got;
    cleanup_free char *escaped = docker_escape(text);
    cleanup_free char *raw = xasprintf("filters=%s", escaped);
    assert_int_equal(dock_query_parse(raw, "filters", &q, &err), 0);
    int rc = dock_query_filters(&q, "name label", &got, &err);
    dock_query_fini(&q);
    if (rc != 0) {
        return xstrdup(err.msg);
    }
    char *dump = jx_dump_text(got);
    json_decref(got);
    return dump;
}

static void filters_are_read(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{}", "{}"},
        {"{\"name\":[\"a\"]}", "{\"name\":[\"a\"]}"},
        {"{\"name\":{\"a\":true,\"b\":false}}", "{\"name\":[\"a\"]}"},
        {"{\"node\":[\"a\"]}", "Invalid filter 'node'"},
        {"{\"name\":\"a\"}", "filter name is no list of strings"},
        {"{\"name\":[1]}", "filter name is no list of strings"},
        {"[]", "filters must be an object"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_free char *got = filters(rows[i][0]);
        assert_string_equal(got, rows[i][1]);
    }
}

/* ---- archives ---- */

static int check_tar(struct str *tar, struct err *err)
{
    int rc = dock_tar_check(tar->p, tar->len, err);
    str_fini(tar);
    return rc;
}

static void plain_archives_are_taken(void **state)
{
    (void)state;
    struct err err;
    struct str tar = STR_INIT;
    tar_add_dir(&tar, "d/", 0755);
    tar_add_file(&tar, "d/..f", "hello", 5, 0644);
    tar_add_symlink(&tar, "d/l", "../f");
    tar_end(&tar);
    assert_int_equal(check_tar(&tar, &err), 0);
    assert_int_equal(dock_tar_check("", 0, &err), 0);
}

/* A header of this type, with this name and body. */
static void add_entry(struct str *tar, char type, const char *name, const char *body)
{
    size_t at = tar->len;
    tar_add_file(tar, "f", body, strlen(body), 0644);
    memset(tar->p + at, 0, 100);
    memcpy(tar->p + at, name, strlen(name));
    tar->p[at + 156] = type;
}

static void expect_refused(char type, const char *name, const char *body, const char *why)
{
    struct err err = {0};
    struct str tar = STR_INIT;
    tar_add_file(&tar, "first", "x", 1, 0644);
    add_entry(&tar, type, name, body);
    tar_end(&tar);
    assert_int_equal(check_tar(&tar, &err), -1);
    if (strstr(err.msg, why) == NULL) {
        fail_msg("\"%s\" instead of \"%s\"", err.msg, why);
    }
}

static void tricks_are_refused(void **state)
{
    (void)state;
    struct err err;
    expect_refused('3', "dev", "", "devices");
    expect_refused('4', "dev", "", "devices");
    expect_refused('6', "fifo", "", "devices");
    expect_refused('S', "sparse", "", "devices");
    expect_refused('0', "../etc/passwd", "x", "..");
    expect_refused('0', "a/../../etc", "x", "..");
    expect_refused('L', "././@LongLink", "a/../../b", "..");
    expect_refused('x', "h", "16 path=../../x\n", "not what it seems");
    expect_refused('x', "h", "12 size=999\n", "not what it seems");
    expect_refused('x', "h", "99 path=a\n", "not what it seems");
    expect_refused('g', "h", "22 GNU.sparse.major=1\n", "not what it seems");
    assert_int_equal(dock_tar_check("\x1f\x8b\x08 compressed", 14, &err), -1);
    unsigned char gz[2048] = {0x1f, 0x8b, 8, 1};
    memset(gz + 4, 0x77, sizeof(gz) - 4);
    assert_int_equal(dock_tar_check(gz, sizeof(gz), &err), -1);
    assert_int_equal(err.code, ERR_FORBIDDEN);
}

/* Readers that differ about a size see different entries. */
static void sizes_are_digits(void **state)
{
    (void)state;
    static const char *const sizes[] = {" 0000000001",
                                        "\x80\0\0\0\0\0\0\0\0\0\0\x01",
                                        "\0\0\0\0\0\0\0\0\0\0\0\x31",
                                        "77777777777",
                                        "-1",
                                        "1x"};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct err err;
        struct str tar = STR_INIT;
        tar_add_file(&tar, "f", "x", 1, 0644);
        memset(tar.p + 124, 0, 12);
        memcpy(tar.p + 124, sizes[i], i == 1 || i == 2 ? 12 : strlen(sizes[i]));
        tar_end(&tar);
        assert_int_equal(check_tar(&tar, &err), -1);
    }
}

/* ---- addresses and names ---- */

static void addresses_rest(void **state)
{
    (void)state;
    struct dock_addresses *a = dock_addresses_new("10.77.0.0/16");
    char first[16], next[16];
    assert_true(dock_address_take(a, 0, first));
    assert_string_equal(first, "10.77.124.0");
    assert_true(dock_address_take(a, 0, next));
    assert_string_equal(next, "10.77.124.1");
    dock_address_release(a, first, LOOP_S(1));
    dock_address_claim(a, "10.77.127.254"); /* one that was there before: the search goes on */
    assert_true(dock_address_take(a, LOOP_S(1), next));
    assert_string_equal(next, "10.77.127.255");
    assert_true(dock_address_take(a, LOOP_S(1), next));
    assert_string_equal(next, "10.77.124.2"); /* the first one rests, the second is in use */
    int more = 0;
    while (dock_address_take(a, LOOP_S(2), next)) {
        more++;
    }
    assert_int_equal(more, 1024 - 5);
    assert_true(dock_address_take(a, LOOP_S(31), next));
    assert_string_equal(next, "10.77.124.0");
    dock_address_release(a, "10.77.1.1", 0);
    dock_address_claim(a, "nonsense");
    dock_addresses_free(a);
}

static void texts_are_cleaned(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"plain", "plain"},
        {"a\xff"
         "b",
         "a?b"},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"cut\xc3", "cut?"},
        {"\xe2\x82\xac\x01", "\xe2\x82\xac?"},
        {"\xed\xa0\x80", "???"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_free char *text = xstrdup(rows[i][0]);
        dock_clean(text);
        assert_string_equal(text, rows[i][1]);
    }
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_are_chosen),
        cmocka_unit_test(any_port_is_the_next),
        cmocka_unit_test(ports_are_kept_and_shown),
        cmocka_unit_test(policies_want),
        cmocka_unit_test(delays_grow),
        cmocka_unit_test(queries_are_read),
        cmocka_unit_test(filters_are_read),
        cmocka_unit_test(plain_archives_are_taken),
        cmocka_unit_test(tricks_are_refused),
        cmocka_unit_test(sizes_are_digits),
        cmocka_unit_test(addresses_rest),
        cmocka_unit_test(texts_are_cleaned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
