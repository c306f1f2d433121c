/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual loop: time moves only when it is told to, and chance comes from one seed, so that the
 * same calls give the same history. */
#include <assert.h>
#include <string.h>

#include "common/loop.h"
#include "common/loop_uv.h"
#include "loop_impl.h"

#define SIM_MONO_START LOOP_S(1)
#define SIM_WALL_START 1767225600000000 /* 2026-01-01T00:00:00Z */
#define SIM_CALLS_PER_TICK 10000 /* a chain that defers itself for ever still ends its tick */
#define SIM_STREAMS 4

struct sim_work {
    loop_fn *work; /* NULL: it has run, `done` is next */
    loop_fn *done;
    void *arg;
};

struct loop_sim {
    struct loop base;
    uint64_t stream[SIM_STREAMS][4]; /* xoshiro256** */
    VEC(struct sim_work) works;
    uint64_t gap_ns; /* asked for from within a tick: comes before the next one */
};

static struct loop_sim *sim_of(const struct loop *loop);

static void sim_destroy(struct loop *loop)
{
    struct loop_sim *sim = sim_of(loop);
    vec_fini(&sim->works);
    loop_fini(loop);
    free(sim);
}

static void sim_set_clock(struct loop *loop, uint64_t now_ns)
{
    loop->now_ns = now_ns;
    loop->wall_us = SIM_WALL_START + (int64_t)((now_ns - SIM_MONO_START) / 1000);
}

static void sim_update_time(struct loop *loop)
{
    (void)loop; /* it stands still */
}

static bool sim_share_used(const struct loop *loop, size_t calls)
{
    (void)loop;
    return calls >= SIM_CALLS_PER_TICK;
}

/* ---- chance ---- */

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

static uint64_t xoshiro(uint64_t s[4])
{
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

static void sim_random(struct loop *loop, enum loop_stream stream, void *buf, size_t n)
{
    assert((unsigned)stream < SIM_STREAMS);
    uint64_t *state = sim_of(loop)->stream[stream];
    for (size_t i = 0; i < n; i += 8) {
        uint64_t word = xoshiro(state);
        memcpy((char *)buf + i, &word, n - i < 8 ? n - i : 8);
    }
}

/* ---- ticks ---- */

static void sim_work(struct loop *loop, loop_fn *work, loop_fn *done, void *arg)
{
    struct sim_work w = {work, done, arg};
    vec_push(&sim_of(loop)->works, w);
}

/* Takes each piece of work that is there one step on: first `work`, a tick later `done`. */
static bool sim_run_works(struct loop_sim *sim)
{
    size_t n = sim->works.n, kept = 0;
    for (size_t i = 0; i < n; i++) {
        struct sim_work w = sim->works.v[i];
        if (w.work != NULL) {
            w.work(w.arg);
            w.work = NULL;
            sim->works.v[kept++] = w;
        } else {
            w.done(w.arg);
        }
    }
    for (size_t i = n; i < sim->works.n; i++) { /* those that the callbacks brought */
        sim->works.v[kept++] = sim->works.v[i];
    }
    sim->works.n = kept;
    return n > 0;
}

static bool sim_due(const struct loop_sim *sim)
{
    return loop_has_calls(&sim->base) || sim->works.n > 0 || sim->gap_ns > 0 ||
           loop_next_due(&sim->base) <= sim->base.now_ns;
}

static bool sim_jump(struct loop_sim *sim)
{
    uint64_t gap = sim->gap_ns;
    sim->gap_ns = 0;
    sim_set_clock(&sim->base, sim->base.now_ns + gap);
    if (gap > LOOP_GAP_NS) {
        loop_run_gap(&sim->base, gap);
    }
    return gap > 0;
}

bool loop_sim_tick(struct loop *loop)
{
    struct loop_sim *sim = sim_of(loop);
    assert(!loop->in_tick);
    if (!sim_due(sim)) {
        return false;
    }
    loop->in_tick = true;
    bool ran = sim_jump(sim);
    ran |= loop_run_timers(loop);
    ran |= sim_run_works(sim);
    ran |= loop_run_calls(loop);
    if (ran) {
        loop_run_tick_end(loop);
    }
    loop->in_tick = false;
    return ran;
}

uint64_t loop_sim_next(const struct loop *loop)
{
    if (sim_due(sim_of(loop))) {
        return 0;
    }
    uint64_t due = loop_next_due(loop);
    return due == UINT64_MAX ? UINT64_MAX : due - loop->now_ns;
}

/* Everything due now, however many ticks it takes; then the clock goes on. */
void loop_sim_advance(struct loop *loop, uint64_t ns)
{
    uint64_t left = ns;
    for (;;) {
        uint64_t next = loop_sim_next(loop);
        if (next == 0) {
            uint64_t before = loop->now_ns; /* a gap in the tick uses up what is left */
            loop_sim_tick(loop);
            uint64_t jumped = loop->now_ns - before;
            left -= jumped < left ? jumped : left;
            continue;
        }
        uint64_t step = next < left ? next : left;
        sim_set_clock(loop, loop->now_ns + step);
        left -= step;
        if (step < next) {
            return;
        }
    }
}

void loop_sim_gap(struct loop *loop, uint64_t ns)
{
    struct loop_sim *sim = sim_of(loop);
    sim->gap_ns += ns;
    while (!loop->in_tick && sim_due(sim)) {
        loop_sim_tick(loop);
    }
}

static bool sim_round(struct loop *loop, uint64_t max_wait_ns)
{
    uint64_t next = loop_sim_next(loop);
    if (next == UINT64_MAX) {
        if (max_wait_ns != UINT64_MAX) { /* the time passes although nothing can happen */
            sim_set_clock(loop, loop->now_ns + max_wait_ns);
        }
        return false;
    }
    sim_set_clock(loop, loop->now_ns + (next < max_wait_ns ? next : max_wait_ns));
    loop_sim_tick(loop);
    return true;
}

static const struct loop_ops sim_ops = {
    .destroy = sim_destroy,
    .round = sim_round,
    .update_time = sim_update_time,
    .share_used = sim_share_used,
    .random = sim_random,
    .work = sim_work,
};

static struct loop_sim *sim_of(const struct loop *loop)
{
    assert(loop->ops == &sim_ops);
    return (struct loop_sim *)(uintptr_t)loop;
}

struct loop *loop_sim_new(uint64_t seed)
{
    struct loop_sim *sim = xnew(struct loop_sim);
    sim->base.ops = &sim_ops;
    sim_set_clock(&sim->base, SIM_MONO_START);
    for (uint64_t i = 0; i < SIM_STREAMS; i++) {
        uint64_t start = seed;
        uint64_t state = splitmix(&start) ^ (i + 1) * 0xd1342543de82ef95u;
        for (int j = 0; j < 4; j++) {
            sim->stream[i][j] = splitmix(&state);
        }
    }
    return &sim->base;
}
