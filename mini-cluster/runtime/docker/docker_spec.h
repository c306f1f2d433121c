/* SPDX-License-Identifier: Apache-2.0 */
/* What Docker is told of a container: the body of its creation, and the archives of its files. */
#ifndef RUNTIME_DOCKER_DOCKER_SPEC_H
#define RUNTIME_DOCKER_DOCKER_SPEC_H

#include <jansson.h>

#include "common/err.h"
#include "runtime/runtime.h"

#define DOCKER_LABEL_CLUSTER "dev.podlab.cluster"
#define DOCKER_LABEL_UID "dev.podlab.cluster-uid"
#define DOCKER_LABEL_ROLE "dev.podlab.role"
#define DOCKER_LABEL_HOST "dev.podlab.host"
#define DOCKER_LABEL_HASH "dev.podlab.hash"
#define DOCKER_LABEL_EPOCH "dev.podlab.epoch"
#define DOCKER_LABEL_ADDRESS "dev.podlab.address" /* what it comes back to the network with */
#define DOCKER_LABEL_SANDBOX "dev.podlab.sandbox" /* of a volume: goes when this container goes */

/* The role of a driver's own helper (docker_opener.h): nobody else gets to see it. */
#define DOCKER_ROLE_OPENER "opener"

/* A cluster's network and its volumes, by name. The caller frees. */
char *docker_spec_network(const struct runtime_cluster *cluster);
char *docker_spec_volume(const struct runtime_cluster *cluster, const char *volume);

/* Whether Docker takes this as a container's name; nothing else may get into a path. */
bool docker_spec_name_ok(const char *name);

/* A volume of a container, for HostConfig.Mounts, at `target`. */
json_t *docker_spec_mount(const struct runtime_cluster *cluster, const struct runtime_spec *spec,
                          const struct runtime_mount *m, const char *target);

/* The body of POST /containers/create, owned by the caller; NULL with ERR_INVALID. */
json_t *docker_spec_body(const struct runtime_cluster *cluster, const struct runtime_spec *spec,
                         uint64_t epoch, struct err *err);

#endif
