/* SPDX-License-Identifier: Apache-2.0 */
/* What a clock's object means, and what of it makes no sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "data.h"
#include "meta/clock.h"
#include "meta/duration.h"

static void durations(void **state)
{
    struct data d;
    int bad = 0;
    (void)state;
    data_open(&d, "durations");
    while (data_next(&d)) {
        char buf[32] = "none";
        uint64_t ns;
        uint64_t again;
        if (duration_parse(d.text[0], &ns)) {
            duration_format(buf, ns);
            assert_true(duration_parse(buf, &again)); /* what is written can be read */
            assert_int_equal(ns, again);
        }
        bad += !data_check(&d, buf);
    }
    assert_true(d.groups > 20);
    data_close(&d);
    assert_int_equal(bad, 0);
}

static json_t *parse(const char *text)
{
    json_t *v = json_loads(text, 0, NULL);
    assert_non_null(v);
    return v;
}

static void a_preset_and_what_differs(void **state)
{
    struct clock c;
    (void)state;
    json_auto_t *spec = parse("{\"preset\":\"kubernetes\",\"grace\":\"20s\",\"eviction\":null}");
    assert_true(clock_read(spec, &c, NULL, NULL));
    assert_string_equal(c.name, "kubernetes");
    assert_int_equal(c.grace, LOOP_S(20));
    assert_int_equal(c.eviction, LOOP_S(300));
    assert_int_equal(c.heartbeat, LOOP_S(10));
    assert_false(clock_equal(&c, &clock_kubernetes));

    json_auto_t *empty = parse("{}");
    assert_true(clock_read(empty, &c, NULL, NULL));
    assert_true(clock_equal(&c, &clock_lab));
    assert_true(clock_read(NULL, &c, NULL, NULL));
    assert_true(clock_equal(&c, &clock_lab));
}

static void what_is_written_is_read(void **state)
{
    static const struct clock *const all[] = {&clock_lab, &clock_kubernetes, &clock_swarm,
                                              &clock_mesos};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct clock c;
        json_auto_t *text = clock_write(all[i]);
        assert_true(clock_read(text, &c, NULL, NULL)); /* and every preset makes sense */
        assert_true(clock_equal(&c, all[i]));
        for (const char *const *f = clock_fields; *f != NULL; f++) {
            assert_non_null(jx_get(text, *f));
            assert_int_equal(clock_get(&c, *f), clock_get(all[i], *f));
        }
    }
    assert_int_equal(clock_get(&clock_lab, "colour"), 0);
}

static void note(void *arg, const char *field, const char *must)
{
    str_add_f(arg, "%s %s; ", field, must);
}

static void nonsense_is_named(void **state)
{
    static const struct {
        const char *spec, *said;
    } rows[] = {
        {"{\"preset\":\"moon\"}", "preset must be one of lab, kubernetes, swarm, mesos; "},
        {"{\"grace\":\"20\"}", "grace must be a duration such as 500ms, 20s or 1m30s; "},
        {"{\"grace\":20}", "grace must be a duration such as 500ms, 20s or 1m30s; "},
        {"{\"heartbeat\":\"1ms\"}", "heartbeat must be between 100ms and 24h; "},
        {"{\"eviction\":\"25h\"}", "eviction must be between 0s and 24h; "},
        {"{\"eviction\":\"0s\"}", ""},
        {"{\"heartbeat\":\"10s\"}", "grace must be at least twice the heartbeat, which is 10s; "},
        {"{\"heartbeat\":\"10s\",\"grace\":\"20s\"}", ""},
        {"{\"backoffFirst\":\"1m\"}",
         "backoffMax must not be shorter than the first wait, which is 1m0s; "},
        {"{\"imageBackoffFirst\":\"1m\"}",
         "imageBackoffMax must not be shorter than the first wait, which is 1m0s; "},
        {"{\"grace\":\"x\",\"eviction\":\"y\"}",
         "grace must be a duration such as 500ms, 20s or 1m30s; "
         "eviction must be a duration such as 500ms, 20s or 1m30s; "},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_str struct str said = STR_INIT;
        struct clock c = clock_mesos;
        json_auto_t *spec = parse(rows[i].spec);
        bool ok = clock_read(spec, &c, note, &said);
        assert_string_equal(str_c(&said), rows[i].said);
        assert_int_equal(ok, rows[i].said[0] == '\0');
        assert_int_equal(ok, !clock_equal(&c, &clock_mesos)); /* untouched when it is wrong */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(a_preset_and_what_differs),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(nonsense_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
