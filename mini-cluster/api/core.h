/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the api room share and nobody else sees. */
#ifndef API_CORE_H
#define API_CORE_H

#include "admission/admission.h"
#include "api/api.h"
#include "api/ops.h"
#include "common/vec.h"
#include "store/store.h"

struct map;
struct waiter;

struct api {
    struct loop *loop;
    struct store *store;
    struct admission *admission;
    struct auth *auth; /* NULL: nobody makes tokens */
    char *version;
    char *cluster_name;
    struct map *nodes;            /* name -> struct api_node */
    VEC(struct waiter *) waiters; /* answers that wait for their commit, in order */
    unsigned next_endpoint;       /* round-robin of the service proxy */
};

struct api_node {
    const struct api_node_ops *ops;
    void *arg;
};
/* Who serves the pods of a node; NULL when nobody does. */
const struct api_node *api_find_node(const struct api *api, const char *node);

#endif
