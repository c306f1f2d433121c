/* SPDX-License-Identifier: Apache-2.0 */
/* Timers in a heap of our own: both kinds of loop fire them by due time and, at the same time, in
 * the order in which they were started; nanoseconds are not rounded. */
#include <assert.h>

#include "common/loop.h"
#include "loop_impl.h"

struct loop_timer {
    struct loop *loop;
    loop_fn *fn;
    void *arg;
    uint64_t due_ns;
    uint64_t seq;
    size_t pos; /* in the heap; IDLE when not armed */
};

#define IDLE SIZE_MAX

static bool before(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->seq < b->seq;
}

static void set_at(struct loop *loop, size_t i, struct loop_timer *t)
{
    loop->timers.v[i] = t;
    t->pos = i;
}

/* Moves the timer from place i up or down to where it belongs. */
static void settle(struct loop *loop, size_t i, struct loop_timer *t)
{
    while (i > 0 && before(t, loop->timers.v[(i - 1) / 2])) {
        set_at(loop, i, loop->timers.v[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (size_t child; (child = 2 * i + 1) < loop->timers.n; i = child) {
        if (child + 1 < loop->timers.n &&
            before(loop->timers.v[child + 1], loop->timers.v[child])) {
            child++;
        }
        if (before(t, loop->timers.v[child])) {
            break;
        }
        set_at(loop, i, loop->timers.v[child]);
    }
    set_at(loop, i, t);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *arg)
{
    struct loop_timer *t = xnew(struct loop_timer);
    t->loop = loop;
    t->fn = fn;
    t->arg = arg;
    t->pos = IDLE;
    loop->timers_made++;
    return t;
}

void loop_timer_free(struct loop_timer *t)
{
    if (t != NULL) {
        loop_timer_stop(t);
        assert(t->loop->timers_made > 0);
        t->loop->timers_made--;
        free(t);
    }
}

void loop_timer_start(struct loop_timer *t, uint64_t delay_ns)
{
    struct loop *loop = t->loop;
    uint64_t now = loop_mono_ns(loop);
    loop_timer_stop(t);
    t->due_ns = delay_ns < UINT64_MAX - now ? now + delay_ns : UINT64_MAX - 1;
    t->seq = loop->timer_seq++;
    vec_push(&loop->timers, t);
    settle(loop, loop->timers.n - 1, t);
}

void loop_timer_stop(struct loop_timer *t)
{
    if (t->pos == IDLE) {
        return;
    }
    struct loop *loop = t->loop;
    size_t hole = t->pos;
    struct loop_timer *last = loop->timers.v[--loop->timers.n];
    t->pos = IDLE;
    if (last != t) {
        settle(loop, hole, last);
    }
}

bool loop_timer_active(const struct loop_timer *t)
{
    return t->pos != IDLE;
}

uint64_t loop_next_due(const struct loop *loop)
{
    return loop->timers.n > 0 ? loop->timers.v[0]->due_ns : UINT64_MAX;
}

bool loop_run_timers(struct loop *loop)
{
    uint64_t now = loop->now_ns;
    uint64_t newer =
        loop->timer_seq; /* started from here on: due in the next tick at the earliest */
    size_t ran = 0;
    while (loop_next_due(loop) <= now && loop->timers.v[0]->seq < newer &&
           (ran == 0 || !loop->ops->share_used(loop, ran))) {
        struct loop_timer *t = loop->timers.v[0];
        loop_timer_stop(t);
        t->fn(t->arg); /* may free t */
        ran++;
    }
    return ran > 0;
}
