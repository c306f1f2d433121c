/* SPDX-License-Identifier: Apache-2.0 */
/* jq expressions, in a child process: libjq may abort or never return, and neither hurts us. */
#ifndef EXPR_EXPR_H
#define EXPR_EXPR_H

#include <stdbool.h>

#include <jansson.h>

struct expr;
struct loop;

enum expr_result {
    EXPR_TRUE,    /* exactly one output, and it is `true` */
    EXPR_FALSE,   /* anything else came out; the message says what, unless it was one `false` */
    EXPR_NOT_YET, /* a runtime error, such as iterating over null: the state is not there yet */
    EXPR_ERROR, /* it does not compile, was stopped for time or memory, or no child could be had */
};

/* All borrowed for the time of the call. */
struct expr_answer {
    enum expr_result result;
    const char *message; /* "" when there is nothing to say */
    /* When not EXPR_TRUE: the parts that had to be true together, each as
     * {clause, lhs, op, got, want, ok}; of `.a == 3 and .b` that is two. `op` is "" and `want` true
     * for a part that compares nothing. An empty array when the program cannot be cut up. */
    const json_t *clauses;
};
typedef void expr_done(void *arg, const struct expr_answer *a);

/* Starts no child yet; the first expression does. Needs a real loop. */
struct expr *expr_new(struct loop *loop);
/* Ends the child; no callback comes after. NULL is fine. */
void expr_free(struct expr *e);

/* Evaluates `program` over `input` (NULL: null) with these variables (an object; {began: "..."} is
 * $began; may be NULL). Everything is copied. `done` is called once, from the loop, in the order of
 * the calls. One evaluation may use 500 ms of CPU and 256 MiB. */
void expr_eval(struct expr *e, const char *program, const json_t *variables, const json_t *input,
               expr_done *done, void *arg);
/* Only compiles: EXPR_TRUE, or EXPR_ERROR with the message. Of `variables` the names count. */
void expr_compile(struct expr *e, const char *program, const json_t *variables, expr_done *done,
                  void *arg);
/* Forgets every answer with this arg. */
void expr_forget(struct expr *e, const void *arg);

/* ---- the child: the same binary again. The first lines of every main, tests' mains included, that
 * make an expr:  if (expr_child_wanted(argc, argv)) return expr_child_main(); ---- */

bool expr_child_wanted(int argc, char **argv);
/* Answers JSON lines on stdin until it ends; returns the exit status. */
int expr_child_main(void);

#endif
