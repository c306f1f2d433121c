/* SPDX-License-Identifier: Apache-2.0 */
/* Proves how a step is worked on: setup, checks, scripts, and when which goal is reached. */
#include "session/bench_lab.h"

#include "check/check.h"
#include "session/attempt.h"
#include "session/drive.h"

struct fixture {
    struct bench *b;
    struct expr *expr;
    struct attempt_place place;
    struct attempt *attempt;
    unsigned changes, dones, bad_setups;
    bool ended;
    struct attempt_result r;
    char *output;
    size_t reached;
    struct err err;
    char progress[128];
};

static int set_up(void **state)
{
    struct fixture *f = xnew(struct fixture);
    f->b = bench_new();
    f->expr = expr_new(f->b->fake->loop);
    f->place = (struct attempt_place){.loop = f->b->fake->loop,
                                      .kube = f->b->fake->kube,
                                      .expr = f->expr,
                                      .lab = f->b->lab,
                                      .workdir = f->b->work};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    attempt_free(f->attempt);
    expr_free(f->expr);
    bench_free(f->b);
    free(f->output);
    free(f);
    return 0;
}

static void on_change(void *arg, const struct check_verdict *v)
{
    ((struct fixture *)arg)->changes++;
}

static void on_done(void *arg)
{
    ((struct fixture *)arg)->dones++;
}

static void on_bad_setup(void *arg, int exit, const char *output)
{
    ((struct fixture *)arg)->bad_setups++;
}

static const struct attempt_ops ops = {
    .on_change = on_change, .on_done = on_done, .on_bad_setup = on_bad_setup};

static void begin(struct fixture *f, size_t step, bool again)
{
    attempt_free(f->attempt);
    f->attempt = attempt_new(&f->place, &f->b->lab->steps[step], again, &ops, f);
}

static void on_end(void *arg, const struct attempt_result *r)
{
    struct fixture *f = arg;
    assert_false(f->ended);
    f->ended = true;
    f->r = *r;
    free(f->output);
    f->output = xstrdup(r->output);
}

static void wait_for_end(struct fixture *f)
{
    if (!loop_run_until(f->b->fake->loop, &f->ended, LOOP_S(20))) {
        fail_msg("it does not end");
    }
}

static void run(struct fixture *f, const char *script, enum attempt_goal goal, uint64_t timeout_ns)
{
    f->ended = false;
    attempt_run(f->attempt, script, goal, timeout_ns, on_end, f);
    wait_for_end(f);
}

static void untouched_it_settles_and_fails(void **state)
{
    struct fixture *f = *state;
    begin(f, 0, false);
    assert_null(attempt_checks(f->attempt)); /* not set up yet */
    run(f, NULL, ATTEMPT_SETTLED, LOOP_S(15));
    assert_true(f->r.in_time);
    assert_false(f->r.done);
    assert_int_equal(f->dones, 0);
    assert_true(bench_has(f->b, "set-up"));
    assert_string_equal(attempt_failing(f->attempt)->check->id, "a");
}

static void a_near_miss_settles_and_fails_elsewhere(void **state)
{
    struct fixture *f = *state;
    begin(f, 0, false);
    run(f, f->b->lab->steps[0].near_misses[0], ATTEMPT_SETTLED, LOOP_S(15));
    assert_int_equal(f->r.exit, 0);
    assert_true(f->r.in_time);
    assert_false(f->r.done);
    assert_string_equal(attempt_failing(f->attempt)->check->id, "b");
}

static void the_solution_makes_it_done(void **state)
{
    struct fixture *f = *state;
    begin(f, 0, false);
    run(f, f->b->lab->steps[0].solution, ATTEMPT_DONE, LOOP_S(15));
    assert_true(f->r.done && f->r.in_time);
    assert_true(attempt_is_done(f->attempt));
    assert_null(attempt_failing(f->attempt));
    assert_int_equal(f->dones, 1);
    assert_true(f->changes >= 2);
    /* Another errand of a step that is done is over at once. */
    run(f, NULL, ATTEMPT_SETTLED, LOOP_S(15));
    assert_true(f->r.done);
    assert_int_equal(f->dones, 1);
}

static void holding_is_enough_on_the_way(void **state)
{
    struct fixture *f = *state;
    begin(f, 0, false);
    run(f, f->b->lab->steps[0].solution, ATTEMPT_HOLDS, LOOP_S(15));
    assert_true(f->r.in_time);
}

static void time_runs_out(void **state)
{
    struct fixture *f = *state;
    begin(f, 0, false);
    run(f, NULL, ATTEMPT_DONE, LOOP_MS(300));
    assert_false(f->r.in_time);
    assert_false(f->r.done);
}

static void a_script_that_fails_ends_it(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, false);
    run(f, f->b->lab->steps[1].solution, ATTEMPT_DONE, LOOP_S(15)); /* wants b */
    assert_int_equal(f->r.exit, 1);
    assert_false(f->r.in_time);
    run(f, f->b->lab->steps[1].solution, ATTEMPT_SETTLED, LOOP_S(15)); /* near-misses may fail */
    assert_int_equal(f->r.exit, 1);
    assert_true(f->r.in_time);
}

static void the_setup_runs_once(void **state)
{
    struct fixture *f = *state;
    begin(f, 0, true);
    run(f, NULL, ATTEMPT_SETTLED, LOOP_S(15));
    assert_false(bench_has(f->b, "set-up"));
}

static void a_bad_setup_is_told_and_survived(void **state)
{
    struct fixture *f = *state;
    struct lab_step step = f->b->lab->steps[0];
    step.setup = "exit 7";
    f->attempt = attempt_new(&f->place, &step, false, &ops, f);
    run(f, step.solution, ATTEMPT_DONE, LOOP_S(15));
    assert_int_equal(f->bad_setups, 1);
    assert_true(f->r.done);
    attempt_free(steal(f->attempt));
}

static void a_step_to_read_is_done_when_it_begins(void **state)
{
    struct fixture *f = *state;
    begin(f, 2, false);
    run(f, NULL, ATTEMPT_DONE, LOOP_S(5));
    assert_true(f->r.done);
    assert_int_equal(f->dones, 1);
    assert_null(attempt_checks(f->attempt));
}

static void free_it(void *arg, const struct attempt_result *r)
{
    struct fixture *f = arg;
    attempt_free(steal(f->attempt));
    f->ended = true;
}

static void it_may_be_freed_at_its_end_and_before(void **state)
{
    struct fixture *f = *state;
    begin(f, 0, false);
    attempt_run(f->attempt, f->b->lab->steps[0].solution, ATTEMPT_DONE, LOOP_S(15), free_it, f);
    wait_for_end(f);
    assert_null(f->attempt);
    begin(f, 0, false);
    attempt_free(steal(f->attempt)); /* before it began */
    attempt_free(NULL);
}

/* ---- drives ---- */

static void on_progress(void *arg, bool resetting, size_t step, size_t of)
{
    struct fixture *f = arg;
    size_t n = strlen(f->progress);
    snprintf(f->progress + n, sizeof(f->progress) - n, resetting ? "reset " : "%zu ", step);
}

static void on_driven(void *arg, size_t reached, const struct err *err)
{
    struct fixture *f = arg;
    f->ended = true;
    f->reached = reached;
    f->err = *err;
}

static void drive(struct fixture *f, size_t from, size_t to, bool clear)
{
    struct reset_opts reset = {.kube = f->place.kube, .ns = "default"};
    static const size_t steps[] = {0, 1, 2};
    struct drive_opts opts = {.place = f->place,
                              .reset = clear ? &reset : NULL,
                              .steps = steps + from,
                              .nsteps = to - from,
                              .to = to,
                              .fresh_files = from == 0,
                              .on_progress = on_progress,
                              .on_end = on_driven,
                              .arg = f};
    f->ended = false;
    drive_new(&opts);
    wait_for_end(f);
}

static void a_drive_makes_step_after_step(void **state)
{
    struct fixture *f = *state;
    drive(f, 0, 3, true);
    assert_int_equal(f->err.code, ERR_NONE);
    assert_int_equal(f->reached, 3);
    assert_string_equal(f->progress, "reset 0 1 2 ");
    assert_true(bench_has(f->b, "c"));
    assert_true(bench_has(f->b, "given.txt"));
    assert_true(bench_has(f->b, "set-up"));
}

static void a_drive_that_fails_says_where(void **state)
{
    struct fixture *f = *state;
    drive(f, 1, 3, false); /* b is not there */
    assert_int_equal(f->reached, 1);
    assert_non_null(strstr(f->err.msg, "the solution of step 2 ended with status 1"));
}

static void a_drive_that_is_given_up_says_nothing(void **state)
{
    struct fixture *f = *state;
    static const size_t steps[] = {0, 1};
    struct drive_opts opts = {.place = f->place,
                              .steps = steps,
                              .nsteps = 2,
                              .to = 2,
                              .fresh_files = true,
                              .on_end = on_driven,
                              .arg = f};
    struct drive *d = drive_new(&opts);
    loop_run_until(f->b->fake->loop, &f->ended, LOOP_MS(50));
    drive_free(d);
    drive_free(NULL);
    loop_run_until(f->b->fake->loop, &f->ended, LOOP_MS(50));
    assert_false(f->ended);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
    if (expr_child_wanted(argc, argv)) {
        return expr_child_main();
    }
    const struct CMUnitTest tests[] = {
        TEST(untouched_it_settles_and_fails),
        TEST(a_near_miss_settles_and_fails_elsewhere),
        TEST(the_solution_makes_it_done),
        TEST(holding_is_enough_on_the_way),
        TEST(time_runs_out),
        TEST(a_script_that_fails_ends_it),
        TEST(the_setup_runs_once),
        TEST(a_bad_setup_is_told_and_survived),
        TEST(a_step_to_read_is_done_when_it_begins),
        TEST(it_may_be_freed_at_its_end_and_before),
        TEST(a_drive_makes_step_after_step),
        TEST(a_drive_that_fails_says_where),
        TEST(a_drive_that_is_given_up_says_nothing),
    };
    jx_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
