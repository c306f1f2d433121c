/* SPDX-License-Identifier: Apache-2.0 */
/* Numbered names: known ahead, and never the same twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "meta/name.h"

enum { NAMES = 27 * 27 * 27 * 27 * 27 };

static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";

static uint32_t number_of(const char *suffix)
{
    uint32_t n = 0;
    assert_int_equal(strlen(suffix), 5);
    for (int i = 0; i < 5; i++) {
        const char *at = strchr(alphabet, suffix[i]);
        assert_non_null(at);
        n = n * 27 + (uint32_t)(at - alphabet);
    }
    return n;
}

static void no_name_comes_twice(void **state)
{
    static const char *const seeds[] = {"", "6f0b2cf8-8f8b-4c9e-9d1c-2a3b4c5d6e7f"};
    uint8_t *seen = xmalloc(NAMES);
    for (size_t s = 0; s < 2; s++) {
        memset(seen, 0, NAMES);
        for (uint64_t n = 0; n < NAMES; n++) {
            cleanup_free char *name = name_numbered("web-", seeds[s], n);
            uint32_t is = number_of(name + 4);
            assert_int_equal(seen[is], 0);
            seen[is] = 1;
        }
    }
    free(seen);
}

static void names_are_known_ahead_and_differ_by_seed(void **state)
{
    cleanup_free char *a = name_numbered("web-", "one", 7);
    cleanup_free char *again = name_numbered("web-", "one", 7);
    cleanup_free char *other = name_numbered("web-", "two", 7);
    assert_string_equal(a, again);
    assert_string_not_equal(a, other);
}

static void a_long_base_is_cut(void **state)
{
    char base[100];
    memset(base, 'a', sizeof(base) - 1);
    base[sizeof(base) - 1] = '\0';
    cleanup_free char *name = name_numbered(base, "seed", 0);
    assert_int_equal(strlen(name), 63);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_name_comes_twice),
        cmocka_unit_test(names_are_known_ahead_and_differ_by_seed),
        cmocka_unit_test(a_long_base_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
