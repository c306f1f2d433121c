/* SPDX-License-Identifier: Apache-2.0 */
/* What a cluster was made with: asked for on the command line, remembered in its folder. */
#ifndef CMD_SETTINGS_H
#define CMD_SETTINGS_H

#include <stdint.h>

#include "cmd/state.h"
#include "common/err.h"

/* What the command line said; NULL and -1 where it said nothing. */
struct wishes {
    const char *runtime, *clock, *node_names, *spares;
    const char *cpu, *memory; /* of each worker: quantities */
    int64_t workers, port;
};

/* The cluster's settings, read from its JSON. Strings are borrowed from state.settings. */
struct settings {
    const char *uid, *token, *subnet, *runtime;
    const char *no_docker; /* why it is without, when nobody wished that; "" */
    const struct clock *clock;
    unsigned char key[32];
    const char **workers;      /* that it began with: NULL-terminated; freed by settings_fini */
    int64_t cpu_milli, memory; /* of each of them; 0: the default */
    int port;                  /* 0: not chosen yet */
    int spares;                /* made ahead, at most; -1: as the runtime has it */
};
void settings_fini(struct settings *s);
#define cleanup_settings __attribute__((cleanup(settings_fini)))

/* ERR_BAD_REQUEST says which wish no cluster could fulfill. */
int settings_check(const struct wishes *w, struct err *err) WARN_UNUSED;
/* Makes s->settings from the wishes and defaults, with a new uid, key and token. runtime and subnet
 * are decided. */
int settings_make(struct state *s, const struct wishes *w, const char *runtime, const char *subnet,
                  struct err *err) WARN_UNUSED;
/* ERR_CONFLICT, naming the first difference, when the wishes are not what the cluster has. The port
 * and the spares of one that does not run may change. */
int settings_compare(const struct state *s, const struct wishes *w, bool running,
                     struct err *err) WARN_UNUSED;
int settings_read(const struct state *s, struct settings *ret, struct err *err) WARN_UNUSED;

#endif
