/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual loop keeps the order that everything above it relies on. */
#include "testing.h"

#include <string.h>

#include "common/loop.h"
#include "common/loop_uv.h"
#include "common/mem.h"
#include "common/str.h"

/* What happened, in letters. */
static struct str trace = STR_INIT;

struct step {
    char letter;
    struct loop *loop;
    struct loop_timer *timer;
    struct step *then; /* deferred by this step */
};

static void run_step(void *arg)
{
    struct step *s = arg;
    str_add_c(&trace, s->letter);
    if (s->then != NULL) {
        loop_defer(s->loop, run_step, s->then);
    }
}

static int setup(void **state)
{
    *state = loop_sim_new(7);
    str_fini(&trace);
    return 0;
}

static int teardown(void **state)
{
    loop_free(*state);
    str_fini(&trace);
    return 0;
}

static void timers_fire_by_time_then_by_start(void **state)
{
    struct loop *loop = *state;
    struct step steps[] = {{.letter = 'a'}, {.letter = 'b'}, {.letter = 'c'}, {.letter = 'd'}};
    struct loop_timer *t[4];
    for (int i = 0; i < 4; i++) {
        t[i] = loop_timer_new(loop, run_step, &steps[i]);
    }
    loop_timer_start(t[0], LOOP_MS(20));
    loop_timer_start(t[2], LOOP_MS(10));
    loop_timer_start(t[1], LOOP_MS(10));
    loop_timer_start(t[3], LOOP_MS(10));
    loop_timer_start(t[2], LOOP_MS(10)); /* again moves it behind the others */
    assert_int_equal(loop_sim_next(loop), LOOP_MS(10));
    loop_sim_advance(loop, LOOP_MS(9));
    assert_string_equal(str_c(&trace), "");
    loop_sim_advance(loop, LOOP_MS(1));
    assert_string_equal(str_c(&trace), "bdc");
    assert_false(loop_timer_active(t[2]));
    assert_true(loop_timer_active(t[0]));
    loop_sim_advance(loop, LOOP_S(1));
    assert_string_equal(str_c(&trace), "bdca");
    assert_int_equal(loop_mono_ns(loop), LOOP_S(2) + LOOP_MS(10));
    for (int i = 0; i < 4; i++) {
        loop_timer_free(t[i]);
    }
}

/* Against the plainest possible model: a list searched for the least. */
static void many_timers_fire_in_order(void **state)
{
    struct loop *loop = *state;
    enum { N = 500 };
    static struct step steps[N];
    static struct loop_timer *t[N];
    static uint64_t due[N];
    for (int i = 0; i < N; i++) {
        steps[i].letter = (char)('a' + i % 26);
        t[i] = loop_timer_new(loop, run_step, &steps[i]);
        due[i] = loop_random_below(loop, LOOP_RANDOM_JITTER, 100);
        loop_timer_start(t[i], LOOP_MS(due[i]));
    }
    for (int i = 0; i < N; i += 7) {
        loop_timer_stop(t[i]);
        due[i] = UINT64_MAX;
    }
    loop_sim_advance(loop, LOOP_S(1));
    cleanup_str struct str want = STR_INIT;
    for (uint64_t ms = 0; ms < 100; ms++) {
        for (int i = 0; i < N; i++) {
            if (due[i] == ms) {
                str_add_c(&want, steps[i].letter);
            }
        }
    }
    assert_string_equal(str_c(&trace), str_c(&want));
    for (int i = 0; i < N; i++) {
        loop_timer_free(t[i]);
    }
}

static void free_own_timer(void *arg)
{
    struct step *s = arg;
    str_add_c(&trace, s->letter);
    loop_timer_free(s->timer);
    loop_timer_free(s->then->timer);
    s->timer = s->then->timer = NULL;
}

static void a_timer_freed_in_a_callback_never_fires(void **state)
{
    struct loop *loop = *state;
    struct step other = {.letter = 'x'};
    struct step self = {.letter = 's', .then = &other};
    self.timer = loop_timer_new(loop, free_own_timer, &self);
    other.timer = loop_timer_new(loop, run_step, &other);
    loop_timer_start(self.timer, LOOP_MS(5));
    loop_timer_start(other.timer, LOOP_MS(5));
    loop_sim_advance(loop, LOOP_MS(50));
    assert_string_equal(str_c(&trace), "s");
    assert_int_equal(loop_sim_next(loop), UINT64_MAX);
}

static void start_again(void *arg)
{
    struct step *s = arg;
    str_add_c(&trace, s->letter);
    if (trace.len < 10) {
        loop_timer_start(s->timer, 0);
    }
}

static void a_timer_of_zero_waits_for_the_next_tick(void **state)
{
    struct loop *loop = *state;
    struct step s = {.letter = 'z'};
    s.timer = loop_timer_new(loop, start_again, &s);
    loop_timer_start(s.timer, 0);
    assert_true(loop_sim_tick(loop));
    assert_string_equal(str_c(&trace), "z");
    loop_sim_advance(loop, 0);
    assert_int_equal(trace.len, 10);
    loop_timer_free(s.timer);
}

static void deferred_calls_keep_their_order(void **state)
{
    struct loop *loop = *state;
    struct step c = {.letter = 'c', .loop = loop};
    struct step a = {.letter = 'a', .loop = loop, .then = &c}, b = {.letter = 'b'};
    loop_defer(loop, run_step, &a);
    loop_defer(loop, run_step, &b);
    assert_string_equal(str_c(&trace), ""); /* not under the caller's feet */
    assert_true(loop_sim_tick(loop));
    assert_string_equal(str_c(&trace), "abc"); /* what they deferred comes in the same tick */
    assert_false(loop_sim_tick(loop));
}

static void undefer_forgets_all_of_one_owner(void **state)
{
    struct loop *loop = *state;
    struct step a = {.letter = 'a'}, b = {.letter = 'b'};
    loop_defer(loop, run_step, &a);
    loop_defer(loop, run_step, &b);
    loop_defer(loop, run_step, &a);
    loop_undefer(loop, &a);
    loop_sim_advance(loop, 0);
    assert_string_equal(str_c(&trace), "b");
    loop_defer(loop, run_step, &a);
    loop_undefer(loop, &a);
    assert_false(loop_sim_tick(loop));
}

static void defer_for_ever(void *arg)
{
    struct step *s = arg;
    str_add_c(&trace, s->letter);
    loop_defer(s->loop, defer_for_ever, s);
}

static void a_chain_without_end_still_ends_its_tick(void **state)
{
    struct loop *loop = *state;
    struct step s = {.letter = 'd', .loop = loop};
    loop_tick_end(loop, run_step, &(struct step){.letter = '|'});
    loop_defer(loop, defer_for_ever, &s);
    loop_sim_tick(loop);
    assert_int_equal(str_c(&trace)[trace.len - 1], '|');
    loop_undefer(loop, &s);
}

static void hook_defers(void *arg)
{
    struct step *s = arg;
    str_add_c(&trace, '|');
    if (s->then != NULL) {
        loop_defer(s->loop, run_step, s->then);
        s->then = NULL;
    }
}

static void what_a_tick_end_hook_defers_runs_in_the_next_tick(void **state)
{
    struct loop *loop = *state;
    struct step late = {.letter = 'l'}, hook = {.loop = loop, .then = &late},
                first = {.letter = 'f'};
    loop_tick_end(loop, hook_defers, &hook);
    loop_defer(loop, run_step, &first);
    loop_sim_tick(loop);
    assert_string_equal(str_c(&trace), "f|");
    loop_sim_tick(loop);
    assert_string_equal(str_c(&trace), "f|l|");
    assert_false(loop_sim_tick(loop)); /* and none where nothing ran */
    assert_string_equal(str_c(&trace), "f|l|");
    loop_off_tick_end(loop, hook_defers, &hook);
    loop_defer(loop, run_step, &first);
    loop_sim_tick(loop);
    assert_string_equal(str_c(&trace), "f|l|f");
}

struct leaver {
    struct loop *loop;
    struct step *next;
};

static void leave(void *arg)
{
    struct leaver *l = arg;
    str_add_c(&trace, 'L');
    loop_off_tick_end(l->loop, leave, l);
    loop_off_tick_end(l->loop, run_step, l->next);
}

static void a_hook_may_remove_itself_and_the_next(void **state)
{
    struct loop *loop = *state;
    struct step x = {.letter = 'x'}, y = {.letter = 'y'};
    struct leaver l = {loop, &x};
    loop_tick_end(loop, leave, &l);
    loop_tick_end(loop, run_step, &x);
    loop_tick_end(loop, run_step, &y);
    loop_defer(loop, run_step, &(struct step){.letter = '1'});
    loop_sim_tick(loop);
    loop_defer(loop, run_step, &(struct step){.letter = '2'});
    loop_sim_tick(loop);
    assert_string_equal(str_c(&trace), "1Ly2y");
}

static void a_tick_runs_timers_then_deferred_then_hooks(void **state)
{
    struct loop *loop = *state;
    struct step d = {.letter = 'd'}, e = {.letter = 'e'}, h = {.letter = '|'};
    struct step t = {.letter = 't', .loop = loop, .then = &e};
    struct loop_timer *timer = loop_timer_new(loop, run_step, &t);
    loop_timer_start(timer, 0);
    loop_defer(loop, run_step, &d);
    loop_tick_end(loop, run_step, &h);
    loop_sim_tick(loop);
    assert_string_equal(str_c(&trace), "tde|");
    loop_timer_free(timer);
}

static void restart(void *arg, uint64_t gap_ns)
{
    struct step *s = arg;
    str_add_f(&trace, "g%d", (int)(gap_ns / LOOP_S(1)));
    loop_timer_start(s->timer, LOOP_S(2)); /* the grace period begins again */
}

static void gap_hooks_come_before_timers_that_became_due(void **state)
{
    struct loop *loop = *state;
    struct step grace = {.letter = 'E'}, late = {.letter = 'l'};
    grace.timer = loop_timer_new(loop, run_step, &grace);
    late.timer = loop_timer_new(loop, run_step, &late);
    loop_timer_start(grace.timer, LOOP_S(2));
    loop_timer_start(late.timer, LOOP_S(3));
    loop_on_gap(loop, restart, &grace);
    int64_t wall = loop_wall_us(loop);
    loop_sim_gap(loop, LOOP_S(60));
    assert_string_equal(str_c(&trace), "g60l");
    assert_int_equal(loop_wall_us(loop) - wall, 60 * 1000000);
    loop_sim_advance(loop, LOOP_S(2));
    assert_string_equal(str_c(&trace), "g60lE");
    loop_sim_gap(loop, LOOP_MS(400)); /* too short to be one */
    assert_string_equal(str_c(&trace), "g60lE");
    loop_off_gap(loop, restart, &grace);
    loop_sim_gap(loop, LOOP_S(5));
    assert_string_equal(str_c(&trace), "g60lE");
    loop_timer_free(grace.timer);
    loop_timer_free(late.timer);
}

static void gap_from_within(void *arg)
{
    struct step *s = arg;
    str_add_c(&trace, s->letter);
    loop_sim_gap(s->loop, LOOP_S(10));
}

static void a_gap_asked_for_in_a_tick_comes_before_the_next(void **state)
{
    struct loop *loop = *state;
    struct step s = {.letter = 'a', .loop = loop}, grace = {.letter = 'E'};
    grace.timer = loop_timer_new(loop, run_step, &grace);
    loop_timer_start(grace.timer, LOOP_S(2));
    loop_on_gap(loop, restart, &grace);
    loop_defer(loop, gap_from_within, &s);
    uint64_t start = loop_mono_ns(loop);
    loop_sim_advance(loop, LOOP_S(11));
    assert_string_equal(str_c(&trace), "ag10");
    assert_int_equal(loop_mono_ns(loop) - start, LOOP_S(11));
    loop_off_gap(loop, restart, &grace);
    loop_timer_free(grace.timer);
}

static void work_w(void *arg)
{
    (void)arg;
    str_add_c(&trace, 'w');
}

static void work_d(void *arg)
{
    (void)arg;
    str_add_c(&trace, 'd');
}

static void work_runs_and_is_done_one_tick_later(void **state)
{
    struct loop *loop = *state;
    loop_tick_end(loop, run_step, &(struct step){.letter = '|'});
    loop_work(loop, work_w, work_d, NULL);
    assert_string_equal(str_c(&trace), "");
    assert_int_equal(loop_sim_next(loop), 0);
    loop_sim_tick(loop);
    assert_string_equal(str_c(&trace), "w|");
    loop_sim_tick(loop);
    assert_string_equal(str_c(&trace), "w|d|");
    assert_false(loop_sim_tick(loop));
}

static void clocks_start_where_promised(void **state)
{
    struct loop *loop = *state;
    assert_int_equal(loop_mono_ns(loop), LOOP_S(1));
    assert_int_equal(loop_wall_us(loop), INT64_C(1767225600) * 1000000);
    loop_sim_advance(loop, LOOP_MS(1500));
    assert_int_equal(loop_wall_us(loop), INT64_C(1767225601) * 1000000 + 500000);
    assert_null(loop_uv(loop));
}

static void the_same_seed_gives_the_same_chance(void **state)
{
    (void)state;
    struct loop *a = loop_sim_new(1), *b = loop_sim_new(1), *c = loop_sim_new(2);
    uint64_t x[4], y[4], z[4];
    loop_random(a, LOOP_RANDOM_NAME, x, 5); /* one stream's use does not move another's */
    loop_random(a, LOOP_RANDOM_UID, x, sizeof(x));
    loop_random(b, LOOP_RANDOM_UID, y, sizeof(y));
    loop_random(c, LOOP_RANDOM_UID, z, sizeof(z));
    assert_memory_equal(x, y, sizeof(x));
    assert_memory_not_equal(x, z, sizeof(x));
    loop_random(b, LOOP_RANDOM_JITTER, z, sizeof(z));
    assert_memory_not_equal(y, z, sizeof(y));
    unsigned seen[3] = {0};
    for (int i = 0; i < 3000; i++) {
        seen[loop_random_below(a, LOOP_RANDOM_JITTER, 3)]++;
    }
    assert_true(seen[0] > 850 && seen[1] > 850 && seen[2] > 850);
    assert_int_equal(loop_random_below(a, LOOP_RANDOM_JITTER, 1), 0);
    loop_free(a);
    loop_free(b);
    loop_free(c);
}

static void set_true(void *arg)
{
    *(bool *)arg = true;
}

static void run_until_steps_the_clock(void **state)
{
    struct loop *loop = *state;
    bool done = false;
    struct loop_timer *t = loop_timer_new(loop, set_true, &done);
    loop_timer_start(t, LOOP_S(3));
    assert_false(loop_run_until(loop, &done, LOOP_S(2)));
    assert_int_equal(loop_mono_ns(loop), LOOP_S(3));
    assert_true(loop_run_until(loop, &done, LOOP_S(2)));
    assert_int_equal(loop_mono_ns(loop), LOOP_S(4));
    done = false;
    assert_false(loop_run_until(loop, &done, LOOP_S(2))); /* nothing armed: the time passes */
    assert_int_equal(loop_mono_ns(loop), LOOP_S(6));
    loop_timer_start(t, LOOP_S(2)); /* due at the very end */
    assert_true(loop_run_until(loop, &done, LOOP_S(2)));
    loop_timer_free(t);
}

struct stopper {
    struct loop *loop;
    struct loop_timer *timer;
    int left;
};

static void count_down(void *arg)
{
    struct stopper *s = arg;
    if (--s->left == 0) {
        loop_stop(s->loop);
    }
    loop_timer_start(s->timer, LOOP_MS(1));
}

static void run_ends_on_stop_or_when_nothing_is_left(void **state)
{
    struct loop *loop = *state;
    struct stopper s = {loop, NULL, 5};
    s.timer = loop_timer_new(loop, count_down, &s);
    loop_timer_start(s.timer, 0);
    loop_run(loop);
    assert_int_equal(s.left, 0);
    loop_timer_free(s.timer);
    loop_run(loop); /* returns: nothing is armed */
}

/* ---- the same calls give the same history ---- */

struct world {
    struct loop *loop;
    struct loop_timer *timer[8];
    struct str history;
    int left;
};

static void live(void *arg)
{
    struct world *w = arg;
    uint32_t dice = loop_random_below(w->loop, LOOP_RANDOM_JITTER, 6);
    str_add_f(&w->history, "%llu:%u ", (unsigned long long)loop_mono_ns(w->loop), dice);
    if (w->left-- <= 0) {
        return;
    }
    uint32_t which = loop_random_below(w->loop, LOOP_RANDOM_NAME, 8);
    switch (dice) {
    case 0:
        loop_defer(w->loop, live, w);
        break;
    case 1:
        loop_work(w->loop, live, live, w);
        break;
    case 2:
        loop_timer_stop(w->timer[which]);
        loop_defer(w->loop, live, w);
        break;
    default:
        loop_timer_start(w->timer[which], LOOP_MS(loop_random_below(w->loop, LOOP_RANDOM_UID, 50)));
        loop_timer_start(w->timer[(which + 1) % 8], LOOP_MS(7));
    }
}

static char *history_of(uint64_t seed)
{
    struct world w = {.loop = loop_sim_new(seed), .left = 2000};
    for (size_t i = 0; i < 8; i++) {
        w.timer[i] = loop_timer_new(w.loop, live, &w);
    }
    loop_tick_end(w.loop, run_step, &(struct step){.letter = '|'});
    loop_defer(w.loop, live, &w);
    loop_run(w.loop);
    for (size_t i = 0; i < 8; i++) {
        loop_timer_free(w.timer[i]);
    }
    loop_free(w.loop);
    return str_take(&w.history);
}

static void the_same_seed_gives_the_same_history(void **state)
{
    (void)state;
    cleanup_free char *a = history_of(11), *b = history_of(11), *c = history_of(12);
    assert_true(strlen(a) > 10000);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(timers_fire_by_time_then_by_start),
        T(many_timers_fire_in_order),
        T(a_timer_freed_in_a_callback_never_fires),
        T(a_timer_of_zero_waits_for_the_next_tick),
        T(deferred_calls_keep_their_order),
        T(undefer_forgets_all_of_one_owner),
        T(a_chain_without_end_still_ends_its_tick),
        T(what_a_tick_end_hook_defers_runs_in_the_next_tick),
        T(a_hook_may_remove_itself_and_the_next),
        T(a_tick_runs_timers_then_deferred_then_hooks),
        T(gap_hooks_come_before_timers_that_became_due),
        T(a_gap_asked_for_in_a_tick_comes_before_the_next),
        T(work_runs_and_is_done_one_tick_later),
        T(clocks_start_where_promised),
        T(the_same_seed_gives_the_same_chance),
        T(the_same_seed_gives_the_same_history),
        T(run_until_steps_the_clock),
        T(run_ends_on_stop_or_when_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
