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

/* On the Host object: it stays until its machine is gone. */
#define HOST_FINALIZER "podlab.dev/machine"

enum host_state {
    HOST_OFF,      /* no life is wanted or begun; `dirty` tells whether anything may be left */
    HOST_COMMIT,   /* its epoch is on its way to the disk */
    HOST_STARTING, /* the runtime was asked for its guest */
    HOST_ON,       /* the guest runs, or stands still */
    HOST_DEAD,     /* its guest died; whose doing it was is found out by and by */
};

/* What can be done to a machine that is on. */
struct fault {
    bool paused, cut;
};

enum fault_step {
    FAULT_REST,
    FAULT_COMMIT, /* the wish is on its way to the disk */
    FAULT_RUN,    /* the runtime was asked to bring the containers to `aim` */
};

struct host {
    struct hosts *hosts;
    char *name;
    int place; /* the n of its address; -1: the control plane's */
    char address[16];
    bool control_plane;
    enum host_state state;
    unsigned turn;  /* raised whenever the state changes: answers that are older do not count */
    uint64_t epoch; /* of the present or the last life; 0: there was none */
    bool over;      /* that life has ended: the next one gets the next epoch */
    char container[RUNTIME_NAME_SIZE];
    int64_t started_us; /* when that was started; a later time is another start */
    bool revived;       /* somebody started it with Docker: the next life takes it as it is */
    json_t *spec;       /* as last seen, so that a deleted object comes back as it was */
    bool told;          /* on_power(on) was called for this epoch */
    bool guest_told;
    bool fresh;   /* since our own start nothing was done with it yet */
    bool leaving; /* its object is going, or gone: so is the machine */
    bool sized;   /* its capacity was read */
    int64_t cpu_milli, memory;
    int pods;

    bool ending;  /* that its life is over is on its way to the disk */
    bool ended;   /* ... and is there */
    bool asked;   /* an answer of ensure is still to come */
    bool dirty;   /* containers of an ended life may still be there */
    bool killing; /* they are being removed */
    bool kill_failed;
    bool late; /* ... and one appeared after they were listed */
    unsigned removing, sweeping;
    bool inspecting, inspect_again;
    bool look;          /* whether somebody switched it on, once what it had is dead */
    unsigned inspected; /* the turn it is asked in */

    struct fault is;         /* what its containers were brought to */
    struct fault aim;        /* and are being brought to, unless at rest */
    struct fault told_fault; /* what its agent was told */
    int64_t cut_us;
    enum fault_step step;
    bool stray; /* a container appeared that is not as the others are, or may have */
    unsigned changing;
    unsigned fault_turn;
    char fault_why[256]; /* what failed of it; "" nothing */

    bool lost_daemon; /* its death, if it died, was the daemon's doing: it comes back by itself */
    uint64_t verdict_ns; /* while DEAD: when it is decided */
    unsigned failures;   /* in a row */
    uint64_t retry_ns;   /* not before */
    char why[256];       /* of the last failure: each is said once */
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
    int64_t cpu_milli, memory; /* of the workers that a new cluster begins with */
    int pods;
    struct loop_timer *verdict; /* runs while a host is DEAD */
    struct loop_timer *survey;  /* looks again what there is */
    struct loop_timer *resync;  /* looks at every guest now and then */
    char *away;                 /* why the runtime does not answer; NULL: it does */
    bool ready;                 /* the runtime recovered, and what there is was looked at */
};

/* ---- reconcile.c ---- */

/* One step towards what the Host object asks for. */
int host_reconcile(void *arg, const char *key, struct err *err);
void host_requeue(struct host *h);
/* Something failed: said once for each reason, tried again after a back-off. */
void host_retry(struct host *h, const char *what, const char *why);
void host_forget_failures(struct host *h);

/* ---- machine.c: which machines there are ---- */

/* The machines as they are remembered, and for a new cluster those of `names`. */
void hosts_recall(struct hosts *hs, const char *const *names);
/* A new one, as its object asks; NULL when there is no room for it, which is said on the object. */
struct host *host_add(struct hosts *hs, const json_t *obj);
/* Its epoch and address, in the transaction that is staged. */
void host_remember(struct host *h);
/* Makes the object that is missing. */
int host_make_object(struct host *h, struct err *err) WARN_UNUSED;
/* What the object says of its size; told when it is another. */
void host_read_capacity(struct host *h, const json_t *obj);
/* The object waits for the machine when it is deleted. */
int host_hold_object(struct host *h, const json_t *obj, struct err *err) WARN_UNUSED;
/* A step towards being no more; `obj` NULL: gone. The host is freed with the last one. */
int host_leave(struct host *h, const json_t *obj, struct err *err) WARN_UNUSED;
struct hosts_machine host_machine(const struct host *h);

/* ---- power.c ---- */

int host_power_on(struct host *h, const json_t *obj, struct err *err) WARN_UNUSED;
/* The machine's life ends: told, remembered, and then everything of it is killed. */
void host_cut_power(struct host *h);
/* What an ended life left is killed, once its end is on the disk. */
void host_clear(struct host *h);
void host_tell_guest(struct host *h);

/* ---- fault.c ---- */

/* What the object asks for of a machine that is on. */
struct fault host_wished_fault(const json_t *obj);
/* True when that is reached; else a step towards it. */
bool host_fault_step(struct host *h, const json_t *obj);
/* A container of it was started: it must be as the others are. */
void host_fault_stray(struct host *h);

/* ---- kill.c ---- */

/* Kills everything of the host; h->dirty tells when that is done. */
void host_kill(struct host *h);
/* Removes the guests of its earlier lives. */
void host_sweep(struct host *h);
/* The guest of the control plane is of no host: its role tells whose it is. */
bool host_is_guest(const struct host *h, const struct runtime_status *st);
bool host_has(const struct host *h, const struct runtime_status *st);

/* ---- death.c ---- */

/* Something happened to its guest: looks whether it lives, and how. `why` is the event's. */
void host_inspect(struct host *h, const char *why);
void hosts_verdict(void *hosts);

/* ---- say.c ---- */

/* On the Host and on its Node. */
void host_say(struct host *h, const char *type, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Writes the status where it says something else, and tells of the difference; somebody's edit of
 * it does not last. `reached`: it is as the object asks. */
int host_write_status(struct host *h, const json_t *obj, const char *power, bool cut, bool reached,
                      struct err *err) WARN_UNUSED;
/* What somebody did with Docker becomes the wish, unless another wish is under way. */
void host_write_wish(struct host *h, const char *field, const char *from, const char *to);

/* ---- outage.c ---- */

/* Shows on the node of this host whether the runtime answers. */
void host_show_away(struct host *h);

#endif
