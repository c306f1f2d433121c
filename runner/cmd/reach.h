/* SPDX-License-Identifier: Apache-2.0 */
/* From a kubeconfig to a cluster that answers: what a lab needs before it can begin. */
#ifndef CMD_REACH_H
#define CMD_REACH_H

#include <stdbool.h>

#include <jansson.h>

#include "common/err.h"

struct kube;
struct lab;
struct loop;

/* Opens it and waits (at most 20 s) until the API is ready and says what it has. *ret_uid is the
 * cluster's identity, the caller's. */
int reach_cluster(struct loop *loop, const char *kubeconfig, struct kube **ret, char **ret_uid,
                  struct err *err) WARN_UNUSED;
/* One GET, waited for. Another status than 200 is an error with the cluster's own words. */
int reach_get(struct kube *k, const char *path, json_t **ret, struct err *err) WARN_UNUSED;
/* Its hosts, each with an address and in the power state that is asked for, their nodes Ready;
 * ERR_TIMEOUT when they are not up after 10 s. An empty list where there are no Host objects. */
int reach_hosts(struct kube *k, json_t **ret, struct err *err) WARN_UNUSED;

/* ERR_INVALID names what the lab requires and this cluster (or this machine) does not have.
 * `docker`: each host answers the docker command. */
int reach_requires(const struct kube *k, const struct lab *lab, bool docker,
                   struct err *err) WARN_UNUSED;

#endif
