/* SPDX-License-Identifier: Apache-2.0 */
/* Every call is in a list: of its pod, or of the orphans. */
#include "node/op.h"

#include "common/mem.h"
#include "node/node_impl.h"

static void link_to(struct op *op, struct op **list)
{
    op->next = *list;
    op->at = list;
    if (op->next != NULL) {
        op->next->at = &op->next;
    }
    *list = op;
}

static void unlink_op(struct op *op)
{
    *op->at = op->next;
    if (op->next != NULL) {
        op->next->at = op->at;
    }
}

static void free_op(struct op *op)
{
    free(op->name);
    free(op);
}

struct op *op_new(struct nodes *n, struct pod *pod, const char *name, op_fn *done)
{
    struct op *op = xnew(struct op);
    op->nodes = n;
    op->pod = pod;
    op->done = done;
    op->name = xstrdup(name);
    link_to(op, pod != NULL ? &pod->ops : &n->orphans);
    return op;
}

/* The container is free for the next call. */
static void settle(struct op *op)
{
    struct container *c = op->container;
    unlink_op(op);
    if (c != NULL && c->op == op) {
        c->op = NULL;
    }
    if (c != NULL && c->looking == op) {
        c->looking = NULL;
    }
}

void op_done(void *arg, enum runtime_result result, const struct runtime_status *st,
             const struct err *err)
{
    struct op *op = arg;
    settle(op);
    if (op->done != NULL) {
        op->done(op, result, st, err);
    }
    free_op(op);
}

void op_probe_done(void *arg, int status, const char *body, const struct err *err)
{
    struct op *op = arg;
    (void)body;
    settle(op);
    if (op->probed != NULL) {
        op->probed(op, status, err);
    }
    free_op(op);
}

void op_orphan(struct op *op)
{
    if (op == NULL) {
        return;
    }
    settle(op);
    op->pod = NULL;
    op->container = NULL;
    op->done = NULL;
    op->probed = NULL;
    link_to(op, &op->nodes->orphans);
}

void op_orphan_all(struct pod *p)
{
    while (p->ops != NULL) {
        op_orphan(p->ops);
    }
}

void op_free_orphans(struct nodes *n)
{
    while (n->orphans != NULL) {
        struct op *op = n->orphans;
        unlink_op(op);
        free_op(op);
    }
}
