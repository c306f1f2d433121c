/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the volumes of a container with a read-only root to every user. Docker changes no modes in
 * such a container, so another one does it, which has the same volumes and is never started. */
#ifndef RUNTIME_DOCKER_DOCKER_OPENER_H
#define RUNTIME_DOCKER_DOCKER_OPENER_H

#include "runtime/docker/docker_impl.h"

struct docker_opener;

/* NULL when the container needs none. */
struct docker_opener *docker_opener_new(const struct docker *d, const struct runtime_spec *spec);
void docker_opener_free(struct docker_opener *o); /* NULL is fine */
/* Does it; then `done` with the last answer. */
void docker_opener_run(struct docker_opener *o, struct docker *d, docker_answer_fn *done, void *arg);

#endif
