/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf bodies become the objects that tests/data/kinds_proto.test says, and bytes that somebody
 * has cut off or turned over never do more harm than an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "data.h"
#include "kinds/kinds.h"
#include "kinds/proto_wire.h"

static int nibble(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* The bytes of a hexadecimal text, in memory of exactly their size, so that ASan sees every step
 * past the end. The caller frees. */
static uint8_t *from_hex(const char *hex, size_t *ret_n)
{
    *ret_n = strlen(hex) / 2;
    uint8_t *bytes = xmalloc(*ret_n > 0 ? *ret_n : 1);
    for (size_t i = 0; i < *ret_n; i++) {
        bytes[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    }
    return bytes;
}

static char *decoded(const char *hex)
{
    struct err err = {0};
    json_t *obj = NULL;
    size_t n;
    cleanup_free uint8_t *bytes = from_hex(hex, &n);
    if (kinds_proto_decode(bytes, n, &obj, &err) < 0) {
        assert_int_equal(err.code, ERR_BAD_REQUEST);
        return xstrdup(err.msg);
    }
    char *text = json_dumps(obj, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(obj);
    return text;
}

static void groups(void **state)
{
    struct data d;
    int bad = 0;
    data_open(&d, "kinds_proto");
    while (data_next(&d)) {
        cleanup_free char *got = decoded(d.text[1]);
        if (d.text[2][0] == '~' && str_has_prefix(got, d.text[2] + 1)) {
            continue; /* the rest of the message is another room's */
        }
        bad += !data_check(&d, got);
    }
    assert_true(d.groups > 30);
    data_close(&d);
    assert_int_equal(bad, 0);
}

/* ---- hostile bytes ---- */

/* What is decoded must be fit for everything that follows. */
static void use(const uint8_t *bytes, size_t n, unsigned *ret_good)
{
    struct err err = {0};
    json_t *obj = NULL;
    cleanup_free uint8_t *exact = xmalloc(n > 0 ? n : 1);
    memcpy(exact, bytes, n);
    if (kinds_proto_decode(exact, n, &obj, &err) < 0) {
        assert_true(err.msg[0] != '\0');
        return;
    }
    const struct kind *k = kinds_of(obj);
    struct field_errs errs = {0};
    json_auto_t *paths = json_array();
    ++*ret_good;
    kinds_unknown(k, obj, paths);
    assert_int_equal(json_array_size(paths), 0);
    kinds_prune(k, obj);
    (void)!kinds_check_types(k, obj, &err);
    kinds_default(k, obj);
    kinds_validate(k, obj, &errs);
    field_errs_fini(&errs);
    json_decref(obj);
}

static void bodies_cut_off(void **state)
{
    struct data d;
    unsigned good = 0, tried = 0;
    data_open(&d, "kinds_proto");
    while (data_next(&d)) {
        size_t n;
        cleanup_free uint8_t *bytes = from_hex(d.text[1], &n);
        for (size_t i = 0; i <= n; i++, tried++) {
            use(bytes, i, &good);
        }
    }
    data_close(&d);
    assert_true(good > 0 && good < tried);
}

/* Every bit of every body once, and then many at a time, the same ones in every run. */
static void bodies_with_bits_turned(void **state)
{
    struct data d;
    uint32_t seed = 1;
    unsigned good = 0, tried = 0;
    data_open(&d, "kinds_proto");
    while (data_next(&d)) {
        size_t n;
        cleanup_free uint8_t *bytes = from_hex(d.text[1], &n);
        for (size_t bit = 0; bit < 8 * n; bit++, tried++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            use(bytes, n, &good);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (unsigned i = 0; n > 4 && i < 2000; i++, tried++) {
            seed = seed * 1664525 + 1013904223;
            bytes[4 + (seed >> 8) % (n - 4)] = (uint8_t)(seed >> 24);
            use(bytes, n, &good);
        }
    }
    data_close(&d);
    assert_true(good > 100 && good < tried);
}

/* A field within a field within ...: `inner` wrapped with its number and length. */
static void wrap(struct str *s, unsigned number)
{
    cleanup_str struct str out = STR_INIT;
    uint64_t n = s->len;
    str_add_c(&out, (char)(number << 3 | WIRE_BYTES));
    for (; n >= 0x80; n >>= 7) {
        str_add_c(&out, (char)(n | 0x80));
    }
    str_add_c(&out, (char)n);
    str_add_n(&out, str_c(s), s->len);
    str_clear(s);
    str_add_n(s, out.p, out.len);
}

static void send_raw(struct str *raw, const char *kind, json_t **ret, struct err *err)
{
    cleanup_str struct str body = STR_INIT;
    cleanup_str struct str type = STR_INIT;
    str_add(&type, kind);
    wrap(&type, 2);
    str_add_n(&type, "\x0a\x02v1", 4);
    wrap(&type, 1);
    wrap(raw, 2);
    str_add_n(&body, "k8s", 4);
    str_add_n(&body, type.p, type.len);
    str_add_n(&body, raw->p, raw->len);
    if (kinds_proto_decode(body.p, body.len, ret, err) == 0) {
        assert_non_null(*ret);
    }
}

/* A megabyte of two-byte items would become a hundred megabytes of objects. */
static void too_many_values_are_refused(void **state)
{
    cleanup_str struct str raw = STR_INIT;
    struct err err = {0};
    json_t *obj = NULL;
    for (int i = 0; i < 300000; i++) {
        str_add_n(&raw, "\x12\x00", 2); /* PodSpec.containers: {} */
    }
    wrap(&raw, 2);
    send_raw(&raw, "Pod", &obj, &err);
    assert_null(obj);
    assert_string_equal(err.msg,
                        "cannot decode the protobuf body: PodSpec.containers: too many values");
}

static void a_large_body_is_fine(void **state)
{
    cleanup_str struct str raw = STR_INIT;
    struct err err = {0};
    json_t *obj = NULL;
    for (int i = 0; i < 1200000; i++) {
        str_add_c(&raw, 'x');
    }
    wrap(&raw, 2);
    str_add_n(&raw, "\x0a\x01k", 3);
    wrap(&raw, 2);
    send_raw(&raw, "Secret", &obj, &err);
    assert_int_equal(strlen(jx_str(obj, "data.k", "")), 1600000);
    json_decref(obj);
}

/* ---- the bytes themselves ---- */

static void varints(void **state)
{
    static const uint8_t max[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    static const uint8_t over[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    struct wire w = {max, max + sizeof(max)};
    uint64_t v = 0;
    assert_true(wire_varint(&w, &v));
    assert_true(v == UINT64_MAX && w.p == w.end);
    w = (struct wire){over, over + sizeof(over)};
    assert_false(wire_varint(&w, &v));
    w = (struct wire){max, max + 9};
    assert_false(wire_varint(&w, &v));
    w = (struct wire){max, max};
    assert_false(wire_varint(&w, &v));
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups),
        cmocka_unit_test(bodies_cut_off),
        cmocka_unit_test(bodies_with_bits_turned),
        cmocka_unit_test(too_many_values_are_refused),
        cmocka_unit_test(a_large_body_is_fine),
        cmocka_unit_test(varints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
