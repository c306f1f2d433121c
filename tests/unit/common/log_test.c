/* SPDX-License-Identifier: Apache-2.0 */
/* A log line is one line, whatever the text brings. */
#include "testing.h"

#include <string.h>
#include <unistd.h>

#include "common/log.h"

static int fds[2];

static int64_t fixed_clock(void *arg)
{
    return *(int64_t *)arg;
}

static int setup(void **state)
{
    (void)state;
    assert_int_equal(pipe(fds), 0);
    log_to_fd(fds[1]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_to_fd(STDERR_FILENO);
    log_set_clock(NULL, NULL);
    log_set_level(LOG_INFO);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static void lines_have_time_level_room_and_text(void **state)
{
    (void)state;
    static int64_t now = INT64_C(1767225600) * 1000000 + 7000;
    char got[256] = "";
    log_set_clock(fixed_clock, &now);
    log_debug("store", "not shown");
    log_warn("store", "%d rows", 3);
    log_set_level(LOG_ERROR);
    log_info("store", "not shown");
    log_error("net", "from the wire: a\nb\x1b[2J\tc");
    assert_true(read(fds[0], got, sizeof(got) - 1) > 0);
    assert_string_equal(got,
                        "2026-01-01T00:00:00.007Z WARN  store: 3 rows\n"
                        "2026-01-01T00:00:00.007Z ERROR net: from the wire: a\\nb\\x1b[2J\tc\n");
}

static void the_system_clock_serves_without_another(void **state)
{
    (void)state;
    char got[256] = "";
    log_info("loop", "hello");
    ssize_t n = read(fds[0], got, sizeof(got) - 1);
    assert_int_equal(n, 24 + strlen(" INFO  loop: hello\n"));
    assert_string_equal(got + 23, "Z INFO  loop: hello\n");
    assert_true(strncmp(got, "202", 3) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_have_time_level_room_and_text, setup, teardown),
        cmocka_unit_test_setup_teardown(the_system_clock_serves_without_another, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
