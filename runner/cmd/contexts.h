/* SPDX-License-Identifier: Apache-2.0 */
/* What the docker command of the lab's shell can reach: a context for each host, and none that
 * leads to this machine's own Docker unless somebody asks for it by name. */
#ifndef CMD_CONTEXTS_H
#define CMD_CONTEXTS_H

#include <stddef.h>

#include "common/err.h"

struct context {
    const char *name; /* of the host */
    const char *host; /* "unix:///..." */
};

/* Writes config.json and the contexts into a DOCKER_CONFIG folder; those that were there go. The
 * first one is the current one. With none, the current one leads nowhere, and its name says so. */
int contexts_write(const char *dir, const struct context *contexts, size_t n,
                   struct err *err) WARN_UNUSED;

#endif
