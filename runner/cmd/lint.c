/* SPDX-License-Identifier: Apache-2.0 */
/* podlab lint: what is wrong with a lab, without a cluster. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/options.h"
#include "common/str.h"
#include "expr/expr.h"
#include "lab/lab.h"
#include "loader/loader.h"
#include "why/why.h"

enum { MAX_LABS = 64 };

struct lint {
    struct loop *loop;
    struct expr *expr;
    const struct lab *lab;
    bool answered;
    char message[400]; /* of an expression that does not compile */
    int complaints;
};

static void complain(struct lint *l, const char *where, int line, const char *what)
{
    l->complaints++;
    if (line > 0) {
        printf("%s/lab.yaml:%d: %s: %s\n", l->lab->id, line, where, what);
    } else {
        printf("%s: %s\n", where, what);
    }
}

/* ---- expressions ---- */

static void on_compiled(void *arg, const struct expr_answer *a)
{
    struct lint *l = arg;
    l->answered = true;
    str_copy(l->message, sizeof(l->message), a->result == EXPR_TRUE ? "" : a->message);
}

static void look_at_expression(struct lint *l, const struct lab_step *step,
                               const struct lab_check *c)
{
    json_auto_t *variables = json_pack("{s:s, s:s}", "began", "", "namespace", "");
    if (c->expect == NULL) {
        return;
    }
    l->answered = false;
    expr_compile(l->expr, c->expect, variables, on_compiled, l);
    if (!loop_run_until(l->loop, &l->answered, LOOP_S(10))) {
        str_copy(l->message, sizeof(l->message), "the expression could not be compiled in 10 s");
    }
    if (l->message[0] != '\0') {
        cleanup_free char *where = xasprintf("step %s, check %s", step->id, c->id);
        complain(l, where, c->line, l->message);
    }
}

static void look_at_check(struct lint *l, const struct lab_step *step, const struct lab_check *c)
{
    look_at_expression(l, step, c);
    for (size_t i = 0; i < c->nany; i++) {
        look_at_check(l, step, &c->any[i]);
    }
}

/* ---- both sides ---- */

static bool is_cause(const char *word)
{
    const char *const *causes = why_causes();
    while (*causes != NULL && strcmp(*causes, word) != 0) {
        causes++;
    }
    return *causes != NULL;
}

static void look_at_near_misses(struct lint *l, const struct lab_step *step)
{
    for (size_t i = 0; step->near_misses != NULL && step->near_misses[i] != NULL; i++) {
        const char *cause = step->near_miss_causes[i];
        if (cause == NULL) {
            complain(l, step->near_misses[i], 0, "it names no cause (\"# why: CAUSE\")");
        } else if (!is_cause(cause)) {
            cleanup_free char *what = xasprintf("there is no cause \"%s\"", cause);
            complain(l, step->near_misses[i], 0, what);
        }
    }
}

static void look_at_step(struct lint *l, const struct lab_step *step)
{
    bool keeps = false, others = false;
    for (size_t i = 0; i < step->nchecks; i++) {
        look_at_check(l, step, &step->checks[i]);
        keeps |= step->checks[i].keep;
        others |= !step->checks[i].keep;
    }
    cleanup_free char *where = xasprintf("step %s", step->id);
    int line = step->nchecks > 0 ? step->checks[0].line : 0;
    if (step->nchecks > 0 && step->solution == NULL) {
        complain(l, where, line, "it has checks but no solution");
    }
    if (step->nchecks > 0 && (step->near_misses == NULL || step->near_misses[0] == NULL)) {
        complain(l, where, line,
                 keeps ? "a keep check needs a near-miss" : "it has checks but no near-miss");
    }
    if (keeps && !others) {
        complain(l, where, line, "it has keep checks alone: they say how, and nothing says what");
    }
    look_at_near_misses(l, step);
}

static int lint_lab(struct lint *l, const char *word)
{
    cleanup_free char *dir = NULL;
    struct lab *lab;
    struct err err;
    if (loader_find(word, &dir, &err) < 0 || loader_load(dir, &lab, &err) < 0) {
        printf("%s\n", err.msg);
        l->complaints++;
        return -1;
    }
    l->lab = lab;
    for (size_t i = 0; i < lab->nsteps; i++) {
        look_at_step(l, &lab->steps[i]);
    }
    printf("%s: %zu steps, %d complaints\n", lab->id, lab->nsteps, l->complaints);
    lab_free(lab);
    return l->complaints > 0 ? -1 : 0;
}

int cmd_lint(int argc, char **argv)
{
    const char *words[MAX_LABS];
    const struct option_row rows[] = {{0}};
    const struct options o = {
        .usage = "podlab lint LAB...",
        .summary = "Reads labs, compiles their expressions, and says what is wrong, by line.",
        .rows = rows,
        .max_words = MAX_LABS};
    int n;
    int rc = 0;
    enum options_result parsed = options_parse(&o, argc, argv, words, &n);
    if (parsed != OPTIONS_OK) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    if (n == 0) {
        fprintf(stderr, "podlab lint: name a lab, or its folder\n");
        return 2;
    }
    struct loop *loop = loop_new();
    struct expr *expr = expr_new(loop);
    for (int i = 0; i < n; i++) {
        struct lint l = {.loop = loop, .expr = expr};
        rc = lint_lab(&l, words[i]) < 0 ? 1 : rc;
    }
    expr_free(expr);
    loop_free(loop);
    return rc;
}
