/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses stand behind a service: a pure function of the service and its pods. */
#ifndef CONTROLLERS_ENDPOINT_SET_H
#define CONTROLLERS_ENDPOINT_SET_H

#include "controllers/controller.h"

/* Pods that share the same resolved ports (named target ports may differ from pod to pod). */
struct endpoint_group {
    json_t *ports;     /* as in an EndpointSlice: [{name, port, protocol}]; owned */
    json_t *endpoints; /* as in an EndpointSlice; owned */
};

struct endpoint_set {
    VEC(struct endpoint_group) groups;
    size_t n; /* endpoints in all */
};

/* `pods` are those that the service selects; those without an address or ended are left out. */
void endpoint_set_build(struct endpoint_set *s, const json_t *service, const object_list *pods);
void endpoint_set_fini(struct endpoint_set *s);
/* The subsets of an Endpoints object; the caller owns it. */
json_t *endpoint_set_subsets(const struct endpoint_set *s);

#endif
