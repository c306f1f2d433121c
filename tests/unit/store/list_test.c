/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: their order, their filters, both views, and walks whose callbacks change things. */
#include "fixture.h"

static json_t *pod_on(const char *ns, const char *name, const char *node, const char *owner)
{
    json_t *obj = object(ns, name, "1");
    jx_put_str(obj, "spec.nodeName", node);
    if (owner != NULL) {
        jx_put(obj, "metadata.ownerReferences",
               json_pack("[{s:s,s:b}]", "uid", owner, "controller", 1));
    }
    return obj;
}

static void put_on(struct fixture *f, const char *ns, const char *name, const char *node,
                   const char *owner)
{
    struct store_key key = {"pods", ns, name};
    store_entry_unref(put_key(f, &key, pod_on(ns, name, node, owner), -1));
}

static void put_gr(struct fixture *f, const char *gr, const char *ns, const char *name)
{
    struct store_key key = {gr, ns, name};
    store_entry_unref(put_key(f, &key, object(ns, name, "1"), -1));
}

static void lists_are_in_order_of_namespace_and_name(void **state)
{
    struct fixture f;
    set_up(&f);
    put_gr(&f, "pods", "b", "x");
    put_gr(&f, "pods", "a", "z");
    put_gr(&f, "pods", "a-b", "m");
    put_gr(&f, "pods", "a", "y");
    put_gr(&f, "pod", "a", "other");
    put_gr(&f, "pods.metrics", "a", "other");
    struct store_filter all = {.gr = "pods"}, one = {.gr = "pods", .ns = "a"};
    for (enum store_view v = STORE_STAGED; v <= STORE_COMMITTED; v++) {
        assert_list(&f, v, &all, "a/y a/z a-b/m b/x");
        assert_list(&f, v, &one, "a/y a/z");
        tick(&f);
    }
    struct store_filter everything = {0}, namespace = {.ns = "a"};
    assert_list(&f, STORE_COMMITTED, &everything, "a/other a/y a/z a-b/m b/x a/other");
    assert_list(&f, STORE_COMMITTED, &namespace, "a/other a/y a/z a/other");
    assert_int_equal(store_count(f.s, STORE_COMMITTED, "pods", NULL), 4);
    assert_int_equal(store_count(f.s, STORE_COMMITTED, "pods", "a"), 2);
    assert_int_equal(store_count(f.s, STORE_COMMITTED, "services", NULL), 0);
    tear_down(&f);
}

static void a_list_goes_on_behind_a_key(void **state)
{
    struct fixture f;
    set_up(&f);
    put_gr(&f, "pods", "a", "1");
    put_gr(&f, "pods", "a", "2");
    put_gr(&f, "pods", "b", "1");
    put_gr(&f, "pods", "b", "3");
    struct store_filter after = {.gr = "pods", .after_ns = "a", .after_name = "1"};
    assert_list(&f, STORE_STAGED, &after, "a/2 b/1 b/3");
    after.after_name = "2x"; /* the key itself may be gone */
    assert_list(&f, STORE_STAGED, &after, "b/1 b/3");
    after.ns = "b", after.after_ns = "b", after.after_name = "1";
    assert_list(&f, STORE_STAGED, &after, "b/3");
    after.after_ns = "a", after.after_name = "9";
    assert_list(&f, STORE_STAGED, &after, "b/1 b/3");
    after.after_ns = "c";
    assert_list(&f, STORE_STAGED, &after, "");
    tear_down(&f);
}

static void each_view_has_its_own_owners_and_nodes(void **state)
{
    struct fixture f;
    set_up(&f);
    put_on(&f, "d", "p1", "", "rs");
    put_on(&f, "d", "p2", "n1", "rs");
    put_on(&f, "c", "p3", "n1", NULL);
    tick(&f);
    struct store_filter n1 = {.gr = "pods", .node = "n1"}, n2 = {.gr = "pods", .node = "n2"};
    struct store_filter rs = {.gr = "pods", .owner_uid = "rs"};
    assert_list(&f, STORE_COMMITTED, &n1, "c/p3 d/p2");
    put_on(&f, "d", "p1", "n2", "rs"); /* bound */
    put_on(&f, "d", "p2", "n1", NULL); /* released by its owner */
    put_on(&f, "c", "p3", "n2", NULL);
    put_on(&f, "c", "p3", "n1", "rs"); /* there and back again in one tick */
    assert_list(&f, STORE_STAGED, &n1, "c/p3 d/p2");
    assert_list(&f, STORE_STAGED, &n2, "d/p1");
    assert_list(&f, STORE_STAGED, &rs, "c/p3 d/p1");
    assert_list(&f, STORE_COMMITTED, &n1, "c/p3 d/p2");
    assert_list(&f, STORE_COMMITTED, &n2, "");
    assert_list(&f, STORE_COMMITTED, &rs, "d/p1 d/p2");
    tick(&f);
    assert_list(&f, STORE_COMMITTED, &n2, "d/p1");
    assert_list(&f, STORE_COMMITTED, &rs, "c/p3 d/p1");
    struct store_filter both = {.gr = "pods", .owner_uid = "rs", .node = "n1"};
    assert_list(&f, STORE_COMMITTED, &both, "c/p3");
    struct store_filter in_d = {.owner_uid = "rs", .ns = "d"};
    assert_list(&f, STORE_COMMITTED, &in_d, "d/p1");
    struct store_filter later = {
        .gr = "pods", .owner_uid = "rs", .after_ns = "c", .after_name = "p3"};
    assert_list(&f, STORE_COMMITTED, &later, "d/p1");
    tear_down(&f);
}

static void without_a_node_is_a_filter_too(void **state)
{
    struct fixture f;
    set_up(&f);
    put_on(&f, "d", "bound", "n1", NULL);
    put_on(&f, "d", "free", "", NULL);
    struct store_filter none = {.gr = "pods", .node = ""};
    assert_list(&f, STORE_STAGED, &none, "d/free");
    struct store_filter nobody = {.gr = "pods", .owner_uid = "", .node = "n1"};
    assert_list(&f, STORE_STAGED, &nobody, "d/bound");
    tear_down(&f);
}

static const char *named(struct fixture *f, enum store_view view, const char *uid)
{
    cleanup_entry const struct store_entry *e = store_find_uid(f->s, view, uid);
    return e != NULL ? e->key.name : "-"; /* the store keeps it */
}

static void uids_find_objects(void **state)
{
    struct fixture f;
    set_up(&f);
    put(&f, "a", "1");
    assert_string_equal(named(&f, STORE_STAGED, "uid-a"), "a");
    assert_string_equal(named(&f, STORE_COMMITTED, "uid-a"), "-");
    tick(&f);
    struct store_key key = pod_key("a");
    del(&f, "a");
    json_t *again = object("default", "a", "2");
    jx_put_str(again, "metadata.uid", "uid-2");
    store_entry_unref(put_key(&f, &key, again, 0));
    assert_string_equal(named(&f, STORE_STAGED, "uid-a"), "-");
    assert_string_equal(named(&f, STORE_STAGED, "uid-2"), "a");
    assert_string_equal(named(&f, STORE_COMMITTED, "uid-a"), "a");
    tick(&f);
    assert_string_equal(named(&f, STORE_COMMITTED, "uid-a"), "-");
    assert_string_equal(named(&f, STORE_COMMITTED, "uid-2"), "a");
    assert_string_equal(named(&f, STORE_COMMITTED, ""), "-");
    tear_down(&f);
}

/* ---- walks that change what they walk over ---- */

struct walk {
    struct fixture *f;
    struct str seen;
};

static bool change_everything(void *arg, const struct store_entry *e)
{
    struct walk *w = arg;
    str_add_f(&w->seen, "%s=%s ", e->key.name, jx_str(store_tree(w->f->s, e), "spec.value", ""));
    cleanup_free char *before = xasprintf("%s-before", e->key.name);
    cleanup_free char *after = xasprintf("%s-after", e->key.name);
    before[0]--; /* sorts in front of where the walk is */
    put(w->f, before, "new");
    put(w->f, after, "new");
    if (strcmp(e->key.name, "b") == 0) {
        del(w->f, "b");
        del(w->f, "c"); /* not yet walked over */
        put(w->f, "d", "changed");
        put(w->f, "d", "changed again");
    }
    return true;
}

static void a_walk_sees_what_was_there_when_it_began(void **state)
{
    for (enum store_view v = STORE_STAGED; v <= STORE_COMMITTED; v++) {
        struct fixture f;
        set_up(&f);
        put(&f, "b", "1");
        put(&f, "c", "1");
        put(&f, "d", "1");
        if (v == STORE_COMMITTED) {
            tick(&f);
        }
        struct walk w = {&f, STR_INIT};
        struct store_filter all = {.gr = "pods"};
        store_each(f.s, v, &all, change_everything, &w);
        assert_string_equal(str_c(&w.seen), "b=1 c=1 d=1 ");
        tick(&f);
        assert_value(&f, STORE_COMMITTED, "d", "changed again");
        assert_value(&f, STORE_COMMITTED, "c", "-");
        str_fini(&w.seen);
        tear_down(&f);
    }
}

static bool stop_at_second(void *arg, const struct store_entry *e)
{
    (void)e;
    return ++*(int *)arg < 2;
}

static void a_walk_stops_when_told(void **state)
{
    struct fixture f;
    set_up(&f);
    put(&f, "a", "1");
    put(&f, "b", "1");
    put(&f, "c", "1");
    int n = 0;
    struct store_filter all = {.gr = "pods"};
    store_each(f.s, STORE_STAGED, &all, stop_at_second, &n);
    assert_int_equal(n, 2);
    tear_down(&f);
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_in_order_of_namespace_and_name),
        cmocka_unit_test(a_list_goes_on_behind_a_key),
        cmocka_unit_test(each_view_has_its_own_owners_and_nodes),
        cmocka_unit_test(without_a_node_is_a_filter_too),
        cmocka_unit_test(uids_find_objects),
        cmocka_unit_test(a_walk_sees_what_was_there_when_it_began),
        cmocka_unit_test(a_walk_stops_when_told),
    };
    return cmocka_run_group_tests_name("store list", tests, NULL, NULL);
}
