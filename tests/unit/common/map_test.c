/* SPDX-License-Identifier: Apache-2.0 */
/* The map finds what it was given and walks in the order in which it was given it. */
#include "testing.h"

#include <stdio.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"

static int freed;

static void count_free(void *value)
{
    freed++;
    free(value);
}

static char *keys_of(const struct map *m)
{
    struct str s = STR_INIT;
    size_t it = 0;
    const char *key;
    while (map_next(m, &it, &key, NULL)) {
        str_add(&s, key);
    }
    return str_take(&s);
}

static void keeps_the_order_of_insertion(void **state)
{
    (void)state;
    struct map *m = map_new(NULL);
    int v[4];
    map_put(m, "z", &v[0]);
    map_put(m, "a", &v[1]);
    map_put(m, "m", &v[2]);
    map_put(m, "z", &v[3]); /* keeps its place */
    cleanup_free char *all = keys_of(m);
    assert_string_equal(all, "zam");
    assert_ptr_equal(map_find(m, "z"), &v[3]);
    assert_true(map_remove(m, "a"));
    assert_false(map_remove(m, "a"));
    map_put(m, "a", &v[1]); /* comes back at the end */
    cleanup_free char *after = keys_of(m);
    assert_string_equal(after, "zma");
    assert_null(map_find(m, "nobody"));
    assert_int_equal(map_count(m), 3);
    map_free(m);
}

static void values_are_freed_once(void **state)
{
    (void)state;
    freed = 0;
    struct map *m = map_new(count_free);
    map_put(m, "a", xstrdup("1"));
    map_put(m, "a", xstrdup("2"));
    assert_int_equal(freed, 1);
    map_put(m, "a", map_find(m, "a")); /* the same value again is not freed */
    assert_int_equal(freed, 1);
    cleanup_free char *taken = map_take(m, "a");
    assert_string_equal(taken, "2");
    assert_int_equal(freed, 1);
    assert_null(map_take(m, "a"));
    map_put(m, "b", xstrdup("3"));
    map_put(m, "c", xstrdup("4"));
    map_remove(m, "b");
    assert_int_equal(freed, 2);
    map_clear(m);
    assert_int_equal(freed, 3);
    map_put(m, "d", xstrdup("5")); /* usable after clear */
    map_free(m);
    assert_int_equal(freed, 4);
    map_free(NULL);
}

static void an_entry_may_be_removed_while_walking(void **state)
{
    (void)state;
    struct map *m = map_new(NULL);
    char key[16];
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "%d", i);
        map_put(m, key, m);
    }
    size_t it = 0, seen = 0;
    const char *k;
    while (map_next(m, &it, &k, NULL)) {
        if (seen++ % 2 == 0) {
            assert_true(map_remove(m, k));
        }
    }
    assert_int_equal(seen, 100);
    assert_int_equal(map_count(m), 50);
    it = 0;
    while (map_next(m, &it, &k, NULL)) {
        assert_true(map_remove(m, k));
    }
    assert_int_equal(map_count(m), 0);
    map_free(m);
}

/* Random puts and removals against an array that is searched by eye. */
static void agrees_with_a_plain_array(void **state)
{
    (void)state;
    enum { KEYS = 200, STEPS = 20000 };
    struct map *m = map_new(NULL);
    static long model[KEYS]; /* when it was inserted; 0: it is not there */
    uint32_t seed = 12345;
    size_t count = 0;
    for (long step = 1; step <= STEPS; step++) {
        seed = seed * 1664525u + 1013904223u;
        int k = (int)(seed >> 8) % KEYS;
        char key[16];
        snprintf(key, sizeof(key), "key-%d", k);
        if ((seed >> 28) % 2 == 0) {
            map_put(m, key, &model[k]);
            count += model[k] == 0;
            model[k] = model[k] == 0 ? step : model[k];
        } else {
            assert_int_equal(map_remove(m, key), model[k] != 0);
            count -= model[k] != 0;
            model[k] = 0;
        }
        assert_int_equal(map_count(m), count);
        if (step % 500 == 0) {
            long last = 0;
            size_t it = 0, seen = 0;
            void *value;
            for (; map_next(m, &it, NULL, &value); seen++) {
                assert_true(*(long *)value > last);
                last = *(long *)value;
            }
            assert_int_equal(seen, count);
            for (int i = 0; i < KEYS; i++) {
                snprintf(key, sizeof(key), "key-%d", i);
                assert_ptr_equal(map_find(m, key), model[i] != 0 ? &model[i] : NULL);
            }
        }
    }
    map_free(m);
}

/* First in, first out, a hundred thousand times: a queue's holes must not pile up. */
static void serves_as_a_queue(void **state)
{
    (void)state;
    struct map *m = map_new(NULL);
    char key[16];
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof(key), "%d", i);
        map_put(m, key, m);
        if (i >= 50) {
            size_t it = 0;
            const char *k;
            assert_true(map_next(m, &it, &k, NULL));
            snprintf(key, sizeof(key), "%d", i - 50);
            assert_string_equal(k, key);
            map_remove(m, k);
        }
    }
    assert_int_equal(map_count(m), 50);
    map_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_order_of_insertion),
        cmocka_unit_test(values_are_freed_once),
        cmocka_unit_test(an_entry_may_be_removed_while_walking),
        cmocka_unit_test(agrees_with_a_plain_array),
        cmocka_unit_test(serves_as_a_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
