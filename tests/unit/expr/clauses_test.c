/* SPDX-License-Identifier: Apache-2.0 */
/* Proves how expressions are cut, row by row. */
#include "common/testing.h"

#include <string.h>

#include "common/str.h"
#include "data.h"
#include "expr/expr_impl.h"

static void put_into_words(const struct expr_clauses *c, struct str *out)
{
    for (size_t i = 0; i < c->all.n; i++) {
        const struct expr_clause *clause = &c->all.v[i];
        str_add(out, i > 0 ? " ;; " : "");
        if (clause->op != NULL) {
            str_add_f(out, "%s <%s> %s", clause->lhs, clause->op, clause->rhs);
        } else {
            str_add(out, clause->text);
        }
    }
}

static void test_rows(void **state)
{
    struct data d;
    bool good = true;
    data_open(&d, "clauses");
    while (data_next(&d)) {
        struct expr_clauses c;
        cleanup_str struct str got = STR_INIT;
        if (!expr_clauses_cut(d.text[0], &c)) {
            str_add(&got, "not cut");
            good &= d.text[1][0] == '\0';
        } else {
            put_into_words(&c, &got);
            if (strcmp(c.prefix, d.text[1]) != 0) {
                printf("clauses.test:%d: prefix is %s\n", d.line, c.prefix);
                good = false;
            }
            expr_clauses_fini(&c);
        }
        good &= data_check(&d, str_c(&got));
    }
    assert_true(d.groups > 10);
    data_close(&d);
    assert_true(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
