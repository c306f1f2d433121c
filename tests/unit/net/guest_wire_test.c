/* SPDX-License-Identifier: Apache-2.0 */
/* Frames survive writers that vanish, glue and interleave; records survive being cut anywhere. */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/table.h"
#include "guest/wire.h"

static struct wire_reader reader;

static int fresh(void **state)
{
    memset(&reader, 0, sizeof(reader));
    return 0;
}

/* A frame with a payload of n bytes that depend on seq. */
static size_t make(uint8_t *out, uint32_t seq, uint64_t epoch, uint32_t n)
{
    static uint8_t payload[WIRE_MAX];
    for (uint32_t i = 0; i < n; i++) {
        payload[i] = (uint8_t)(i * 7 + seq);
    }
    struct wire_frame f = {
        .type = WIRE_RECORDS, .seq = seq, .epoch = epoch, .len = n, .payload = payload};
    return wire_encode(out, &f);
}

static void expect(uint32_t seq, uint64_t epoch, uint32_t n)
{
    struct wire_frame f;
    assert_true(wire_frame_next(&reader, &f));
    assert_int_equal(f.type, WIRE_RECORDS);
    assert_int_equal(f.seq, seq);
    assert_int_equal(f.epoch, epoch);
    assert_int_equal(f.len, n);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(f.payload[i], (uint8_t)(i * 7 + seq));
    }
}

static void expect_nothing(void)
{
    struct wire_frame f;
    assert_false(wire_frame_next(&reader, &f));
}

static void crc_is_the_usual_one(void **state)
{
    assert_int_equal(wire_crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(wire_crc32(wire_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
}

static void frames_come_out_as_they_went_in(void **state)
{
    uint8_t bytes[3 * (WIRE_HEADER + 100)];
    size_t n = make(bytes, 1, 77, 0);
    n += make(bytes + n, 2, 77, 100);
    assert_int_equal(wire_feed(&reader, bytes, n), n);
    expect(1, 77, 0);
    expect(2, 77, 100);
    expect_nothing();
    assert_int_equal(reader.skipped, 0);
}

static void bytes_may_come_one_by_one(void **state)
{
    uint8_t bytes[WIRE_HEADER + 300];
    size_t n = make(bytes, 9, 1, 300);
    for (size_t i = 0; i + 1 < n; i++) {
        wire_feed(&reader, bytes + i, 1);
        expect_nothing();
    }
    wire_feed(&reader, bytes + n - 1, 1);
    expect(9, 1, 300);
}

static void the_largest_frame_fits_twice(void **state)
{
    static uint8_t bytes[WIRE_HEADER + WIRE_MAX];
    size_t n = make(bytes, 3, 1, WIRE_MAX);
    assert_int_equal(wire_feed(&reader, bytes, n), n);
    assert_int_equal(wire_feed(&reader, bytes, n), n);
    assert_int_equal(wire_feed(&reader, bytes, n), 0);
    expect(3, 1, WIRE_MAX);
    expect(3, 1, WIRE_MAX);
    assert_int_equal(wire_feed(&reader, bytes, n), n);
    expect(3, 1, WIRE_MAX);
}

/* Whatever part of a frame an earlier writer left behind, the next whole frame is read at once. */
static void half_a_frame_does_not_hold_up_the_next(void **state)
{
    uint8_t half[WIRE_HEADER + 500];
    uint8_t whole[WIRE_HEADER + 20];
    size_t len = make(half, 5, 10, 500);
    size_t n = make(whole, 1, 11, 20);
    for (size_t cut = 0; cut < len; cut++) {
        fresh(NULL);
        wire_feed(&reader, half, cut);
        expect_nothing();
        wire_feed(&reader, whole, n);
        expect(1, 11, 20);
        expect_nothing();
        assert_int_equal(reader.skipped, cut);
    }
}

static void a_damaged_bit_costs_one_frame(void **state)
{
    uint8_t bytes[2 * (WIRE_HEADER + 64)];
    for (size_t bit = 0; bit < 8 * (WIRE_HEADER + 64); bit++) {
        fresh(NULL);
        size_t n = make(bytes, 1, 4, 64);
        n += make(bytes + n, 2, 4, 64);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        wire_feed(&reader, bytes, n);
        expect(2, 4, 64);
        expect_nothing();
    }
}

static void two_writers_at_once_lose_only_what_is_torn(void **state)
{
    uint8_t a[WIRE_HEADER + 50];
    uint8_t b[WIRE_HEADER + 50];
    size_t n = make(a, 1, 4, 50);
    make(b, 1, 5, 50);
    wire_feed(&reader, a, 30);
    wire_feed(&reader, b, 40);
    wire_feed(&reader, a + 30, n - 30);
    wire_feed(&reader, b + 40, n - 40);
    wire_feed(&reader, b, n);
    expect(1, 5, 50);
    expect_nothing();
}

/* Seeded, so that a failure repeats: noise between frames never hides a frame, nor crashes. */
static void noise_never_hides_a_frame(void **state)
{
    uint8_t bytes[WIRE_HEADER + 200];
    uint8_t noise[400];
    unsigned seed = 1;
    for (uint32_t round = 1; round < 3000; round++) {
        size_t n = (size_t)rand_r(&seed) % sizeof(noise);
        for (size_t i = 0; i < n; i++) {
            noise[i] = rand_r(&seed) % 4 == 0 ? 0x9e : (uint8_t)rand_r(&seed);
        }
        wire_feed(&reader, noise, n);
        size_t len = make(bytes, round, 1, (uint32_t)rand_r(&seed) % 200);
        wire_feed(&reader, bytes, len);
        expect(round, 1, (uint32_t)(len - WIRE_HEADER));
    }
}

/* ---- the session ---- */

static bool take(struct wire_session *s, uint8_t type, uint64_t epoch, uint32_t seq)
{
    struct wire_frame f = {.type = type, .epoch = epoch, .seq = seq};
    return wire_session_take(s, &f);
}

static void frames_are_taken_in_order(void **state)
{
    struct wire_session s = {0};
    assert_false(take(&s, WIRE_RECORDS, 5, 2)); /* nothing before a snapshot */
    assert_true(s.gap);
    assert_true(take(&s, WIRE_SNAPSHOT, 5, 1));
    assert_false(s.gap);
    assert_true(take(&s, WIRE_RECORDS, 5, 2));
    assert_false(take(&s, WIRE_RECORDS, 5, 2)); /* again */
    assert_false(s.gap);
    assert_false(take(&s, WIRE_RECORDS, 5, 4)); /* 3 is missing */
    assert_true(s.gap);
    assert_int_equal(s.seq, 2);
    assert_true(take(&s, WIRE_RECORDS, 5, 3));
}

static void the_higher_epoch_wins(void **state)
{
    struct wire_session s = {0};
    assert_true(take(&s, WIRE_SNAPSHOT, 5, 1));
    assert_false(take(&s, WIRE_RECORDS, 6, 2)); /* its beginning was lost */
    assert_true(s.gap);
    assert_true(take(&s, WIRE_SNAPSHOT, 6, 1));
    assert_false(take(&s, WIRE_SNAPSHOT, 5, 1));
    assert_false(take(&s, WIRE_RECORDS, 5, 2));
    assert_true(take(&s, WIRE_RECORDS, 6, 2));
    assert_false(take(&s, WIRE_ASK, 4, 99));
    assert_int_equal(s.asked, 99);
    assert_int_equal(s.epoch, 6);
}

/* ---- records ---- */

static size_t sample(uint8_t *bytes, size_t cap)
{
    static const struct table_target targets[] = {{0x0a4d0105, 8080}, {0x0a4d0106, 81}};
    static const uint32_t addrs[] = {0x0a4d0105, 0x0a4d0106};
    static const struct table_srv srvs[] = {{80, "web.default"}, {81, "web2.default"}};
    struct wire_out o = {.p = bytes, .cap = cap};
    struct table_forward f = {.key = "default/web:http",
                              .proto = TABLE_TCP,
                              .addr = 0x0a4d8001,
                              .port = 80,
                              .affinity_s = 10800,
                              .ntargets = 2,
                              .targets = targets};
    struct table_name a = {.kind = TABLE_A, .name = "web", .n = 2, .addrs = addrs};
    struct table_name srv = {.kind = TABLE_SRV, .name = "_http", .n = 2, .srvs = srvs};
    struct table_name cname = {.kind = TABLE_CNAME, .name = "ext", .n = 1, .target = "example.com"};
    struct table_config c = {.domain = "cluster.local",
                             .dns = 0x0a4d800a,
                             .subnet = 0x0a4d0000,
                             .bits = 16,
                             .nupstreams = 1,
                             .upstreams = {0x08080808}};
    table_put_forward(&o, &f);
    table_delete_forward(&o, "default/old:http");
    table_put_name(&o, &a);
    table_put_name(&o, &srv);
    table_put_name(&o, &cname);
    table_delete_name(&o, TABLE_PTR, "1.0.0.10.in-addr.arpa");
    table_put_config(&o, &c);
    return o.len;
}

static void check_forward(const struct table_record *r)
{
    assert_int_equal(r->op, TABLE_FORWARD_PUT);
    assert_string_equal(r->forward.key, "default/web:http");
    assert_int_equal(r->forward.proto, TABLE_TCP);
    assert_int_equal(r->forward.addr, 0x0a4d8001);
    assert_int_equal(r->forward.port, 80);
    assert_int_equal(r->forward.affinity_s, 10800);
    assert_int_equal(r->forward.ntargets, 2);
    assert_int_equal(table_target_at(&r->forward, 1).addr, 0x0a4d0106);
    assert_int_equal(table_target_at(&r->forward, 1).port, 81);
}

static void check_name(const struct table_record *r, uint8_t kind, const char *name, unsigned n,
                       uint32_t second, const char *text)
{
    struct wire_in in = r->name.raw;
    uint32_t num = 0;
    char got[256];
    assert_int_equal(r->op, TABLE_NAME_PUT);
    assert_int_equal(r->name.kind, kind);
    assert_string_equal(r->name.name, name);
    assert_int_equal(r->name.n, n);
    for (unsigned i = 0; i < n; i++) {
        table_name_item(kind, &in, &num, got);
    }
    assert_false(in.bad);
    assert_int_equal(in.len, 0);
    assert_int_equal(num, second);
    assert_string_equal(got, text);
}

static void records_come_out_as_they_went_in(void **state)
{
    uint8_t bytes[1000];
    static struct table_record r;
    struct wire_in in = {.p = bytes, .len = sample(bytes, sizeof(bytes))};
    assert_true(table_next(&in, &r));
    check_forward(&r);
    assert_true(table_next(&in, &r));
    assert_int_equal(r.op, TABLE_FORWARD_DELETE);
    assert_string_equal(r.forward.key, "default/old:http");
    assert_true(table_next(&in, &r));
    check_name(&r, TABLE_A, "web", 2, 0x0a4d0106, "");
    assert_true(table_next(&in, &r));
    check_name(&r, TABLE_SRV, "_http", 2, 81, "web2.default");
    assert_true(table_next(&in, &r));
    check_name(&r, TABLE_CNAME, "ext", 1, 0, "example.com");
    assert_true(table_next(&in, &r));
    assert_int_equal(r.op, TABLE_NAME_DELETE);
    assert_int_equal(r.name.kind, TABLE_PTR);
    assert_true(table_next(&in, &r));
    assert_int_equal(r.op, TABLE_CONFIG);
    assert_string_equal(r.config.domain, "cluster.local");
    assert_int_equal(r.config.upstreams[0], 0x08080808);
    assert_false(table_next(&in, &r));
    assert_false(in.bad);
}

static int count_records(const uint8_t *bytes, size_t n, bool *ret_bad)
{
    static struct table_record r;
    struct wire_in in = {.p = bytes, .len = n};
    int records = 0;
    while (table_next(&in, &r)) {
        records++;
    }
    *ret_bad = in.bad;
    return records;
}

/* Reading stops at a record that is cut, and never past the end (the copy is exact, for ASan). */
static void records_may_be_cut_anywhere(void **state)
{
    uint8_t bytes[1000];
    size_t n = sample(bytes, sizeof(bytes));
    int whole = 0;
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *copy = malloc(cut + 1);
        bool bad;
        memcpy(copy, bytes, cut);
        int records = count_records(copy, cut, &bad);
        whole += !bad;
        assert_true(records < 7);
        free(copy);
    }
    assert_int_equal(whole, 7); /* a cut between two records is no damage */
}

static void a_record_is_written_whole_or_not_at_all(void **state)
{
    uint8_t bytes[1000];
    size_t n = sample(bytes, sizeof(bytes));
    for (size_t cap = 0; cap < n; cap++) {
        bool bad;
        size_t len = sample(bytes, cap);
        count_records(bytes, len, &bad);
        assert_false(bad);
    }
}

static void nonsense_is_refused(void **state)
{
    static const uint8_t nonsense[][8] = {{99},
                                          {TABLE_FORWARD_PUT, 0},
                                          {TABLE_FORWARD_DELETE, 2, 'a', 0},
                                          {TABLE_NAME_DELETE, 9, 1, 'a'}};
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        bool bad;
        assert_int_equal(count_records(nonsense[i], sizeof(nonsense[i]), &bad), 0);
        assert_true(bad);
    }
}

static void counts_come_out_as_they_went_in(void **state)
{
    uint8_t bytes[100];
    struct wire_out o = {.p = bytes, .cap = sizeof(bytes)};
    struct table_count c = {
        .key = "a/b:c", .target = {1, 2}, .connections = 1ull << 40, .failed = 3, .active = 4};
    struct table_count got;
    table_put_count(&o, &c);
    struct wire_in in = {.p = bytes, .len = o.len};
    assert_true(table_next_count(&in, &got));
    assert_string_equal(got.key, "a/b:c");
    assert_int_equal(got.target.port, 2);
    assert_true(got.connections == 1ull << 40 && got.failed == 3 && got.active == 4);
    assert_false(table_next_count(&in, &got));
    assert_false(in.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_is_the_usual_one),
        cmocka_unit_test_setup(frames_come_out_as_they_went_in, fresh),
        cmocka_unit_test_setup(bytes_may_come_one_by_one, fresh),
        cmocka_unit_test_setup(the_largest_frame_fits_twice, fresh),
        cmocka_unit_test_setup(half_a_frame_does_not_hold_up_the_next, fresh),
        cmocka_unit_test_setup(a_damaged_bit_costs_one_frame, fresh),
        cmocka_unit_test_setup(two_writers_at_once_lose_only_what_is_torn, fresh),
        cmocka_unit_test_setup(noise_never_hides_a_frame, fresh),
        cmocka_unit_test(frames_are_taken_in_order),
        cmocka_unit_test(the_higher_epoch_wins),
        cmocka_unit_test(records_come_out_as_they_went_in),
        cmocka_unit_test(records_may_be_cut_anywhere),
        cmocka_unit_test(a_record_is_written_whole_or_not_at_all),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(counts_come_out_as_they_went_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
