/* SPDX-License-Identifier: Apache-2.0 */
/* The real loop: it waits on libuv's descriptor itself and only then lets libuv run what is ready.
 * So a gap is seen before any callback acts on a clock that jumped, and timers keep nanoseconds. */
#include "common/loop_uv.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <time.h>

#include "common/log.h"
#include "common/loop.h"
#include "loop_impl.h"

#define BATCH_NS LOOP_MS(5) /* about so long may one kind of callbacks keep the tick */

struct loop_real {
    struct loop base;
    uv_loop_t uv;
    uv_check_t keep;         /* does nothing, but libuv polls only while a handle is active */
    uint64_t batch_start_ns; /* of the present batch of timers or deferred calls */
    uint64_t checked_ns;     /* when the last round began its callbacks; 0: never */
    uint64_t asleep_ns;      /* CLOCK_BOOTTIME minus CLOCK_MONOTONIC then */
    size_t works;
    bool ending;
};

struct real_work {
    uv_work_t req;
    struct loop_real *real;
    loop_fn *work;
    loop_fn *done;
    void *arg;
};

static struct loop_real *real_of(const struct loop *loop)
{
    return (struct loop_real *)(uintptr_t)loop;
}

static uint64_t clock_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void real_update_time(struct loop *loop)
{
    loop->now_ns = clock_ns(CLOCK_MONOTONIC);
    loop->wall_us = (int64_t)(clock_ns(CLOCK_REALTIME) / 1000);
}

static bool real_share_used(const struct loop *loop, size_t calls)
{
    (void)calls;
    return clock_ns(CLOCK_MONOTONIC) - real_of(loop)->batch_start_ns > BATCH_NS;
}

static void real_random(struct loop *loop, enum loop_stream stream, void *buf, size_t n)
{
    (void)loop;
    (void)stream;
    char *p = buf;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        } else if (errno != EINTR) {
            abort(); /* no kernel we run on refuses; predictable keys would be worse */
        }
    }
}

/* ---- worker threads ---- */

static void in_worker(uv_work_t *req)
{
    struct real_work *w = req->data;
    w->work(w->arg);
}

static void after_worker(uv_work_t *req, int status)
{
    struct real_work *w = req->data;
    w->real->works--;
    if (status == 0 && w->done != NULL && !w->real->ending) {
        w->done(w->arg);
    }
    free(w);
}

static void real_work(struct loop *loop, loop_fn *work, loop_fn *done, void *arg)
{
    struct real_work *w = xnew(struct real_work);
    w->req.data = w;
    w->real = real_of(loop);
    w->work = work;
    w->done = done;
    w->arg = arg;
    w->real->works++;
    int rc = uv_queue_work(&w->real->uv, &w->req, in_worker, after_worker);
    assert(rc == 0); /* fails only without a work function */
}

/* ---- a round ---- */

static bool uv_has_something(struct loop_real *real)
{
    uv_unref((uv_handle_t *)&real->keep);
    bool alive = uv_loop_alive(&real->uv);
    uv_ref((uv_handle_t *)&real->keep);
    return alive;
}

/* How long nothing is due; UINT64_MAX: until a descriptor is ready. */
static uint64_t time_to_wait(struct loop_real *real, uint64_t max_ns)
{
    int uv_ms = uv_backend_timeout(&real->uv); /* 0 too when it has watchers to register first */
    if (loop_has_calls(&real->base) || uv_ms == 0) {
        return 0;
    }
    uint64_t wait = max_ns;
    if (uv_ms > 0 && LOOP_MS(uv_ms) < wait) {
        wait = LOOP_MS(uv_ms);
    }
    uint64_t due = loop_next_due(&real->base), now = clock_ns(CLOCK_MONOTONIC);
    if (due != UINT64_MAX) {
        uint64_t until = due > now ? due - now : 0;
        wait = until < wait ? until : wait;
    }
    return wait;
}

static void wait_for(struct loop_real *real, uint64_t wait_ns)
{
    struct pollfd p = {.fd = uv_backend_fd(&real->uv), .events = POLLIN};
    struct timespec ts = {(time_t)(wait_ns / 1000000000u), (long)(wait_ns % 1000000000u)};
    ppoll(&p, 1, wait_ns == UINT64_MAX ? NULL : &ts,
          NULL); /* a signal only makes the round early */
}

/* How long the loop was kept from running since the last round: the time not slept on purpose,
 * and the time the machine was suspended, which CLOCK_MONOTONIC does not count. */
static uint64_t find_gap(struct loop_real *real, uint64_t slept_from_ns, uint64_t meant_ns)
{
    uint64_t now = real->base.now_ns;
    uint64_t asleep = clock_ns(CLOCK_BOOTTIME) - clock_ns(CLOCK_MONOTONIC);
    uint64_t gap = 0;
    if (real->checked_ns != 0) {
        gap = slept_from_ns - real->checked_ns;
        uint64_t slept = now - slept_from_ns;
        gap += slept > meant_ns ? slept - meant_ns : 0;
        gap += asleep > real->asleep_ns ? asleep - real->asleep_ns : 0;
    }
    real->checked_ns = now;
    real->asleep_ns = asleep;
    return gap;
}

static void start_batch(struct loop_real *real)
{
    real_update_time(&real->base);
    real->batch_start_ns = real->base.now_ns;
}

static bool real_round(struct loop *loop, uint64_t max_wait_ns)
{
    struct loop_real *real = real_of(loop);
    if (!uv_has_something(real) && !loop_has_calls(loop) && loop_next_due(loop) == UINT64_MAX) {
        return false;
    }
    uint64_t from = clock_ns(CLOCK_MONOTONIC);
    uint64_t wait = time_to_wait(real, max_wait_ns);
    if (wait > 0) {
        wait_for(real, wait);
    }
    start_batch(real);
    loop->in_tick = true;
    uint64_t gap = find_gap(real, from, wait);
    if (gap > LOOP_GAP_NS) {
        loop_run_gap(loop, gap);
    }
    loop_run_timers(loop);
    real_update_time(loop);
    uv_run(&real->uv, UV_RUN_NOWAIT);
    start_batch(real);
    loop_run_calls(loop);
    real_update_time(loop);
    loop_run_tick_end(loop);
    loop->in_tick = false;
    return true;
}

/* ---- making and ending ---- */

static void closing(uv_handle_t *handle, void *left)
{
    if (!uv_is_closing(handle)) {
        log_error("loop", "a %s handle was left open", uv_handle_type_name(handle->type));
        ++*(int *)left;
    }
}

static void real_destroy(struct loop *loop)
{
    struct loop_real *real = real_of(loop);
    real->ending = true; /* who asked for work that is still under way is gone */
    uv_close((uv_handle_t *)&real->keep, NULL);
    while (real->works > 0) {
        uv_run(&real->uv, UV_RUN_ONCE);
    }
    int left = 0;
    uv_walk(&real->uv, closing, &left);
    uv_run(&real->uv, left > 0 ? UV_RUN_NOWAIT : UV_RUN_DEFAULT);
    loop_fini(loop);
    if (uv_loop_close(&real->uv) == 0) { /* otherwise its memory is still in use: leave it */
        free(real);
    }
}

static void do_nothing(uv_check_t *keep)
{
    (void)keep;
}

static const struct loop_ops real_ops = {
    .destroy = real_destroy,
    .round = real_round,
    .update_time = real_update_time,
    .share_used = real_share_used,
    .random = real_random,
    .work = real_work,
};

struct loop *loop_new(void)
{
    struct loop_real *real = xnew(struct loop_real);
    real->base.ops = &real_ops;
    signal(SIGPIPE, SIG_IGN); /* a peer that left is an error of one write, not of the program */
    if (uv_loop_init(&real->uv) != 0) {
        log_error("loop", "libuv gives no loop: is the limit of open files reached?");
        abort();
    }
    uv_check_init(&real->uv, &real->keep);
    uv_check_start(&real->keep, do_nothing);
    real_update_time(&real->base);
    return &real->base;
}

uv_loop_t *loop_uv(struct loop *loop)
{
    return loop->ops == &real_ops ? &real_of(loop)->uv : NULL;
}
