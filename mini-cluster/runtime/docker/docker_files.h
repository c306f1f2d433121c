/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a container that its image does not have: put in between create and start. */
#ifndef RUNTIME_DOCKER_DOCKER_FILES_H
#define RUNTIME_DOCKER_DOCKER_FILES_H

#include <jansson.h>

#include "common/err.h"
#include "common/str.h"
#include "common/vec.h"
#include "runtime/runtime.h"

/* One PUT /containers/NAME/archive?path=... */
struct docker_put {
    char *path;
    struct str tar;
};
struct docker_puts {
    VEC(struct docker_put) all;
};

/* Paths must be absolute and without "..": ERR_INVALID. */
int docker_files_check(const struct runtime_spec *spec, struct err *err) WARN_UNUSED;
/* Docker refuses to put files into a read-only root, but not into a volume: there each folder that
 * gets files becomes an anonymous volume, which goes with its container. */
void docker_files_add_mounts(json_t *mounts, const struct runtime_spec *spec);
/* What to put. Writable volumes are also opened to every user, as Kubernetes does; with a read-only
 * root that takes a container of its own, see docker_opener.h. */
void docker_files_puts(const struct runtime_spec *spec, struct docker_puts *ret);
void docker_puts_fini(struct docker_puts *puts);

#endif
