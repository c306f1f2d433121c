/* SPDX-License-Identifier: Apache-2.0 */
/* Calls and their answers. Answers and events leave through one queue per driver, so that a core
 * sees them in the order in which they came about, and never under its own feet. */
#include <string.h>

#include "common/str.h"
#include "runtime/fake/fake_impl.h"

/* Something to be delivered: an answer, or an event. */
struct fake_item {
    struct fake_call *call; /* NULL: an event */
    enum runtime_event_type type;
    char *name, *host;
    const char *why;
    int exit_code;
};

static void call_free(struct fake_call *call)
{
    free(call->name);
    free(call->st);
    free(call);
}

static void item_free(struct fake_item *item)
{
    if (item->call != NULL) {
        call_free(item->call);
    }
    free(item->name);
    free(item->host);
    free(item);
}

/* ---- delivering ---- */

static void deliver_list(struct fake_call *call)
{
    struct map *containers = call->d->f->containers;
    size_t n = map_count(containers), i = 0;
    struct runtime_status *list = xcalloc(n + 1, sizeof(*list));
    void *c;
    for (size_t it = 0; map_next(containers, &it, NULL, &c);) {
        list[i++] = *((struct fake_container *)c)->st;
    }
    call->list_done(call->arg, RUNTIME_OK, list, n, &call->err);
    free(list);
}

static void deliver_images(struct fake_call *call)
{
    VEC(struct runtime_image) images = {0};
    void *value;
    for (size_t it = 0; map_next(call->d->f->images, &it, NULL, &value);) {
        const struct fake_image *image = value;
        struct runtime_image row = {image->name, image->id, 40000};
        vec_push(&images, row);
    }
    call->images_done(call->arg, images.v, images.n, &call->err);
    vec_fini(&images);
}

static void deliver_answer(struct fake_call *call)
{
    bool ok = call->result == RUNTIME_OK;
    if (call->done != NULL) {
        call->done(call->arg, call->result, call->st, &call->err);
    } else if (call->list_done != NULL && ok) {
        deliver_list(call);
    } else if (call->list_done != NULL) {
        call->list_done(call->arg, call->result, NULL, 0, &call->err);
    } else if (ok) {
        deliver_images(call);
    } else {
        call->images_done(call->arg, NULL, 0, &call->err);
    }
}

static void deliver_event(const struct fake_driver *d, const struct fake_item *item)
{
    const struct runtime_event ev = {
        .type = item->type,
        .name = item->name,
        .host = item->host,
        .why = item->why,
        .exit_code = item->exit_code,
    };
    if (d->subscriber != NULL) {
        d->subscriber(d->subscriber_arg, &ev);
    }
}

/* Everything that was queued when it began; a callback may free the driver. */
static void deliver(void *arg)
{
    struct fake_driver *d = arg;
    VEC(struct fake_item *) items = {d->outbox.v, d->outbox.n, d->outbox.cap};
    memset(&d->outbox, 0, sizeof(d->outbox));
    d->delivering = true;
    for (size_t i = 0; i < items.n; i++) {
        if (!d->dead && items.v[i]->call != NULL) {
            deliver_answer(items.v[i]->call);
        } else if (!d->dead) {
            deliver_event(d, items.v[i]);
        }
        item_free(items.v[i]);
    }
    vec_fini(&items);
    d->delivering = false;
    if (d->dead) {
        free(d);
    }
}

static void post(struct fake_driver *d, struct fake_item *item)
{
    if (d->outbox.n == 0) {
        loop_defer(d->f->loop, deliver, d);
    }
    vec_push(&d->outbox, item);
}

/* ---- events ---- */

void fake_event(struct fake *f, const struct fake_container *c, const char *why, int exit_code)
{
    for (size_t i = 0; i < f->drivers.n && !f->down; i++) {
        if (f->drivers.v[i]->subscriber == NULL) {
            continue;
        }
        struct fake_item *item = xnew(struct fake_item);
        item->type = RUNTIME_EV_CHANGED;
        item->name = xstrdup(c->st->name);
        item->host = xstrdup(c->st->host);
        item->why = why;
        item->exit_code = exit_code;
        post(f->drivers.v[i], item);
    }
}

void fake_event_all(struct fake *f, enum runtime_event_type type, const char *why)
{
    for (size_t i = 0; i < f->drivers.n; i++) {
        struct fake_item *item = xnew(struct fake_item);
        item->type = type;
        item->why = why;
        post(f->drivers.v[i], item);
    }
}

/* ---- calls ---- */

struct fake_call *fake_call_new(struct fake_driver *d, enum fake_verb verb, const char *name,
                                runtime_done *done, void *arg)
{
    struct fake_call *call = xnew(struct fake_call);
    call->d = d;
    call->verb = verb;
    call->name = xstrdup(name);
    call->done = done;
    call->arg = arg;
    return call;
}

static void queue_answer(struct fake_call *call, enum runtime_result result,
                         const struct fake_container *c)
{
    struct fake_item *item = xnew(struct fake_item);
    call->result = result;
    call->st = c != NULL ? runtime_status_copy(c->st) : NULL;
    item->call = call;
    post(call->d, item);
}

void fake_call_ok(struct fake_call *call, const struct fake_container *c)
{
    if (call->unknown) {
        err_set(&call->err, ERR_UNAVAILABLE, "the connection was lost before the answer");
        queue_answer(call, RUNTIME_UNKNOWN, NULL);
        return;
    }
    queue_answer(call, RUNTIME_OK, c);
}

void fake_call_fail(struct fake_call *call, enum runtime_result result,
                    const struct fake_container *c)
{
    queue_answer(call, result, c);
}

void fake_call_wait(struct fake_call *call, struct fake_container *c)
{
    struct fake_call **head = &call->d->calls;
    call->waits = c;
    vec_push(&c->waiting, call);
    call->next = *head;
    if (*head != NULL) {
        (*head)->prev_next = &call->next;
    }
    call->prev_next = head;
    *head = call;
}

static void forget(struct fake_call *call)
{
    if (call->prev_next == NULL) {
        return;
    }
    *call->prev_next = call->next;
    if (call->next != NULL) {
        call->next->prev_next = call->prev_next;
    }
    call->prev_next = NULL;
}

static void leave(struct fake_call *call)
{
    struct fake_container *c = call->waits;
    for (size_t i = 0; c != NULL && i < c->waiting.n; i++) {
        if (c->waiting.v[i] == call) {
            vec_remove(&c->waiting, i);
            break;
        }
    }
    call->waits = NULL;
}

static void ensure_step(struct fake_call *call, struct fake_container *c)
{
    if (c == NULL) {
        err_set(&call->err, ERR_CONFLICT, "%s was removed while it started", call->name);
        fake_call_fail(call, RUNTIME_FAILED, NULL);
    } else if (c->st->state == RUNTIME_CREATED) {
        err_set(&call->err, ERR_INTERNAL, "%s", c->st->error);
        fake_call_fail(call, RUNTIME_FAILED, c);
    } else {
        fake_call_ok(call, c);
    }
}

/* The call begins, or begins again after a wait. */
void fake_call_step(struct fake_call *call, struct fake_container *c)
{
    forget(call);
    if (call->verb == FAKE_ENSURE) {
        ensure_step(call, c);
    } else if (c != NULL && c->starting) {
        fake_call_wait(call, c);
    } else {
        fake_call_begin(call, c);
    }
}

void fake_calls_free(struct fake_driver *d)
{
    while (d->calls != NULL) {
        struct fake_call *call = d->calls;
        leave(call);
        forget(call);
        call_free(call);
    }
    for (size_t i = 0; i < d->outbox.n; i++) {
        item_free(d->outbox.v[i]);
    }
    vec_fini(&d->outbox);
    loop_undefer(d->f->loop, d);
}

void fake_calls_lost(struct fake_driver *d)
{
    while (d->calls != NULL) {
        struct fake_call *call = d->calls;
        leave(call);
        forget(call);
        err_set(&call->err, ERR_UNAVAILABLE, "the daemon went away before it answered");
        fake_call_fail(call, RUNTIME_UNKNOWN, NULL);
    }
}
