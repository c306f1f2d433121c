/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a tick: who waits for it, in which order, and what a full disk does to it. */
#include "fixture.h"

/* ---- waiting ---- */

static void who_waits_is_told_after_the_publication(void **state)
{
    struct fixture f;
    set_up(&f);
    struct told told = {0};
    put(&f, "a", "1");
    store_on_commit(f.s, on_told, &told);
    assert_int_equal(told.calls, 0);
    tick(&f);
    assert_int_equal(told.calls, 1);
    assert_true(told.ok);
    assert_string_equal(told.why, "");
    tick(&f);
    assert_int_equal(told.calls, 1);
    tear_down(&f);
}

static void with_nothing_staged_they_are_told_in_the_next_tick(void **state)
{
    struct fixture f;
    set_up(&f);
    struct told told = {0};
    store_on_commit(f.s, on_told, &told);
    assert_int_equal(told.calls, 0);
    loop_sim_tick(f.loop);
    loop_sim_tick(f.loop);
    assert_int_equal(told.calls, 1);
    assert_true(told.ok);
    tear_down(&f);
}

struct line {
    struct fixture *f;
    char order[200];
    bool again;
};

struct place {
    struct line *line;
    char name;
};

static void in_line(void *arg, bool ok, const char *why)
{
    struct place *p = arg;
    size_t n = strlen(p->line->order);
    p->line->order[n] = p->name;
    if (p->name == 'c' && !p->line->again) { /* waits once more, with something new to wait for */
        p->line->again = true;
        put(p->line->f, "from-c", "1");
        store_on_commit(p->line->f->s, in_line, p);
        assert_value(p->line->f, STORE_COMMITTED, "from-c", "-");
    }
}

static void they_are_told_in_the_order_of_their_coming(void **state)
{
    struct fixture f;
    set_up(&f);
    struct line line = {.f = &f};
    struct place places[26 * 2];
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        places[i] = (struct place){&line, (char)(i < 26 ? 'a' + i : 'A' + i - 26)};
        if (i == 10) {
            put(&f, "x", "1");
        }
        store_on_commit(f.s, in_line, &places[i]);
    }
    tick(&f);
    assert_string_equal(line.order, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZc");
    assert_value(&f, STORE_COMMITTED, "from-c", "1");
    tear_down(&f);
}

struct forgetting {
    struct fixture *f;
    struct told other;
};

static void forget_the_other(void *arg, bool ok, const char *why)
{
    struct forgetting *g = arg;
    store_off_commit(g->f->s, &g->other);
}

static void who_was_forgotten_is_not_told(void **state)
{
    struct fixture f;
    set_up(&f);
    struct told told = {0};
    put(&f, "a", "1");
    store_on_commit(f.s, on_told, &told);
    store_on_commit(f.s, on_told, &told);
    store_off_commit(f.s, &told);
    struct forgetting g = {.f = &f}; /* the second of two that are told together */
    store_on_commit(f.s, forget_the_other, &g);
    store_on_commit(f.s, on_told, &g.other);
    tick(&f);
    assert_int_equal(told.calls, 0);
    assert_int_equal(g.other.calls, 0);
    tear_down(&f);
}

static void put_late(void *arg)
{
    struct fixture *f = arg;
    if (store_count(f->s, STORE_STAGED, "pods", NULL) == 1) {
        put(f, "late", "1");
    }
}

static void a_put_after_the_store_s_hook_is_committed_too(void **state)
{
    struct fixture f;
    set_up(&f);
    loop_tick_end(f.loop, put_late, &f);
    put(&f, "a", "1");
    tick(&f);
    assert_value(&f, STORE_COMMITTED, "late", "1");
    loop_off_tick_end(f.loop, put_late, &f);
    tear_down(&f);
}

static void all_of_a_tick_is_one_transaction(void **state)
{
    struct fixture f;
    set_up(&f);
    struct store_stats before, after;
    store_stats(f.s, &before);
    for (int i = 0; i < 20; i++) {
        cleanup_free char *name = xasprintf("p%d", i);
        put(&f, name, "1");
        store_record_put(f.s, "intents", name, json_integer(i));
    }
    tick(&f);
    store_stats(f.s, &after);
    assert_int_equal(after.commits - before.commits, 1);
    assert_int_equal(after.puts - before.puts, 20);
    assert_int_equal(after.objects, 20);
    tear_down(&f);
}

static void closing_commits_and_abandoning_does_not(void **state)
{
    struct fixture f;
    set_up(&f);
    struct told told = {0};
    put(&f, "kept", "1");
    store_on_commit(f.s, on_told, &told);
    store_close(f.s);
    open_store(&f);
    assert_value(&f, STORE_COMMITTED, "kept", "1");
    put(&f, "lost", "1");
    store_record_put(f.s, "t", "lost", json_true());
    store_on_commit(f.s, on_told, &told);
    store_abandon(f.s);
    open_store(&f);
    assert_value(&f, STORE_COMMITTED, "kept", "1");
    assert_value(&f, STORE_COMMITTED, "lost", "-");
    assert_null(store_record_find(f.s, "t", "lost"));
    tick(&f);
    assert_int_equal(told.calls, 0);
    tear_down(&f);
}

/* ---- a disk that fails ---- */

struct health {
    int calls;
    bool writable;
    char why[512];
};

static void on_health(void *arg, bool writable, const char *why)
{
    struct health *h = arg;
    h->calls++;
    h->writable = writable;
    snprintf(h->why, sizeof(h->why), "%s", why);
}

static void set_up_health(struct fixture *f, struct health *h)
{
    set_up(f);
    *h = (struct health){0};
    store_close(f->s);
    f->opts.on_health = on_health;
    f->opts.arg = h;
    open_store(f);
}

#define FULL                                                                                       \
    "the disk is full: state.db cannot grow; free some space, and writing goes on by itself"

static void a_failed_commit_drops_the_stage(void **state)
{
    struct fixture f;
    struct health h;
    set_up_health(&f, &h);
    put(&f, "a", "1");
    put(&f, "gone", "1");
    store_record_put(f.s, "t", "k", json_string("old"));
    tick(&f);
    memvfs_full(f.disk, true);
    struct told told = {0};
    int64_t published = store_revision(f.s, STORE_COMMITTED);
    put(&f, "a", "2");
    put(&f, "a", "3");
    del(&f, "gone");
    put(&f, "new", "1");
    put(&f, "newer", "1");
    del(&f, "newer");
    store_record_put(f.s, "t", "k", json_string("new"));
    store_record_put(f.s, "t", "k2", json_string("new"));
    store_record_put(f.s, "t", "k", json_string("newest"));
    store_on_commit(f.s, on_told, &told);
    tick(&f);
    assert_int_equal(told.calls, 1);
    assert_false(told.ok);
    assert_string_equal(told.why, FULL);
    struct store_filter all = {.gr = "pods"};
    for (enum store_view v = STORE_STAGED; v <= STORE_COMMITTED; v++) {
        assert_value(&f, v, "a", "1");
        assert_list(&f, v, &all, "default/a default/gone");
        assert_null(store_find_uid(f.s, v, "uid-new"));
        assert_int_equal(store_revision(f.s, v), published);
    }
    assert_string_equal(json_string_value(store_record_find(f.s, "t", "k")), "old");
    assert_null(store_record_find(f.s, "t", "k2"));
    tear_down(&f);
}

static void the_store_is_read_only_until_a_write_works(void **state)
{
    struct fixture f;
    struct health h;
    set_up_health(&f, &h);
    put(&f, "a", "1");
    tick(&f);
    memvfs_full(f.disk, true);
    int64_t dropped = put(&f, "a", "2");
    tick(&f);
    assert_false(store_writable(f.s));
    assert_string_equal(store_why_read_only(f.s), FULL);
    assert_int_equal(h.calls, 1);
    assert_false(h.writable);
    assert_string_equal(h.why, FULL);

    struct store_key key = pod_key("a");
    struct err err = {ERR_NONE, ""};
    assert_int_equal(store_put(f.s, &key, object("default", "a", "2"), -1, NULL, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_string_equal(err.msg, "nothing can be changed at present: " FULL);
    assert_int_equal(store_delete(f.s, &key, -1, NULL, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);

    loop_sim_advance(f.loop, LOOP_S(10));
    assert_false(store_writable(f.s));
    assert_int_equal(h.calls, 1); /* once each */
    memvfs_full(f.disk, false);
    loop_sim_advance(f.loop, LOOP_MS(1100));
    assert_true(store_writable(f.s));
    assert_string_equal(store_why_read_only(f.s), "");
    assert_int_equal(h.calls, 2);
    assert_true(h.writable);
    assert_string_equal(h.why, "");
    assert_true(put(&f, "a", "3") > dropped);
    tick(&f);
    assert_value(&f, STORE_COMMITTED, "a", "3");
    tear_down(&f);
}

static void records_of_a_read_only_store_are_dropped_too(void **state)
{
    struct fixture f;
    struct health h;
    set_up_health(&f, &h);
    memvfs_full(f.disk, true);
    put(&f, "a", "1");
    tick(&f);
    struct told told = {0};
    store_record_put(f.s, "t", "k", json_true());
    store_on_commit(f.s, on_told, &told);
    tick(&f);
    assert_int_equal(told.calls, 1);
    assert_false(told.ok);
    assert_string_equal(told.why, FULL);
    assert_null(store_record_find(f.s, "t", "k"));
    store_on_commit(f.s, on_told, &told); /* nothing staged: a read may be answered */
    tick(&f);
    assert_true(told.ok);
    tear_down(&f);
}

static void dropped_revisions_are_not_given_again_after_a_restart(void **state)
{
    struct fixture f;
    set_up(&f);
    put(&f, "a", "1");
    tick(&f);
    memvfs_full(f.disk, true);
    int64_t dropped = 0;
    for (int i = 0; i < 5; i++) {
        cleanup_free char *name = xasprintf("p%d", i);
        dropped = put(&f, name, "1");
    }
    tick(&f);
    memvfs_full(f.disk, false);
    loop_sim_advance(f.loop, LOOP_S(2));
    store_abandon(f.s);
    open_store(&f);
    assert_true(put(&f, "b", "1") > dropped);
    tear_down(&f);
}

static void a_dropped_stage_is_not_there_after_a_restart(void **state)
{
    struct fixture f;
    set_up(&f);
    put(&f, "a", "1");
    tick(&f);
    memvfs_full(f.disk, true);
    put(&f, "a", "2");
    tick(&f);
    store_abandon(f.s);
    memvfs_full(f.disk, false);
    open_store(&f);
    assert_value(&f, STORE_COMMITTED, "a", "1");
    tear_down(&f);
}

static void watches_do_not_see_a_dropped_stage(void **state)
{
    struct fixture f;
    set_up(&f);
    struct store_watch *w = NULL;
    struct err err = {ERR_NONE, ""};
    int64_t from = put(&f, "a", "1");
    struct told ignored = {0};
    store_on_commit(f.s, on_told, &ignored);
    tick(&f);
    memvfs_full(f.disk, true);
    put(&f, "a", "2");
    tick(&f);
    assert_int_equal(store_watch_new(f.s, "pods", NULL, from, (loop_fn *)NULL, NULL, &w, &err), 0);
    memvfs_full(f.disk, false);
    loop_sim_advance(f.loop, LOOP_S(2));
    const struct store_event *ev;
    assert_int_equal(store_watch_next(w, &ev, &err), 0);
    store_watch_free(w);
    tear_down(&f);
}

int main(void)
{
    jx_init();
    log_set_level(LOG_ERROR + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_is_told_after_the_publication),
        cmocka_unit_test(with_nothing_staged_they_are_told_in_the_next_tick),
        cmocka_unit_test(they_are_told_in_the_order_of_their_coming),
        cmocka_unit_test(who_was_forgotten_is_not_told),
        cmocka_unit_test(a_put_after_the_store_s_hook_is_committed_too),
        cmocka_unit_test(all_of_a_tick_is_one_transaction),
        cmocka_unit_test(closing_commits_and_abandoning_does_not),
        cmocka_unit_test(a_failed_commit_drops_the_stage),
        cmocka_unit_test(the_store_is_read_only_until_a_write_works),
        cmocka_unit_test(records_of_a_read_only_store_are_dropped_too),
        cmocka_unit_test(dropped_revisions_are_not_given_again_after_a_restart),
        cmocka_unit_test(a_dropped_stage_is_not_there_after_a_restart),
        cmocka_unit_test(watches_do_not_see_a_dropped_stage),
    };
    return cmocka_run_group_tests_name("store commit", tests, NULL, NULL);
}
