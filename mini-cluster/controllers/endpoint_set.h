/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses stand behind a service: a pure function of the service and its pods. */
#ifndef CONTROLLERS_ENDPOINT_SET_H
#define CONTROLLERS_ENDPOINT_SET_H

#include "controllers/controller.h"

/* What services need to know of one version of a pod. A service with hundreds of pods is looked at
 * again and again while they come up, and most of them have not changed. */
struct endpoint_pod;

struct endpoint_pod *endpoint_pod_new(const json_t *pod);
void endpoint_pod_free(void *pod);
/* The revision of the pod it was made from. */
int64_t endpoint_pod_revision(const struct endpoint_pod *pod);

typedef VEC(const struct endpoint_pod *) endpoint_pods;

/* Pods that share the same resolved ports (named target ports may differ from pod to pod). */
struct endpoint_group {
    json_t *ports;     /* as in an EndpointSlice: [{name, port, protocol}]; owned */
    json_t *endpoints; /* as in an EndpointSlice; owned, its items are frozen */
    json_t *ready;     /* as in an Endpoints object; owned, its items are frozen */
    json_t *not_ready; /* the same */
};

struct endpoint_set {
    VEC(struct endpoint_group) groups;
    size_t n; /* endpoints in all */
};

/* `pods` are those that the service selects; those without an address or ended are left out. */
void endpoint_set_build(struct endpoint_set *s, const json_t *service, const endpoint_pods *pods);
void endpoint_set_fini(struct endpoint_set *s);
/* The subsets of an Endpoints object; the caller owns it. */
json_t *endpoint_set_subsets(const struct endpoint_set *s);

#endif
