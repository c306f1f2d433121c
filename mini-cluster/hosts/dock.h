/* SPDX-License-Identifier: Apache-2.0 */
/* Each simulated host's own Docker: the Engine API on a Unix socket, of which only this host's part
 * of the machine's Docker is seen and reached. hosts/dock/README.md says how. */
#ifndef HOSTS_DOCK_H
#define HOSTS_DOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "runtime/runtime.h"

struct api;
struct docks;

/* A port of a host that leads to a container, for the net room. */
struct dock_port {
    const char *key; /* unique on its host: "docker/ID/tcp/8080" */
    bool udp;
    int port;            /* of the host */
    const char *address; /* where it leads */
    int target_port;
};

/* What main lends of the net room: see net_port_put, net_port_delete and net_port_owner. */
struct docks_ops {
    int (*port_put)(void *arg, const char *host, const struct dock_port *p, struct err *err);
    void (*port_delete)(void *arg, const char *host, const char *key);
    const char *(*port_owner)(void *arg, const char *host, bool udp, int port);
};

struct docks_opts {
    const char *dir;           /* where the sockets are, see dock_dir; NULL: there are none */
    const char *control_plane; /* the host that has no Docker; NULL: all have */
    const char *subnet;        /* "10.77.0.0/16": .124.0 to .127.255 are for these containers */
    unsigned char key[32];     /* the cluster key */
    int64_t cpu_milli, memory; /* a host's capacity */
    const struct docks_ops *ops;
    void *arg;
};

/* NULL where the runtime is not Docker or there is no dir; every function takes NULL. */
struct docks *docks_new(struct api *api, const struct runtime *rt, const struct docks_opts *opts);
/* Removes the sockets; containers stay. */
void docks_free(struct docks *d);

/* A host is switched on (its socket is there from now on) or off (what runs on it is killed by the
 * hosts room). */
void docks_power(struct docks *d, const char *host, const char *address, uint64_t epoch, bool on);
/* Its guest runs: calls that came before are answered from now on. Paused and partitioned hosts are
 * known by their Host objects. */
void docks_guest(struct docks *d, const char *host, bool up);
void docks_runtime_event(struct docks *d, const struct runtime_event *ev);
/* The runtime has recovered. */
void docks_runtime_ready(struct docks *d);

/* ---- where the sockets are; the caller frees ---- */

/* $XDG_RUNTIME_DIR/podlab/ID, or /tmp/podlab-USER/ID: ID are the first eight characters of the
 * cluster's uid. */
char *dock_dir(const char *cluster_uid);
/* The socket of a host in this folder; names too long for a socket are made shorter. */
char *dock_socket(const char *dir, const char *host);
/* Makes the folder, of this user and nobody else's. */
int dock_dir_make(const char *dir, struct err *err) WARN_UNUSED;
/* Removes the sockets of a cluster that does not run, and the folder. */
void dock_dir_remove(const char *dir);

#endif
