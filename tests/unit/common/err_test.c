/* SPDX-License-Identifier: Apache-2.0 */
/* Errors keep their code on the way up, and their codes are what Kubernetes sends. */
#include "testing.h"

#include <errno.h>
#include <string.h>

#include "common/err.h"

static void set_gives_code_and_message(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(err_set(&err, ERR_NOT_FOUND, "pods \"%s\" not found", "web"), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.msg, "pods \"web\" not found");
    assert_int_equal(err_wrap(&err, "bind %s", "web"), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.msg, "bind web: pods \"web\" not found");
    err_set(&err, ERR_CONFLICT, "again: %s", err.msg); /* an argument may be the message itself */
    assert_string_equal(err.msg, "again: bind web: pods \"web\" not found");
}

static void errno_says_why(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(err_errno(&err, ENOENT, "open %s", "/x"), -1);
    assert_int_equal(err.code, ERR_INTERNAL);
    assert_string_equal(err.msg, "open /x: No such file or directory");
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    struct err err;
    char longer[1000];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    err_set(&err, ERR_INVALID, "%s", longer);
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
    err_wrap(&err, "%s", "front");
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
    assert_memory_equal(err.msg, "front: xxx", 10);
}

static void reasons_go_there_and_back(void **state)
{
    (void)state;
    for (int c = ERR_BAD_REQUEST; c <= ERR_TIMEOUT; c++) {
        const char *reason = err_reason((enum err_code)c);
        assert_true(reason[0] != '\0');
        assert_int_equal(err_from_reason(reason), c);
        assert_in_range(err_http((enum err_code)c), 400, 504);
    }
    assert_string_equal(err_reason(ERR_NONE), "");
    assert_int_equal(err_http(ERR_NONE), 200);
    assert_int_equal(err_http(ERR_INVALID), 422);
    assert_int_equal(err_http(ERR_EXPIRED), 410);
    assert_int_equal(err_from_reason("NoSuchReason"), ERR_INTERNAL);
    assert_int_equal(err_from_reason(""), ERR_INTERNAL);
    assert_int_equal(err_from_reason(NULL), ERR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_gives_code_and_message),
        cmocka_unit_test(errno_says_why),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(reasons_go_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
