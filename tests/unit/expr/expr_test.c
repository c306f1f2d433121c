/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that expressions give what labs are promised, whatever libjq does on the way. */
#include "common/testing.h"

#include <string.h>
#include <unistd.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "expr/expr.h"

struct fixture {
    struct loop *loop;
    struct expr *e;
};

struct result {
    bool done;
    enum expr_result result;
    char message[400];
    json_t *clauses;
};

static int set_up(void **state)
{
    struct fixture *f = xnew(struct fixture);
    f->loop = loop_new();
    f->e = expr_new(f->loop);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    expr_free(f->e);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void on_done(void *arg, const struct expr_answer *a)
{
    struct result *r = arg;
    assert_false(r->done);
    r->done = true;
    r->result = a->result;
    str_copy(r->message, sizeof(r->message), a->message);
    json_decref(r->clauses);
    r->clauses = jx_edit(a->clauses);
}

static json_t *json(const char *text)
{
    json_t *v = NULL;
    struct err err;
    if (jx_parse(text, strlen(text), true, &v, &err) < 0) {
        fail_msg("%s: %s", text, err.msg);
    }
    return v;
}

/* The clauses stay with the result. */
static void eval(struct fixture *f, const char *program, const char *input, struct result *r)
{
    json_auto_t *in = json(input);
    json_auto_t *vars = json("{\"began\": \"2026-01-01T00:00:05.5Z\", \"namespace\": \"shop\"}");
    expr_eval(f->e, program, vars, in, on_done, r);
    assert_false(r->done);
    assert_true(loop_run_until(f->loop, &r->done, LOOP_S(20)));
}

static void expect(struct fixture *f, const char *program, const char *input, enum expr_result want,
                   const char *message)
{
    struct result r = {0};
    eval(f, program, input, &r);
    if (r.result != want || strstr(r.message, message) == NULL) {
        fail_msg("%s on %s: result %d, \"%s\"; wanted %d, \"%s\"", program, input, r.result,
                 r.message, want, message);
    }
    json_decref(r.clauses);
}

static void test_exactly_one_true(void **state)
{
    struct fixture *f = *state;
    expect(f, ".a == 1", "{\"a\": 1}", EXPR_TRUE, "");
    expect(f, ".a == 1", "{\"a\": 2}", EXPR_FALSE, "");
    expect(f, ". == null", "null", EXPR_TRUE, "");
    expect(f, ".[] == 1", "[1, 1]", EXPR_FALSE, "more than one");
    expect(f, ".[] == 1", "[]", EXPR_FALSE, "gives nothing");
    expect(f, ".a", "{\"a\": 3}", EXPR_FALSE, "gives 3, which is neither");
    expect(f, ".a", "{}", EXPR_FALSE, "gives null");
    expect(f, "true, error(\"late\")", "null", EXPR_NOT_YET, "late");
    expect(f, "halt", "null", EXPR_FALSE, "gives nothing");
}

static void test_a_runtime_error_is_not_yet(void **state)
{
    struct fixture *f = *state;
    expect(f, ".items[] | .a == 1", "null", EXPR_NOT_YET, "Cannot iterate over null");
    expect(f, "error({a: 1})", "null", EXPR_NOT_YET, "{\"a\":1}");
    expect(f, "input", "null", EXPR_NOT_YET, "break");
}

static void test_what_does_not_compile_is_said(void **state)
{
    struct fixture *f = *state;
    expect(f, ".a ==== 1", "{}", EXPR_ERROR, "syntax error, unexpected ==");
    expect(f, ".a | nofunction", "{}", EXPR_ERROR, "nofunction/0 is not defined");
    expect(f, "$nobody", "{}", EXPR_ERROR, "$nobody is not defined");
    expect(f, "import \"a\" as a; true", "{}", EXPR_ERROR, "module not found");
    expect(f, "  # nothing\n", "{}", EXPR_ERROR, "empty");
    struct result r = {0};
    eval(f, "1 +", "{}", &r);
    assert_null(strstr(r.message, "Unix shell"));
    assert_null(strchr(r.message, '\n'));
    json_decref(r.clauses);
}

static void test_variables(void **state)
{
    struct fixture *f = *state;
    expect(f, "$namespace == \"shop\"", "null", EXPR_TRUE, "");
    expect(f, ". > $began", "\"2026-01-01T00:00:05Z\"", EXPR_TRUE, "");
    expect(f, ". > $began", "\"2026-01-01T00:00:04Z\"", EXPR_FALSE, "");
    struct result r = {0};
    json_auto_t *vars = json("{\"began\": \"x\"}");
    expr_eval(f->e, "$began == \"x\"", vars, NULL, on_done, &r);
    assert_true(loop_run_until(f->loop, &r.done, LOOP_S(20)));
    assert_int_equal(r.result, EXPR_TRUE);
    json_decref(r.clauses);
}

static void test_the_environment_is_empty(void **state)
{
    setenv("PODLAB_SECRET", "x", 1);
    expect(*state, "$ENV == {} and env == {}", "null", EXPR_TRUE, "");
}

/* Each of these hangs or kills libjq; the next expression must work all the same. */
static void test_what_libjq_does_not_survive(void **state)
{
    struct fixture *f = *state;
    expect(f, "def f: f; f", "null", EXPR_ERROR, "longer than 500 ms");
    expect(f, ". == 1", "1", EXPR_TRUE, "");
    expect(f, "1e300 | todate", "null", EXPR_ERROR, "jq gave up");
    expect(f, "1 | strftime(1)", "null", EXPR_ERROR, "jq gave up");
    expect(f, ". == 1", "1", EXPR_TRUE, "");
    struct result r = {0};
    eval(f, "\"x\" * 1e9 | length > 0", "null", &r);
    assert_int_equal(r.result, EXPR_ERROR);
    assert_non_null(strstr(r.message, "it was stopped"));
    json_decref(r.clauses);
    expect(f, ". == 1", "1", EXPR_TRUE, "");
}

static void test_clauses(void **state)
{
    struct result r = {0};
    eval(*state, ".spec.replicas == 3 and .status.readyReplicas == .spec.replicas",
         "{\"spec\": {\"replicas\": 3}, \"status\": {\"readyReplicas\": 2}}", &r);
    assert_int_equal(r.result, EXPR_FALSE);
    assert_int_equal(json_array_size(r.clauses), 2);
    json_auto_t *want = json("[{\"clause\": \".spec.replicas == 3\", \"lhs\": \".spec.replicas\","
                             "\"op\": \"==\", \"got\": 3, \"want\": 3, \"ok\": true},"
                             "{\"clause\": \".status.readyReplicas == .spec.replicas\","
                             "\"lhs\": \".status.readyReplicas\", \"op\": \"==\", \"got\": 2,"
                             "\"want\": 3, \"ok\": false}]");
    if (!jx_equal(want, r.clauses)) {
        cleanup_free char *got = jx_dump_text(r.clauses);
        fail_msg("clauses are %s", got);
    }
    json_decref(r.clauses);
}

static void test_clauses_of_a_list(void **state)
{
    struct result r = {0};
    eval(*state, "[.items[] | select(.ok)] | length == 1 and .[0].at > $began # a comment",
         "{\"items\": [{\"ok\": true, \"at\": \"2026-01-01T00:00:01Z\"}, {}]}", &r);
    assert_int_equal(json_array_size(r.clauses), 2);
    const json_t *second = json_array_get(r.clauses, 1);
    assert_true(jx_bool(json_array_get(r.clauses, 0), "ok", false));
    assert_false(jx_bool(second, "ok", true));
    assert_string_equal(jx_str(second, "got", ""), "2026-01-01T00:00:01Z");
    assert_string_equal(jx_str(second, "want", ""), "2026-01-01T00:00:05.5Z");
    json_decref(r.clauses);
}

static void test_clauses_survive_errors(void **state)
{
    struct fixture *f = *state;
    struct result r = {0};
    eval(f, ".a == 1 and (.b | error(\"x\"))", "{\"a\": 1}", &r);
    assert_int_equal(r.result, EXPR_NOT_YET);
    assert_int_equal(json_array_size(r.clauses), 2);
    assert_true(jx_bool(json_array_get(r.clauses, 0), "ok", false));
    r.done = false;
    eval(f, "def f: .a; f == 1", "{\"a\": 2}", &r);
    assert_int_equal(json_array_size(r.clauses), 0);
    json_decref(r.clauses);
}

static void test_compile_only(void **state)
{
    struct fixture *f = *state;
    struct result r = {0};
    json_auto_t *vars = json("{\"began\": \"\"}");
    expr_compile(f->e, ".a == $began", vars, on_done, &r);
    assert_true(loop_run_until(f->loop, &r.done, LOOP_S(20)));
    assert_int_equal(r.result, EXPR_TRUE);
    r.done = false;
    expr_compile(f->e, ".a == $begun", vars, on_done, &r);
    assert_true(loop_run_until(f->loop, &r.done, LOOP_S(20)));
    assert_int_equal(r.result, EXPR_ERROR);
    json_decref(r.clauses);
}

enum { MANY = 40, DISTINCT = 34 };

/* More programs than the child keeps, queued at once. */
static void test_many_in_order(void **state)
{
    struct fixture *f = *state;
    struct result r[MANY] = {0};
    for (int i = 0; i < MANY; i++) {
        cleanup_free char *program = xasprintf(". == %d", i % DISTINCT);
        json_auto_t *in = json_integer(i);
        expr_eval(f->e, program, NULL, in, on_done, &r[i]);
    }
    assert_true(loop_run_until(f->loop, &r[MANY - 1].done, LOOP_S(30)));
    for (int i = 0; i < MANY; i++) {
        assert_true(r[i].done);
        assert_int_equal(r[i].result, i < DISTINCT ? EXPR_TRUE : EXPR_FALSE);
        json_decref(r[i].clauses);
    }
}

static void test_forgotten_answers_do_not_come(void **state)
{
    struct fixture *f = *state;
    struct result gone = {0}, later = {0}, last = {0};
    expr_eval(f->e, ".", NULL, NULL, on_done, &gone);
    expr_eval(f->e, ".", NULL, NULL, on_done, &later);
    expr_eval(f->e, ".", NULL, NULL, on_done, &last);
    expr_forget(f->e, &gone);
    expr_forget(f->e, &later);
    assert_true(loop_run_until(f->loop, &last.done, LOOP_S(20)));
    assert_false(gone.done || later.done);
    json_decref(last.clauses);
}

struct freeing {
    struct expr *e;
    bool done;
};

static void free_it(void *arg, const struct expr_answer *a)
{
    struct freeing *x = arg;
    expr_free(x->e);
    x->done = true;
}

static void test_may_be_freed_in_its_callback(void **state)
{
    struct fixture *f = *state;
    struct freeing x = {.e = expr_new(f->loop)};
    struct result never = {0};
    expr_eval(x.e, "true", NULL, NULL, free_it, &x);
    expr_eval(x.e, "true", NULL, NULL, on_done, &never);
    assert_true(loop_run_until(f->loop, &x.done, LOOP_S(20)));
    assert_false(never.done);
}

int main(int argc, char **argv)
{
    if (expr_child_wanted(argc, argv)) {
        return expr_child_main();
    }
    jx_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_exactly_one_true, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_runtime_error_is_not_yet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_does_not_compile_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_variables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_environment_is_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_libjq_does_not_survive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clauses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clauses_of_a_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clauses_survive_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_compile_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forgotten_answers_do_not_come, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_may_be_freed_in_its_callback, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
