/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that marks are found wherever the stream is cut, and that only ours count. */
#include "common/testing.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "term/marks.h"

static void on_text(void *arg, const char *bytes, size_t n)
{
    str_add_n(arg, bytes, n);
}

static void on_mark(void *arg, enum marks_kind kind, int status)
{
    str_add_f(arg, "<%c%d>", (char)kind, status);
}

static const struct marks_ops ops = {.text = on_text, .mark = on_mark};

/* Fed in pieces of every size from one byte to all at once. */
static void check(const char *in, const char *want)
{
    size_t len = strlen(in);
    for (size_t piece = 1; piece <= len; piece++) {
        struct marks m;
        struct str out = STR_INIT;
        marks_init(&m, "n0nce");
        for (size_t at = 0; at < len; at += piece) {
            marks_feed(&m, in + at, at + piece < len ? piece : len - at, &ops, &out);
        }
        if (strcmp(str_c(&out), want) != 0) {
            fail_msg("in pieces of %zu: \"%s\" instead of \"%s\"", piece, str_c(&out), want);
        }
        str_fini(&out);
    }
}

static void marks_are_taken_out(void **state)
{
    check("plain text\n", "plain text\n");
    check("a\033]133;A;n0nce\ab", "a<A0>b");
    check("\033]133;C;n0nce\aout\033]133;D;130;n0nce\a\033]133;A;n0nce\a", "<C0>out<D130><A0>");
    check("\033]133;T;n0nce\a\033]133;P;n0nce\a", "<T0><P0>");
    check("\033]133;D;-1;n0nce\a", "<D-1>");
}

static void what_is_not_ours_is_text(void **state)
{
    check("\033]133;A;other\a", "\033]133;A;other\a");
    check("\033]133;A\a", "\033]133;A\a");
    check("\033]133;Z;n0nce\a", "\033]133;Z;n0nce\a");
    check("\033]133;A;n0nce;n0nc\a", "\033]133;A;n0nce;n0nc\a");
    check("\033]133;An0nce\a", "\033]133;An0nce\a");
    check("\033]0;a title\a", "\033]0;a title\a");
    check("\033[1mbold\033[0m", "\033[1mbold\033[0m");
}

static void a_broken_mark_may_be_followed_by_a_whole_one(void **state)
{
    check("\033\033]133;A;n0nce\a", "\033<A0>");
    check("\033]13\033]133;A;n0nce\a", "\033]13<A0>");
    check("\033]133;A;n0\033]133;C;n0nce\a", "\033]133;A;n0<C0>");
    check("\033]133;A;n0\nx\033]133;C;n0nce\a", "\033]133;A;n0\nx<C0>");
}

static void an_endless_one_is_text(void **state)
{
    struct marks m;
    cleanup_str struct str out = STR_INIT;
    char many[500];
    memset(many, ';', sizeof(many));
    marks_init(&m, "n0nce");
    marks_feed(&m, "\033]133;", 6, &ops, &out);
    marks_feed(&m, many, sizeof(many), &ops, &out);
    marks_feed(&m, "\033]133;A;n0nce\a", 14, &ops, &out);
    assert_int_equal(out.len, 6 + sizeof(many) + 4);
    assert_true(str_has_suffix(str_c(&out), ";;<A0>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_are_taken_out),
        cmocka_unit_test(what_is_not_ours_is_text),
        cmocka_unit_test(a_broken_mark_may_be_followed_by_a_whole_one),
        cmocka_unit_test(an_endless_one_is_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
