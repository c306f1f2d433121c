/* SPDX-License-Identifier: Apache-2.0 */
/* Two queues: those whose stage is open, and those to be told. They are told a few at a time, so
 * that a thousand answers do not hold the loop. */
#include "store/waiters.h"

#include "common/loop.h"
#include "common/mem.h"
#include "common/vec.h"

enum { TOLD_AT_ONCE = 16 };

struct waiter {
    store_waiter_fn *fn; /* NULL: forgotten */
    void *arg;
    char *why; /* NULL: it was committed */
};

struct store_waiters {
    struct loop *loop;
    VEC(struct waiter) waiting;
    VEC(struct waiter) ready;
    size_t told; /* of ready */
};

struct store_waiters *store_waiters_new(struct loop *loop)
{
    struct store_waiters *w = xnew(struct store_waiters);
    w->loop = loop;
    return w;
}

void store_waiters_free(struct store_waiters *w)
{
    if (w == NULL) {
        return;
    }
    loop_undefer(w->loop, w);
    for (size_t i = w->told; i < w->ready.n; i++) {
        free(w->ready.v[i].why);
    }
    vec_fini(&w->waiting);
    vec_fini(&w->ready);
    free(w);
}

void store_waiters_add(struct store_waiters *w, store_waiter_fn *fn, void *arg)
{
    struct waiter new = {fn, arg, NULL};
    vec_push(&w->waiting, new);
}

void store_waiters_forget(struct store_waiters *w, const void *arg)
{
    for (size_t i = w->waiting.n; i-- > 0;) {
        if (w->waiting.v[i].arg == arg) {
            vec_remove(&w->waiting, i);
        }
    }
    for (size_t i = w->told; i < w->ready.n; i++) {
        if (w->ready.v[i].arg == arg) {
            w->ready.v[i].fn = NULL;
        }
    }
}

static void tell_some(void *arg)
{
    struct store_waiters *w = arg;
    for (int i = 0; i < TOLD_AT_ONCE && w->told < w->ready.n; i++) {
        struct waiter now = w->ready.v[w->told++];
        if (now.fn != NULL) {
            now.fn(now.arg, now.why == NULL, now.why != NULL ? now.why : "");
        }
        free(now.why);
    }
    if (w->told < w->ready.n) {
        loop_defer(w->loop, tell_some, w);
    } else {
        w->ready.n = w->told = 0;
    }
}

void store_waiters_settle(struct store_waiters *w, bool ok, const char *why)
{
    if (w->told == w->ready.n && w->waiting.n > 0) { /* otherwise a call is on its way */
        loop_defer(w->loop, tell_some, w);
    }
    for (size_t i = 0; i < w->waiting.n; i++) {
        struct waiter now = w->waiting.v[i];
        now.why = ok ? NULL : xstrdup(why);
        vec_push(&w->ready, now);
    }
    w->waiting.n = 0;
}
