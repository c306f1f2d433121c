/* SPDX-License-Identifier: Apache-2.0 */
/* What the DNS server answers, and that no bytes confuse it. */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"
#include "guest/dns.h"
#include "guest/zone.h"

static const struct table_config config = {
    .domain = "cluster.local", .dns = 0x0a4d800a, .subnet = 0x0a4d0000, .bits = 16};

/* ---- the zone ---- */

/* A record goes through its wire form, as it does in the guest. */
static void put(const struct table_name *n)
{
    static struct table_record r;
    uint8_t bytes[WIRE_MAX];
    struct wire_out o = {.p = bytes, .cap = sizeof(bytes)};
    table_put_name(&o, n);
    assert_false(o.full);
    struct wire_in in = {.p = bytes, .len = o.len};
    assert_true(table_next(&in, &r));
    zone_put(&r.name);
}

static void put_a(const char *name, const uint32_t *addrs, unsigned n)
{
    struct table_name rec = {.kind = TABLE_A, .n = (uint16_t)n, .addrs = addrs};
    snprintf(rec.name, sizeof(rec.name), "%s", name);
    put(&rec);
}

static void put_srv(const char *name, const struct table_srv *srvs, unsigned n)
{
    struct table_name rec = {.kind = TABLE_SRV, .n = (uint16_t)n, .srvs = srvs};
    snprintf(rec.name, sizeof(rec.name), "%s", name);
    put(&rec);
}

static void put_target(uint8_t kind, const char *name, const char *target)
{
    struct table_name rec = {.kind = kind, .n = 1, .target = target};
    snprintf(rec.name, sizeof(rec.name), "%s", name);
    put(&rec);
}

static void fill_zone(void)
{
    static const uint32_t web[] = {0x0a4d8014};
    static const uint32_t db[] = {0x0a4d0101, 0x0a4d0102};
    static const struct table_srv http[] = {{80, "web.default.svc.cluster.local"}};
    static const struct table_srv pg[] = {{5432, "db-0.db.default.svc.cluster.local"},
                                          {5432, "db-1.db.default.svc.cluster.local"}};
    uint32_t many[200];
    for (uint32_t i = 0; i < 200; i++) {
        many[i] = 0x0a4d0200 + i;
    }
    put_a("web.default.svc.cluster.local", web, 1);
    put_a("db.default.svc.cluster.local", db, 2);
    put_a("db-0.db.default.svc.cluster.local", db, 1);
    put_a("db-1.db.default.svc.cluster.local", db + 1, 1);
    put_a("many.default.svc.cluster.local", many, 200);
    put_srv("_http._tcp.web.default.svc.cluster.local", http, 1);
    put_srv("_pg._tcp.db.default.svc.cluster.local", pg, 2);
    put_target(TABLE_CNAME, "ext.default.svc.cluster.local", "example.com");
    put_target(TABLE_CNAME, "alias.default.svc.cluster.local", "web.default.svc.cluster.local");
    put_target(TABLE_PTR, "20.128.77.10.in-addr.arpa", "web.default.svc.cluster.local");
}

static int setup(void **state)
{
    zone_snapshot_begin();
    zone_snapshot_end();
    fill_zone();
    return 0;
}

/* ---- queries ---- */

static const struct type {
    const char *name;
    uint16_t number;
} types[] = {{"A", 1},    {"NS", 2},   {"CNAME", 5}, {"SOA", 6},
             {"PTR", 12}, {"TXT", 16}, {"AAAA", 28}, {"SRV", 33}};

static uint16_t type_number(const char *name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i].name, name) == 0) {
            return types[i].number;
        }
    }
    fail_msg("no type %s", name);
    return 0;
}

static const char *type_name(unsigned number)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (types[i].number == number) {
            return types[i].name;
        }
    }
    return "?";
}

struct options {
    unsigned edns, size, class;
};

static size_t make_query(uint8_t *msg, const char *name, uint16_t type, const struct options *o)
{
    char text[256];
    snprintf(text, sizeof(text), "%s", strcmp(name, ".") == 0 ? "" : name);
    size_t n = dns_ask(0x1234, text, type, msg, 512);
    assert_int_not_equal(n, 0);
    msg[n - 1] = (uint8_t)o->class;
    if (o->edns > 0) {
        const uint8_t opt[] = {0, 0, 41, (uint8_t)(o->edns >> 8), (uint8_t)o->edns, 0, 0, 0,
                               0, 0, 0};
        memcpy(msg + n, opt, sizeof(opt));
        msg[11] = 1;
        n += sizeof(opt);
    }
    return n;
}

/* ---- answers, as text; a reader of its own, so that one bug does not hide in both ---- */

static unsigned u16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static size_t name_text(const uint8_t *m, size_t n, size_t at, char *ret)
{
    size_t end = 0;
    *ret = '\0';
    while (m[at] != 0) {
        assert_true(at < n);
        if (m[at] >= 0xc0) {
            end = end ? end : at + 2;
            at = u16(m + at) & 0x3fff;
            continue;
        }
        sprintf(ret + strlen(ret), "%s%.*s", *ret ? "." : "", m[at], (const char *)m + at + 1);
        at += m[at] + 1u;
    }
    for (char *c = ret; *c; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
    }
    return end ? end : at + 1;
}

static size_t record_text(const uint8_t *m, size_t n, size_t at, const char *section, char *out)
{
    char name[256];
    char target[256];
    char *to = out + strlen(out);
    at = name_text(m, n, at, name);
    unsigned type = u16(m + at);
    unsigned len = u16(m + at + 8);
    const uint8_t *d = m + at + 10;
    assert_true(at + 10 + len <= n);
    if (type == 41) {
        strcpy(to, " OPT");
    } else if (type == 1) {
        sprintf(to, " %s[%s A %u.%u.%u.%u]", section, name, d[0], d[1], d[2], d[3]);
    } else if (type == 33) {
        name_text(m, n, at + 16, target);
        sprintf(to, " %s[%s SRV %u %u %u %s]", section, name, u16(d), u16(d + 2), u16(d + 4),
                target);
    } else if (type == 5 || type == 12) {
        name_text(m, n, at + 10, target);
        sprintf(to, " %s[%s %s %s]", section, name, type_name(type), target);
    } else {
        sprintf(to, " %s[%s %s]", section, name, type_name(type));
    }
    return at + 10 + len;
}

static const char *answer_text(const uint8_t *m, size_t n)
{
    static const char *const rcodes[] = {"NOERROR",  "FORMERR", "SERVFAIL",
                                         "NXDOMAIN", "NOTIMP",  "REFUSED"};
    static char out[65536];
    char name[256];
    unsigned answers = u16(m + 6);
    assert_true((m[2] & 0x80) != 0);
    assert_int_equal(u16(m), 0x1234);
    snprintf(out, sizeof(out), "%s%s%s", rcodes[m[3] & 15], m[2] & 4 ? " aa" : "",
             m[2] & 2 ? " tc" : "");
    size_t at = u16(m + 4) > 0 ? name_text(m, n, 12, name) + 4 : 12;
    unsigned all = answers + u16(m + 8) + u16(m + 10);
    for (unsigned i = 0; i < all; i++) {
        size_t len = strlen(out);
        at = record_text(m, n, at,
                         i < answers                ? "AN"
                         : i < answers + u16(m + 8) ? "NS"
                                                    : "AR",
                         out);
        if (answers > 10 && i < answers) {
            out[len] = '\0'; /* too many to write down: their number */
            if (i + 1 == answers) {
                sprintf(out + len, " AN*%u", answers);
            }
        }
    }
    assert_int_equal(at, n);
    return out;
}

static const char *ask(const char *question, const char *how)
{
    static uint8_t out[65535];
    static char text[300];
    uint8_t *msg = malloc(600);
    struct options o = {.class = 1};
    char name[256];
    char type[16];
    char chase[256];
    struct dns_query q;
    size_t n = 0;
    assert_int_equal(sscanf(question, "%255s %15s", name, type), 2);
    sscanf(how, "edns %u", &o.edns);
    sscanf(how, "size %u", &o.size);
    sscanf(how, "class %u", &o.class);
    size_t len = make_query(msg, name, type_number(type), &o);
    const char *ret = text;
    int rcode = dns_parse(msg, len, &q);
    if (rcode != DNS_NOERROR) {
        ret = answer_text(out, dns_error(&q, (enum dns_rcode)rcode, out));
    } else {
        size_t room = o.size > 0 ? o.size : q.edns ? q.size : 512;
        switch (dns_answer(&q, &config, out, room, &n, chase)) {
        case DNS_ANSWERED:
            assert_true(n <= room);
            ret = answer_text(out, n);
            break;
        case DNS_CHASE:
            snprintf(text, sizeof(text), "CHASE %.250s", chase);
            break;
        default:
            strcpy(text, "ELSEWHERE");
        }
    }
    free(msg);
    return ret;
}

static void answers_are_as_written(void **state)
{
    struct data d;
    data_open(&d, "dns");
    while (data_next(&d)) {
        setup(NULL); /* whose turn it is begins again */
        const char *got = ask(d.text[0], d.text[1]);
        if (strcmp(got, d.text[2]) != 0) {
            fail_msg("dns.test:%d: %s\n  got      %s\n  expected %s", d.line, d.text[0], got,
                     d.text[2]);
        }
    }
    data_close(&d);
}

static void addresses_take_turns(void **state)
{
    char first[200];
    strcpy(first, ask("db.default.svc.cluster.local A", ""));
    assert_string_not_equal(first, ask("db.default.svc.cluster.local A", ""));
    assert_string_equal(first, ask("db.default.svc.cluster.local A", ""));
}

/* ---- names come and go ---- */

static void a_deleted_name_takes_empty_parents_along(void **state)
{
    static const uint32_t addr[] = {1};
    put_a("a.shop.svc.cluster.local", addr, 1);
    put_a("b.shop.svc.cluster.local", addr, 1);
    zone_delete(TABLE_A, "a.shop.svc.cluster.local");
    assert_null(zone_find("a.shop.svc.cluster.local"));
    assert_non_null(zone_find("shop.svc.cluster.local"));
    zone_delete(TABLE_SRV, "b.shop.svc.cluster.local"); /* has none: nothing happens */
    assert_non_null(zone_find("b.shop.svc.cluster.local"));
    zone_delete(TABLE_A, "b.shop.svc.cluster.local");
    assert_null(zone_find("shop.svc.cluster.local"));
    assert_non_null(zone_find("svc.cluster.local"));
    zone_delete(TABLE_A, "b.shop.svc.cluster.local");
}

static void a_snapshot_takes_away_what_it_does_not_name(void **state)
{
    static const uint32_t addr[] = {7};
    zone_snapshot_begin();
    put_a("web.default.svc.cluster.local", addr, 1);
    assert_string_equal(ask("ext.default.svc.cluster.local A", ""), "CHASE example.com");
    zone_snapshot_end();
    assert_string_equal(ask("web.default.svc.cluster.local A", ""),
                        "NOERROR aa AN[web.default.svc.cluster.local A 0.0.0.7]");
    assert_null(zone_find("ext.default.svc.cluster.local"));
    assert_null(zone_find("_tcp.web.default.svc.cluster.local"));
    zone_snapshot_begin();
    zone_snapshot_end();
    assert_null(zone_find("local"));
}

/* ---- aliases that lead outside ---- */

static void an_alias_is_answered_with_its_target(void **state)
{
    /* A compressed reply: example.com CNAME e.example.com; e.example.com A 1.2.3.4 */
    static const uint8_t records[] = {0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, 'e', 0xc0, 12,
                                      0xc0, 41, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 1, 2,   3,    4};
    uint8_t msg[600];
    uint8_t reply[600];
    uint8_t out[600];
    struct options o = {.class = 1};
    struct dns_query q;
    size_t n = make_query(msg, "ext.default.svc.cluster.local", 1, &o);
    assert_int_equal(dns_parse(msg, n, &q), 0);
    size_t len = dns_ask(7, "example.com", 1, reply, sizeof(reply));
    reply[2] |= 0x80;
    reply[7] = 2;
    memcpy(reply + len, records, sizeof(records));
    len += sizeof(records);
    n = dns_chased(&q, "example.com", reply, len, out, sizeof(out));
    assert_string_equal(answer_text(out, n),
                        "NOERROR AN[ext.default.svc.cluster.local CNAME example.com] "
                        "AN[example.com CNAME e.example.com] AN[e.example.com A 1.2.3.4]");
    for (size_t cut = 0; cut < len; cut++) { /* never past the end, whatever came */
        uint8_t *copy = malloc(cut + 1);
        memcpy(copy, reply, cut);
        n = dns_chased(&q, "example.com", copy, cut, out, sizeof(out));
        answer_text(out, n);
        free(copy);
    }
}

/* ---- hostile bytes ---- */

static void parse_copy(const uint8_t *msg, size_t n)
{
    static uint8_t out[65535];
    uint8_t *copy = malloc(n + 1); /* exact, for ASan */
    struct dns_query q;
    char chase[256];
    size_t len;
    memcpy(copy, msg, n);
    int rcode = dns_parse(copy, n, &q);
    if (rcode == DNS_NOERROR) {
        dns_answer(&q, &config, out, 512, &len, chase);
    } else if (rcode > 0) {
        dns_error(&q, (enum dns_rcode)rcode, out);
    }
    free(copy);
}

static void queries_may_be_cut_or_damaged(void **state)
{
    uint8_t msg[600];
    struct options o = {.class = 1, .edns = 1232};
    size_t n = make_query(msg, "web.default.svc.cluster.local", 1, &o);
    unsigned seed = 1;
    for (size_t cut = 0; cut <= n; cut++) {
        parse_copy(msg, cut);
    }
    for (int round = 0; round < 20000; round++) {
        uint8_t damaged[600];
        memcpy(damaged, msg, n);
        for (int i = 0; i < 3; i++) {
            damaged[(size_t)rand_r(&seed) % n] = (uint8_t)rand_r(&seed);
        }
        parse_copy(damaged, n);
    }
}

static void names_that_lead_in_circles_are_refused(void **state)
{
    static const uint8_t self[] = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1};
    static const uint8_t forward[] = {0, 1, 1,   0,    0,  1,    0,  0, 0, 0, 0,
                                      0, 1, 'a', 0xc0, 16, 0xc0, 14, 0, 1, 0, 1};
    struct dns_query q;
    assert_int_equal(dns_parse(self, sizeof(self), &q), DNS_FORMERR);
    assert_int_equal(dns_parse(forward, sizeof(forward), &q), DNS_FORMERR);
}

static void answers_get_no_answer(void **state)
{
    uint8_t msg[600];
    struct options o = {.class = 1};
    struct dns_query q;
    size_t n = make_query(msg, "web", 1, &o);
    msg[2] |= 0x80;
    assert_int_equal(dns_parse(msg, n, &q), -1);
    assert_int_equal(dns_parse(msg, 11, &q), -1);
    msg[2] = 0x28; /* an update */
    assert_int_equal(dns_parse(msg, n, &q), DNS_NOTIMP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(answers_are_as_written, setup),
        cmocka_unit_test_setup(addresses_take_turns, setup),
        cmocka_unit_test_setup(a_deleted_name_takes_empty_parents_along, setup),
        cmocka_unit_test_setup(a_snapshot_takes_away_what_it_does_not_name, setup),
        cmocka_unit_test_setup(an_alias_is_answered_with_its_target, setup),
        cmocka_unit_test_setup(queries_may_be_cut_or_damaged, setup),
        cmocka_unit_test_setup(names_that_lead_in_circles_are_refused, setup),
        cmocka_unit_test_setup(answers_get_no_answer, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
