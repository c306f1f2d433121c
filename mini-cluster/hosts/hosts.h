/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated machines: power, network, and each one's own Docker endpoint. */
#ifndef HOSTS_HOSTS_H
#define HOSTS_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/runtime.h"

struct api;
struct hosts;

/* One machine as its agent needs to know it. */
struct hosts_machine {
    const char *name, *address;
    uint64_t epoch;
    bool control_plane;
    int64_t cpu_milli, memory; /* its capacity, in bytes; not the computer's */
    int pods;
    bool paused;    /* it stands still */
    int64_t cut_us; /* the wall time since which it is off the network; 0: it is not */
};

/* What happens to a host, told to main, which tells the node and net rooms. */
struct hosts_ops {
    /* Its power is switched; told as soon as the epoch is committed, before its container runs. */
    void (*on_power)(void *arg, const struct hosts_machine *m, bool on);
    /* It is on, and was paused or resumed, cut off or connected, or has another capacity. What goes
     * bad is told before it is done to the containers, what gets good after. */
    void (*on_change)(void *arg, const struct hosts_machine *m);
    /* The guest's container runs (container is its name) or stopped (NULL). The one of
     * "control-plane" holds the services. */
    void (*on_guest)(void *arg, const char *name, const char *container);
    /* The machine is gone for good; it was off before. */
    void (*on_removed)(void *arg, const char *name);
};

struct hosts_opts {
    const char *const *names;  /* the workers that a new cluster begins with, NULL-terminated */
    int64_t cpu_milli, memory; /* their capacity */
    int pods;
    const char *subnet;        /* see hosts_address */
    const char *dns;           /* service address of the DNS server */
    unsigned char key[32];     /* the cluster key: names of containers are HMACs under it */
    const struct hosts_ops *ops;
    void *arg;
};

enum { HOSTS_MAX = 1000 }; /* workers */

/* The address of the n-th worker (from 0), or with n = -1 of the control plane: .0.2, then .0.11 up
 * to .0.239, then .120.1 and on, so that a thousand fit. */
void hosts_address(char buf[16], const char *subnet, int n);

/* A new cluster gets the Host objects of `names`; from then on the objects say which machines there
 * are. Starts their guests once hosts_runtime_ready was called. */
struct hosts *hosts_new(struct api *api, const struct runtime *rt, const struct hosts_opts *opts);
void hosts_free(struct hosts *h);
void hosts_runtime_event(struct hosts *h, const struct runtime_event *ev);
/* The runtime has recovered: guests may be started. */
void hosts_runtime_ready(struct hosts *h);
/* Shown on every node, in a condition of type RuntimeUnavailable: why the runtime does not answer.
 * NULL: it does. */
void hosts_runtime_away(struct hosts *h, const char *why);
/* Calls fn with the name of every host that is to be on and within reach: their nodes will be
 * there. */
void hosts_each_expected(struct hosts *h, void (*fn)(void *arg, const char *name), void *arg);

#endif
