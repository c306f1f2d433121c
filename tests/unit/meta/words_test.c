/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities, times and ages: what the groups in tests/data say, and what fits no group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "data.h"
#include "meta/quantity.h"
#include "meta/time.h"

static void answer_quantity(const char *text, const char *what, char *buf, size_t size)
{
    int64_t v = 0;
    bool ok = strcmp(what, "canonical") == 0 ? quantity_canonical(text, buf, size)
              : strcmp(what, "milli") == 0   ? quantity_milli(text, &v)
                                             : quantity_units(text, &v);
    if (!ok) {
        snprintf(buf, size, "none");
    } else if (strcmp(what, "canonical") != 0) {
        snprintf(buf, size, "%lld", (long long)v);
    }
}

static void quantities(void **state)
{
    struct data d;
    int bad = 0;
    data_open(&d, "quantities");
    while (data_next(&d)) {
        char buf[64];
        answer_quantity(d.text[0], d.text[1], buf, sizeof(buf));
        bad += !data_check(&d, buf);
    }
    assert_true(d.groups > 60);
    data_close(&d);
    assert_int_equal(bad, 0);
}

static void canonical_forms_are_stable(void **state)
{
    struct data d;
    data_open(&d, "quantities");
    while (data_next(&d)) {
        char once[64];
        char twice[64];
        if (quantity_canonical(d.text[0], once, sizeof(once))) {
            assert_true(quantity_canonical(once, twice, sizeof(twice)));
            assert_string_equal(once, twice);
            assert_int_equal(quantity_compare(d.text[0], once), 0);
        }
    }
    data_close(&d);
}

static void quantities_compare(void **state)
{
    assert_int_equal(quantity_compare("1Gi", "1024Mi"), 0);
    assert_int_equal(quantity_compare("1G", "1Gi"), -1);
    assert_int_equal(quantity_compare("0.1", "99m"), 1);
    assert_int_equal(quantity_compare("-1", "1n"), -1);
}

static void numbers_are_quantities(void **state)
{
    int64_t v = 0;
    json_auto_t *values = json_pack("[i,f,s,b,n]", 2, 0.5, "64Mi", 1);
    assert_true(quantity_json_milli(json_array_get(values, 0), &v) && v == 2000);
    assert_true(quantity_json_milli(json_array_get(values, 1), &v) && v == 500);
    assert_true(quantity_json_units(json_array_get(values, 2), &v) && v == 67108864);
    assert_false(quantity_json_units(json_array_get(values, 3), &v));
    assert_false(quantity_json_units(json_array_get(values, 4), &v));
    assert_false(quantity_json_units(NULL, &v));
    assert_false(quantity_milli(NULL, &v));
}

static void small_buffers_are_refused(void **state)
{
    char buf[4];
    assert_false(quantity_canonical("1234567m", buf, sizeof(buf)));
    assert_true(quantity_canonical("50m", buf, sizeof(buf)));
}

static void quantities_for_people(void **state)
{
    static const struct {
        int64_t value;
        const char *milli, *bytes;
    } rows[] = {
        {0, "0", "0"},
        {500, "500m", "500"},
        {2000, "2", "2Ki"},
        {1536, "1536m", "1.5Ki"},
        {67108864, "67108864m", "64Mi"},
        {1503238554, "1503238554m", "1.4Gi"},
        {1048575, "1048575m", "1Mi"},
        {-2048, "-2048m", "-2Ki"},
        {INT64_MAX, "9223372036854775807m", "8Ei"},
        {INT64_MIN, "-9223372036854775808m", "-8Ei"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char buf[32];
        quantity_format_bytes(rows[i].value, buf, sizeof(buf));
        assert_string_equal(buf, rows[i].bytes);
        quantity_format_milli(rows[i].value, buf, sizeof(buf));
        assert_string_equal(buf, rows[i].milli);
    }
}

static void ages(void **state)
{
    struct data d;
    int bad = 0;
    data_open(&d, "ages");
    while (data_next(&d)) {
        char buf[32];
        int64_t now = 0;
        assert_true(time_parse(d.text[1], &now));
        time_age(buf, sizeof(buf), d.text[0], now);
        bad += !data_check(&d, buf);
    }
    assert_true(d.groups > 30);
    data_close(&d);
    assert_int_equal(bad, 0);
}

static void an_age_of_nothing_is_unknown(void **state)
{
    char buf[32];
    time_age(buf, sizeof(buf), NULL, 0);
    assert_string_equal(buf, "<unknown>");
    time_duration(buf, sizeof(buf), INT64_MAX);
    assert_string_equal(buf, "292471y");
    time_duration(buf, sizeof(buf), INT64_MIN);
    assert_string_equal(buf, "<invalid>");
}

static void times_come_back(void **state)
{
    static const struct {
        int64_t us;
        const char *seconds, *micros;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"},
        {1767225600000000, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000Z"},
        {1709164799999999, "2024-02-28T23:59:59Z", "2024-02-28T23:59:59.999999Z"},
        {1709164800000001, "2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000001Z"},
        {951782400000000, "2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000000Z"},
        {4107542400000000, "2100-03-01T00:00:00Z", "2100-03-01T00:00:00.000000Z"},
        {-1, "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.999999Z"},
        {-62135596800000000, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
        {253402300799000000, "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char seconds[21];
        char micros[28];
        int64_t back = 0;
        time_format(seconds, rows[i].us);
        time_format_micro(micros, rows[i].us);
        assert_string_equal(seconds, rows[i].seconds);
        assert_string_equal(micros, rows[i].micros);
        assert_true(time_parse(micros, &back));
        assert_true(back == rows[i].us);
    }
}

static void times_out_of_range_are_clamped(void **state)
{
    char buf[21];
    time_format(buf, INT64_MAX);
    assert_string_equal(buf, "9999-12-31T23:59:59Z");
    time_format(buf, INT64_MIN);
    assert_string_equal(buf, "0000-01-01T00:00:00Z");
    int64_t us = 0;
    assert_true(time_parse("0000-01-01T00:00:00+23:59", &us));
    assert_true(time_parse("9999-12-31T23:59:59.123456789123-23:59", &us));
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities),
        cmocka_unit_test(canonical_forms_are_stable),
        cmocka_unit_test(quantities_compare),
        cmocka_unit_test(numbers_are_quantities),
        cmocka_unit_test(small_buffers_are_refused),
        cmocka_unit_test(quantities_for_people),
        cmocka_unit_test(ages),
        cmocka_unit_test(an_age_of_nothing_is_unknown),
        cmocka_unit_test(times_come_back),
        cmocka_unit_test(times_out_of_range_are_clamped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
