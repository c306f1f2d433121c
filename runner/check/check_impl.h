/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share: a run has rows (the step's checks), a row has ways to be true
 * (itself, or the alternatives of `any`), a way is looked at by the code of its kind. */
#ifndef CHECK_CHECK_IMPL_H
#define CHECK_CHECK_IMPL_H

#include "check/check.h"
#include "common/str.h"
#include "common/vec.h"
#include "expr/expr.h"
#include "lab/lab.h"

struct check_way;
struct pool;

/* One kind of check. `begin` makes its state; `look` looks now, or soon when it must not look so
 * often; `tick` comes about four times a second. Each may be NULL but begin and end. */
struct check_kind {
    void *(*begin)(struct check_way *w);
    void (*end)(void *own);
    void (*look)(void *own);
    void (*tick)(void *own, uint64_t now_ns);
};

extern const struct check_kind check_kind_get, check_kind_list, check_kind_http, check_kind_url,
    check_kind_shell, check_kind_probe, check_kind_ask;

enum way_state { WAY_NONE /* not looked at yet */, WAY_UNKNOWN, WAY_FALSE, WAY_TRUE };

struct check_way {
    struct check_run *run;
    struct check_row *row;
    const struct lab_check *check;
    const struct check_kind *kind;
    void *own; /* the kind's state; NULL before it began */
    enum way_state state;
    json_t *seen;
    json_t *clauses;
    char *message;
    json_t *asked; /* with the expressions now */
    json_t *next;  /* to be asked after it; NULL when nothing newer was seen */
};

struct check_row {
    struct check_run *run;
    struct check_verdict v;
    struct check_way *ways;
    size_t nways;
    bool was_true;
    uint64_t due_ns; /* of `within`; 0: none */
    int64_t got, want;
    bool tell;
};

struct check_run {
    struct check_opts o;
    VEC(const char *) env;
    VEC(struct check_probe *) probes;
    struct pool *pool;
    struct check_row *rows;
    size_t nrows;
    json_t *variables;
    struct loop_timer *tick;
    uint64_t poked_ns, asked_ns; /* for the kinds of resources */
    uint64_t true_since_ns;      /* since when every row but the keeping ones is OK; 0: not so */
    bool began, moving, settled, done, told_done, telling;
    char *no_discovery; /* why the kinds of resources are not known */
};

/* ---- ways: what the kinds call ---- */
void check_way_init(struct check_way *w, struct check_row *row, const struct lab_check *check);
void check_way_fini(struct check_way *w);
void check_way_begin(struct check_way *w);
/* This is what there is: the expression will say whether it is so. Takes `input`. */
void check_way_judge(struct check_way *w, json_t *input);
/* It is so or not, without an expression. Takes `input`. */
void check_way_answer(struct check_way *w, bool is_so, json_t *input, const char *message);
/* Nobody can say. */
void check_way_unknown(struct check_way *w, const char *why);
const char *check_way_ns(const struct check_way *w);

/* ---- rows ---- */
void check_row_init(struct check_row *row, struct check_run *run, const struct lab_check *check);
void check_row_fini(struct check_row *row);
/* A way's state changed, or what moves did. */
void check_row_update(struct check_row *row);
/* Tells what changed, from the loop. */
void check_run_changed(struct check_run *r);

/* ---- the pool of watches ---- */
struct kube_watch;
/* One watch per resource, namespace and selector, however often it is asked for. NULL: the cluster
 * has no such resource. `way` (may be NULL) is looked at when it changes. */
struct kube_watch *pool_watch(struct pool *p, const char *resource, const char *ns,
                              const char *selector, struct check_way *way);
struct pool *pool_new(struct check_run *run);
/* The kinds of resources are known: watches what tells whether the step's objects move. */
void pool_begin(struct pool *p);
void pool_free(struct pool *p);
/* True when the cluster did not answer the last time it was asked. */
bool pool_is_dead(const struct pool *p, const char **ret_why);
void pool_tick(struct pool *p, uint64_t now_ns);
/* Looks at what the step is about: does it move? `ret_since` is when it last changed. */
struct motion;
void pool_motion(struct pool *p, struct motion *ret, uint64_t *ret_since_ns);

#endif
