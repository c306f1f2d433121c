/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that a lab's memory dies with it, half-built ones included, and that things are found. */
#include "common/testing.h"

#include <string.h>

#include "common/mem.h"
#include "lab/arena.h"
#include "lab/lab.h"

static void test_the_arena_owns_everything(void **state)
{
    struct arena *a = arena_new();
    char *zeroed = arena_alloc(a, 16);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(zeroed[i], 0);
    }
    assert_non_null(arena_alloc(a, 0));
    assert_string_equal(arena_copy(a, "text"), "text");
    assert_string_equal(arena_copy_n(a, "text", 2), "te");
    assert_null(arena_copy(a, NULL));
    assert_null(arena_take(a, NULL));
    assert_string_equal(arena_take(a, xstrdup("mine")), "mine");
    arena_free(a);
    arena_free(NULL);
}

static void test_finding(void **state)
{
    struct lab_step steps[] = {{.id = "one"}, {.id = "two"}};
    struct lab_probe probes[] = {{.id = "web"}};
    struct lab lab = {.steps = steps, .nsteps = 2, .probes = probes, .nprobes = 1};
    assert_ptr_equal(lab_find_step(&lab, "two"), &steps[1]);
    assert_null(lab_find_step(&lab, "three"));
    assert_int_equal(lab_step_index(&lab, &steps[1]), 1);
    assert_ptr_equal(lab_find_probe(&lab, "web"), &probes[0]);
    assert_null(lab_find_probe(&lab, "kv"));
}

static void test_the_way_to_a_step(void **state)
{
    struct lab_step steps[] = {
        {.id = "one"}, {.id = "two"}, {.id = "three", .from = "one"}, {.id = "four"}};
    struct lab lab = {.steps = steps, .nsteps = 4};
    size_t way[4];
    assert_int_equal(lab_path(&lab, 0, way), 0);
    assert_int_equal(lab_path(&lab, 1, way), 1);
    assert_int_equal(way[0], 0);
    assert_int_equal(lab_path(&lab, 2, way), 1);
    assert_int_equal(way[0], 0);
    assert_int_equal(lab_path(&lab, 3, way), 2);
    assert_int_equal(way[0], 0);
    assert_int_equal(way[1], 2);
    assert_int_equal(lab_path(&lab, 4, way), 3); /* all is done */
    assert_int_equal(way[2], 3);
}

static void test_freeing(void **state)
{
    struct lab *half = xnew(struct lab); /* nothing was read yet */
    lab_free(half);
    struct lab *lab = xnew(struct lab);
    lab->arena = arena_new();
    lab->title = arena_copy(lab->arena, "T");
    lab->cluster = json_object();
    lab_free(lab);
    lab_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_arena_owns_everything), cmocka_unit_test(test_finding),
        cmocka_unit_test(test_the_way_to_a_step), cmocka_unit_test(test_freeing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
