/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share. */
#ifndef NET_NET_IMPL_H
#define NET_NET_IMPL_H

#include <jansson.h>

#include "net/net.h"
#include "net/records.h"
#include "runtime/runtime.h"

struct client;
struct client_watch;
struct counts;
struct kind;
struct loop;
struct map;
struct workqueue;

struct net {
    struct loop *loop;
    struct runtime rt;
    struct client *client;
    const struct kind *services, *slices;
    char *control_plane, *domain;
    struct records *records;
    struct counts *counts;
    struct map *links;     /* host -> struct link */
    struct map *lives;     /* host -> the container that its guest last was */
    struct map *slices_of; /* "ns/service" -> struct map of slice names */
    struct workqueue *queue;
    int (*real_port)(void *arg, const char *address, int port);
    void *port_arg;
    struct map *moved; /* "ns/service" -> what was told of its ports */
    struct client_watch *service_watch, *slice_watch;
    bool services_synced, slices_synced;
    bool loaded;      /* every service there is has become records */
    bool uncommitted; /* records may say what is only staged */
};

/* Tells on the service, once, which of its ports are elsewhere on this machine (moved.c). */
void net_moved_tell(struct net *n, const char *key, const json_t *service);

void net_impl_changed(void *arg, const char *set, const char *id);

#endif
