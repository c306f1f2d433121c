/* SPDX-License-Identifier: Apache-2.0 */
/* What Docker says of a container, read into a runtime_status. */
#ifndef RUNTIME_DOCKER_DOCKER_STATUS_H
#define RUNTIME_DOCKER_DOCKER_STATUS_H

#include <jansson.h>

#include "common/err.h"
#include "common/vec.h"
#include "runtime/runtime.h"

struct docker_status {
    struct runtime_status st; /* borrows from `from` and `labels` */
    json_t *from;
    const char *cluster_uid;  /* "" when it has none */
    bool hidden; /* one of the driver's own */
    bool tty;
    VEC(char *) labels;
};

/* From GET /containers/NAME/json. Holds a reference to `inspect`. ERR_INTERNAL says what is odd. */
int docker_status_read(json_t *inspect, struct docker_status *ret, struct err *err) WARN_UNUSED;
/* Of the same answer: it has a network of its own, not another container's; and it was taken off. */
bool docker_status_has_network(const json_t *inspect);
bool docker_status_cut(const json_t *inspect);
void docker_status_fini(struct docker_status *s);

#endif
