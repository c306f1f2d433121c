/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that answers say who gave them, row by row. */
#include "common/testing.h"

#include <stdio.h>
#include <string.h>

#include "check/answer.h"
#include "common/json/jx.h"
#include "data.h"

static const char *or_dash(const char *s)
{
    return s[0] != '\0' ? s : "-";
}

static void test_rows(void **state)
{
    struct data d;
    bool good = true;
    data_open(&d, "answers");
    while (data_next(&d)) {
        struct answer_sender s;
        json_auto_t *json = NULL;
        struct err err;
        if (strcmp(d.text[1], "json") == 0 &&
            jx_parse(d.text[0], strlen(d.text[0]), false, &json, &err) < 0) {
            fail_msg("%s", err.msg);
        }
        char got[600];
        answer_read(d.text[0], json, &s);
        snprintf(got, sizeof(got), "%s %s %s", or_dash(s.pod), or_dash(s.host), or_dash(s.version));
        good &= data_check(&d, got);
    }
    assert_true(d.groups > 10);
    data_close(&d);
    assert_true(good);
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
