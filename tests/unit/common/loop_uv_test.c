/* SPDX-License-Identifier: Apache-2.0 */
/* The real loop: libuv's handles, worker threads and the system's clocks under the same rules. */
#include "testing.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/loop.h"
#include "common/loop_uv.h"
#include "common/mem.h"
#include "common/str.h"

static struct str trace = STR_INIT;

static uint64_t real_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return LOOP_S(ts.tv_sec) + (uint64_t)ts.tv_nsec;
}

/* Keeps the thread busy: what a callback that stalls does. */
static void burn(uint64_t ns)
{
    for (uint64_t end = real_ns() + ns; real_ns() < end;) {
    }
}

static void letter(void *arg)
{
    str_add(&trace, arg);
}

static void set_true(void *arg)
{
    *(bool *)arg = true;
}

static int setup(void **state)
{
    *state = loop_new();
    str_fini(&trace);
    return 0;
}

static int teardown(void **state)
{
    loop_free(*state);
    str_fini(&trace);
    return 0;
}

static void timers_fire_in_order_and_not_early(void **state)
{
    struct loop *loop = *state;
    bool done = false;
    struct loop_timer *a = loop_timer_new(loop, letter, (char[]){"a"});
    struct loop_timer *b = loop_timer_new(loop, letter, (char[]){"b"});
    struct loop_timer *end = loop_timer_new(loop, set_true, &done);
    uint64_t start = real_ns();
    loop_timer_start(b, LOOP_MS(3));
    loop_timer_start(a, LOOP_MS(1));
    loop_timer_start(end, 4500000); /* 4.5 ms: not rounded */
    assert_true(loop_run_until(loop, &done, LOOP_S(5)));
    assert_true(real_ns() - start >= 4500000);
    assert_string_equal(str_c(&trace), "ab");
    loop_timer_free(a);
    loop_timer_free(b);
    loop_timer_free(end);
}

static void run_returns_when_nothing_could_wake_it(void **state)
{
    struct loop *loop = *state;
    loop_run(loop);
    loop_defer(loop, letter, (char[]){"d"});
    loop_run(loop);
    assert_string_equal(str_c(&trace), "d");
    bool never = false;
    assert_false(loop_run_until(loop, &never, LOOP_S(60)));
}

static void run_until_gives_up_in_time(void **state)
{
    struct loop *loop = *state;
    bool never = false;
    struct loop_timer *far = loop_timer_new(loop, letter, (char[]){"x"});
    loop_timer_start(far, LOOP_S(600));
    uint64_t start = real_ns();
    assert_false(loop_run_until(loop, &never, LOOP_MS(20)));
    assert_true(real_ns() - start >= LOOP_MS(20));
    assert_true(real_ns() - start < LOOP_S(5));
    loop_timer_free(far);
}

struct slow {
    struct loop *loop;
    uint64_t at_start;
    int left;
};

static void one_slow_call(void *arg)
{
    struct slow *s = arg;
    uint64_t before = loop_mono_ns(s->loop);
    burn(LOOP_MS(2));
    assert_int_equal(loop_mono_ns(s->loop), before); /* constant within a callback */
    str_add(&trace, "d");
    if (--s->left > 0) {
        loop_defer(s->loop, one_slow_call, s);
    }
}

static void long_drains_are_split_over_ticks(void **state)
{
    struct loop *loop = *state;
    struct slow s = {.loop = loop, .left = 10};
    loop_tick_end(loop, letter, (char[]){"|"});
    loop_defer(loop, one_slow_call, &s);
    loop_run(loop);
    cleanup_free char *text = str_take(&trace);
    unsigned ticks = 0, calls = 0, longest = 0, run = 0;
    for (const char *p = text; *p != '\0'; p++) {
        ticks += *p == '|';
        calls += *p == 'd';
        run = *p == 'd' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    assert_int_equal(calls, 10);
    assert_in_range(ticks, 3, 11);
    assert_in_range(longest, 1, 3); /* 2 ms each: the third passes 5 ms */
}

static void hook_defers_once(void *arg)
{
    static char late[] = "l";
    struct loop **loop = arg;
    str_add(&trace, "|");
    if (*loop != NULL) {
        loop_defer(*loop, letter, late);
        *loop = NULL;
    }
}

static void what_a_hook_defers_runs_without_waiting(void **state)
{
    struct loop *loop = *state, *once = loop;
    loop_tick_end(loop, hook_defers_once, &once);
    loop_defer(loop, letter, (char[]){"f"});
    loop_run(loop);
    assert_string_equal(str_c(&trace), "f|l|");
}

struct pipe_reader {
    struct loop *loop;
    uv_poll_t poll;
    int fds[2];
    bool read;
};

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct pipe_reader *r = poll->data;
    char c;
    assert_int_equal(read(r->fds[0], &c, 1), 1);
    r->read = true;
    str_add(&trace, "r");
    uv_close((uv_handle_t *)poll, NULL);
}

static void start_reading(void *arg)
{
    struct pipe_reader *r = arg;
    uv_poll_start(&r->poll, UV_READABLE, on_readable);
}

static void write_byte(void *arg)
{
    struct pipe_reader *r = arg;
    assert_int_equal(write(r->fds[1], "x", 1), 1);
}

/* A watcher started in a callback is registered before the loop waits, or it would wait for ever.
 */
static void a_descriptor_watched_from_a_callback_wakes_the_loop(void **state)
{
    struct loop *loop = *state;
    struct pipe_reader r = {.loop = loop};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, r.fds), 0);
    r.poll.data = &r;
    assert_int_equal(uv_poll_init(loop_uv(loop), &r.poll, r.fds[0]), 0);
    loop_defer(loop, start_reading, &r);
    struct loop_timer *t = loop_timer_new(loop, write_byte, &r);
    loop_timer_start(t, LOOP_MS(20));
    loop_run(loop);
    assert_true(r.read);
    loop_timer_free(t);
    close(r.fds[0]);
    close(r.fds[1]);
}

static void note_gap(void *arg, uint64_t gap_ns)
{
    *(uint64_t *)arg = gap_ns;
    str_add(&trace, "g");
}

static void stall(void *arg)
{
    (void)arg;
    str_add(&trace, "s");
    burn(LOOP_MS(700));
}

static void a_stall_is_a_gap_seen_before_timers(void **state)
{
    struct loop *loop = *state;
    uint64_t gap = 0;
    loop_on_gap(loop, note_gap, &gap);
    struct loop_timer *quiet = loop_timer_new(loop, letter, (char[]){"q"});
    loop_timer_start(quiet, LOOP_MS(600)); /* sleeping on purpose is none */
    loop_run(loop);
    assert_string_equal(str_c(&trace), "q");
    loop_timer_start(quiet, LOOP_MS(10));
    loop_defer(loop, stall, NULL);
    loop_run(loop);
    assert_string_equal(str_c(&trace), "qsgq");
    assert_in_range(gap, LOOP_MS(650), LOOP_S(20));
    loop_timer_free(quiet);
}

struct job {
    struct loop *loop;
    pthread_t thread;
    bool done;
};

static void in_thread(void *arg)
{
    struct job *j = arg;
    j->thread = pthread_self();
}

static void after_thread(void *arg)
{
    struct job *j = arg;
    assert_false(pthread_equal(j->thread, pthread_self()));
    j->done = true;
}

static void work_runs_in_another_thread(void **state)
{
    struct loop *loop = *state;
    struct job j = {.loop = loop};
    loop_work(loop, in_thread, after_thread, &j);
    loop_run(loop); /* work under way keeps it running */
    assert_true(j.done);
}

static void mark(void *arg)
{
    *(bool *)arg = true;
}

static void never(void *arg)
{
    (void)arg;
    fail_msg("done was called for an owner that is gone");
}

static void freeing_the_loop_waits_for_its_work(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    bool ran = false;
    loop_work(loop, mark, never, &ran);
    loop_free(loop);
    assert_true(ran);
}

static void stop_from_another_round_is_kept(void **state)
{
    struct loop *loop = *state;
    struct loop_timer *t = loop_timer_new(loop, letter, (char[]){"t"});
    loop_timer_start(t, 0);
    loop_stop(loop);
    loop_run(loop); /* returns at once */
    assert_string_equal(str_c(&trace), "");
    loop_run(loop);
    assert_string_equal(str_c(&trace), "t");
    loop_timer_free(t);
}

static void chance_is_not_the_same_twice(void **state)
{
    struct loop *loop = *state;
    uint64_t a[2], b[2];
    loop_random(loop, LOOP_RANDOM_UID, a, sizeof(a));
    loop_random(loop, LOOP_RANDOM_UID, b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_true(loop_random_below(loop, LOOP_RANDOM_JITTER, 10) < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(timers_fire_in_order_and_not_early),
        T(run_returns_when_nothing_could_wake_it),
        T(run_until_gives_up_in_time),
        T(long_drains_are_split_over_ticks),
        T(what_a_hook_defers_runs_without_waiting),
        T(a_descriptor_watched_from_a_callback_wakes_the_loop),
        T(a_stall_is_a_gap_seen_before_timers),
        T(work_runs_in_another_thread),
        T(freeing_the_loop_waits_for_its_work),
        T(stop_from_another_round_is_kept),
        T(chance_is_not_the_same_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
