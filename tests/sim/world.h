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

struct client;
struct loop;
struct memvfs;
struct wire;

/* Three machines from the beginning, and two that may come and go. */
enum { WORKERS = 3, HOSTS = 5, DEPLOYMENTS = 4 };

/* What the user was promised: an acknowledged write outlives every crash. */
struct promise {
    bool exists;      /* the last acknowledged write made it (or took it away) */
    bool uncertain;   /* a write was under way when the core died: either is right */
    int64_t replicas; /* acknowledged; -1: not known */
    char image[64];
};

/* What the clock was told to be. */
struct clock_promise {
    bool uncertain;
    char preset[16], grace[16]; /* "" grace: the preset's */
};

/* What was done to a host, and what the cluster believes of it. */
struct sim_host {
    const char *name;
    bool there; /* as was wished last, these all: there is such a machine */
    bool off, paused, cut;
    unsigned removed;       /* how often such a machine was taken away */
    uint64_t wished_ns;     /* when that was, or when it was seen to fail */
    uint64_t fault_ns;      /* since when it is not well; 0: it is */
    uint64_t beat_ns;       /* the heartbeat of the clock then */
    uint64_t unready_ns;    /* since when its node is seen not to be Ready; 0: it is */
    bool silent;            /* ... because nothing is heard of it */
    unsigned alive, guests; /* what runs there, and is this host: counted in settled.c */
};

struct world {
    const char *sabotage; /* a promise broken on purpose; NULL: none */
    uint64_t seed;
    uint64_t rng;
    struct loop *loop;
    struct memvfs *vfs;
    struct fake *fake;
    struct runtime rt;
    struct wire *wire; /* between the core and the runtime */
    struct core *core;
    struct client *eyes;        /* what is seen of the present life */
    unsigned lives;             /* how often the core was started */
    struct map *promises;       /* deployment name -> struct promise */
    struct clock_promise clock; /* what it was told to be */
    struct sim_host hosts[HOSTS];
    const struct sim_host *dark; /* the one that stays off in the end; NULL: none */
    uint64_t calm_ns;      /* waiting began anew then: the core was started, or a lid was opened */
    uint64_t disturbed_ns; /* something went wrong last then that delays whatever is under way */
    bool lost_guest;       /* a host may be dead, and nobody knows */
    unsigned waiting;      /* requests not yet answered */
    unsigned evictions;    /* pods that were given up */
    uint64_t trace;        /* a hash over everything that happened */
    struct str story;      /* the same in words, for a failure's report */
    struct str broken;     /* the first invariant that did not hold; empty: none */
};

void world_init(struct world *w, uint64_t seed, const char *sabotage);
void world_fini(struct world *w);

uint64_t world_now(const struct world *w);
uint32_t world_random(struct world *w, uint32_t bound);
/* Notes what happens; part of the trace hash. */
void world_note(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Notes that an invariant does not hold; the first one counts. */
void world_break(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void world_run_ms(struct world *w, unsigned ms);
/* The same with fewer looks, for a long time in which nothing is done. */
void world_rest_ms(struct world *w, unsigned ms);
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

/* ---- wire.c: events that get lost, come twice or late; creates that land when nobody waits ----
 */
struct wire *wire_new(struct world *w);
void wire_free(struct wire *wire);
/* Between `rt` and the core that is about to begin; again for every life. */
void wire_join(struct wire *wire, struct runtime *rt);
/* The core is gone: what it sent lands all the same. */
void wire_leave(struct wire *wire);
/* For so long a part of the events is lost, comes twice, or creates take their time. */
void wire_lose(struct wire *wire, unsigned ms);
void wire_repeat(struct wire *wire, unsigned ms);
void wire_slow(struct wire *wire, unsigned ms);
bool wire_loses(const struct wire *wire);
/* Nothing more of that; what is on its way arrives. */
void wire_calm(struct wire *wire);

/* ---- requests.c ---- */

/* Something a user asks for. `name` is a deployment whose promise it changes, or "". */
struct wish {
    const char *what; /* in words */
    const char *method, *path, *type, *body;
    const char *name;
    bool exists;
    int64_t replicas; /* -1: as it was */
    const char *image;
    const struct clock_promise *clock; /* NULL: it is not about the clock */
};
void world_ask(struct world *w, const struct wish *wish);
/* All that are under way were so when the core died. */
void world_make_uncertain(struct world *w);

/* ---- spares.c ---- */

/* How many sandboxes may be made ahead in this history. */
unsigned world_spares(const struct world *w);
bool world_is_spare(const struct runtime_status *st);
/* What must hold of them once it is quiet. */
void world_check_spares(struct world *w);

/* ---- actions.c, faults.c ---- */

/* Something to begin with. */
void world_begin(struct world *w);
/* One random thing that a user or bad luck does. */
void world_act(struct world *w);
void world_fault(struct world *w);
/* Ends every fault, and asks for what the end is judged by. */
void world_heal(struct world *w);
extern const char *const deployment_names[DEPLOYMENTS];
const char *world_deployment(const char *name); /* NULL: none of these */

/* ---- eyes.c: what the cluster believes, judged when it begins to ---- */
void eyes_open(struct world *w);
void eyes_close(struct world *w);
struct sim_host *world_host(struct world *w, const char *name); /* NULL: none of them */
/* Something is done to it: from now on it may be silent. */
void world_host_fails(struct world *w, struct sim_host *h);

/* ---- invariants.c, settled.c ---- */

/* The value of "key=value" among a container's labels; "" when there is none. */
const char *label_of(const struct runtime_status *st, const char *key);
bool is_alive(const struct runtime_status *st);
#define POD_UID "dev.podlab.pod-uid"
#define CONTAINER "dev.podlab.container"

/* What must hold at every moment. */
void world_check_always(struct world *w);
/* What must hold of a host that has been off for as long as the clock says. */
void world_check_replaced(struct world *w, const struct sim_host *h);
/* The clock is what it was told to be. */
void world_check_clock(struct world *w);
/* What must hold once faults are over and time has passed. */
void world_check_settled(struct world *w);
/* Adds to the story what the cluster and the runtime hold now. */
void world_tell(struct world *w);

#endif
