/* SPDX-License-Identifier: Apache-2.0 */
/* Watches: replay, follow, wake, fall behind, and what a restart makes of them. */
#include "fixture.h"

struct watcher {
    struct fixture *f;
    struct store_watch *w;
    int wakes;
    bool reads; /* when woken */
    struct str seen;
};

/* "+a=1@5 " added, "~a=2<1@6 " modified with what it was, "-a=2<2@7 " deleted. */
static void note(struct watcher *w, const struct store_event *ev)
{
    str_add_f(&w->seen, "%c%s=%s", "+~-"[ev->type], ev -> entry -> key.name,
              jx_str(store_tree(w->f->s, ev->entry), "spec.value", "?"));
    assert_int_equal(ev->rev, ev->entry->rev);
    if (ev->prev != NULL) {
        str_add_f(&w->seen, "<%s", jx_str(store_tree(w->f->s, ev->prev), "spec.value", "?"));
        assert_true(ev->prev->rev < ev->rev);
    }
    str_add_f(&w->seen, "@%" PRId64 " ", ev->rev);
}

static int read_all(struct watcher *w, struct err *err)
{
    const struct store_event *ev;
    int rc;
    while ((rc = store_watch_next(w->w, &ev, err)) > 0) {
        note(w, ev);
    }
    return rc;
}

static void on_wake(void *arg)
{
    struct watcher *w = arg;
    struct err err;
    w->wakes++;
    if (w->reads) {
        assert_int_equal(read_all(w, &err), 0);
    }
}

static void watch(struct watcher *w, struct fixture *f, const char *ns, int64_t rev)
{
    struct err err = {ERR_NONE, ""};
    *w = (struct watcher){.f = f, .reads = true};
    if (store_watch_new(f->s, "pods", ns, rev, on_wake, w, &w->w, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

static void end(struct watcher *w)
{
    store_watch_free(w->w);
    str_fini(&w->seen);
}

#define assert_seen(w, want)                                                                       \
    do {                                                                                           \
        assert_string_equal(str_c(&(w)->seen), (want));                                            \
        str_clear(&(w)->seen);                                                                     \
    } while (0)

static void a_watch_replays_and_then_follows(void **state)
{
    struct fixture f;
    struct watcher all, later;
    set_up(&f);
    put(&f, "a", "1"); /* 1 */
    put(&f, "b", "1");
    tick(&f);
    put(&f, "a", "2");
    del(&f, "b"); /* 4 */
    tick(&f);
    watch(&all, &f, NULL, 0);
    watch(&later, &f, NULL, 2);
    assert_int_equal(all.wakes, 0); /* never under the feet of the caller */
    tick(&f);
    assert_seen(&all, "+a=1@1 +b=1@2 ~a=2<1@3 -b=1<1@4 ");
    assert_seen(&later, "~a=2<1@3 -b=1<1@4 ");
    put(&f, "a", "3");
    put(&f, "a", "4");
    del(&f, "a");
    put(&f, "a", "5");
    assert_int_equal(all.wakes, 1); /* what is staged wakes nobody */
    tick(&f);
    assert_seen(&all, "~a=3<2@5 ~a=4<3@6 -a=4<4@7 +a=5@8 ");
    assert_seen(&later, "~a=3<2@5 ~a=4<3@6 -a=4<4@7 +a=5@8 ");
    assert_int_equal(all.wakes, 2); /* once per publication */
    end(&all);
    end(&later);
    tear_down(&f);
}

static void a_watch_sees_its_kind_and_namespace_only(void **state)
{
    struct fixture f;
    struct watcher w, none;
    set_up(&f);
    watch(&w, &f, "default", 0);
    watch(&none, &f, "other", 0);
    struct store_key others[] = {{"pods", "elsewhere", "a"}, {"services", "default", "a"}};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        store_entry_unref(put_key(&f, &others[i], object(others[i].ns, "a", "x"), 0));
    }
    put(&f, "mine", "1");
    tick(&f);
    assert_seen(&w, "+mine=1@3 ");
    assert_int_equal(none.wakes, 0);
    assert_int_equal(store_watch_revision(none.w), 3); /* there was nothing for it */
    end(&w);
    end(&none);
    tear_down(&f);
}

static void the_revision_says_what_was_read(void **state)
{
    struct fixture f;
    struct watcher w;
    const struct store_event *ev;
    struct err err;
    set_up(&f);
    struct store_key service = {"services", "default", "s"};
    put(&f, "a", "1");
    store_entry_unref(put_key(&f, &service, object("default", "s", "1"), 0));
    put(&f, "b", "1"); /* 3 */
    store_entry_unref(put_key(&f, &service, object("default", "s", "2"), -1));
    tick(&f);
    watch(&w, &f, NULL, 0);
    w.reads = false;
    assert_int_equal(store_watch_revision(w.w), 0);
    assert_int_equal(store_watch_next(w.w, &ev, &err), 1);
    assert_int_equal(ev->rev, 1);
    assert_int_equal(store_watch_revision(w.w), 2); /* 3 is the next one for us */
    assert_int_equal(store_watch_next(w.w, &ev, &err), 1);
    assert_int_equal(store_watch_revision(w.w), 4);
    assert_int_equal(store_watch_next(w.w, &ev, &err), 0);
    put(&f, "c", "1");
    assert_int_equal(store_watch_revision(w.w), 4);
    tick(&f);
    assert_int_equal(store_watch_revision(w.w), 4);
    assert_int_equal(store_watch_next(w.w, &ev, &err), 1);
    assert_int_equal(store_watch_revision(w.w), 5);
    end(&w);
    tear_down(&f);
}

static void check_refused(struct fixture *f, int64_t rev, enum err_code code, const char *msg)
{
    struct store_watch *w = NULL;
    struct err err = {ERR_NONE, ""};
    assert_int_equal(store_watch_new(f->s, "pods", NULL, rev, on_wake, NULL, &w, &err), -1);
    assert_int_equal(err.code, code);
    assert_string_equal(err.msg, msg);
    assert_null(w);
}

static void small_log(struct fixture *f, size_t keep)
{
    set_up(f);
    store_close(f->s);
    f->opts.log_keep = keep;
    open_store(f);
}

static void revisions_too_old_or_too_new_are_refused(void **state)
{
    struct fixture f;
    small_log(&f, 5);
    for (int i = 1; i <= 20; i++) {
        cleanup_free char *value = xasprintf("%d", i);
        put(&f, "a", value);
        tick(&f);
    }
    check_refused(&f, 14, ERR_EXPIRED, "too old resource version: 14 (15)");
    check_refused(&f, 0, ERR_EXPIRED, "too old resource version: 0 (15)");
    check_refused(&f, 21, ERR_TIMEOUT, "Too large resource version: 21, current: 20");
    struct watcher w;
    watch(&w, &f, NULL, 15);
    tick(&f);
    assert_seen(&w, "~a=16<15@16 ~a=17<16@17 ~a=18<17@18 ~a=19<18@19 ~a=20<19@20 ");
    end(&w);
    tear_down(&f);
}

static void a_watch_may_begin_at_what_is_staged(void **state)
{
    struct fixture f;
    struct watcher w;
    set_up(&f);
    put(&f, "a", "1");
    int64_t rev = put(&f, "b", "1");
    watch(&w, &f, NULL, rev);
    assert_int_equal(store_watch_revision(w.w), rev);
    put(&f, "c", "1");
    tick(&f);
    assert_seen(&w, "+c=1@3 ");
    end(&w);
    tear_down(&f);
}

static void a_slow_watch_falls_behind_and_a_quiet_one_does_not(void **state)
{
    struct fixture f;
    struct watcher slow, quiet;
    small_log(&f, 10);
    watch(&slow, &f, NULL, 0);
    slow.reads = false;
    watch(&quiet, &f, "nothing-here", 0);
    for (int i = 1; i <= 30; i++) {
        cleanup_free char *value = xasprintf("%d", i);
        put(&f, "a", value);
        tick(&f);
    }
    struct err err = {ERR_NONE, ""};
    assert_int_equal(read_all(&slow, &err), -1);
    assert_int_equal(err.code, ERR_EXPIRED);
    assert_string_equal(err.msg, "too old resource version: 0 (20)");
    assert_int_equal(read_all(&quiet, &err), 0);
    assert_int_equal(store_watch_revision(quiet.w), 30);
    end(&slow);
    end(&quiet);
    tear_down(&f);
}

static void an_event_stays_until_the_next_is_read(void **state)
{
    struct fixture f;
    struct watcher w;
    const struct store_event *ev;
    struct err err;
    small_log(&f, 2);
    put(&f, "a", "1");
    put(&f, "a", "2");
    tick(&f);
    watch(&w, &f, NULL, 1);
    w.reads = false;
    assert_int_equal(store_watch_next(w.w, &ev, &err), 1);
    for (int i = 0; i < 20; i++) { /* it leaves the log, which also grows */
        cleanup_free char *name = xasprintf("p%d", i);
        put(&f, name, "x");
        tick(&f);
    }
    assert_string_equal(jx_str(store_tree(f.s, ev->entry), "spec.value", ""), "2");
    assert_string_equal(jx_str(store_tree(f.s, ev->prev), "spec.value", ""), "1");
    end(&w);
    tear_down(&f);
}

/* ---- waking ---- */

static struct watcher *victims[3];

static void free_the_others(void *arg)
{
    struct watcher *w = arg;
    w->wakes++;
    for (size_t i = 0; i < ARRAY_LEN(victims); i++) {
        store_watch_free(steal(victims[i]->w));
    }
}

static void a_wake_may_free_any_watch(void **state)
{
    struct fixture f;
    set_up(&f);
    struct watcher w[3];
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        w[i] = (struct watcher){.f = &f};
        victims[i] = &w[i];
        assert_int_equal(
            store_watch_new(f.s, "pods", NULL, 0, free_the_others, &w[i], &w[i].w, &err), 0);
    }
    put(&f, "a", "1");
    tick(&f);
    assert_int_equal(w[0].wakes + w[1].wakes + w[2].wakes, 1);
    put(&f, "a", "2");
    tick(&f);
    tear_down(&f);
}

static void many_watches_are_all_woken(void **state)
{
    struct fixture f;
    set_up(&f);
    static struct watcher w[100];
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        watch(&w[i], &f, NULL, 0);
    }
    put(&f, "a", "1");
    tick(&f);
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        assert_seen(&w[i], "+a=1@1 ");
    }
    store_watch_free(steal(w[50].w));
    store_watch_free(steal(w[0].w));
    store_watch_free(steal(w[99].w));
    put(&f, "a", "2");
    tick(&f);
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        assert_string_equal(str_c(&w[i].seen), w[i].w != NULL ? "~a=2<1@2 " : "");
        end(&w[i]);
    }
    tear_down(&f);
}

static void a_watch_may_outlive_its_store(void **state)
{
    struct fixture f;
    struct watcher w;
    struct err err;
    set_up(&f);
    watch(&w, &f, NULL, 0);
    put(&f, "a", "1");
    store_abandon(f.s);
    f.s = NULL;
    assert_int_equal(read_all(&w, &err), 0);
    assert_int_equal(store_watch_revision(w.w), 0);
    end(&w);
    tear_down(&f);
}

/* ---- restarts ---- */

static void restart(struct fixture *f)
{
    store_abandon(f->s);
    open_store(f);
}

static void a_replay_after_a_restart_is_the_same(void **state)
{
    struct fixture f;
    struct watcher w;
    small_log(&f, 6);
    put(&f, "old", "1"); /* 1: its row must outlive its event */
    put(&f, "b", "1");
    del(&f, "b"); /* 3 */
    tick(&f);
    for (int i = 4; i < 10; i++) {
        cleanup_free char *value = xasprintf("%d", i);
        put(&f, "a", value);
        tick(&f);
    }
    put(&f, "old", "2"); /* 10: the version before left the log long ago */
    put(&f, "b", "2");
    del(&f, "old");
    put(&f, "old", "3");
    tick(&f);
    static const char want[] = "~a=8<7@8 ~a=9<8@9 ~old=2<1@10 +b=2@11 -old=2<2@12 +old=3@13 ";
    for (int i = 0; i < 3; i++) {
        watch(&w, &f, NULL, 7);
        tick(&f);
        assert_seen(&w, want);
        end(&w);
        check_refused(&f, 6, ERR_EXPIRED, "too old resource version: 6 (7)");
        restart(&f);
    }
    assert_int_equal(put(&f, "a", "x"), 14); /* no jump: the machine is the same */
    tear_down(&f);
}

static void after_a_reboot_the_revision_jumps_and_watches_begin_anew(void **state)
{
    struct fixture f;
    set_up(&f);
    put(&f, "a", "1");
    int64_t seen = put(&f, "a", "2");
    tick(&f);
    store_abandon(f.s);
    f.opts.boot_id = "second";
    open_store(&f);
    int64_t now = store_revision(f.s, STORE_COMMITTED);
    assert_true(now >= seen + 900 && now <= seen + 2000);
    struct store_watch *w;
    struct err err = {ERR_NONE, ""};
    assert_int_equal(store_watch_new(f.s, "pods", NULL, seen, on_wake, NULL, &w, &err), -1);
    assert_int_equal(err.code, ERR_EXPIRED);
    struct watcher fresh;
    watch(&fresh, &f, NULL, now);
    cleanup_free char *want = xasprintf("~a=3<2@%" PRId64 " ", now + 1);
    put(&f, "a", "3");
    tick(&f);
    assert_seen(&fresh, want);
    end(&fresh);
    restart(&f); /* of the process only */
    assert_value(&f, STORE_COMMITTED, "a", "3");
    assert_int_equal(store_revision(f.s, STORE_COMMITTED), now + 1);
    watch(&fresh, &f, NULL, now);
    tick(&f);
    assert_seen(&fresh, want);
    end(&fresh);
    tear_down(&f);
}

/* ---- how long the log is ---- */

static size_t rows_in(struct fixture *f)
{
    struct store_stats st;
    store_stats(f->s, &st);
    return st.log_events;
}

static void the_log_is_trimmed_in_slices(void **state)
{
    struct fixture f;
    set_up(&f);
    for (int i = 0; i < 3000; i++) {
        cleanup_free char *value = xasprintf("%d", i);
        put(&f, "a", value);
    }
    tick(&f);
    assert_int_equal(rows_in(&f), 3000);
    store_close(f.s);
    f.opts.log_keep = 100;
    open_store(&f);
    assert_int_equal(rows_in(&f), 3000);
    size_t before = 3000;
    for (int i = 0; i < 40; i++) {
        put(&f, "b", i % 2 ? "x" : "y");
        tick(&f);
        assert_true(before - rows_in(&f) <= 256); /* no tick pays for all */
        before = rows_in(&f);
    }
    assert_int_equal(rows_in(&f), 100);
    tear_down(&f);
}

static void events_that_all_have_read_may_leave_early(void **state)
{
    struct fixture f;
    struct watcher w;
    set_up(&f);
    store_close(f.s);
    f.opts.log_bytes = 10000;
    open_store(&f);
    watch(&w, &f, NULL, 0);
    w.reads = false;
    for (int i = 0; i < 200; i++) {
        cleanup_free char *value = xasprintf("%d", i);
        put(&f, "a", value);
        tick(&f);
    }
    assert_int_equal(rows_in(&f), 200); /* a watch has yet to read them */
    struct err err;
    assert_int_equal(read_all(&w, &err), 0);
    put(&f, "a", "end");
    tick(&f);
    struct store_stats st;
    store_stats(f.s, &st);
    assert_true(st.log_events < 60 && st.log_events > 5);
    assert_true(st.log_bytes < 11000);
    end(&w);
    tear_down(&f);
}

int main(void)
{
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watch_replays_and_then_follows),
        cmocka_unit_test(a_watch_sees_its_kind_and_namespace_only),
        cmocka_unit_test(the_revision_says_what_was_read),
        cmocka_unit_test(revisions_too_old_or_too_new_are_refused),
        cmocka_unit_test(a_watch_may_begin_at_what_is_staged),
        cmocka_unit_test(a_slow_watch_falls_behind_and_a_quiet_one_does_not),
        cmocka_unit_test(an_event_stays_until_the_next_is_read),
        cmocka_unit_test(a_wake_may_free_any_watch),
        cmocka_unit_test(many_watches_are_all_woken),
        cmocka_unit_test(a_watch_may_outlive_its_store),
        cmocka_unit_test(a_replay_after_a_restart_is_the_same),
        cmocka_unit_test(after_a_reboot_the_revision_jumps_and_watches_begin_anew),
        cmocka_unit_test(the_log_is_trimmed_in_slices),
        cmocka_unit_test(events_that_all_have_read_may_leave_early),
    };
    return cmocka_run_group_tests_name("store watch", tests, NULL, NULL);
}
