/* SPDX-License-Identifier: Apache-2.0 */
/* Puts and deletes: what they expect, what they stage, what an entry says, and what is no change.
 */
#include "fixture.h"
#include "meta/object.h"

static void a_put_is_staged_then_published(void **state)
{
    struct fixture f;
    set_up(&f);
    int64_t rev = put(&f, "a", "1");
    assert_int_equal(rev, store_revision(f.s, STORE_STAGED));
    assert_int_equal(store_revision(f.s, STORE_COMMITTED), rev - 1);
    assert_value(&f, STORE_STAGED, "a", "1");
    assert_value(&f, STORE_COMMITTED, "a", "-");
    tick(&f);
    assert_value(&f, STORE_COMMITTED, "a", "1");
    assert_int_equal(store_revision(f.s, STORE_COMMITTED), rev);
    tear_down(&f);
}

static void the_entry_does_not_change_when_it_is_committed(void **state)
{
    struct fixture f;
    set_up(&f);
    struct store_key key = pod_key("a");
    cleanup_entry const struct store_entry *staged =
        put_key(&f, &key, object("default", "a", "1"), 0);
    cleanup_free char *bytes = xstrndup(staged->bytes, staged->len);
    tick(&f);
    cleanup_entry const struct store_entry *published = store_find(f.s, STORE_COMMITTED, &key);
    assert_ptr_equal(staged, published);
    assert_string_equal(bytes, published->bytes);
    tear_down(&f);
}

static void an_entry_tells_what_lists_need(void **state)
{
    struct fixture f;
    set_up(&f);
    json_t *obj = object("default", "a", "1");
    jx_put(obj, "metadata.labels", json_pack("{s:s}", "app", "web"));
    jx_put(obj, "metadata.ownerReferences",
           json_pack("[{s:s},{s:s,s:b}]", "uid", "other", "uid", "owner", "controller", 1));
    jx_put_str(obj, "metadata.deletionTimestamp", "2026-01-01T00:00:00Z");
    jx_put_str(obj, "spec.nodeName", "worker-1");
    jx_put_str(obj, "status.phase", "Running");
    struct store_key key = pod_key("a");
    cleanup_entry const struct store_entry *e = put_key(&f, &key, obj, 0);
    assert_string_equal(e->key.gr, "pods");
    assert_string_equal(e->key.ns, "default");
    assert_string_equal(e->key.name, "a");
    assert_string_equal(e->uid, "uid-a");
    assert_string_equal(e->owner_uid, "owner");
    assert_string_equal(e->node, "worker-1");
    assert_string_equal(e->phase, "Running");
    assert_true(e->deleting);
    assert_string_equal(jx_get_str(e->labels, "app", ""), "web");
    assert_int_equal(e->create_rev, e->rev);
    assert_int_equal(strlen(e->bytes), e->len);
    tear_down(&f);
}

static void a_bare_entry_has_empty_fields(void **state)
{
    struct fixture f;
    set_up(&f);
    struct store_key key = {"nodes", "", "n"};
    json_t *obj = json_object();
    jx_put(obj, "metadata.labels", json_object());
    cleanup_entry const struct store_entry *e = put_key(&f, &key, obj, 0);
    assert_string_equal(e->uid, "");
    assert_string_equal(e->owner_uid, "");
    assert_string_equal(e->node, "");
    assert_string_equal(e->phase, "");
    assert_false(e->deleting);
    assert_null(e->labels);
    tear_down(&f);
}

/* ---- what is expected ---- */

static void check_put(struct fixture *f, const char *name, int64_t expect, enum err_code code,
                      const char *msg)
{
    struct store_key key = {"deployments.apps", "default", name};
    const struct store_entry *e = NULL;
    struct err err = {ERR_NONE, ""};
    assert_int_equal(store_put(f->s, &key, object("default", name, "x"), expect, &e, &err), -1);
    assert_null(e);
    assert_int_equal(err.code, code);
    assert_string_equal(err.msg, msg);
}

static void a_put_says_what_it_expects(void **state)
{
    struct fixture f;
    set_up(&f);
    struct store_key key = {"deployments.apps", "default", "a"};
    cleanup_entry const struct store_entry *e = put_key(&f, &key, object("default", "a", "1"), 0);
    for (int staged = 1; staged >= 0;
         staged--) { /* the stage counts as much as what is committed */
        check_put(&f, "a", 0, ERR_ALREADY_EXISTS, "deployments.apps \"a\" already exists");
        check_put(&f, "b", 7, ERR_NOT_FOUND, "deployments.apps \"b\" not found");
        check_put(&f, "a", e->rev + 1, ERR_CONFLICT,
                  "Operation cannot be fulfilled on deployments.apps \"a\": the object has been "
                  "modified; please apply your changes to the latest version and try again");
        tick(&f);
    }
    cleanup_entry const struct store_entry *second =
        put_key(&f, &key, object("default", "a", "2"), e->rev);
    assert_int_equal(second->rev, e->rev + 1);
    assert_int_equal(second->create_rev, e->rev);
    check_put(&f, "a", e->rev, ERR_CONFLICT,
              "Operation cannot be fulfilled on deployments.apps \"a\": the object has been "
              "modified; please apply your changes to the latest version and try again");
    tear_down(&f);
}

static void only_one_of_two_creations_in_a_tick_wins(void **state)
{
    struct fixture f;
    set_up(&f);
    struct store_key key = pod_key("a");
    struct err err = {ERR_NONE, ""};
    assert_int_equal(store_put(f.s, &key, object("default", "a", "1"), 0, NULL, &err), 0);
    assert_int_equal(store_put(f.s, &key, object("default", "a", "2"), 0, NULL, &err), -1);
    tick(&f);
    assert_value(&f, STORE_COMMITTED, "a", "1");
    tear_down(&f);
}

static void what_is_no_object_is_refused(void **state)
{
    struct fixture f;
    set_up(&f);
    struct store_key key = pod_key("a"), nameless = pod_key("");
    struct err err = {ERR_NONE, ""};
    assert_int_equal(store_put(f.s, &key, json_array(), -1, NULL, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(store_put(f.s, &key, NULL, -1, NULL, &err), -1);
    assert_int_equal(store_put(f.s, &nameless, json_object(), -1, NULL, &err), -1);
    tear_down(&f);
}

static void a_delete_says_what_it_expects(void **state)
{
    struct fixture f;
    set_up(&f);
    struct store_key key = pod_key("a");
    struct err err = {ERR_NONE, ""};
    assert_int_equal(store_delete(f.s, &key, -1, NULL, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.msg, "pods \"a\" not found");
    int64_t rev = put(&f, "a", "1");
    assert_int_equal(store_delete(f.s, &key, rev + 5, NULL, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    cleanup_entry const struct store_entry *e = NULL;
    assert_int_equal(store_delete(f.s, &key, rev, &e, &err), 0);
    assert_int_equal(e->rev, rev + 1);
    assert_int_equal(e->create_rev, rev);
    assert_string_equal(jx_str(store_tree(f.s, e), "spec.value", ""), "1");
    cleanup_free char *said = xasprintf("%" PRId64, rev + 1);
    assert_string_equal(jx_str(store_tree(f.s, e), "metadata.resourceVersion", ""), said);
    assert_int_equal(store_delete(f.s, &key, -1, NULL, &err), -1);
    tear_down(&f);
}

static void deleted_and_made_again_in_one_tick_is_a_new_object(void **state)
{
    struct fixture f;
    set_up(&f);
    put(&f, "a", "1");
    tick(&f);
    int64_t gone = del(&f, "a");
    assert_value(&f, STORE_STAGED, "a", "-");
    assert_value(&f, STORE_COMMITTED, "a", "1");
    struct store_key key = pod_key("a");
    cleanup_entry const struct store_entry *e = put_key(&f, &key, object("default", "a", "2"), 0);
    assert_int_equal(e->rev, gone + 1);
    assert_int_equal(e->create_rev, e->rev);
    tick(&f);
    assert_value(&f, STORE_COMMITTED, "a", "2");
    tear_down(&f);
}

static void many_changes_of_one_object_in_a_tick_end_with_the_last(void **state)
{
    struct fixture f;
    set_up(&f);
    put(&f, "a", "1");
    put(&f, "a", "2");
    del(&f, "a");
    put(&f, "a", "3");
    put(&f, "b", "1");
    del(&f, "b");
    tick(&f);
    assert_value(&f, STORE_COMMITTED, "a", "3");
    assert_value(&f, STORE_COMMITTED, "b", "-");
    assert_int_equal(store_count(f.s, STORE_COMMITTED, "pods", NULL), 1);
    tear_down(&f);
}

/* ---- revisions in the bytes ---- */

static void check_revision(struct fixture *f, const struct store_entry *e)
{
    json_auto_t *obj = NULL;
    struct err err;
    assert_int_equal(jx_parse(e->bytes, e->len, true, &obj, &err), 0);
    cleanup_free char *want = xasprintf("%" PRId64, e->rev);
    assert_string_equal(jx_str(obj, "metadata.resourceVersion", ""), want);
    assert_true(jx_equal(obj, store_tree(f->s, e)));
}

static void bytes_and_tree_say_the_same_revision(void **state)
{
    struct fixture f;
    set_up(&f);
    struct store_key key = {"configmaps", "default", "c"};
    for (int i = 0; i < 120; i++) { /* through a change of length, 9 to 10 and 99 to 100 */
        cleanup_free char *value = xasprintf("value %d", i);
        json_t *obj = object("default", "c", value);
        jx_put_str(obj, "data.resourceVersion", "5"); /* not the one meant */
        jx_put(obj, "metadata.ownerReferences", json_pack("[{s:s}]", "resourceVersion", "7"));
        cleanup_entry const struct store_entry *e = put_key(&f, &key, obj, -1);
        check_revision(&f, e);
        assert_string_equal(jx_str(store_tree(f.s, e), "data.resourceVersion", ""), "5");
        tick(&f);
    }
    tear_down(&f);
}

/* ---- no change ---- */

/* Puts the text over what is there; whether that was a change. */
static bool changes(struct fixture *f, const char *text)
{
    struct store_key key = pod_key("a");
    struct err err = {ERR_NONE, ""};
    json_t *obj = NULL;
    if (jx_parse(text, strlen(text), true, &obj, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    cleanup_entry const struct store_entry *before = store_find(f->s, STORE_STAGED, &key);
    cleanup_entry const struct store_entry *after = put_key(f, &key, obj, -1);
    return before != after;
}

static void an_update_that_changes_nothing_is_none(void **state)
{
    struct fixture f;
    set_up(&f);
    f.opts.tree_cache = 1;
    assert_true(changes(&f, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"n\":1,\"m\":[1,2]}}"));
    for (int i = 0; i < 3; i++) { /* staged; committed; committed and out of the cache */
        int64_t rev = store_revision(f.s, STORE_STAGED);
        assert_false(changes(&f, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"n\":1,\"m\":[1,2]}}"));
        assert_false(changes(&f, "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"999\"},"
                                 "\"spec\":{\"n\":1,\"m\":[1,2]}}"));
        assert_false(changes(&f, "{\"spec\":{\"m\":[1,2],\"n\":1},\"metadata\":{\"name\":\"a\"}}"));
        assert_false(
            changes(&f, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"n\":1.0,\"m\":[1,2]}}"));
        assert_int_equal(store_revision(f.s, STORE_STAGED), rev);
        tick(&f);
        for (int j = 0; i == 1 && j < 600; j++) {
            cleanup_free char *name = xasprintf("other-%d", j);
            put(&f, name, "x");
        }
        tick(&f);
    }
    assert_true(changes(&f, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"n\":1,\"m\":[2,1]}}"));
    assert_true(changes(&f, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"n\":2,\"m\":[1,1]}}"));
    assert_true(changes(&f, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"n\":2,\"m\":[11]}}"));
    tear_down(&f);
}

static void a_caller_gets_the_entry_that_is_there_when_nothing_changed(void **state)
{
    struct fixture f;
    set_up(&f);
    int64_t rev = put(&f, "a", "1");
    tick(&f);
    struct store_stats before, after;
    store_stats(f.s, &before);
    assert_int_equal(put(&f, "a", "1"), rev);
    tick(&f);
    store_stats(f.s, &after);
    assert_int_equal(before.commits, after.commits);
    tear_down(&f);
}

/* ---- trees ---- */

static void a_borrowed_tree_stays_until_the_tick_ends(void **state)
{
    struct fixture f;
    set_up(&f);
    store_close(f.s);
    f.opts.tree_cache = 2;
    open_store(&f);
    for (int i = 0; i < 50; i++) {
        cleanup_free char *name = xasprintf("p%d", i);
        put(&f, name, name);
    }
    tick(&f);
    struct store_stats st;
    store_stats(f.s, &st);
    assert_int_equal(st.trees, 2);
    const json_t *trees[50];
    for (int i = 0; i < 50; i++) {
        cleanup_free char *name = xasprintf("p%d", i);
        struct store_key key = pod_key(name);
        cleanup_entry const struct store_entry *e = store_find(f.s, STORE_COMMITTED, &key);
        trees[i] = store_tree(f.s, e);
        del(&f, name);
    }
    for (int i = 0; i < 50; i++) {
        cleanup_free char *name = xasprintf("p%d", i);
        assert_string_equal(jx_str(trees[i], "spec.value", ""), name);
    }
    tick(&f);
    tear_down(&f);
}

static size_t trees_of(struct fixture *f)
{
    struct store_stats st;
    store_stats(f->s, &st);
    return st.trees;
}

static void a_flood_of_trees_goes_in_slices_but_does_not_pile_up(void **state)
{
    struct fixture f;
    set_up(&f);
    store_close(f.s);
    f.opts.tree_cache = 100;
    open_store(&f);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 1000; i++) {
            cleanup_free char *name = xasprintf("p%d-%d", round, i);
            put(&f, name, "x");
        }
        loop_sim_tick(f.loop);
        assert_in_range(trees_of(&f), 101, 100 * 4 + 128);
    }
    tick(&f); /* it goes on by itself */
    assert_int_equal(trees_of(&f), 100);
    tear_down(&f);
}

/* What its maker encoded is stored as it is, but for the revision. */
static void an_encoded_object_is_like_any_other(void **state)
{
    struct fixture f;
    struct err err;
    set_up(&f);
    struct store_key key = {"events", "default", "e"};
    cleanup_str struct str bytes = STR_INIT;
    str_add(&bytes, "{\"kind\":\"Event\",\"metadata\":{\"name\":\"e\",\"namespace\":\"default\","
                    "\"uid\":\"uid-e\",\"resourceVersion\":\"\"},\"note\":\"x\"}");
    assert_int_equal(store_put_encoded(f.s, &key, "uid-e", &bytes, &err), 0);
    assert_null(store_find(f.s, STORE_COMMITTED, &key));
    tick(&f);
    cleanup_entry const struct store_entry *e = store_find_uid(f.s, STORE_COMMITTED, "uid-e");
    assert_non_null(e);
    assert_int_equal(e->rev, store_revision(f.s, STORE_COMMITTED));
    assert_int_equal(object_revision(store_tree(f.s, e)), e->rev);
    assert_string_equal(jx_str(store_tree(f.s, e), "note", ""), "x");
    assert_string_equal(e->phase, "");
    assert_int_equal(store_put_encoded(f.s, &key, "uid-e", &bytes, &err), -1);
    assert_int_equal(err.code, ERR_ALREADY_EXISTS);
    struct store_key other = {"events", "default", "f"};
    str_clear(&bytes);
    str_add(&bytes, "{\"metadata\":{\"name\":\"f\"}}");
    assert_int_equal(store_put_encoded(f.s, &other, "uid-f", &bytes, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_null(store_find(f.s, STORE_STAGED, &other));
    tear_down(&f);
}

static void an_entry_may_outlive_its_store(void **state)
{
    struct fixture f;
    set_up(&f);
    struct store_key key = pod_key("a");
    const struct store_entry *e = put_key(&f, &key, object("default", "a", "1"), 0);
    tear_down(&f);
    assert_string_equal(e->key.name, "a");
    store_entry_unref(e);
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_put_is_staged_then_published),
        cmocka_unit_test(the_entry_does_not_change_when_it_is_committed),
        cmocka_unit_test(an_entry_tells_what_lists_need),
        cmocka_unit_test(a_bare_entry_has_empty_fields),
        cmocka_unit_test(a_put_says_what_it_expects),
        cmocka_unit_test(only_one_of_two_creations_in_a_tick_wins),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(a_delete_says_what_it_expects),
        cmocka_unit_test(deleted_and_made_again_in_one_tick_is_a_new_object),
        cmocka_unit_test(many_changes_of_one_object_in_a_tick_end_with_the_last),
        cmocka_unit_test(bytes_and_tree_say_the_same_revision),
        cmocka_unit_test(an_update_that_changes_nothing_is_none),
        cmocka_unit_test(a_caller_gets_the_entry_that_is_there_when_nothing_changed),
        cmocka_unit_test(a_borrowed_tree_stays_until_the_tick_ends),
        cmocka_unit_test(a_flood_of_trees_goes_in_slices_but_does_not_pile_up),
        cmocka_unit_test(an_encoded_object_is_like_any_other),
        cmocka_unit_test(an_entry_may_outlive_its_store),
    };
    return cmocka_run_group_tests_name("store put", tests, NULL, NULL);
}
