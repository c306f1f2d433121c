/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share. */
#ifndef KUBE_KUBE_IMPL_H
#define KUBE_KUBE_IMPL_H

#include "common/http_client.h"
#include "common/map.h"
#include "common/vec.h"
#include "kube/kube.h"

struct kube_resource_row {
    struct kube_resource r;
    char *words[12]; /* everything it is called by; NULL-terminated */
};

typedef VEC(struct kube_resource_row *) kube_resource_rows;

struct kube {
    struct loop *loop;
    struct http_client *http;
    char *server, *context;
    VEC(struct kube_call *) calls;
    VEC(struct kube_watch *) watches;
    kube_resource_rows resources;
    struct discovery *discovery; /* under way; NULL when not */
    bool discovered;
};

void kube_discovery_free(struct kube *k);
/* Waiters with this arg are not told. */
void kube_discovery_forget(struct kube *k, const void *arg);
void kube_resources_clear(kube_resource_rows *rows);
/* The watch is out of the list already. */
void kube_watch_destroy(struct kube_watch *w);

#endif
