/* SPDX-License-Identifier: Apache-2.0 */
/* Makes, kills and restarts the simulated cluster. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "meta/clock.h"
#include "store/memvfs.h"

static const char *const workers[WORKERS + 1] = {"worker-1", "worker-2", "worker-3", NULL};
static const char *const guests[HOSTS - WORKERS] = {"spare-1", "spare-2"};

uint64_t world_now(const struct world *w)
{
    return loop_mono_ns(w->loop);
}

/* splitmix64: small, and good enough to choose what goes wrong next. */
uint32_t world_random(struct world *w, uint32_t bound)
{
    uint64_t z = (w->rng += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) % bound);
}

void world_note(struct world *w, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
    uint64_t ms = loop_mono_ns(w->loop) / 1000000u;
    w->trace = (w->trace ^ str_hash(text, len) ^ ms) * 0x100000001b3u;
    str_add_f(&w->story, "%8llu ms  %s\n", (unsigned long long)ms, text);
}

void world_break(struct world *w, const char *fmt, ...)
{
    va_list ap;
    if (w->broken.len > 0) {
        return;
    }
    va_start(ap, fmt);
    str_add_vf(&w->broken, fmt, ap);
    va_end(ap);
    world_note(w, "BROKEN: %s", str_c(&w->broken));
}

void world_init(struct world *w, uint64_t seed, const char *sabotage)
{
    char name[40];
    *w = (struct world){.sabotage = sabotage, .seed = seed, .rng = seed};
    snprintf(name, sizeof(name), "sim-%llu", (unsigned long long)seed);
    w->loop = loop_sim_new(seed);
    w->vfs = memvfs_new(name);
    w->fake = fake_new(
        w->loop,
        &(struct fake_opts){.start_ns = LOOP_MS(80), .stop_ns = LOOP_MS(40), .jitter = true});
    w->promises = map_new(free);
    w->wire = wire_new(w);
    str_copy(w->clock.preset, sizeof(w->clock.preset), clock_lab.name);
    for (size_t i = 0; i < HOSTS; i++) {
        w->hosts[i].there = i < WORKERS;
        w->hosts[i].name = i < WORKERS ? workers[i] : guests[i - WORKERS];
        world_host_fails(w, &w->hosts[i]); /* until it has come up */
    }
    world_boot(w);
    world_run_ms(w, 500);
}

void world_fini(struct world *w)
{
    if (w->core != NULL) {
        eyes_close(w);
        core_free(w->core);
        w->rt.ops->free(w->rt.self);
    }
    wire_free(w->wire);
    fake_free(w->fake);
    loop_free(w->loop);
    memvfs_free(w->vfs);
    map_free(w->promises);
    str_fini(&w->story);
    str_fini(&w->broken);
}

void world_run_ms(struct world *w, unsigned ms)
{
    for (unsigned done = 0; done < ms && w->broken.len == 0; done += 20) {
        loop_sim_advance(w->loop, LOOP_MS(20));
        world_check_always(w);
    }
}

void world_rest_ms(struct world *w, unsigned ms)
{
    for (unsigned done = 0; done < ms && w->broken.len == 0; done += 200) {
        loop_sim_advance(w->loop, LOOP_MS(200));
        world_check_always(w);
    }
}

void world_boot(struct world *w)
{
    char name[40];
    struct err err = {0};
    snprintf(name, sizeof(name), "sim-%llu", (unsigned long long)w->seed);
    fake_runtime(w->fake, &w->rt);
    if (w->sabotage != NULL) {
        sabotage_runtime(w->sabotage, &w->rt);
    }
    wire_join(w->wire, &w->rt);
    struct core_opts opts = {
        .db_path = "state.db",
        .vfs = name,
        .name = "sim",
        .key = "the simulation's cluster key...",
        .admin_token = "token",
        .subnet = "10.77.0.0/16",
        .clock = &clock_lab,
        .workers = workers,
        .api_port = 6443,
        .spares = world_spares(w),
    };
    w->lives++;
    w->calm_ns = w->disturbed_ns = world_now(w);
    world_note(w, "life %u begins", w->lives);
    if (core_new(w->loop, &opts, &w->rt, &w->core, &err) < 0) {
        w->rt.ops->free(w->rt.self);
        w->core = NULL;
        world_break(w, "the core does not start again: %s", err.msg);
        return;
    }
    eyes_open(w);
}

void world_kill(struct world *w)
{
    if (w->core == NULL) {
        return;
    }
    world_note(w, "the core is killed");
    eyes_close(w);
    core_abandon(w->core);
    w->rt.ops->free(w->rt.self);
    wire_leave(w->wire);
    w->core = NULL;
    world_make_uncertain(w);
    memvfs_reboot(w->vfs, w->rng, false);
    if (w->sabotage != NULL) {
        sabotage_disk(w->sabotage, w->vfs);
    }
}

void world_crash_on_disk(struct world *w, unsigned steps)
{
    world_note(w, "the disk dies in %u steps", steps);
    memvfs_crash_at(w->vfs, memvfs_steps(w->vfs) + steps);
    world_run_ms(w, 400);
    world_kill(w);
}
