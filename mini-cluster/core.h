/* SPDX-License-Identifier: Apache-2.0 */
/* The whole cluster behind one struct: store, API, workers. Runs on a real loop with Docker, and on
 * a virtual one with the fake runtime, which is what the simulation does. */
#ifndef CORE_H
#define CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "runtime/runtime.h"

struct api;
struct auth;
struct clock;
struct core;
struct loop;

#define CORE_VERSION "v1.35.0+podlab" /* of the Kubernetes API that is spoken */

struct core_opts {
    const char *db_path;   /* of state.db */
    const char *vfs;       /* a SQLite VFS; NULL: the system's */
    const char *name;      /* of the cluster */
    unsigned char key[32]; /* the cluster key: container names and tokens */
    const char *admin_token;
    const char *subnet; /* "10.77.0.0/16"; see core_addresses */
    const struct clock *clock; /* as at `up`; the object of kind Clock may say otherwise */
    const char *const *workers; /* that a new cluster begins with: names, NULL-terminated */
    int64_t cpu_milli, memory;  /* capacity of each of them; 0: 2 CPUs, 2 GiB */
    int pods;                   /* 0: 110 */
    const char *ca_pem;         /* for service-account volumes; may be NULL */
    unsigned spares;            /* see nodes_opts */
    int64_t (*memory_left)(void);
    int api_port;               /* where the bridge's gateway answers for the API */
    const char *docks_dir;      /* of the sockets of the hosts' Dockers; NULL: there are none */
    /* Once: the nodes, their addresses and the default service accounts exist. */
    void (*on_ready)(void *arg);
    /* Once, when the runtime has recovered: its network exists. */
    void (*on_runtime)(void *arg);
    /* Where a port of an address of the cluster really is, on a machine that is shared with others;
     * NULL: where it says. */
    int (*real_port)(void *arg, const char *address, int port);
    void *arg;
};

/* Every address of a cluster follows from its subnet: gateway .0.1, control-plane .0.2, hosts from
 * .0.11 (see hosts_address), pods from .1.0 up to .119.255, services in the upper half, DNS at .128.10. */
struct core_addresses {
    char gateway[16], ip_range[24], service_cidr[24], dns[16], api_service[16];
};
/* False when `subnet` is no "A.B.0.0/16". */
bool core_addresses(const char *subnet, struct core_addresses *ret);

/* The runtime is the caller's: freed after the core, before the loop runs again, so that no answer
 * of it finds nobody. */
int core_new(struct loop *loop, const struct core_opts *opts, const struct runtime *rt,
             struct core **ret, struct err *err) WARN_UNUSED;
/* Commits what is staged and lets go; containers go on. NULL is fine. */
void core_free(struct core *c);
/* As SIGKILL would: nothing is committed, nothing is told. */
void core_abandon(struct core *c);

struct api *core_api(struct core *c);
struct auth *core_auth(struct core *c);

#endif
