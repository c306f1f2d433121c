/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated machines: power, network, and each one's own Docker endpoint. */
#ifndef HOSTS_HOSTS_H
#define HOSTS_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/runtime.h"

struct api;
struct hosts;

/* What happens to a host, told to main, which tells the node and net rooms. */
struct hosts_ops {
    void (*on_power)(void *arg, const char *name, const char *address, uint64_t epoch, bool on);
    /* The guest's container runs (container is its name) or stopped (NULL). name "control-plane" holds the services. */
    void (*on_guest)(void *arg, const char *name, const char *container);
};

struct hosts_opts {
    const char *const *names;       /* the workers, NULL-terminated */
    const char *subnet;             /* hosts take .0.10, .0.11 ... of it; control-plane .0.2 */
    const char *dns;                /* service address of the DNS server */
    unsigned char key[32];          /* the cluster key: names of containers are HMACs under it */
    int64_t cpu_milli, memory;      /* capacity of each */
    int pods;
    const struct hosts_ops *ops;
    void *arg;
};

struct hosts *hosts_new(struct api *api, const struct runtime *rt, const struct hosts_opts *opts);
void hosts_free(struct hosts *h);
void hosts_runtime_event(struct hosts *h, const struct runtime_event *ev);
void hosts_runtime_ready(struct hosts *h);

#endif
