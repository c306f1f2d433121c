/* SPDX-License-Identifier: Apache-2.0 */
/* Calls wait for what they asked for, and answers and events leave in the order in which they came
 * to be, from the loop. */
#include <stdio.h>
#include <string.h>

#include "runtime/process/process_impl.h"

#define LOCK_AGAIN LOOP_MS(5) /* a shim holds its lock a moment longer than its connections */
#define LOCK_TRIES 400
#define LOCK_LOOK 4
#define STUCK_NS LOOP_S(3) /* a shim that was told to kill and does not */

/* ---- answers and events ---- */

static void op_free(struct process_op *op)
{
    free(op->st);
    free(op);
}

static void item_fini(struct process_item *item)
{
    if (item->op != NULL) {
        op_free(item->op);
    }
    free(item->name);
    free(item->host);
}

static void answer_list(struct process_op *op)
{
    VEC(struct runtime_status) list = {0};
    void *c;
    for (size_t it = 0; op->result == RUNTIME_OK && map_next(op->d->containers, &it, NULL, &c);) {
        vec_push(&list, ((struct process_container *)c)->st);
    }
    op->list_done(op->arg, op->result, list.v, list.n, &op->err);
    vec_fini(&list);
}

static void answer_images(struct process_op *op)
{
    VEC(struct runtime_image) images = {0};
    for (size_t i = 0; images_bundled[i] != NULL; i++) {
        struct runtime_image image = {images_bundled[i], process_image_id(op->d, images_bundled[i]),
                                      process_image_size()};
        vec_push(&images, image);
    }
    op->images_done(op->arg, images.v, images.n, &op->err);
    vec_fini(&images);
}

static void deliver_one(struct process *d, const struct process_item *item)
{
    struct process_op *op = item->op;
    if (op != NULL && op->then != NULL) {
        op->then(op);
    } else if (op != NULL && op->done != NULL) {
        op->done(op->arg, op->result, op->st, &op->err);
    } else if (op != NULL && op->list_done != NULL) {
        answer_list(op);
    } else if (op != NULL) {
        answer_images(op);
    } else if (d->subscriber != NULL) {
        const struct runtime_event ev = {.type = RUNTIME_EV_CHANGED,
                                         .name = item->name,
                                         .host = item->host,
                                         .why = item->why,
                                         .exit_code = item->exit_code};
        d->subscriber(d->subscriber_arg, &ev);
    }
}

/* Everything that was there when it began; a receiver may free the driver. */
static void deliver(void *arg)
{
    struct process *d = arg;
    VEC(struct process_item) items = {d->outbox.v, d->outbox.n, d->outbox.cap};
    memset(&d->outbox, 0, sizeof(d->outbox));
    d->delivering = true;
    for (size_t i = 0; i < items.n; i++) {
        if (!d->dead) {
            deliver_one(d, &items.v[i]);
        }
        item_fini(&items.v[i]);
    }
    vec_fini(&items);
    d->delivering = false;
    if (d->dead) {
        free(d);
    }
}

static void post(struct process *d, struct process_item item)
{
    if (d->outbox.n == 0) {
        loop_defer(d->loop, deliver, d);
    }
    vec_push(&d->outbox, item);
}

void process_op_event(struct process_container *c, const char *why, int exit_code)
{
    struct process_item item = {.name = xstrdup(c->st.name),
                                .host = xstrdup(c->st.host),
                                .why = why,
                                .exit_code = exit_code};
    post(c->d, item);
}

/* ---- calls ---- */

struct process_op *process_op_new(struct process *d, enum process_verb verb, runtime_done *done,
                                  void *arg)
{
    struct process_op *op = xnew(struct process_op);
    op->d = d;
    op->verb = verb;
    op->done = done;
    op->arg = arg;
    return op;
}

static void finish(struct process_op *op, enum runtime_result result)
{
    op->result = result;
    post(op->d, (struct process_item){.op = op});
}

void process_op_ok(struct process_op *op, const struct process_container *c)
{
    op->st = c != NULL ? runtime_status_copy(&c->st) : NULL;
    finish(op, RUNTIME_OK);
}

void process_op_fail(struct process_op *op, enum runtime_result result)
{
    finish(op, result);
}

void process_op_not_found(struct process_op *op, const char *name)
{
    err_set(&op->err, ERR_NOT_FOUND, "No such container: %s", name);
    finish(op, RUNTIME_FAILED);
}

void process_op_free_all(struct process *d)
{
    void *value;
    for (size_t it = 0; map_next(d->containers, &it, NULL, &value);) {
        struct process_container *c = value;
        for (size_t i = 0; i < c->ops.n; i++) {
            op_free(c->ops.v[i]);
        }
        c->ops.n = 0;
    }
    for (size_t i = 0; i < d->waiting.n; i++) {
        op_free(d->waiting.v[i]);
    }
    vec_fini(&d->waiting);
    for (size_t i = 0; i < d->outbox.n; i++) {
        item_fini(&d->outbox.v[i]);
    }
    vec_fini(&d->outbox);
    loop_undefer(d->loop, d);
}

/* ---- what they wait for: each is true when the call is answered ---- */

static bool step_ensure(struct process_op *op, struct process_container *c)
{
    if (c->st.state != RUNTIME_CREATED) {
        process_op_ok(op, c);
        return true;
    }
    err_set(&op->err, ERR_CONFLICT, "%s", c->st.error[0] != '\0' ? c->st.error : "not started");
    op->st = runtime_status_copy(&c->st);
    process_op_fail(op, RUNTIME_FAILED);
    return true;
}

/* Whoever does not answer to this is stuck, and is ended from outside. */
static void tell_end(struct process_op *op, struct process_container *c, char how, int64_t grace_s)
{
    char text[24];
    if (!op->asked) {
        op->asked = true;
        snprintf(text, sizeof(text), "%lld", (long long)grace_s * 1000);
        process_container_send(c, how, how == 's' ? text : "");
        loop_timer_start(c->timer, LOOP_S((uint64_t)grace_s) + STUCK_NS);
    }
}

static bool step_stop(struct process_op *op, struct process_container *c)
{
    if (process_container_runs(c)) {
        tell_end(op, c, 's', op->grace_s);
        return false;
    }
    process_op_ok(op, c);
    return true;
}

static bool step_pause(struct process_op *op, struct process_container *c)
{
    if (!process_container_runs(c)) {
        err_set(&op->err, ERR_CONFLICT, "Container %s is not running", c->st.id);
        process_op_fail(op, RUNTIME_FAILED);
        return true;
    }
    if (op->paused == (c->st.state == RUNTIME_PAUSED)) {
        process_op_ok(op, c);
        return true;
    }
    if (!op->asked) {
        op->asked = true;
        process_container_send(c, op->paused ? 'p' : 'c', "");
    }
    return false;
}

/* It is gone when true. */
static bool step_remove(struct process_op *op, struct process_container *c)
{
    if (process_container_runs(c)) {
        tell_end(op, c, 'k', 0);
        return false;
    }
    if (c->shim != NULL) {
        return false; /* it is about to end */
    }
    if (process_container_delete(c, &op->err) == 0) {
        return true;
    }
    if (op->err.code == ERR_UNAVAILABLE && op->tries++ < LOCK_TRIES) {
        op->err.code = ERR_NONE;
        c->look_again = op->tries % LOCK_LOOK == 0; /* one that an earlier life began may live */
        loop_timer_start(c->timer, LOCK_AGAIN);
    }
    return false;
}

/* One call; false when it goes on waiting. *ret_gone: the container is not there any more. */
static bool step(struct process_op *op, struct process_container *c, bool *ret_gone)
{
    if (c->starting && (op->verb != PROCESS_LOOK || !c->tells)) {
        return false;
    }
    switch (op->verb) {
    case PROCESS_ENSURE:
        return step_ensure(op, c);
    case PROCESS_STOP:
        return step_stop(op, c);
    case PROCESS_PAUSE:
        return step_pause(op, c);
    case PROCESS_REMOVE:
        *ret_gone = step_remove(op, c);
        if (*ret_gone) {
            process_op_ok(op, NULL);
        } else if (op->err.code != ERR_NONE) {
            process_op_fail(op, RUNTIME_FAILED);
        }
        return *ret_gone || op->err.code != ERR_NONE;
    case PROCESS_LOOK:
        process_op_ok(op, c);
        return true;
    }
    return true;
}

/* It was removed before this call had its turn. */
static void step_gone(struct process_op *op, const char *name)
{
    if (op->verb == PROCESS_STOP || op->verb == PROCESS_REMOVE) {
        process_op_ok(op, NULL);
    } else if (op->verb == PROCESS_ENSURE) {
        err_set(&op->err, ERR_CONFLICT, "%s was removed while it started", name);
        process_op_fail(op, RUNTIME_FAILED);
    } else {
        process_op_not_found(op, name);
    }
}

void process_op_step(struct process_container *c)
{
    VEC(struct process_op *) ops = {c->ops.v, c->ops.n, c->ops.cap};
    cleanup_free char *name = xstrdup(c->st.name);
    bool gone = false;
    memset(&c->ops, 0, sizeof(c->ops));
    for (size_t i = 0; i < ops.n; i++) {
        if (gone) {
            step_gone(ops.v[i], name);
        } else if (!step(ops.v[i], c, &gone)) {
            vec_push(&c->ops, ops.v[i]);
        }
    }
    vec_fini(&ops);
}

void process_op_wait(struct process_op *op, struct process_container *c)
{
    vec_push(&c->ops, op);
    process_op_step(c);
}

/* ---- calls about everything ---- */

static bool knows_all(const struct process *d)
{
    void *c;
    for (size_t it = 0; map_next(d->containers, &it, NULL, &c);) {
        if (!((struct process_container *)c)->tells) {
            return false;
        }
    }
    return true;
}

void process_op_step_all(struct process *d)
{
    if (!knows_all(d)) {
        return;
    }
    for (size_t i = 0; i < d->waiting.n; i++) {
        process_op_ok(d->waiting.v[i], NULL);
    }
    d->waiting.n = 0;
}

void process_op_wait_all(struct process_op *op)
{
    vec_push(&op->d->waiting, op);
    process_op_step_all(op->d);
}
