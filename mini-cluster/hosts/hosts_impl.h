/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share: one simulated machine and where it stands. */
#ifndef HOSTS_HOSTS_IMPL_H
#define HOSTS_HOSTS_IMPL_H

#include <jansson.h>

#include "hosts/hosts.h"
#include "runtime/names.h"

struct client;
struct kind;
struct map;
struct workqueue;

enum host_state {
    HOST_OFF,      /* no life is wanted or begun; `dirty` tells whether anything may be left */
    HOST_COMMIT,   /* its epoch is on its way to the disk */
    HOST_STARTING, /* the runtime was asked for its guest */
    HOST_ON,       /* the guest runs */
    HOST_DEAD,     /* its guest died; whose doing it was is found out by and by */
};

struct host {
    struct hosts *hosts;
    char *name;
    char address[16];
    bool control_plane;
    enum host_state state;
    uint64_t epoch; /* of the present or the last life; 0: there was none */
    bool over;      /* that life has ended: the next one gets the next epoch */
    char container[RUNTIME_NAME_SIZE];
    json_t *spec; /* as last seen, so that a deleted object comes back as it was */
    bool told;    /* on_power(on) was called for this epoch */
    bool fresh;   /* since our own start nothing was done with it yet */

    bool asked;   /* an answer of ensure is still to come */
    bool dirty;   /* containers of an ended life may still be there */
    bool killing; /* they are being removed */
    bool kill_failed;
    bool late; /* ... and one appeared after they were listed */
    unsigned removing;
    bool inspecting, inspect_again;
    uint64_t inspected; /* the epoch that is being looked at */

    bool lost_daemon; /* its death, if it died, was the daemon's doing: it comes back by itself */
    uint64_t verdict_ns;  /* while DEAD: when it is decided */
    unsigned failures;    /* in a row */
    uint64_t retry_ns;    /* not before */
    char why[256];        /* of the last failure: each is said once */
    char unsupported[32]; /* the wish that was last answered with "not yet" */
};

struct hosts {
    struct client *client;
    struct runtime rt;
    const struct kind *kind, *node_kind;
    struct workqueue *queue;
    struct client_watch *watch;
    struct map *by_name; /* name -> struct host */
    struct hosts_ops ops;
    void *arg;
    unsigned char key[32];
    char *subnet, *dns;
    struct loop_timer *verdict; /* runs while a host is DEAD */
    char *away;                 /* why the runtime does not answer; NULL: it does */
    bool ready;                 /* the runtime recovered */
};

/* ---- power.c ---- */

/* One step towards what the Host object asks for. */
int host_reconcile(void *arg, const char *key, struct err *err);
/* The machine's life ends: told, remembered, and then everything of it is killed. */
void host_cut_power(struct host *h);
void host_requeue(struct host *h);
/* Something failed: said once for each reason, tried again after a back-off. */
void host_retry(struct host *h, const char *what, const char *why);

/* ---- kill.c ---- */

/* Kills everything of the host; h->dirty tells when that is done. */
void host_kill(struct host *h);
/* Removes the guests of its earlier lives. */
void host_sweep(struct host *h);

/* ---- death.c ---- */

/* Something happened to its guest: looks whether it lives. */
void host_inspect(struct host *h);
void hosts_verdict(void *hosts);

/* ---- wishes.c ---- */

/* Makes the object that is missing. */
int host_make_object(struct host *h, struct err *err) WARN_UNUSED;
/* Says on the object what of it cannot be fulfilled yet. */
void host_say_unsupported(struct host *h, const json_t *obj);
/* An object that describes no machine of this cluster. */
void hosts_say_unknown(struct hosts *hs, const json_t *obj);

/* ---- outage.c ---- */

/* Shows on the node of this host whether the runtime answers. */
void host_show_away(struct host *h);

#endif
