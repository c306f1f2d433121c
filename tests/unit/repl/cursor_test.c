/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that a prompt begins on a line of its own, whatever a program left behind. */
#include "common/testing.h"

#include <string.h>

#include "repl/cursor.h"

static struct cursor after(const char *output)
{
    struct cursor c = {0};
    for (const char *p = output; *p != '\0'; p++) {
        cursor_feed(&c, p, 1); /* cut everywhere */
    }
    return c;
}

static void a_line_is_dirty_until_its_end(void **state)
{
    assert_false(after("").dirty);
    assert_true(after("foo").dirty);
    assert_false(after("foo\r\n").dirty);
    assert_true(after("foo\r\nbar").dirty);
    assert_true(after("ä").dirty);
}

static void sequences_are_no_text(void **state)
{
    assert_false(after("foo\n\033[0m").dirty);
    assert_false(after("foo\n\033[K\033[1;31m\033(B").dirty);
    assert_false(after("foo\n\033]0;a title\a").dirty);
    assert_false(after("foo\n\033]8;;http://x\033\\").dirty);
    assert_true(after("foo\n\033[1mx\033[0m").dirty);
}

static void the_alternate_screen_is_another_one(void **state)
{
    assert_true(after("\033[?1049htext").alternate);
    assert_false(after("\033[?1049htext\033[?1049l").alternate);
    assert_false(after("\033[?1049htext\033[?1049l").dirty);
    assert_true(after("foo\033[?1049h\n\033[?1049l").dirty);
    assert_false(after("\033[?25h\033[?2004h").alternate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_dirty_until_its_end),
        cmocka_unit_test(sequences_are_no_text),
        cmocka_unit_test(the_alternate_screen_is_another_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
