/* SPDX-License-Identifier: Apache-2.0 */
/* One agent per host: keeps the promises the scheduler made. */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/runtime.h"

struct api;
struct auth;
struct clock;
struct nodes; /* all agents of one cluster, behind one watch on pods */

struct nodes_opts {
    const struct clock *const *clock; /* read at every use */
    unsigned char key[32];            /* the cluster key: names are HMACs under it */
    const char *subnet;               /* "10.77.0.0/16"; pods take .1.0 to .119.255 */
    const char *dns;                  /* the DNS server's address, for sandboxes */
    const char *api_host;             /* where pods reach the API (the kubernetes service's IP) */
    const char *ca_pem;               /* for the service-account volume */
    struct auth *auth;                /* makes service-account tokens; NULL: no such volume */
    unsigned spares;                  /* sandboxes that may wait for pods to come (warm.h) */
    int64_t (*memory_left)(void);          /* bytes that this machine has left; NULL: enough */
};

struct nodes *nodes_new(struct api *api, const struct runtime *rt, const struct nodes_opts *opts);
void nodes_free(struct nodes *n);

struct node_opts {
    const char *name;          /* "worker-1" */
    const char *address;       /* of its host */
    int64_t cpu_milli, memory; /* its capacity, in bytes; not the machine's */
    int pods;
    bool control_plane; /* labelled and tainted NoSchedule */
    bool frozen;        /* see nodes_freeze */
    int64_t cut_us;     /* the wall time since which it is cut off, see nodes_cut; 0: it is not */
};

/* Begins an agent: registers the Node (when missing), renews its lease, runs its pods. `epoch` is
 * the host's power-on count: what was started under an older one is swept. Again with the same name
 * restarts it. */
void nodes_power_on(struct nodes *n, const struct node_opts *opts, uint64_t epoch);
/* Ends an agent as a power cut would: no more heartbeats, no status, nothing cleaned up. */
void nodes_power_off(struct nodes *n, const char *name);
/* The agent cannot reach the API (a partition): it goes on with what it knows, and learns what
 * happened meanwhile when that is over. Its HTTP and TCP probes are not made as long: a real agent
 * would reach its own pods, this one shares their fate. */
void nodes_cut(struct nodes *n, const char *name, bool cut);
/* The agent stands still, as all of a paused machine does: no heartbeats, no probes, no steps, and
 * nothing is served. Then it goes on where it was. */
void nodes_freeze(struct nodes *n, const char *name, bool frozen);
/* Another capacity, live. */
void nodes_resize(struct nodes *n, const char *name, int64_t cpu_milli, int64_t memory, int pods);
/* The machine is gone for good, its containers too: so are its agent, what was remembered of its
 * pods, and their addresses. The Node object is the caller's. */
void nodes_forget(struct nodes *n, const char *name);
/* The guest container of its host runs (or no longer does): only then is the node Ready. */
void nodes_host_up(struct nodes *n, const char *name, bool up);
/* What the clock says is another now: heartbeats and back-offs follow at once. */
void nodes_clock_changed(struct nodes *n);
/* Writes may have been lost: every agent says again how its node is. */
void nodes_say_again(struct nodes *n);
/* An event of the runtime; the hosts room and main pass every one on. */
void nodes_runtime_event(struct nodes *n, const struct runtime_event *ev);
/* Ready once the runtime has recovered: nothing is started before. */
void nodes_runtime_ready(struct nodes *n);

#endif
