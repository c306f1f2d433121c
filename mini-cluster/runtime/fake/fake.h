/* SPDX-License-Identifier: Apache-2.0 */
/* Containers that exist only in a table: for the simulation, for thousands of nodes, for tests. It
 * outlives the core, as Docker outlives mini-cluster. Images decide the behaviour: podlab/web:v1..v3 run and answer; see fake.c. */
#ifndef RUNTIME_FAKE_FAKE_H
#define RUNTIME_FAKE_FAKE_H

#include "runtime/runtime.h"

struct fake; /* the machine under it */

struct fake_opts {
    uint64_t start_ns;            /* how long a start takes; 0: 1 ms */
    uint64_t stop_ns;             /* how long a container needs to end after SIGTERM; 0: 1 ms */
    bool jitter;                  /* spread both by +-50 % from the loop's JITTER stream */
};

struct fake *fake_new(struct loop *loop, const struct fake_opts *opts);
void fake_free(struct fake *f);
/* A driver for one core; freeing it (or abandoning the core) leaves the containers. */
void fake_runtime(struct fake *f, struct runtime *ret);

/* ---- what tests and simulations do to it ---- */
/* Ends a running container as a crash would; false when it does not run. */
bool fake_kill(struct fake *f, const char *name, int exit_code, bool oom);
/* Starts one that ended again, as `docker start` does; not counted by fake_starts. */
bool fake_start(struct fake *f, const char *name);
/* Freezes or thaws a running container, takes one off the network or puts it back, as somebody with
 * a Docker command would; false when it is so already, or cannot be. */
bool fake_pause(struct fake *f, const char *name, bool paused);
bool fake_connect(struct fake *f, const char *name, bool connected);
/* The next n ensures of this image (NULL: any) fail, or answer UNKNOWN although they happened. */
void fake_fail_starts(struct fake *f, const char *image, unsigned n, enum runtime_result how);
/* Whatever was to fail and has not yet, will not. */
void fake_fail_no_more(struct fake *f);
void fake_add_image(struct fake *f, const char *image);
/* What a probe of this image gets: an HTTP status, 0: refused, -1: no answer. */
void fake_set_probe(struct fake *f, const char *image, int status);
/* The daemon goes away and comes back. */
void fake_set_down(struct fake *f, bool down);
/* Walks every container there is. */
void fake_each(struct fake *f, void (*fn)(void *arg, const struct runtime_status *st), void *arg);
/* Execs that were freed before they ended. */
unsigned fake_hangups(const struct fake *f);
/* Starts that ever happened of a name: more than 1 would be a broken promise. */
unsigned fake_starts(struct fake *f, const char *name);

#endif
