/* SPDX-License-Identifier: Apache-2.0 */
/* One simulated history: a whole cluster in one process, on a virtual clock, from one seed. */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "common/map.h"
#include "common/str.h"
#include "core.h"
#include "runtime/fake/fake.h"

struct loop;
struct memvfs;

/* What the user was promised: an acknowledged write outlives every crash. */
struct promise {
    bool exists;      /* the last acknowledged write made it (or took it away) */
    bool uncertain;   /* a write was under way when the core died: either is right */
    int64_t replicas; /* acknowledged; -1: not known */
    char image[64];
};

struct world {
    const char *sabotage; /* a promise broken on purpose; NULL: none */
    uint64_t seed;
    uint64_t rng;
    struct loop *loop;
    struct memvfs *vfs;
    struct fake *fake;
    struct runtime rt;
    struct core *core;
    unsigned lives;       /* how often the core was started */
    struct map *promises; /* deployment name -> struct promise */
    unsigned waiting;     /* requests not yet answered */
    uint64_t trace;       /* a hash over everything that happened */
    struct str story;     /* the same in words, for a failure's report */
    struct str broken;    /* the first invariant that did not hold; empty: none */
};

void world_init(struct world *w, uint64_t seed, const char *sabotage);
void world_fini(struct world *w);

uint32_t world_random(struct world *w, uint32_t bound);
/* Notes what happens; part of the trace hash. */
void world_note(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Notes that an invariant does not hold; the first one counts. */
void world_break(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void world_run_ms(struct world *w, unsigned ms);
/* Starts the core on what the disk holds. */
void world_boot(struct world *w);
/* The core dies as by SIGKILL; requests that were under way become uncertain. */
void world_kill(struct world *w);
/* The disk dies at its nth step from now, and with it the core. */
void world_crash_on_disk(struct world *w, unsigned steps);

/* ---- sabotage.c ---- */
extern const char *const sabotages; /* their names */
bool sabotage_known(const char *name);
void sabotage_runtime(const char *name, struct runtime *rt);
void sabotage_disk(const char *name, struct memvfs *v);

/* One random thing that a user or bad luck does. */
void world_act(struct world *w);
/* What must hold at every moment. */
void world_check_always(struct world *w);
/* What must hold once faults are over and time has passed. */
void world_check_settled(struct world *w);
/* Adds to the story what the cluster and the runtime hold now. */
void world_tell(struct world *w);

#endif
