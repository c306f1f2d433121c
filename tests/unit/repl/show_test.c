/* SPDX-License-Identifier: Apache-2.0 */
/* Proves what a learner reads of each event. */
#include "common/testing.h"

#include <string.h>

#include "common/json/jx.h"
#include "common/json/yaml.h"
#include "common/mem.h"
#include "lab/lab.h"
#include "repl/show.h"

static struct lab_step steps[] = {{.id = "one", .title = "First"},
                                  {.id = "two", .title = "Second"}};
static const struct lab lab = {
    .id = "09-scaling", .title = "Scaling", .steps = steps, .nsteps = ARRAY_LEN(steps)};
static struct style bare = {.width = 78};
static struct style plain = {.width = 78, .plain = true};

static const char step_one[] =
    "{kind: step, step: one, index: 0, count: 2, title: First, text: 'Do it.', hints: 2, choice: 0,"
    " checks: [{id: a, name: it is so, keep: false}, {id: b, name: three are ready, keep: false}],"
    " ask: {id: q, choices: [it moves, it stays]}}";

/* The event's words; the caller frees. */
static char *tell(struct show *s, const char *yaml)
{
    struct str out = STR_INIT;
    struct err err;
    json_t *v = NULL;
    if (yaml_parse(yaml, strlen(yaml), &v, &err) < 0) {
        fail_msg("%s: %s", yaml, err.msg);
    }
    show_event(s, json_array_get(v, 0), 402000000, &out);
    json_decref(v);
    return str_take(&out);
}

static void check(struct show *s, const char *yaml, const char *want)
{
    cleanup_free char *got = tell(s, yaml);
    if (strcmp(got, want) != 0) {
        fail_msg("%s\nis told as\n%s\ninstead of\n%s", yaml, got, want);
    }
}

static void held(struct show *s, const char *want)
{
    cleanup_str struct str out = STR_INIT;
    show_held(s, &out);
    assert_string_equal(str_c(&out), want);
    assert_false(show_holds(s));
}

#define RULE "--------------------------------------------------------------------------------\n"

static int set_up(void **state)
{
    *state = show_new(&lab, &bare);
    return 0;
}

static int tear_down(void **state)
{
    show_free(*state);
    return 0;
}

static void a_step_is_shown_with_its_checks(void **state)
{
    struct show *s = *state;
    check(s, step_one,
          "\n" RULE
          " 09 Scaling   step 1/2: First                                  checks 0/2  06:42\n" RULE
          " Do it.\n\n What do you think?\n   a) it moves\n   b) it stays\n\n");
    assert_true(show_holds(s));
    /* The first looks are not told one by one, but stand in the list. */
    check(s, "{kind: check, id: a, name: it is so, state: ok}", "");
    check(s, "{kind: check, id: b, name: three are ready, state: moving, got: 1, want: 3}", "");
    held(s, " [x] it is so\n [~] three are ready   1 of 3\n\n");
}

static void checks_tick_when_it_matters(void **state)
{
    struct show *s = *state;
    free(tell(s, step_one));
    held(s, " [ ] it is so\n [ ] three are ready\n\n");
    check(s, "{kind: check, id: a, name: it is so, state: ok}", " [x] it is so\n");
    check(s, "{kind: check, id: a, name: it is so, state: ok}", "");
    check(s, "{kind: check, id: a, name: it is so, state: waiting}", " [ ] it is so\n");
    check(s, "{kind: check, id: a, name: it is so, state: broken}",
          " [!] it is so   no longer possible; redo begins the step again\n");
}

static void moving_is_told_when_it_lasts(void **state)
{
    struct show *s = *state;
    free(tell(s, step_one));
    held(s, " [ ] it is so\n [ ] three are ready\n\n");
    check(s, "{kind: check, id: b, name: three, state: moving, got: 1, want: 3}", "");
    assert_true(show_holds(s));
    check(s, "{kind: check, id: b, name: three, state: moving, got: 2, want: 3}", "");
    held(s, " [~] three   2 of 3\n");
    check(s, "{kind: check, id: b, name: three, state: waiting}", "");
    check(s, "{kind: check, id: b, name: three, state: moving}", "");
    check(s, "{kind: check, id: b, name: three, state: ok}", " [x] three\n");
    assert_false(show_holds(s));
}

static void a_lost_cluster_is_told_once(void **state)
{
    struct show *s = *state;
    free(tell(s, step_one));
    held(s, " [ ] it is so\n [ ] three are ready\n\n");
    check(s, "{kind: check, id: a, name: x, state: unknown}",
          " The cluster does not answer any more. If it was stopped: quit, and podlab\n"
          " start brings it back.\n");
    check(s, "{kind: check, id: b, name: y, state: unknown}", "");
    check(s, "{kind: check, id: a, name: x, state: ok}", " The cluster answers again.\n [x] x\n");
}

static void questions_are_open_until_the_step_is_done(void **state)
{
    struct show *s = *state;
    assert_int_equal(show_open_choices(s), 0);
    free(tell(s, step_one));
    assert_int_equal(show_open_choices(s), 2);
    assert_false(show_is_answered(s));
    check(s, "{kind: ask, id: q, choice: 1, word: it moves}",
          " You say: it moves. Now see what happens.\n");
    assert_true(show_is_answered(s));
    assert_int_equal(show_open_choices(s), 2);
    check(
        s,
        "{kind: recall, id: q, choice: 1, right: false, said: it moves, was: it stays, words: ''}",
        " You said: \"it moves\"; what happened: it stays.\n");
    check(s,
          "{kind: recall, id: q, choice: 2, right: true, said: it stays, was: it stays, words: ''}",
          " You said: \"it stays\"; so it is.\n");
    check(s,
          "{kind: recall, id: q, choice: 1, right: false, said: it moves, was: x, words: 'Look at "
          "its name.'}",
          " You said: \"it moves\". Look at its name.\n");
    held(s, " [ ] it is so\n [ ] three are ready\n\n");
    check(s, "{kind: done, step: one, index: 0, last: false}",
          " Step 1 is done. Type next to go on: Second.\n");
    assert_int_equal(show_open_choices(s), 0);
}

static void a_step_that_was_answered_before_says_so(void **state)
{
    struct show *s = *state;
    free(tell(s, "{kind: step, step: one, index: 0, count: 2, title: First, text: x, choice: 2, "
                 "checks: [], ask: {id: q, choices: [a, b]}}"));
    assert_true(show_is_answered(s));
    assert_false(show_holds(s));
    check(s, "{kind: done, step: one, index: 0, last: true}",
          " That was the last step. Type next to finish the lab.\n");
}

static void told_again_it_keeps_what_is_known(void **state)
{
    struct show *s = *state;
    free(tell(s, step_one));
    held(s, " [ ] it is so\n [ ] three are ready\n\n");
    free(tell(s, "{kind: check, id: a, name: it is so, state: ok}"));
    cleanup_str struct str again = STR_INIT;
    str_add_f(&again, "%.*s, again: true}", (int)strlen(step_one) - 1, step_one);
    cleanup_free char *text = tell(s, again.p);
    assert_non_null(strstr(text, "checks 1/2"));
    assert_non_null(strstr(text, " [x] it is so\n [ ] three are ready\n"));
}

static void other_events(void **state)
{
    struct show *s = *state;
    free(tell(s, step_one));
    check(s, "{kind: hint, 'n': 1, count: 3, text: 'Look at `ls`.'}",
          " Hint 1 of 3\n Look at `ls`.\n\n");
    check(s, "{kind: solution, text: \"# why\\nkubectl get x\\n\"}",
          " One way that works:\n\n     # why\n     kubectl get x\n\n");
    check(s, "{kind: busy, what: reset}", " Taking away what is there (a few seconds) ...\n");
    check(s, "{kind: busy, what: replay, 'n': 2, of: 4}", " Making step 2 of 4 again ...\n");
    check(s, "{kind: busy, what: solve, 'n': 2, of: 2}", " Doing step 2 for you ...\n");
    check(s, "{kind: ready}", "");
    check(s, "{kind: note, text: Something.}", " Something.\n");
    check(s, "{kind: unheard-of}", "");
}

static void why_is_told_behind_the_margin(void **state)
{
    struct show *s = *state;
    cleanup_free char *text =
        tell(s, "{kind: why, answer: {check: a, name: it is so, state: failed, cause: x, evidence: "
                "[], look: kubectl get x, lines: ['it is so: it is not.', 'Something else is.']}}");
    assert_non_null(strstr(text, " x it is so: it is not.\n"));
    assert_non_null(strstr(text, "\n   Something else is.\n"));
    assert_non_null(strstr(text, "look: kubectl get x\n"));
}

static void a_done_step_says_what_callers_went_through(void **state)
{
    struct show *s = *state;
    free(tell(s, step_one));
    free(tell(s, "{kind: check, id: a, name: it is so, state: ok}"));
    cleanup_free char *text =
        tell(s, "{kind: done, index: 0, probes: {web: {sent: 90, failed: 14, longest_outage_ms: "
                "2600}, kv: {sent: 7, failed: 0}, none: {sent: 0, failed: 0}}}");
    assert_non_null(
        strstr(text, " web: 14 of 90 requests failed; the longest outage lasted 2.6 s.\n"));
    assert_non_null(strstr(text, " kv: none of 7 requests failed.\n"));
    assert_null(strstr(text, "none:"));
}

static void the_map_stands_above_the_text(void **state)
{
    struct show *s = *state;
    show_set_map(s, " worker-1   on\n");
    cleanup_free char *text = tell(s, step_one);
    const char *map = strstr(text, "---\n worker-1   on\n---");
    assert_non_null(map);
    assert_true(map > strstr(text, "step 1/2"));
    cleanup_free char *next = tell(s, step_one); /* once */
    assert_null(strstr(next, "worker-1"));
}

static void plain_draws_nothing(void **state)
{
    struct show *s = show_new(&lab, &plain);
    cleanup_free char *text = tell(s, step_one);
    assert_null(strstr(text, "---"));
    assert_non_null(strstr(text, "09 Scaling   step 1/2: First. checks 0/2  06:42\n"));
    free(tell(s, "{kind: check, id: a, name: it is so, state: ok}"));
    held(s, " done: it is so\n waiting: three are ready\n\n");
    show_free(s);
}

static void narrow_terminals_take_two_lines(void **state)
{
    struct style narrow = {.width = 40};
    struct show *s = show_new(&lab, &narrow);
    cleanup_free char *text = tell(s, step_one);
    assert_non_null(strstr(text, " 09 Scaling   step 1/2: First\n checks 0/2  06:42\n"));
    show_free(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_step_is_shown_with_its_checks),
        TEST(checks_tick_when_it_matters),
        TEST(moving_is_told_when_it_lasts),
        TEST(a_lost_cluster_is_told_once),
        TEST(questions_are_open_until_the_step_is_done),
        TEST(a_step_that_was_answered_before_says_so),
        TEST(told_again_it_keeps_what_is_known),
        TEST(other_events),
        TEST(why_is_told_behind_the_margin),
        TEST(a_done_step_says_what_callers_went_through),
        TEST(the_map_stands_above_the_text),
        TEST(plain_draws_nothing),
        TEST(narrow_terminals_take_two_lines),
    };
    jx_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
