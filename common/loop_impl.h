/* SPDX-License-Identifier: Apache-2.0 */
/* What both kinds of loop share: loop.c keeps timers, deferred calls and hooks in their order; a
 * kind brings the clock, the waiting, the randomness and the worker threads. */
#ifndef COMMON_LOOP_IMPL_H
#define COMMON_LOOP_IMPL_H

#include "common/loop.h"
#include "common/vec.h"

/* More than this between two rounds, sleep not counted, is a gap. */
#define LOOP_GAP_NS LOOP_MS(500)

struct loop_ops {
    void (*destroy)(struct loop *loop);
    /* Waits at most max_wait_ns for something to do, then runs one tick. False when nothing is left
     * that could wake it; then nothing ran. */
    bool (*round)(struct loop *loop, uint64_t max_wait_ns);
    /* Sets now_ns and wall_us from the clocks. */
    void (*update_time)(struct loop *loop);
    /* Whether the present batch of callbacks, `calls` so far, has had its share of the tick. */
    bool (*share_used)(const struct loop *loop, size_t calls);
    void (*random)(struct loop *loop, enum loop_stream stream, void *buf, size_t n);
    void (*work)(struct loop *loop, loop_fn *work, loop_fn *done, void *arg);
};

struct loop_call {
    loop_fn *fn; /* NULL: forgotten */
    void *arg;
};

struct loop_gap_hook {
    void (*fn)(void *arg, uint64_t gap_ns); /* NULL: removed during a walk */
    void *arg;
};

/* The first member of each kind's own struct. */
struct loop {
    const struct loop_ops *ops;
    uint64_t now_ns; /* of the present batch of callbacks */
    int64_t wall_us;
    bool in_tick;
    bool stopped;
    VEC(struct loop_timer *) timers; /* a binary heap by (due, seq) */
    size_t timers_made;              /* minus those freed */
    uint64_t timer_seq;
    VEC(struct loop_call) calls; /* deferred; those before calls_head have run */
    size_t calls_head;
    VEC(struct loop_call) tick_hooks;
    VEC(struct loop_gap_hook) gap_hooks;
    bool walking; /* hooks: removal only marks */
};

/* The parts of a tick, called by a kind's round. Each says whether anything ran. */
bool loop_run_timers(struct loop *loop); /* those due when it begins */
bool loop_run_calls(struct loop *loop);
void loop_run_tick_end(struct loop *loop);
void loop_run_gap(struct loop *loop, uint64_t gap_ns);

/* Frees the shared part; a kind's destroy calls it last. */
void loop_fini(struct loop *loop);

bool loop_has_calls(const struct loop *loop);
/* When the next timer is due on the monotonic clock; UINT64_MAX when none is armed. */
uint64_t loop_next_due(const struct loop *loop);

#endif
