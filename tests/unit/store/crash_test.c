/* SPDX-License-Identifier: Apache-2.0 */
/* One scripted history, cut off before every single write, sync, truncation and deletion, once as a
 * killed process and several times as a power cut: what was acknowledged is there, what is there is
 * a state that was, and the log tells how it came about. */
#include "fixture.h"

enum { TICKS = 14, STATES = TICKS + 1 };

/* What the history is known to have been, as text: one line per object and record, and a revision.
 */
struct history {
    char *states[STATES]; /* after each commit that was tried; [0]: empty */
    int64_t revisions[STATES];
    int tried, acknowledged; /* commits */
    int64_t given;           /* the highest revision that anybody was told */
};

struct run {
    struct fixture f;
    struct history h;
};

static void set_up_empty(struct fixture *f)
{
    *f = (struct fixture){.loop = loop_sim_new(1), .disk = memvfs_new(DISK)};
    f->opts =
        (struct store_opts){.path = FILE_NAME, .vfs = DISK, .boot_id = "first", .log_keep = 9};
}

/* ---- the state as text ---- */

static bool add_object(void *arg, const struct store_entry *e)
{
    str_add_f(arg, "%s/%s %" PRId64 " %" PRId64 " %s\n", e->key.ns, e->key.name, e->rev,
              e->create_rev, e->bytes);
    return true;
}

static bool add_record(void *arg, const char *key, const json_t *value)
{
    cleanup_free char *text = jx_dump_text(value);
    str_add_f(arg, "record %s %s\n", key, text);
    return true;
}

static char *describe(struct store *s, enum store_view view)
{
    struct str out = STR_INIT;
    struct store_filter all = {0};
    store_each(s, view, &all, add_object, &out);
    store_record_each(s, "t", add_record, &out);
    return str_take(&out);
}

/* ---- the history ---- */

static void del_if_there(struct fixture *f, const char *name)
{
    struct store_key key = pod_key(name);
    struct err err;
    if (store_delete(f->s, &key, -1, NULL, &err) < 0) {
        assert_int_equal(err.code, ERR_NOT_FOUND);
    }
}

/* What a tick changes: creations, updates, deletions, records, all together. */
static void change(struct fixture *f, int tick_no)
{
    cleanup_free char *name = xasprintf("p%d", tick_no);
    cleanup_free char *value = xasprintf("value %d", tick_no);
    put(f, name, value);
    put(f, "hot", value);
    if (tick_no % 3 == 2) {
        cleanup_free char *older = xasprintf("p%d", tick_no - 2);
        del_if_there(f, older);
        put(f, older, "again");
        put(f, "hot", "twice in a tick");
    }
    if (tick_no % 4 == 3) {
        cleanup_free char *older = xasprintf("p%d", tick_no - 1);
        del_if_there(f, older);
    }
    if (tick_no == 6) { /* larger than a page */
        char big[9001];
        memset(big, 'b', sizeof(big));
        big[sizeof(big) - 1] = '\0';
        put(f, "big", big);
    }
    store_record_put(f->s, "t", name, json_integer(tick_no));
    store_record_put(f->s, "t", "counter", json_integer(tick_no));
    if (tick_no > 2) {
        cleanup_free char *older = xasprintf("p%d", tick_no - 2);
        store_record_delete(f->s, "t", older);
    }
}

static void on_ack(void *arg, bool ok, const char *why)
{
    struct run *r = arg;
    if (ok) {
        r->h.acknowledged = r->h.tried;
        r->h.given = r->h.revisions[r->h.tried];
    }
}

/* One tick; false when the machine died. */
static bool play_tick(struct run *r, int tick_no)
{
    struct fixture *f = &r->f;
    int before = r->h.acknowledged;
    change(f, tick_no);
    r->h.tried++;
    r->h.states[r->h.tried] = describe(f->s, STORE_STAGED);
    r->h.revisions[r->h.tried] = store_revision(f->s, STORE_STAGED);
    store_on_commit(f->s, on_ack, r);
    tick(f);
    return r->h.acknowledged > before;
}

/* Opens, plays, closes, with a clean restart in the middle. */
static void play(struct run *r)
{
    struct fixture *f = &r->f;
    struct err err;
    r->h.states[0] = xstrdup("");
    if (store_open(f->loop, &f->opts, &f->s, &err) < 0) {
        f->s = NULL;
        return;
    }
    for (int i = 1; i <= TICKS; i++) {
        if (i == 9) {
            store_close(f->s);
            f->s = NULL;
            if (store_open(f->loop, &f->opts, &f->s, &err) < 0) {
                f->s = NULL;
                return;
            }
        }
        if (!play_tick(r, i)) {
            return;
        }
    }
    store_close(f->s);
    f->s = NULL;
}

static void end_run(struct run *r)
{
    for (int i = 0; i <= r->h.tried; i++) {
        free(r->h.states[i]);
    }
    store_close(r->f.s);
    loop_free(r->f.loop);
    memvfs_free(r->f.disk);
}

/* ---- what must hold ---- */

static void nothing(void *arg)
{
    (void)arg;
}

/* Every event that is left is preceded by what it says it is, and the newest of each object is the
 * object. */
static void check_log(struct store *s)
{
    struct err err;
    struct store_watch *w = NULL;
    int64_t from = store_revision(s, STORE_COMMITTED);
    while (from > 0 && store_watch_new(s, "pods", NULL, from - 1, nothing, NULL, &w, &err) == 0) {
        store_watch_free(steal(w));
        from--;
    }
    assert_int_equal(store_watch_new(s, "pods", NULL, from, nothing, NULL, &w, &err), 0);
    const struct store_event *ev;
    int64_t last = from;
    while (store_watch_next(w, &ev, &err) > 0) {
        assert_true(ev->rev > last);
        last = ev->rev;
        assert_int_equal(ev->prev == NULL, ev->type == STORE_ADDED);
        assert_true(ev->prev == NULL || ev->prev->rev < ev->rev);
        cleanup_entry const struct store_entry *now =
            store_find(s, STORE_COMMITTED, &ev->entry->key);
        assert_true(ev->type == STORE_DELETED || now == NULL || now->rev >= ev->rev);
        json_auto_t *obj = NULL;
        assert_int_equal(jx_parse(ev->entry->bytes, ev->entry->len, true, &obj, &err), 0);
        cleanup_free char *rev = xasprintf("%" PRId64, ev->rev);
        assert_string_equal(jx_str(obj, "metadata.resourceVersion", ""), rev);
    }
    store_watch_free(w);
}

/* Which of the states that were this one is; -1: none. */
static int recognize(const struct history *h, const char *state)
{
    for (int i = h->tried; i >= 0; i--) {
        if (strcmp(h->states[i], state) == 0) {
            return i;
        }
    }
    return -1;
}

static void check(struct run *r, uint64_t step, bool power_cut)
{
    struct fixture *f = &r->f;
    struct err err = {ERR_NONE, ""};
    if (store_open(f->loop, &f->opts, &f->s, &err) < 0) {
        fail_msg("step %" PRIu64 ", %s: %s", step, power_cut ? "power cut" : "kill", err.msg);
    }
    cleanup_free char *state = describe(f->s, STORE_COMMITTED);
    int which = recognize(&r->h, state);
    if (which < 0) {
        fail_msg("step %" PRIu64 ", %s: a state that never was:\n%s", step,
                 power_cut ? "power cut" : "kill", state);
    }
    int64_t rev = store_revision(f->s, STORE_COMMITTED);
    if (!power_cut) { /* a power cut may lose the last moments */
        assert_in_range(which, r->h.acknowledged, r->h.tried);
        assert_true(rev >= r->h.given);
    } else {
        assert_true(rev >= r->h.given); /* but nobody sees a revision twice */
    }
    check_log(f->s);
    assert_true(put(f, "after", "1") > r->h.given); /* and it works */
    tick(f);
    assert_value(f, STORE_COMMITTED, "after", "1");
}

static uint64_t count_steps(void)
{
    struct run r = {0};
    set_up_empty(&r.f);
    play(&r);
    assert_int_equal(r.h.acknowledged, TICKS);
    uint64_t steps = memvfs_steps(r.f.disk);
    end_run(&r);
    return steps;
}

static void crash(uint64_t step, uint64_t seed, bool power_cut)
{
    struct run r = {0};
    set_up_empty(&r.f);
    memvfs_crash_at(r.f.disk, step);
    play(&r);
    store_abandon(r.f.s);
    r.f.s = NULL;
    memvfs_reboot(r.f.disk, seed, power_cut);
    r.f.opts.boot_id = power_cut ? "second" : "first";
    check(&r, step, power_cut);
    end_run(&r);
}

static void a_killed_process_loses_nothing_acknowledged(void **state)
{
    uint64_t steps = count_steps();
    assert_true(steps > 100);
    for (uint64_t step = 1; step <= steps + 1; step++) {
        crash(step, 0, false);
    }
}

static void a_power_cut_leaves_a_state_that_was(void **state)
{
    uint64_t steps = count_steps();
    for (uint64_t step = 1; step <= steps + 1; step++) {
        for (uint64_t seed = 1; seed <= 6; seed++) {
            crash(step, seed * 1000 + step, true);
        }
    }
}

/* Revisions that were seen and lost are above a synced ceiling that moves in steps. */
static void a_power_cut_after_thousands_of_revisions_repeats_none(void **state)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct run r = {0};
        set_up_empty(&r.f);
        open_store(&r.f);
        int64_t given = 0;
        for (uint64_t i = 0; i < 40 + seed * 3; i++) {
            for (int j = 0; j < 97; j++) {
                cleanup_free char *value = xasprintf("%" PRIu64 "-%d", i, j);
                given = put(&r.f, "a", value);
            }
            tick(&r.f);
        }
        assert_int_equal(store_revision(r.f.s, STORE_COMMITTED), given);
        store_abandon(steal(r.f.s));
        memvfs_reboot(r.f.disk, seed, true);
        r.f.opts.boot_id = "second";
        open_store(&r.f);
        assert_true(store_revision(r.f.s, STORE_COMMITTED) >= given);
        r.h.states[0] = NULL;
        end_run(&r);
    }
}

/* A second failure, while the first is being repaired. */
static void a_crash_in_the_recovery_from_a_crash_is_survived(void **state)
{
    uint64_t steps = count_steps();
    for (uint64_t step = 7; step <= steps; step += 11) {
        for (uint64_t more = 1; more <= 12; more++) {
            struct run r = {0};
            struct err err;
            set_up_empty(&r.f);
            memvfs_crash_at(r.f.disk, step);
            play(&r);
            store_abandon(steal(r.f.s));
            bool power_cut = more % 2 == 0;
            memvfs_reboot(r.f.disk, step, power_cut);
            r.f.opts.boot_id = power_cut ? "second" : "first";
            memvfs_crash_at(r.f.disk, memvfs_steps(r.f.disk) + more);
            if (store_open(r.f.loop, &r.f.opts, &r.f.s, &err) == 0) {
                store_abandon(steal(r.f.s));
            }
            memvfs_reboot(r.f.disk, step + more, power_cut);
            check(&r, step, power_cut);
            end_run(&r);
        }
    }
}

int main(void)
{
    jx_init();
    log_set_level(LOG_ERROR + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_process_loses_nothing_acknowledged),
        cmocka_unit_test(a_power_cut_leaves_a_state_that_was),
        cmocka_unit_test(a_power_cut_after_thousands_of_revisions_repeats_none),
        cmocka_unit_test(a_crash_in_the_recovery_from_a_crash_is_survived),
    };
    return cmocka_run_group_tests_name("store crash", tests, NULL, NULL);
}
