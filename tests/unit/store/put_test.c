/* SPDX-License-Identifier: Apache-2.0 */
/* Puts and deletes are seen by the staged view at once and by the committed view after the tick. */
#include "fixture.h"

static void a_put_is_staged_then_published(void **state)
{
    struct fixture f;
    set_up(&f);
    int64_t rev = put(&f, "a", "1");
    assert_int_equal(rev, store_revision(f.s, STORE_STAGED));
    assert_true(store_revision(f.s, STORE_COMMITTED) < rev);
    assert_value(&f, STORE_STAGED, "a", "1");
    assert_value(&f, STORE_COMMITTED, "a", "-");
    tick(&f);
    assert_value(&f, STORE_COMMITTED, "a", "1");
    assert_int_equal(store_revision(f.s, STORE_COMMITTED), rev);
    tear_down(&f);
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_put_is_staged_then_published),
    };
    return cmocka_run_group_tests_name("store put", tests, NULL, NULL);
}
