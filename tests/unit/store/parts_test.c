/* SPDX-License-Identifier: Apache-2.0 */
/* The small parts below the store: the ordered set, the splice of a revision, what cannot be equal.
 */
#include "fixture.h"
#include "store/block.h"
#include "store/entry.h"
#include "store/index.h"
#include "store/order.h"
#include "store/same.h"
#include "store/splice.h"

/* ---- the ordered set ---- */

struct number {
    struct store_order_node node;
    int n;
};

static int number_of(const struct store_order_node *n)
{
    return ((const struct number *)(const void *)n)->n;
}

static int compare_numbers(const void *key, const struct store_order_node *n)
{
    int a = *(const int *)key, b = number_of(n);
    return (a > b) - (a < b);
}

enum { NUMBERS = 2000 };

static int depth(const struct store_order_node *n)
{
    if (n == NULL) {
        return 0;
    }
    int l = depth(n->left), r = depth(n->right);
    return 1 + (l > r ? l : r);
}

static void check_order(const struct store_order *o, const bool *there)
{
    const struct store_order_node *n = store_order_first(o);
    for (int i = 0; i < NUMBERS; i++) {
        if (there[i]) {
            assert_non_null(n);
            assert_int_equal(number_of(n), i);
            n = store_order_next(n);
        }
    }
    assert_null(n);
}

static void numbers_stay_in_order(void **state)
{
    static struct number numbers[NUMBERS];
    static bool there[NUMBERS];
    struct store_order o = {.compare = compare_numbers};
    uint32_t chance = 1;
    for (int round = 0; round < 40000; round++) {
        chance = chance * 1664525u + 1013904223u;
        int i = (int)(chance >> 8) % NUMBERS;
        if (there[i]) {
            store_order_remove(&o, &numbers[i].node);
        } else {
            numbers[i].n = i;
            store_order_insert(&o, &numbers[i].node, &i);
        }
        there[i] = !there[i];
        if (round % 997 == 0) {
            check_order(&o, there);
        }
    }
    check_order(&o, there);
    for (int from = 0; from <= NUMBERS; from++) {
        int want = from;
        while (want < NUMBERS && !there[want]) {
            want++;
        }
        const struct store_order_node *n = store_order_from(&o, &from);
        assert_int_equal(n != NULL ? number_of(n) : NUMBERS, want);
    }
}

static void sorted_insertions_do_not_make_it_deep(void **state)
{
    static struct number numbers[NUMBERS];
    struct store_order o = {.compare = compare_numbers};
    for (int i = 0; i < NUMBERS; i++) {
        numbers[i].n = i;
        store_order_insert(&o, &numbers[i].node, &i);
    }
    assert_true(depth(o.root) < 40);
}

/* ---- the splice ---- */

static void check_splice(const char *before, int64_t rev, const char *after)
{
    cleanup_str struct str s = STR_INIT;
    str_add(&s, before);
    assert_int_equal(store_splice_revision(&s, rev), after != NULL);
    assert_string_equal(s.p, after != NULL ? after : before);
    assert_int_equal(s.len, strlen(s.p));
}

static void only_the_object_s_own_revision_is_replaced(void **state)
{
    check_splice("{\"metadata\":{\"resourceVersion\":\"9\"}}", 10,
                 "{\"metadata\":{\"resourceVersion\":\"10\"}}");
    check_splice(
        "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1000\",\"uid\":\"u\"},\"x\":1}", 7,
        "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"7\",\"uid\":\"u\"},\"x\":1}");
    check_splice("{\"resourceVersion\":\"1\",\"data\":{\"metadata\":{\"resourceVersion\":\"1\"}},"
                 "\"metadata\":{\"a\":{\"resourceVersion\":\"1\"},\"resourceVersion\":\"1\"}}",
                 2,
                 "{\"resourceVersion\":\"1\",\"data\":{\"metadata\":{\"resourceVersion\":\"1\"}},"
                 "\"metadata\":{\"a\":{\"resourceVersion\":\"1\"},\"resourceVersion\":\"2\"}}");
    check_splice(
        "{\"a\":\"\\\"metadata\\\":{\\\\\",\"b\":[1,{\"c\":\"}\"},[]],\"d\":-1.5e3,\"e\":null,"
        "\"metadata\":{\"n\":true,\"resourceVersion\":\"\"}}",
        123,
        "{\"a\":\"\\\"metadata\\\":{\\\\\",\"b\":[1,{\"c\":\"}\"},[]],\"d\":-1.5e3,\"e\":null,"
        "\"metadata\":{\"n\":true,\"resourceVersion\":\"123\"}}");
    check_splice("{}", 1, NULL);
    check_splice("{\"metadata\":{}}", 1, NULL);
    check_splice("{\"metadata\":[\"resourceVersion\",\"1\"]}", 1, NULL);
    check_splice("{\"metadata\":{\"resourceVersion\":5}}", 1, NULL);
    check_splice("{\"metadata\":{\"resourceVersio", 1, NULL);
    check_splice("{\"metadata", 1, NULL);
}

/* ---- what cannot be equal ---- */

static bool maybe(const char *a, const char *b)
{
    assert_int_equal(store_same_maybe(a, strlen(a), b, strlen(b)),
                     store_same_maybe(b, strlen(b), a, strlen(a)));
    return store_same_maybe(a, strlen(a), b, strlen(b));
}

static void only_what_may_be_equal_is_looked_at(void **state)
{
    assert_true(maybe("{\"a\":1,\"b\":\"x\"}", "{\"b\":\"x\",\"a\":1}"));
    assert_true(maybe("{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1.0}"));
    assert_true(maybe("[1,10]", "[1.0,1e1]"));
    assert_true(maybe("", ""));
    assert_false(maybe("{\"a\":1}", "{\"a\":2}"));
    assert_false(maybe("{\"a\":1}", "{\"a\":10}"));
    assert_false(maybe("{\"a\":1}", "{\"a\":1,\"b\":2}"));
    assert_false(maybe("{\"t\":\"12:00:01\"}", "{\"t\":\"12:00:02\"}"));
    assert_false(maybe("{\"s\":\"Pending\"}", "{\"s\":\"Running\"}"));
}

/* ---- blocks ---- */

enum { BLOCKS = 600 };

static void check_block(const unsigned char *p, size_t n, int mark)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(p[i], mark);
    }
}

static void blocks_do_not_overlap_and_outlive_their_store(void **state)
{
    static unsigned char *blocks[BLOCKS];
    static size_t sizes[BLOCKS];
    struct store_blocks *b = store_blocks_new();
    uint32_t chance = 1;
    for (int round = 0; round < 30000; round++) {
        chance = chance * 1664525u + 1013904223u;
        int i = (int)(chance >> 8) % BLOCKS;
        if (blocks[i] != NULL) {
            check_block(blocks[i], sizes[i], i % 251);
            store_block_free(steal(blocks[i]));
            continue;
        }
        sizes[i] = 1 + (chance >> 12) % (round % 10 == 0 ? 40000 : 5000);
        blocks[i] = store_block_new(b, sizes[i]);
        assert_int_equal((uintptr_t)blocks[i] % sizeof(void *), 0);
        memset(blocks[i], i % 251, sizes[i]);
    }
    store_blocks_free(b);
    for (int i = 0; i < BLOCKS; i++) {
        if (blocks[i] != NULL) {
            check_block(blocks[i], sizes[i], i % 251);
            store_block_free(blocks[i]);
        }
    }
}

/* ---- the index ---- */

static const struct store_entry *version(struct store_blocks *b, int64_t rev, const char *node)
{
    struct store_entry e = {.key = {"pods", "d", "a"},
                            .rev = rev,
                            .create_rev = 1,
                            .bytes = "{}",
                            .len = 2,
                            .uid = "u",
                            .owner_uid = "",
                            .node = node,
                            .phase = ""};
    return store_entry_new(b, &e, NULL);
}

static void an_index_keeps_nothing_of_what_is_gone(void **state)
{
    struct store_blocks *b = store_blocks_new();
    struct store_index *ix = store_index_new();
    struct store_key key = {"pods", "d", "a"};
    const struct store_entry *v1 = version(b, 1, "n1"), *v2 = version(b, 2, "n2");
    struct store_slot *slot = store_index_slot(ix, &key, true);
    struct store_change made = {.type = STORE_ADDED, .rev = 1, .entry = v1, .slot = slot};
    store_index_stage(ix, &made);
    store_index_settle(ix, slot, false); /* dropped: it never was */
    assert_null(store_index_slot(ix, &key, false));

    slot = made.slot = store_index_slot(ix, &key, true);
    store_index_stage(ix, &made);
    store_index_settle(ix, slot, true);
    assert_int_equal(store_index_count(ix), 1);
    struct store_change moved = {.type = STORE_MODIFIED, .rev = 2, .entry = v2, .slot = slot};
    store_index_stage(ix, &moved);
    assert_non_null(slot->links[STORE_BY_NODE]->next); /* on both nodes, once in each view */
    store_index_settle(ix, slot, true);
    assert_null(slot->links[STORE_BY_NODE]->next);
    assert_string_equal(slot->links[STORE_BY_NODE]->value, "n2");
    struct store_change gone = {.type = STORE_DELETED, .rev = 3, .entry = v2, .slot = slot};
    store_index_stage(ix, &gone);
    store_index_settle(ix, slot, true);
    assert_null(store_index_slot(ix, &key, false));
    assert_int_equal(store_index_count(ix), 0);
    assert_int_equal(store_index_bytes(ix), 0);
    store_entry_unref(v1);
    store_entry_unref(v2);
    store_index_free(ix);
    store_blocks_free(b);
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_stay_in_order),
        cmocka_unit_test(sorted_insertions_do_not_make_it_deep),
        cmocka_unit_test(only_the_object_s_own_revision_is_replaced),
        cmocka_unit_test(only_what_may_be_equal_is_looked_at),
        cmocka_unit_test(blocks_do_not_overlap_and_outlive_their_store),
        cmocka_unit_test(an_index_keeps_nothing_of_what_is_gone),
    };
    return cmocka_run_group_tests_name("store parts", tests, NULL, NULL);
}
