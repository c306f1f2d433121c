/* SPDX-License-Identifier: Apache-2.0 */
/* The growing string and the helpers, at their edges. */
#include "testing.h"

#include <stdint.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"

static void grows_and_terminates(void **state)
{
    (void)state;
    cleanup_str struct str s = STR_INIT;
    assert_string_equal(str_c(&s), "");
    for (int i = 0; i < 1000; i++) {
        str_add_f(&s, "%d,", i);
        assert_int_equal(strlen(s.p), s.len);
    }
    assert_true(str_has_prefix(s.p, "0,1,2,"));
    assert_true(str_has_suffix(s.p, ",998,999,"));
    str_drop_front(&s, 4);
    assert_true(str_has_prefix(s.p, "2,3,"));
    str_drop_front(&s, s.len + 7);
    assert_int_equal(s.len, 0);
    assert_string_equal(s.p, "");
    str_add_n(&s, "a\0b", 3);
    str_add_c(&s, 'c');
    assert_int_equal(s.len, 4);
    assert_memory_equal(s.p, "a\0bc", 5);
}

static void exact_fit_needs_room_for_the_end(void **state)
{
    (void)state;
    char text[200];
    memset(text, 'y', sizeof(text));
    for (size_t n = 0; n < sizeof(text); n++) {
        cleanup_str struct str a = STR_INIT;
        str_add_n(&a, text, n);
        assert_int_equal(a.p[n], '\0');
        assert_true(a.cap > n);
        cleanup_str struct str b = STR_INIT;
        str_add_f(&b, "%.*s", (int)n, text);
        assert_int_equal(b.len, n);
        assert_int_equal(strlen(b.p), n);
    }
}

static void take_is_never_null(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    cleanup_free char *empty = str_take(&s);
    assert_string_equal(empty, "");
    str_add(&s, "x");
    cleanup_free char *x = str_take(&s);
    assert_string_equal(x, "x");
    assert_null(s.p);
}

static void plain_helpers(void **state)
{
    (void)state;
    assert_true(str_eq(NULL, NULL));
    assert_false(str_eq(NULL, ""));
    assert_false(str_eq("a", NULL));
    assert_true(str_eq("a", "a"));
    assert_false(str_has_prefix("ab", "abc"));
    assert_false(str_has_suffix("bc", "abc"));
    assert_true(str_has_suffix("abc", ""));
    char buf[4] = "zzz";
    assert_int_equal(str_copy(buf, sizeof(buf), "abcdef"), 6);
    assert_string_equal(buf, "abc");
    assert_int_equal(str_copy(buf, sizeof(buf), "x"), 1);
    assert_string_equal(buf, "x");
    assert_int_equal(str_copy(buf, 0, "yy"), 2);
    assert_string_equal(buf, "x");
    char hex[7];
    str_hex(hex, "\x00\xab\x7f", 3);
    assert_string_equal(hex, "00ab7f");
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t min, max, want;
        bool ok;
    } rows[] = {
        {"0", 0, 10, 0, true},
        {"-0", 0, 10, 0, true},
        {"10", 0, 10, 10, true},
        {"11", 0, 10, 0, false},
        {"-1", 0, 10, 0, false},
        {"007", 0, 10, 7, true},
        {"", 0, 10, 0, false},
        {"-", -5, 5, 0, false},
        {"+1", 0, 10, 0, false},
        {" 1", 0, 10, 0, false},
        {"1 ", 0, 10, 0, false},
        {"1x", 0, 10, 0, false},
        {"0x1", 0, 10, 0, false},
        {"9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, true},
        {"9223372036854775808", INT64_MIN, INT64_MAX, 0, false},
        {"-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN, true},
        {"-9223372036854775809", INT64_MIN, INT64_MAX, 0, false},
        {"99999999999999999999", INT64_MIN, INT64_MAX, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t got = 4711;
        bool ok = str_to_i64(rows[i].text, rows[i].min, rows[i].max, &got);
        if (ok != rows[i].ok || got != (ok ? rows[i].want : 4711)) {
            fail_msg("\"%s\": %d %lld", rows[i].text, ok, (long long)got);
        }
    }
}

static void hashes_are_fnv1a(void **state)
{
    (void)state;
    assert_true(str_hash("", 0) == 0xcbf29ce484222325u);
    assert_true(str_hash("foobar", 6) == 0x85944171f73967e8u);
    assert_true(str_hash32("", 0) == 0x811c9dc5u);
    assert_true(str_hash32("foobar", 6) == 0xbf9cf968u);
}

static void base64_there_and_back(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_str struct str out = STR_INIT, back = STR_INIT;
        str_base64(&out, rows[i][0], strlen(rows[i][0]));
        assert_string_equal(str_c(&out), rows[i][1]);
        assert_true(str_unbase64(&back, out.p != NULL ? out.p : "", out.len));
        assert_string_equal(str_c(&back), rows[i][0]);
    }
    unsigned char all[256];
    for (int i = 0; i < 256; i++) {
        all[i] = (unsigned char)i;
    }
    for (size_t n = 0; n <= sizeof(all); n++) {
        cleanup_str struct str out = STR_INIT, back = STR_INIT;
        str_base64(&out, all, n);
        assert_true(str_unbase64(&back, str_c(&out), out.len));
        assert_int_equal(back.len, n);
        assert_memory_equal(back.p, all, n);
    }
}

static void base64_refuses_what_is_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Z",        "Zg",   "Zg=",  "Zg===", "Z===", "=",    "====", "Zm9v=",
        "Zg==Zg==", "Z=g=", "Zm9*", "Zm 9v", "Zm9-", "Zm9_", "Zm8=="};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cleanup_str struct str out = STR_INIT;
        str_add(&out, "keep");
        if (str_unbase64(&out, bad[i], strlen(bad[i]))) {
            fail_msg("\"%s\" was taken", bad[i]);
        }
        assert_string_equal(str_c(&out), "keep");
    }
    cleanup_str struct str out = STR_INIT;
    assert_false(str_unbase64(&out, "Zm\0v", 4));
    assert_true(str_unbase64(&out, "Zm9v\r\nYg==\n", 11)); /* line ends are no mistake */
    assert_string_equal(str_c(&out), "foob");
}

static void distances(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        unsigned max, want;
    } rows[] = {
        {"", "", 2, 0},
        {"abc", "abc", 2, 0},
        {"abc", "ab", 2, 1},
        {"", "abc", 3, 3},
        {"", "abc", 2, 3},
        {"kitten", "sitting", 5, 3},
        {"kitten", "sitting", 2, 3},
        {"replcias", "replicas", 2, 1},
        {"abcd", "badc", 3, 2},
        {"xabcdefy", "abcdef", 2, 2},
        {"aaaaaaaa", "bbbbbbbb", 3, 4},
        {"a", "b", 0, 1},
        {"image", "images", 1000, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned got = str_distance(rows[i].a, rows[i].b, rows[i].max);
        unsigned back = str_distance(rows[i].b, rows[i].a, rows[i].max);
        if (got != rows[i].want || back != got) {
            fail_msg("%s %s: %u, back %u", rows[i].a, rows[i].b, got, back);
        }
    }
}

static void vectors(void **state)
{
    (void)state;
    VEC(int) v = {0};
    for (int i = 0; i < 1000; i++) {
        vec_push(&v, i);
    }
    vec_remove(&v, 0);
    vec_remove(&v, v.n - 1);
    vec_remove(&v, 10);
    assert_int_equal(v.n, 997);
    assert_int_equal(v.v[0], 1);
    assert_int_equal(v.v[9], 10);
    assert_int_equal(v.v[10], 12);
    assert_int_equal(v.v[996], 998);
    vec_fini(&v);
    assert_null(v.v);
}

static void memory(void **state)
{
    (void)state;
    assert_null(xstrdup(NULL));
    cleanup_free char *empty = xmalloc(0);
    assert_non_null(empty);
    cleanup_free char *cut = xstrndup("abcdef", 3);
    assert_string_equal(cut, "abc");
    cleanup_free char *text = xasprintf("%s-%d", "web", 7);
    assert_string_equal(text, "web-7");
    char *was = text;
    cleanup_free char *moved = steal(text);
    assert_ptr_equal(moved, was);
    assert_null(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_terminates),
        cmocka_unit_test(exact_fit_needs_room_for_the_end),
        cmocka_unit_test(take_is_never_null),
        cmocka_unit_test(plain_helpers),
        cmocka_unit_test(numbers),
        cmocka_unit_test(hashes_are_fnv1a),
        cmocka_unit_test(base64_there_and_back),
        cmocka_unit_test(base64_refuses_what_is_malformed),
        cmocka_unit_test(distances),
        cmocka_unit_test(vectors),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
