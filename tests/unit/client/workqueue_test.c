/* SPDX-License-Identifier: Apache-2.0 */
/* Work queues: each key once, in order, again after a back-off, never one inside another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/workqueue.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"

struct bed {
    struct loop *loop;
    struct workqueue *q;
    struct str seen; /* "a@0 b@5": keys, and when in ms */
    int fail;        /* this many calls fail */
    enum err_code code;
    const char *add; /* added from within */
    bool running;
    bool nested;
};

static int reconcile(void *arg, const char *key, struct err *err)
{
    struct bed *b = arg;
    b->nested = b->nested || b->running;
    b->running = true;
    str_add_f(&b->seen, "%s%s@%llu", b->seen.len > 0 ? " " : "", key,
              (unsigned long long)(loop_mono_ns(b->loop) / 1000000 - 1000));
    if (b->add != NULL) {
        const char *add = b->add;
        b->add = NULL;
        workqueue_add(b->q, add);
    }
    b->running = false;
    return b->fail-- > 0 ? err_set(err, b->code, "no") : 0;
}

static void set_up(struct bed *b)
{
    *b = (struct bed){.loop = loop_sim_new(1), .code = ERR_INTERNAL};
    log_set_level(LOG_ERROR);
    b->q = workqueue_new(b->loop, "test", reconcile, b);
}

static void tear_down(struct bed *b)
{
    assert_false(b->nested);
    workqueue_free(b->q);
    loop_free(b->loop);
    str_fini(&b->seen);
}

static void keys_come_once_and_in_order(void **state)
{
    struct bed b;
    set_up(&b);
    workqueue_add(b.q, "d/b");
    workqueue_add_object(b.q, "d", "a");
    workqueue_add(b.q, "d/b");
    assert_string_equal(str_c(&b.seen), ""); /* never within the call */
    assert_int_equal(workqueue_len(b.q), 2);
    loop_sim_advance(b.loop, 0);
    assert_string_equal(str_c(&b.seen), "d/b@0 d/a@0");
    assert_int_equal(workqueue_len(b.q), 0);
    workqueue_add(b.q, "d/b");
    loop_sim_advance(b.loop, 0);
    assert_string_equal(str_c(&b.seen), "d/b@0 d/a@0 d/b@0");
    tear_down(&b);
}

static void a_key_added_by_its_own_work_comes_again(void **state)
{
    struct bed b;
    set_up(&b);
    b.add = "x";
    workqueue_add(b.q, "x");
    workqueue_add(b.q, "y");
    loop_sim_advance(b.loop, 0);
    assert_string_equal(str_c(&b.seen), "x@0 y@0 x@0");
    tear_down(&b);
}

static void failures_wait_longer_and_longer(void **state)
{
    struct bed b;
    set_up(&b);
    b.fail = 4;
    workqueue_add(b.q, "x");
    loop_sim_advance(b.loop, LOOP_S(1));
    assert_string_equal(str_c(&b.seen), "x@0 x@5 x@15 x@35 x@75");
    b.fail = 1; /* the success in between made it forget */
    str_clear(&b.seen);
    workqueue_add(b.q, "x");
    loop_sim_advance(b.loop, LOOP_S(1));
    assert_string_equal(str_c(&b.seen), "x@1000 x@1005");
    tear_down(&b);
}

static void the_wait_never_exceeds_half_a_minute(void **state)
{
    struct bed b;
    set_up(&b);
    b.fail = 40;
    workqueue_add(b.q, "x");
    loop_sim_advance(b.loop, LOOP_S(60));
    str_clear(&b.seen);
    loop_sim_advance(b.loop, LOOP_S(90));
    size_t n = 0;
    for (const char *p = str_c(&b.seen); (p = strchr(p, 'x')) != NULL; p++) {
        n++;
    }
    assert_int_equal(n, 3);
    tear_down(&b);
}

static void an_old_view_is_looked_at_again_at_once_but_not_for_ever(void **state)
{
    struct bed b;
    set_up(&b);
    b.fail = 12;
    b.code = ERR_CONFLICT;
    workqueue_add(b.q, "x");
    loop_sim_advance(b.loop, 0);
    assert_string_equal(str_c(&b.seen), "x@0 x@0 x@0 x@0 x@0 x@0 x@0 x@0 x@0 x@0 x@0");
    str_clear(&b.seen);
    loop_sim_advance(b.loop, LOOP_S(1));
    assert_string_equal(str_c(&b.seen), "x@5 x@15");
    tear_down(&b);
}

static void appointments_keep_the_earliest_time(void **state)
{
    struct bed b;
    set_up(&b);
    workqueue_add_after(b.q, "late", LOOP_MS(50));
    workqueue_add_after(b.q, "x", LOOP_MS(30));
    workqueue_add_after(b.q, "x", LOOP_MS(40));
    workqueue_add_after(b.q, "y", LOOP_MS(30));
    workqueue_add_after(b.q, "late", LOOP_MS(10));
    workqueue_add_after(b.q, "z", 0);
    loop_sim_advance(b.loop, LOOP_S(1));
    assert_string_equal(str_c(&b.seen), "z@0 late@10 x@30 y@30");
    tear_down(&b);
}

static void many_appointments_come_in_order(void **state)
{
    struct bed b;
    set_up(&b);
    for (int i = 0; i < 200; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", (i * 37) % 200);
        workqueue_add_after(b.q, key, LOOP_MS(1 + (i * 37) % 200));
    }
    loop_sim_advance(b.loop, LOOP_S(1));
    struct str want = STR_INIT;
    for (int i = 0; i < 200; i++) {
        str_add_f(&want, "%s%d@%d", i > 0 ? " " : "", i, i + 1);
    }
    assert_string_equal(str_c(&b.seen), str_c(&want));
    str_fini(&want);
    tear_down(&b);
}

static void a_freed_queue_does_nothing_more(void **state)
{
    struct bed b;
    set_up(&b);
    workqueue_add(b.q, "x");
    workqueue_add_after(b.q, "y", LOOP_MS(1));
    workqueue_free(b.q);
    b.q = NULL;
    loop_sim_advance(b.loop, LOOP_S(1));
    assert_string_equal(str_c(&b.seen), "");
    tear_down(&b);
}

static void keys_split_into_namespace_and_name(void **state)
{
    char ns[254], name[254];
    workqueue_split("default/web", ns, name);
    assert_string_equal(ns, "default");
    assert_string_equal(name, "web");
    workqueue_split("/worker-1", ns, name);
    assert_string_equal(ns, "");
    assert_string_equal(name, "worker-1");
    workqueue_split("worker-1", ns, name);
    assert_string_equal(ns, "");
    assert_string_equal(name, "worker-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_once_and_in_order),
        cmocka_unit_test(a_key_added_by_its_own_work_comes_again),
        cmocka_unit_test(failures_wait_longer_and_longer),
        cmocka_unit_test(the_wait_never_exceeds_half_a_minute),
        cmocka_unit_test(an_old_view_is_looked_at_again_at_once_but_not_for_ever),
        cmocka_unit_test(appointments_keep_the_earliest_time),
        cmocka_unit_test(many_appointments_come_in_order),
        cmocka_unit_test(a_freed_queue_does_nothing_more),
        cmocka_unit_test(keys_split_into_namespace_and_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
