/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses and opens the runtime that a cluster's settings name. */
#ifndef CMD_ENGINE_H
#define CMD_ENGINE_H

#include "cmd/settings.h"
#include "runtime/fake/fake.h"
#include "runtime/runtime.h"

struct engine {
    struct runtime rt;
    struct fake *fake; /* NULL with Docker and processes */
};

/* "auto" (or NULL) becomes the runtime that is there; *ret_subnet (24 bytes) one that is free.
 * *ret_why: why it was not Docker, when that was not wished. */
int engine_choose(const char *wish, const char **ret_runtime, char *ret_subnet, struct err *ret_why,
                  struct err *err) WARN_UNUSED;
int engine_open(struct loop *loop, const struct state *s, const struct settings *set,
                struct engine *ret, struct err *err) WARN_UNUSED;
/* How many sandboxes may be made ahead: only Docker's starts are dear enough for more than none. */
unsigned engine_spares(const struct settings *set);
void engine_close(struct engine *e);
/* The same for a cluster's own process, which may be in the middle of making something. */
void engine_leave(struct engine *e);
/* Makes sure of the subnet of new settings: of two clusters that chose the same one, the second
 * takes another, and it is saved. */
int engine_reserve(struct state *s, struct err *err) WARN_UNUSED;
/* Removes everything that the runtime has of this cluster. */
int engine_destroy(const struct state *s, struct err *err) WARN_UNUSED;

#endif
