/* SPDX-License-Identifier: Apache-2.0 */
/* Operations wait for their turn: Docker gets no faster with more than a few starts at once, only
 * later with each. What is called for a name waits for the ensure of that name, so that a container
 * is never removed before it is made. */
#include <string.h>

#include "common/mem.h"
#include "runtime/docker/docker_impl.h"

void docker_queue_init(struct docker_queue *q, unsigned limit)
{
    *q = (struct docker_queue){.limit = limit};
    for (size_t i = 0; i < ARRAY_LEN(q->waiting); i++) {
        q->waiting[i].last = &q->waiting[i].first;
    }
}

void docker_op_init(struct docker_op *op, struct docker *d, const char *name, runtime_done *done,
                    void *arg)
{
    op->d = d;
    op->name = xstrdup(name);
    op->done = done;
    op->arg = arg;
    op->next = d->ops;
    op->prev_next = &d->ops;
    if (op->next != NULL) {
        op->next->prev_next = &op->next;
    }
    d->ops = op;
}

/* ---- turns ---- */

static void run_now(void *arg)
{
    struct docker_op *op = arg;
    op->run(op);
}

static void take_turn(struct docker_op *op)
{
    op->running = true;
    loop_defer(op->d->loop, run_now, op);
}

static void enqueue(struct docker_op *op)
{
    struct docker_queue *q = op->queue;
    if (q == NULL) {
        take_turn(op);
    } else if (q->running < q->limit) {
        q->running++;
        take_turn(op);
    } else {
        size_t line = op->urgent ? 0 : 1;
        op->queue_next = NULL;
        *q->waiting[line].last = op;
        q->waiting[line].last = &op->queue_next;
    }
}

static void pass_turn(struct docker_queue *q)
{
    size_t line = q->waiting[0].first != NULL ? 0 : 1;
    struct docker_op *op = q->waiting[line].first;
    if (op == NULL) {
        q->running--;
        return;
    }
    q->waiting[line].first = op->queue_next;
    if (op->queue_next == NULL) {
        q->waiting[line].last = &q->waiting[line].first;
    }
    take_turn(op);
}

static void leave_queue(struct docker_op *op)
{
    struct docker_queue *q = op->queue;
    size_t line = op->urgent ? 0 : 1;
    for (struct docker_op **at = &q->waiting[line].first; *at != NULL; at = &(*at)->queue_next) {
        if (*at == op) {
            *at = op->queue_next;
            if (q->waiting[line].last == &op->queue_next) {
                q->waiting[line].last = at;
            }
            return;
        }
    }
}

static void wait_for(struct docker_op *ensure, struct docker_op *op)
{
    struct docker_op **at = &ensure->after;
    while (*at != NULL) {
        at = &(*at)->after_next;
    }
    *at = op;
}

void docker_op_start(struct docker_op *op, struct docker_queue *queue,
                     void (*run)(struct docker_op *op))
{
    struct docker_op *ensure = map_find(op->d->ensuring, op->name);
    op->queue = queue;
    op->run = run;
    if (ensure != NULL) {
        wait_for(ensure, op);
        return;
    }
    if (op->is_ensure) {
        map_put(op->d->ensuring, op->name, op);
    }
    enqueue(op);
}

/* ---- the end ---- */

static void release(struct docker_op *op)
{
    if (op->destroy != NULL) {
        op->destroy(op);
    }
    free(op->name);
    free(op);
}

static void unlink_op(struct docker_op *op)
{
    loop_undefer(op->d->loop, op);
    *op->prev_next = op->next;
    if (op->next != NULL) {
        op->next->prev_next = op->prev_next;
    }
}

/* Gives back its turn, and lets go whatever waited for it. */
static void detach(struct docker_op *op)
{
    unlink_op(op);
    if (op->queue != NULL && op->running) {
        pass_turn(op->queue);
    }
    if (map_find(op->d->ensuring, op->name) == op) {
        map_remove(op->d->ensuring, op->name);
    }
    struct docker_op *after = op->after, *next;
    for (; after != NULL; after = next) {
        next = after->after_next;
        after->after_next = NULL;
        docker_op_start(after, after->queue, after->run);
    }
}

void docker_op_finish(struct docker_op *op, enum runtime_result result,
                      const struct runtime_status *st, const struct err *err)
{
    static const struct err none;
    err = err != NULL ? err : &none;
    detach(op);
    if (op->answer != NULL) {
        op->answer(op, result, err);
    } else {
        op->done(op->arg, result, st, err);
    }
    release(op);
}

void docker_op_ok(struct docker_op *op)
{
    docker_op_finish(op, RUNTIME_OK, NULL, NULL);
}

void docker_op_failed(struct docker_op *op, const struct docker_answer *a)
{
    docker_op_finish(op, docker_answer_result(a), NULL, &a->err);
}

static void fail_now(void *arg)
{
    struct docker_op *op = arg;
    struct err err = op->err;
    docker_op_finish(op, op->result, NULL, &err);
}

void docker_op_fail(struct docker_op *op, enum runtime_result result)
{
    op->result = result;
    loop_defer(op->d->loop, fail_now, op);
}

void docker_op_free(struct docker_op *op)
{
    unlink_op(op);
    release(op);
}

void docker_op_cancel_ensures(struct docker *d, const char *name, const char *why)
{
    for (size_t line = 0; line < ARRAY_LEN(d->starts.waiting); line++) {
        struct docker_op *next;
        for (struct docker_op *op = d->starts.waiting[line].first; op != NULL; op = next) {
            next = op->queue_next;
            if (name == NULL || strcmp(op->name, name) == 0) {
                leave_queue(op);
                err_set(&op->err, ERR_CONFLICT, "%s: %s", op->name, why);
                docker_op_fail(op, RUNTIME_FAILED);
            }
        }
    }
}
