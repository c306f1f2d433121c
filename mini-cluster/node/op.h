/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to the runtime that are under way: an answer that comes after its pod is gone, or after its
 * host lost power, finds nobody. */
#ifndef NODE_OP_H
#define NODE_OP_H

#include "runtime/runtime.h"

struct container;
struct nodes;
struct op;
struct pod;

typedef void op_fn(struct op *op, enum runtime_result result, const struct runtime_status *st,
                   const struct err *err);

struct op {
    struct nodes *nodes;
    struct pod *pod;             /* NULL: nobody's, or nobody's any more */
    struct container *container; /* NULL: not about one */
    op_fn *done;                 /* NULL: the answer is ignored */
    void (*probed)(struct op *op, int status, const struct err *err);
    void *arg;
    char *name;
    struct op *next, **at;
};

/* `pod` may be NULL: then it lives until it is answered. `name` is copied; NULL is fine. */
struct op *op_new(struct nodes *n, struct pod *pod, const char *name, op_fn *done);
/* What the runtime is given as callbacks, with the op as argument. The op ends with the answer. */
void op_done(void *op, enum runtime_result result, const struct runtime_status *st,
             const struct err *err);
void op_probe_done(void *op, int status, const char *body, const struct err *err);
/* Its answer will be ignored; NULL is fine. */
void op_orphan(struct op *op);
void op_orphan_all(struct pod *p);
/* At the end, when no answer can come any more. */
void op_free_orphans(struct nodes *n);

#endif
