/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share: the child's wire, and how a program is cut into its parts. */
#ifndef EXPR_EXPR_IMPL_H
#define EXPR_EXPR_IMPL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/vec.h"

struct loop;
struct str;

#define EXPR_CHILD_ARG "--expr-child"
enum { EXPR_CPU_MS = 500, EXPR_MEMORY_MIB = 256 };

/* The child ends itself with these, so that the parent knows what for. */
enum { EXPR_SIGNAL_TIME = SIGPROF, EXPR_SIGNAL_MEMORY = SIGUSR1 };

/* ---- process.c: the child as seen from here ---- */

struct expr_process;

struct expr_process_ops {
    /* A whole line, NUL-terminated. */
    void (*on_line)(void *arg, const char *line, size_t n);
    /* It ended, by itself or not; called last, and not after expr_process_free. `signal` is 0 when
     * it exited. */
    void (*on_exit)(void *arg, int signal);
};

/* NULL when none can be had; *ret_why is static text then. */
struct expr_process *expr_process_new(struct loop *loop, const struct expr_process_ops *ops,
                                      void *arg, const char **ret_why);
/* Kills it and waits for its end, which is at hand. NULL is fine. */
void expr_process_free(struct expr_process *p);
void expr_process_kill(struct expr_process *p);
/* Takes the text and a newline over. */
void expr_process_send(struct expr_process *p, struct str *line);

/* ---- clauses.c: `PREFIX | A == 3 and B` is the clauses `A == 3` and `B` behind PREFIX ---- */

struct expr_clause {
    char *text;
    char *lhs, *op, *rhs; /* of a comparison; NULL when it is none */
};

struct expr_clauses {
    char *prefix; /* "." when there is none */
    VEC(struct expr_clause) all;
};

/* False, and nothing to free, when the program cannot be cut (it defines functions, it is not
 * balanced). */
bool expr_clauses_cut(const char *program, struct expr_clauses *ret);
void expr_clauses_fini(struct expr_clauses *c);
/* A program that gives an array of [got, want, ok], one row per clause; the caller frees. */
char *expr_clauses_program(const struct expr_clauses *c);

#endif
