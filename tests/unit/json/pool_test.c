/* SPDX-License-Identifier: Apache-2.0 */
/* The pool gives every value memory of its own, of any size, and takes it back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/json/jx.h"
#include "common/mem.h"

enum { PIECES = 40000, ROUNDS = 400000 };

static json_malloc_t take;
static json_free_t put;

static int set_up(void **state)
{
    jx_init();
    json_t *before = json_string("made before the pool");
    jx_use_pool();
    json_decref(before);
    json_get_alloc_funcs(&take, &put);
    return 0;
}

static size_t size_of(unsigned i)
{
    return i % 50 == 0 ? 200 + i % 400 : i % 260; /* on both sides of the largest cell */
}

static void check(const unsigned char *p, unsigned i)
{
    for (size_t k = 0; k < size_of(i); k++) {
        assert_int_equal(p[k], i % 251);
    }
}

static void pieces_do_not_overlap(void **state)
{
    static unsigned char *pieces[PIECES];
    uint64_t chance = 1;
    for (int round = 0; round < ROUNDS; round++) {
        chance = chance * 6364136223846793005u + 1442695040888963407u;
        /* waves: more and more, then fewer and fewer, so that slabs fill and run empty */
        unsigned reach = (unsigned)(round / 50000 % 2 == 0 ? PIECES : PIECES / 40);
        unsigned i = (unsigned)(chance >> 33) % reach;
        if (pieces[i] != NULL) {
            check(pieces[i], i);
            put(steal(pieces[i]));
        } else {
            pieces[i] = take(size_of(i));
            assert_int_equal((uintptr_t)pieces[i] % 16, 0);
            memset(pieces[i], (int)(i % 251), size_of(i));
        }
    }
    for (unsigned i = 0; i < PIECES; i++) {
        if (pieces[i] != NULL) {
            check(pieces[i], i);
            put(pieces[i]);
        }
    }
}

static long resident(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*d %ld", &pages), 1);
    fclose(f);
    return pages * 4096;
}

/* What was needed once is not kept for ever. */
static void memory_goes_back(void **state)
{
#ifdef __SANITIZE_ADDRESS__
    skip(); /* there is no pool, and what was freed is kept to be watched */
#endif
    long before = resident();
    json_t *all = json_array();
    for (int i = 0; i < 300000; i++) {
        json_array_append_new(all, json_integer(i));
    }
    long full = resident();
    assert_true(full - before > 300000 * 20);
    json_decref(all);
    assert_true(resident() - before < 8 << 20);
}

static void text_of_sorted_keys_is_the_callers(void **state)
{
    json_auto_t *v = json_pack("{s:i, s:[b], s:s}", "b", 1, "c", 1, "a", "x\"");
    cleanup_free char *text = jx_dump_sorted(v);
    assert_string_equal(text, "{\"a\":\"x\\\"\",\"b\":1,\"c\":[true]}");
    cleanup_free char *nothing = jx_dump_sorted(NULL);
    assert_string_equal(nothing, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_do_not_overlap),
        cmocka_unit_test(memory_goes_back),
        cmocka_unit_test(text_of_sorted_keys_is_the_callers),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
