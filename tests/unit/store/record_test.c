/* SPDX-License-Identifier: Apache-2.0 */
/* Records: one view, ordered, in the same transactions as the objects, and there after a restart.
 */
#include "fixture.h"

static bool add_record(void *arg, const char *key, const json_t *value)
{
    struct str *out = arg;
    cleanup_free char *text = jx_dump_text(value);
    str_add_f(out, "%s=%s ", key, text);
    return true;
}

#define assert_records(f, table, want)                                                             \
    do {                                                                                           \
        cleanup_str struct str out_ = STR_INIT;                                                    \
        store_record_each((f)->s, (table), add_record, &out_);                                     \
        assert_string_equal(str_c(&out_), (want));                                                 \
    } while (0)

static void records_are_seen_at_once_and_kept(void **state)
{
    struct fixture f;
    set_up(&f);
    store_record_put(f.s, "b", "z", json_integer(1));
    store_record_put(f.s, "b", "y", json_pack("{s:[i,i]}", "l", 1, 2));
    store_record_put(f.s, "a", "x", json_string("quo\"te"));
    store_record_put(f.s, "b", "z", json_integer(2));
    store_record_put(f.s, "b", "gone", json_integer(3));
    store_record_delete(f.s, "b", "gone");
    store_record_delete(f.s, "b", "never");
    for (int i = 0; i < 3; i++) { /* staged, committed, after a crash */
        assert_records(&f, "b", "y={\"l\":[1,2]} z=2 ");
        assert_records(&f, "a", "x=\"quo\\\"te\" ");
        assert_records(&f, "c", "");
        tick(&f);
        if (i == 1) {
            store_abandon(f.s);
            open_store(&f);
        }
    }
    store_record_delete(f.s, "b", "y");
    assert_null(store_record_find(f.s, "b", "y"));
    tick(&f);
    store_abandon(f.s);
    open_store(&f);
    assert_records(&f, "b", "z=2 ");
    tear_down(&f);
}

static void an_equal_record_is_no_change(void **state)
{
    struct fixture f;
    set_up(&f);
    store_record_put(f.s, "t", "k", json_pack("{s:i,s:i}", "a", 1, "b", 2));
    tick(&f);
    struct store_stats before, after;
    store_stats(f.s, &before);
    store_record_put(f.s, "t", "k", json_pack("{s:i,s:i}", "b", 2, "a", 1));
    store_record_delete(f.s, "t", "other");
    tick(&f);
    store_stats(f.s, &after);
    assert_int_equal(before.commits, after.commits);
    tear_down(&f);
}

static bool replace_all(void *arg, const char *key, const json_t *value)
{
    struct fixture *f = arg;
    store_record_delete(f->s, "t", "a");
    store_record_delete(f->s, "t", "b");
    store_record_delete(f->s, "t", "c");
    store_record_put(f->s, "t", "zz", json_true());
    assert_int_equal(json_integer_value(value), key[0]);
    return key[0] != 'b';
}

static void a_walk_over_records_may_change_them(void **state)
{
    struct fixture f;
    set_up(&f);
    store_record_put(f.s, "t", "a", json_integer('a'));
    store_record_put(f.s, "t", "b", json_integer('b'));
    store_record_put(f.s, "t", "c", json_integer('c'));
    store_record_each(f.s, "t", replace_all, &f);
    assert_records(&f, "t", "zz=true ");
    tear_down(&f);
}

static void records_have_no_revision(void **state)
{
    struct fixture f;
    set_up(&f);
    int64_t rev = put(&f, "a", "1");
    tick(&f);
    store_record_put(f.s, "t", "k", json_integer(1));
    tick(&f);
    assert_int_equal(store_revision(f.s, STORE_COMMITTED), rev);
    assert_int_equal(put(&f, "a", "2"), rev + 1);
    tear_down(&f);
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_seen_at_once_and_kept),
        cmocka_unit_test(an_equal_record_is_no_change),
        cmocka_unit_test(a_walk_over_records_may_change_them),
        cmocka_unit_test(records_have_no_revision),
    };
    return cmocka_run_group_tests_name("store record", tests, NULL, NULL);
}
