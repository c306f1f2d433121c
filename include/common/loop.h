/* SPDX-License-Identifier: Apache-2.0 */
/* The one loop: where time, randomness, timers and "later" come from, so that the whole core also
 * runs under a virtual clock from one seed. Nothing else may read a clock or a random source.
 *
 * A tick is one round of the loop: everything that became ready (timers, sockets, deferred calls)
 * runs, then the tick-end hooks run in the order of their registration (the store commits there),
 * then what they deferred runs, in the next tick. One thread; no call here may come from another. */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct loop;
struct loop_timer;

typedef void loop_fn(void *arg);

#define LOOP_MS(n) ((uint64_t)(n) * 1000000u)
#define LOOP_S(n) ((uint64_t)(n) * 1000000000u)

/* Separate streams of randomness, so that one more name does not change every later UID. */
enum loop_stream { LOOP_RANDOM_UID, LOOP_RANDOM_NAME, LOOP_RANDOM_JITTER, LOOP_RANDOM_KEY };

/* ---- making one ---- */

/* On libuv and the system's clocks. */
struct loop *loop_new(void);

/* A virtual loop: time stands still until loop_sim_advance; randomness comes from `seed`. Wall time
 * begins at 2026-01-01T00:00:00Z, monotonic time at 1 s. */
struct loop *loop_sim_new(uint64_t seed);

/* Every timer must be freed before. NULL is fine. */
void loop_free(struct loop *loop);

/* ---- running ---- */

/* Until loop_stop, or until nothing is left that could wake it. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* Runs until *done is true, `timeout_ns` passed (real or virtual), loop_stop, or nothing is left that
 * could wake it; true when *done. For tests and for commands that wait for one answer. */
bool loop_run_until(struct loop *loop, const bool *done, uint64_t timeout_ns);

/* Virtual loops only. Runs everything due now, then steps from timer to timer until `ns` have
 * passed; the clock never goes past a timer that has not fired. */
void loop_sim_advance(struct loop *loop, uint64_t ns);
/* One tick: deferred calls and timers due now, then tick-end hooks. False when nothing was due. */
bool loop_sim_tick(struct loop *loop);
/* Time until the next timer, 0 when something is due now, UINT64_MAX when nothing is armed. */
uint64_t loop_sim_next(const struct loop *loop);
/* A gap, as a closed lid makes: the clocks jump, timers that became due fire late, gap hooks run. */
void loop_sim_gap(struct loop *loop, uint64_t ns);

/* ---- time ---- */

uint64_t loop_mono_ns(const struct loop *loop);  /* never goes back; constant within one callback */
int64_t loop_wall_us(const struct loop *loop);   /* microseconds since 1970, UTC */

/* Called when the loop did not run for more than 0.5 s (a closed lid, a stop, a stall): every grace
 * period begins again. `gap_ns` is how long. */
void loop_on_gap(struct loop *loop, void (*fn)(void *arg, uint64_t gap_ns), void *arg);
void loop_off_gap(struct loop *loop, void (*fn)(void *arg, uint64_t gap_ns), void *arg);

/* ---- timers ---- */

/* The owner frees it; a freed timer never fires. Timers fire by due time and, at the same time, in the
 * order in which they were started; one started with 0 fires in the next tick. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *arg);
void loop_timer_free(struct loop_timer *t);                     /* NULL is fine */
void loop_timer_start(struct loop_timer *t, uint64_t delay_ns); /* once; again moves it */
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_active(const struct loop_timer *t);

/* ---- later ---- */

/* Calls fn from the loop, after the present callback, in the order of the calls: in the same tick
 * until about 5 ms of such calls have run, from a tick-end hook in the next. */
void loop_defer(struct loop *loop, loop_fn *fn, void *arg);
/* Forgets every deferred call with this arg: an owner that dies calls it. */
void loop_undefer(struct loop *loop, const void *arg);

/* A hook at the end of every tick in which anything ran. */
void loop_tick_end(struct loop *loop, loop_fn *fn, void *arg);
void loop_off_tick_end(struct loop *loop, loop_fn *fn, void *arg);

/* Runs `work` in a worker thread, then `done` in the loop. On a virtual loop both run in the loop,
 * `done` one tick later. `work` touches nothing that the loop touches. It cannot be taken back: `arg`
 * lives until `done`, or until loop_free, which waits for `work` and leaves `done` out. */
void loop_work(struct loop *loop, loop_fn *work, loop_fn *done, void *arg);

/* ---- randomness ---- */

void loop_random(struct loop *loop, enum loop_stream stream, void *buf, size_t n);
/* In [0, bound); bound > 0. */
uint32_t loop_random_below(struct loop *loop, enum loop_stream stream, uint32_t bound);

#endif
