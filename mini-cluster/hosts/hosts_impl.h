/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share: one simulated machine and where it stands. */
#ifndef HOSTS_HOSTS_IMPL_H
#define HOSTS_HOSTS_IMPL_H

#include "hosts/hosts.h"
#include "runtime/names.h"

struct client;
struct kind;
struct map;
struct workqueue;

enum host_state {
    HOST_OFF,      /* nothing of it runs */
    HOST_COMMIT,   /* its epoch is on its way to the disk */
    HOST_STARTING, /* the runtime was asked for its guest */
    HOST_ON,       /* the guest runs */
    HOST_STOPPING, /* its containers are being killed */
    HOST_DEAD,     /* its guest died; whose doing it was is found out by and by */
};

struct host {
    struct hosts *hosts;
    char *name;
    char address[16];
    bool control_plane;
    enum host_state state;
    uint64_t epoch;
    char container[RUNTIME_NAME_SIZE];
    bool started;     /* the runtime was asked for the guest of this epoch */
    bool told;        /* on_power(on) was called for this epoch */
    bool lost_daemon; /* its death, if it died, was the daemon's doing: it comes back by itself */
    uint64_t verdict_ns; /* while DEAD: when it is decided */
    unsigned removing;   /* containers that are going */
};

struct hosts {
    struct client *client;
    struct runtime rt;
    const struct kind *kind;
    struct workqueue *queue;
    struct client_watch *watch;
    struct map *by_name; /* name -> struct host */
    struct hosts_ops ops;
    void *arg;
    unsigned char key[32];
    char *subnet, *dns;
    int64_t cpu_milli, memory;
    int pods;
    struct loop_timer *verdict; /* runs while a host is DEAD */
    bool ready;                 /* the runtime recovered */
};

/* One step towards what the Host object asks for. */
int host_reconcile(void *arg, const char *key, struct err *err);
/* Starts the guest of the host's present epoch. */
void host_start_guest(struct host *h);
/* Kills everything of the host. */
void host_stop_all(struct host *h);
/* Writes power, address and epoch to the Host's status. */
int host_write_status(struct host *h, const char *power, struct err *err) WARN_UNUSED;
void host_requeue(struct host *h);
/* Its guest ended by itself: off at once; the verdict comes later. */
void host_died(struct host *h, bool killed);
void hosts_verdict(void *hosts);

#endif
