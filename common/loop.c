/* SPDX-License-Identifier: Apache-2.0 */
/* Deferred calls and hooks keep one order on both kinds of loop, so what a simulation proves about
 * their order holds for the real one. */
#include "common/loop.h"

#include <assert.h>

#include "loop_impl.h"

void loop_free(struct loop *loop)
{
    if (loop == NULL) {
        return;
    }
    assert(!loop->in_tick);
    assert(loop->timers_made == 0); /* an owner forgot one: it would fire into freed memory */
    loop->ops->destroy(loop);
}

void loop_fini(struct loop *loop)
{
    vec_fini(&loop->timers);
    vec_fini(&loop->calls);
    vec_fini(&loop->tick_hooks);
    vec_fini(&loop->gap_hooks);
}

void loop_run(struct loop *loop)
{
    assert(!loop->in_tick);
    while (!loop->stopped && loop->ops->round(loop, UINT64_MAX)) {
    }
    loop->stopped = false;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}

bool loop_run_until(struct loop *loop, const bool *done, uint64_t timeout_ns)
{
    assert(!loop->in_tick);
    uint64_t now = loop_mono_ns(loop);
    uint64_t end = timeout_ns < UINT64_MAX - now ? now + timeout_ns : UINT64_MAX;
    while (!*done && !loop->stopped) {
        bool last = now >= end; /* the last look is one without waiting */
        if (!loop->ops->round(loop, last ? 0 : end - now) || last) {
            break;
        }
        now = loop_mono_ns(loop);
    }
    loop->stopped = false;
    return *done;
}

uint64_t loop_mono_ns(const struct loop *loop)
{
    if (!loop->in_tick) {
        loop->ops->update_time((struct loop *)(uintptr_t)loop);
    }
    return loop->now_ns;
}

int64_t loop_wall_us(const struct loop *loop)
{
    if (!loop->in_tick) {
        loop->ops->update_time((struct loop *)(uintptr_t)loop);
    }
    return loop->wall_us;
}

void loop_random(struct loop *loop, enum loop_stream stream, void *buf, size_t n)
{
    loop->ops->random(loop, stream, buf, n);
}

uint32_t loop_random_below(struct loop *loop, enum loop_stream stream, uint32_t bound)
{
    assert(bound > 0);
    uint32_t skewed =
        (uint32_t)-bound % bound; /* so many low values would come up once too often */
    for (;;) {
        uint32_t r;
        loop_random(loop, stream, &r, sizeof(r));
        if (r >= skewed) {
            return r % bound;
        }
    }
}

void loop_work(struct loop *loop, loop_fn *work, loop_fn *done, void *arg)
{
    loop->ops->work(loop, work, done, arg);
}

/* ---- later ---- */

void loop_defer(struct loop *loop, loop_fn *fn, void *arg)
{
    struct loop_call call = {fn, arg};
    vec_push(&loop->calls, call);
}

void loop_undefer(struct loop *loop, const void *arg)
{
    for (size_t i = loop->calls_head; i < loop->calls.n; i++) {
        if (loop->calls.v[i].arg == arg) {
            loop->calls.v[i].fn = NULL;
        }
    }
}

bool loop_has_calls(const struct loop *loop)
{
    return loop->calls_head < loop->calls.n;
}

/* Drops what has run, once that is most of the array: each call moves at most once. */
static void close_ranks(struct loop *loop)
{
    size_t left = loop->calls.n - loop->calls_head;
    if (loop->calls_head < left) {
        return;
    }
    for (size_t i = 0; i < left; i++) {
        loop->calls.v[i] = loop->calls.v[loop->calls_head + i];
    }
    loop->calls.n = left;
    loop->calls_head = 0;
}

bool loop_run_calls(struct loop *loop)
{
    size_t ran = 0;
    while (loop_has_calls(loop) && (ran == 0 || !loop->ops->share_used(loop, ran))) {
        struct loop_call call = loop->calls.v[loop->calls_head++];
        if (call.fn != NULL) {
            call.fn(call.arg);
            ran++;
        }
    }
    close_ranks(loop);
    return ran > 0;
}

/* ---- hooks ---- */

void loop_tick_end(struct loop *loop, loop_fn *fn, void *arg)
{
    struct loop_call hook = {fn, arg};
    vec_push(&loop->tick_hooks, hook);
}

void loop_on_gap(struct loop *loop, void (*fn)(void *arg, uint64_t gap_ns), void *arg)
{
    struct loop_gap_hook hook = {fn, arg};
    vec_push(&loop->gap_hooks, hook);
}

/* Takes out what was removed while a walk was under way. */
static void sweep_hooks(struct loop *loop)
{
    for (size_t i = loop->tick_hooks.n; i-- > 0;) {
        if (loop->tick_hooks.v[i].fn == NULL) {
            vec_remove(&loop->tick_hooks, i);
        }
    }
    for (size_t i = loop->gap_hooks.n; i-- > 0;) {
        if (loop->gap_hooks.v[i].fn == NULL) {
            vec_remove(&loop->gap_hooks, i);
        }
    }
}

void loop_off_tick_end(struct loop *loop, loop_fn *fn, void *arg)
{
    for (size_t i = 0; i < loop->tick_hooks.n; i++) {
        if (loop->tick_hooks.v[i].fn == fn && loop->tick_hooks.v[i].arg == arg) {
            loop->tick_hooks.v[i].fn = NULL;
            break;
        }
    }
    if (!loop->walking) {
        sweep_hooks(loop);
    }
}

void loop_off_gap(struct loop *loop, void (*fn)(void *arg, uint64_t gap_ns), void *arg)
{
    for (size_t i = 0; i < loop->gap_hooks.n; i++) {
        if (loop->gap_hooks.v[i].fn == fn && loop->gap_hooks.v[i].arg == arg) {
            loop->gap_hooks.v[i].fn = NULL;
            break;
        }
    }
    if (!loop->walking) {
        sweep_hooks(loop);
    }
}

/* A hook added by a hook waits for the next walk. */
void loop_run_tick_end(struct loop *loop)
{
    loop->walking = true;
    for (size_t i = 0, n = loop->tick_hooks.n; i < n; i++) {
        struct loop_call hook = loop->tick_hooks.v[i];
        if (hook.fn != NULL) {
            hook.fn(hook.arg);
        }
    }
    loop->walking = false;
    sweep_hooks(loop);
}

void loop_run_gap(struct loop *loop, uint64_t gap_ns)
{
    loop->walking = true;
    for (size_t i = 0, n = loop->gap_hooks.n; i < n; i++) {
        struct loop_gap_hook hook = loop->gap_hooks.v[i];
        if (hook.fn != NULL) {
            hook.fn(hook.arg, gap_ns);
        }
    }
    loop->walking = false;
    sweep_hooks(loop);
}
