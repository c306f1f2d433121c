/* SPDX-License-Identifier: Apache-2.0 */
/* What the JSON reader takes and refuses, what the writer writes, and the path helpers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <locale.h>

#include "common/json/jx.h"
#include "common/mem.h"

static json_t *parse(const char *text)
{
    json_t *v = NULL;
    struct err err = {0};
    if (jx_parse(text, strlen(text), false, &v, &err) < 0) {
        fail_msg("%s: %s", text, err.msg);
    }
    return v;
}

static void assert_round(const char *in, const char *out)
{
    json_auto_t *v = parse(in);
    cleanup_free char *text = jx_dump_text(v);
    assert_string_equal(text, out);
}

static void values_come_back_as_they_went_in(void **state)
{
    static const char *const same[] = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "0.5",
        "0.1",
        "1.0",
        "-0.0",
        "3.141592653589793",
        "1e+30",
        "\"\"",
        "\"a\"",
        "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xb3\"",
        "[]",
        "{}",
        "[1,[2,{\"a\":[]}],\"x\"]",
        "{\"b\":1,\"a\":{\"\":null}}",
        "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        assert_round(same[i], same[i]);
    }
    assert_round(" \t\r\n[ 1 , 2 ]\n", "[1,2]");
    assert_round("-0", "0");
    assert_round("1E3", "1000.0");
    assert_round("18446744073709551616", "1.8446744073709552e+19");
    assert_round("\"\\u0041\\u00e9\\u20ac\\ud83d\\udc33\\/\"",
                 "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xb3/\"");
    assert_round("{\"\\u0061\\n\":{\"x\\\"y\":1}}", "{\"a\\n\":{\"x\\\"y\":1}}");
    assert_round("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}"); /* the last one wins */
}

static void numbers_do_not_depend_on_the_locale(void **state)
{
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL) {
        setlocale(LC_NUMERIC, "C.UTF-8");
    }
    assert_round("[0.5,1.25e10]", "[0.5,12500000000.0]");
    setlocale(LC_NUMERIC, "C");
}

static void errors_say_where(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } rows[] = {
        {"", "line 1, column 1: expected a value, but the text ends here"},
        {"{\n  \"a\": tru\n}", "line 2, column 8: expected a value, found 't'"},
        {"{\"a\":1,}", "line 1, column 8: expected a key in quotes, found '}'"},
        {"{a:1}", "line 1, column 2: expected a key in quotes or '}', found 'a'"},
        {"{\"a\" 1}", "line 1, column 6: expected ':', found '1'"},
        {"[1 2]", "line 1, column 4: expected ',' or ']', found '2'"},
        {"[1", "line 1, column 3: expected ',' or ']', but the text ends here"},
        {"{\"a\":1", "line 1, column 7: expected ',' or '}', but the text ends here"},
        {"[1,]", "line 1, column 4: expected a value, found ']'"},
        {"1 1", "line 1, column 3: expected nothing after the value, found '1'"},
        {"{} x", "line 1, column 4: expected nothing after the value, found 'x'"},
        {"01", "line 1, column 1: a number may not begin with a zero"},
        {"-", "line 1, column 2: expected a digit, but the text ends here"},
        {"1.", "line 1, column 3: expected a digit, but the text ends here"},
        {"1.e5", "line 1, column 3: expected a digit, found 'e'"},
        {"1e+", "line 1, column 4: expected a digit, but the text ends here"},
        {"1e999", "line 1, column 1: the number is too big"},
        {"\"\xc3\xbc", "line 1, column 1: the string that begins here is not closed"},
        {"\"\xc3\xbc\x01\"", "line 1, column 3: a control character in a string must be escaped"},
        {"\"a\\", "line 1, column 1: the string that begins here is not closed"},
        {"\"\\x\"", "line 1, column 2: unknown escape in a string"},
        {"\"\\u12g4\"", "line 1, column 2: \\u needs four hexadecimal digits"},
        {"\"\\u12\"", "line 1, column 2: \\u needs four hexadecimal digits"},
        {"\"\\u0000\"", "line 1, column 2: a string may not contain \\u0000"},
        {"\"\\ud83d\"", "line 1, column 2: half of a surrogate pair"},
        {"\"\\udc33\"", "line 1, column 2: half of a surrogate pair"},
        {"\"\\ud83d\\ud83d\"", "line 1, column 2: half of a surrogate pair"},
        {"\"\xff\"", "line 1, column 2: the text is not UTF-8"},
        {"\"\xc0\x80\"", "line 1, column 2: the text is not UTF-8"},
        {"\"\xed\xa0\x80\"", "line 1, column 2: the text is not UTF-8"},
        {"\"\xf4\x90\x80\x80\"", "line 1, column 2: the text is not UTF-8"},
        {"\"\xe2\x82", "line 1, column 2: the text is not UTF-8"},
        {"\xef\xbb\xbf{}", "line 1, column 1: expected a value, found byte 0xef"},
        {"NaN", "line 1, column 1: expected a value, found 'N'"},
        {"'a'", "line 1, column 1: expected a value, found '''"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_t *v = NULL;
        struct err err = {0};
        assert_int_equal(jx_parse(rows[i].text, strlen(rows[i].text), false, &v, &err), -1);
        assert_null(v);
        assert_int_equal(err.code, ERR_BAD_REQUEST);
        assert_memory_equal(err.msg, "invalid JSON: ", 14);
        assert_string_equal(err.msg + 14, rows[i].message);
    }
}

static void a_nul_byte_is_no_end(void **state)
{
    json_t *v = NULL;
    struct err err = {0};
    assert_int_equal(jx_parse("1\0", 2, false, &v, &err), -1);
    assert_int_equal(jx_parse("\"a\0b\"", 5, false, &v, &err), -1);
    assert_int_equal(jx_parse("\"a\\\0\"", 5, false, &v, &err), -1);
    assert_int_equal(jx_parse(NULL, 0, false, &v, &err), -1);
}

static char *nested(size_t depth, const char *open, const char *close)
{
    struct str s = STR_INIT;
    for (size_t i = 0; i < depth; i++) {
        str_add(&s, open);
    }
    str_add(&s, "1");
    for (size_t i = 0; i < depth; i++) {
        str_add(&s, close);
    }
    return str_take(&s);
}

static void depth_is_bounded(void **state)
{
    static const char *const shapes[][2] = {{"[", "]"}, {"{\"a\":", "}"}};
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        cleanup_free char *fits = nested(JX_MAX_DEPTH, shapes[i][0], shapes[i][1]);
        cleanup_free char *deep = nested(JX_MAX_DEPTH + 1, shapes[i][0], shapes[i][1]);
        cleanup_free char *hostile = nested(1000000, shapes[i][0], "");
        struct err err = {0};
        json_t *v = NULL;
        json_decref(parse(fits));
        assert_int_equal(jx_parse(deep, strlen(deep), true, &v, &err), -1);
        assert_non_null(strstr(err.msg, "nested deeper than 100 levels"));
        assert_int_equal(jx_parse(hostile, strlen(hostile), true, &v, &err), -1);
    }
}

static void strict_refuses_duplicates(void **state)
{
    json_t *v = NULL;
    struct err err = {0};
    const char *text = "{\"a\":{\"b\":1,\n \"b\":2}}";
    assert_int_equal(jx_parse(text, strlen(text), true, &v, &err), -1);
    assert_string_equal(err.msg,
                        "invalid JSON: line 2, column 2: \"b\" occurs twice in one object");
    assert_int_equal(jx_parse("{\"a\":1,\"b\":{\"a\":1}}", 19, true, &v, &err), 0);
    json_decref(v);
}

static void assert_duplicates(const char *text, const char *expected)
{
    json_auto_t *paths = json_array();
    jx_duplicates(text, strlen(text), paths);
    cleanup_free char *got = jx_dump_text(paths);
    assert_string_equal(got, expected);
}

static void duplicates_are_named_by_path(void **state)
{
    assert_duplicates("{\"spec\":{\"replicas\":1,\"replicas\":2}}", "[\"spec.replicas\"]");
    assert_duplicates("{\"spec\":{\"containers\":[{\"name\":1},{\"name\":1,\"x\":[],\"name\":2}]}}",
                      "[\"spec.containers[1].name\"]");
    assert_duplicates("{\"a\":1,\"a\":2,\"a\":3,\"b\":1,\"\\u0062\":2}", "[\"a\",\"b\"]");
    assert_duplicates("[[{\"x\":{\"k\":1,\"k\":1}}]]", "[\"[0][0].x.k\"]");
    assert_duplicates("{\"a\":{\"c\":1,\"c\":1},\"a\":{\"c\":1,\"c\":1}}", "[\"a.c\",\"a\"]");
    assert_duplicates("{\"a\":1}", "[]");
    assert_duplicates("{\"a\":1,\"a\":", "[]");
}

static void a_flood_of_duplicates_stays_small(void **state)
{
    cleanup_str struct str s = STR_INIT;
    str_add(&s, "{\"a\":1");
    for (int i = 0; i < 1000; i++) {
        str_add_f(&s, ",\"k%d\":1,\"k%d\":2", i, i);
    }
    str_add(&s, "}");
    json_auto_t *paths = json_array();
    jx_duplicates(s.p, s.len, paths);
    assert_int_equal(json_array_size(paths), 100);
}

static void pretty_is_indented_by_two(void **state)
{
    json_auto_t *v = parse("{\"a\":[1,{\"b\":[]}],\"c\":{}}");
    cleanup_free char *text = jx_dump_pretty(v);
    assert_string_equal(text, "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n"
                              "  \"c\": {}\n}");
}

static void dump_appends(void **state)
{
    cleanup_str struct str out = STR_INIT;
    str_add(&out, "x=");
    json_auto_t *v = parse("[1]");
    jx_dump(&out, v);
    jx_dump(&out, NULL);
    assert_string_equal(str_c(&out), "x=[1]null");
    assert_int_equal(out.len, 9);
}

static void equal_means_what_kubernetes_means(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":null}", "{\"b\":null}", false},
        {"[1,2]", "[2,1]", false},
        {"1", "1.0", true},
        {"[1.0]", "[1]", true},
        {"1", "1.5", false},
        {"0", "-0.0", true},
        {"9007199254740993", "9007199254740992.0", false},
        {"9223372036854775807", "9223372036854775808", false},
        {"-9223372036854775808", "-9223372036854775808.0", true},
        {"1", "1e300", false},
        {"true", "false", false},
        {"null", "null", true},
        {"\"a\"", "\"a\"", true},
        {"\"1\"", "1", false},
        {"[]", "{}", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *a = parse(rows[i].a);
        json_auto_t *b = parse(rows[i].b);
        if (jx_equal(a, b) != rows[i].equal || jx_equal(b, a) != rows[i].equal) {
            fail_msg("%s and %s", rows[i].a, rows[i].b);
        }
    }
    assert_true(jx_equal(NULL, NULL));
}

static void paths_read(void **state)
{
    json_auto_t *v = parse("{\"spec\":{\"nodeName\":\"n\",\"replicas\":3,\"real\":4.0,\"half\":0.5,"
                           "\"on\":true,\"list\":[{\"t\":\"a\"},{\"t\":\"b\",\"n\":[[1,2]]}]}}");
    assert_string_equal(jx_str(v, "spec.nodeName", "d"), "n");
    assert_string_equal(jx_str(v, "spec.replicas", "d"), "d");
    assert_string_equal(jx_str(v, "spec.none.deeper", "d"), "d");
    assert_null(jx_str(v, "spec.nodeName.x", NULL));
    assert_int_equal(jx_int(v, "spec.replicas", -1), 3);
    assert_int_equal(jx_int(v, "spec.real", -1), 4);
    assert_int_equal(jx_int(v, "spec.half", -1), -1);
    assert_int_equal(jx_int(v, "spec.nodeName", -1), -1);
    assert_true(jx_bool(v, "spec.on", false));
    assert_true(jx_bool(v, "spec.off", true));
    assert_string_equal(jx_str(v, "spec.list[1].t", ""), "b");
    assert_int_equal(jx_int(v, "spec.list[1].n[0][1]", -1), 2);
    assert_int_equal(jx_len(v, "spec.list"), 2);
    assert_int_equal(jx_len(v, "spec"), 6);
    assert_int_equal(jx_len(v, "spec.nodeName"), 0);
    assert_non_null(jx_arr(v, "spec.list"));
    assert_null(jx_obj(v, "spec.list"));
    assert_ptr_equal(jx_path(v, ""), v);
    static const char *const missing[] = {"spec.list[2]",
                                          "spec.list[-1]",
                                          "spec.list[",
                                          "spec.list[]",
                                          "spec.list[0",
                                          "spec.list[a]",
                                          "spec.list[0].",
                                          "spec.list.t",
                                          "[0]",
                                          ".spec",
                                          "spec.list[99999999999999999999]"};
    for (size_t i = 0; i < ARRAY_LEN(missing); i++) {
        assert_string_equal(jx_str(v, missing[i], "none"), "none");
    }
    assert_null(jx_path(NULL, "a"));
    const json_t *list = jx_arr(v, "spec.list");
    assert_ptr_equal(jx_find(list, "t", "b"), json_array_get(list, 1));
    assert_null(jx_find(list, "t", "c"));
    assert_null(jx_find(NULL, "t", "c"));
    assert_int_equal(jx_find_index(list, "t", "a"), 0);
}

static void paths_write(void **state)
{
    json_auto_t *v = json_object();
    jx_put_str(v, "metadata.name", "x");
    jx_put_int(v, "spec.a.b", 1);
    jx_put_bool(v, "spec.a.c", false);
    jx_put(v, "spec.l", json_array());
    jx_put_str(v, "spec.nothing", NULL);
    jx_put_int(v, "metadata.name.deeper", 2); /* what is no object gives way */
    assert_true(json_object_size(jx_make(v, "status.x")) == 0);
    jx_del(v, "spec.a.b");
    jx_del(v, "spec.none.b");
    cleanup_free char *text = jx_dump_text(v);
    assert_string_equal(text, "{\"metadata\":{\"name\":{\"deeper\":2}},"
                              "\"spec\":{\"a\":{\"c\":false},\"l\":[]},\"status\":{\"x\":{}}}");
}

static void an_edit_leaves_the_frozen_alone(void **state)
{
    json_auto_t *v = parse("{\"a\":{\"b\":[1]}}");
    json_auto_t *copy = jx_edit(v);
    jx_put_int(copy, "a.b", 2);
    assert_int_equal(jx_len(v, "a.b"), 1);
}

/* Text is looked at eight bytes at a time. */
static void every_character_at_every_place_is_kept(void **state)
{
    for (unsigned c = 1; c < 0x80; c++) {
        for (size_t at = 0; at < 20; at++) {
            char text[64] = "abcdefghijklmnopqrstuvwxyz";
            text[at] = (char)c;
            cleanup_str struct str out = STR_INIT;
            jx_dump_str(&out, text);
            json_auto_t *want = json_string(text);
            cleanup_free char *same = jx_dump_text(want);
            assert_string_equal(str_c(&out), same);
            bool escaped = c < 0x20 || c == '"' || c == '\\';
            assert_int_equal(out.len == 28, !escaped);
            json_t *back = NULL;
            struct err err;
            assert_int_equal(jx_parse(out.p, out.len, true, &back, &err), 0);
            assert_string_equal(json_string_value(back), text);
            json_decref(back);
        }
    }
    cleanup_str struct str out = STR_INIT;
    jx_dump_str(&out, "no \xc3\x28 UTF-8");
    jx_dump_str(&out, "\xc3\xbc");
    assert_string_equal(str_c(&out), "\"(not UTF-8)\"\"\xc3\xbc\"");
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back_as_they_went_in),
        cmocka_unit_test(numbers_do_not_depend_on_the_locale),
        cmocka_unit_test(errors_say_where),
        cmocka_unit_test(a_nul_byte_is_no_end),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(strict_refuses_duplicates),
        cmocka_unit_test(duplicates_are_named_by_path),
        cmocka_unit_test(a_flood_of_duplicates_stays_small),
        cmocka_unit_test(pretty_is_indented_by_two),
        cmocka_unit_test(dump_appends),
        cmocka_unit_test(every_character_at_every_place_is_kept),
        cmocka_unit_test(equal_means_what_kubernetes_means),
        cmocka_unit_test(paths_read),
        cmocka_unit_test(paths_write),
        cmocka_unit_test(an_edit_leaves_the_frozen_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
