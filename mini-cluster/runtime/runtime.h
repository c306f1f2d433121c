/* SPDX-License-Identifier: Apache-2.0 */
/* Makes containers run and tells what became of them; has never heard of a pod.
 *
 * A container is known by its name, which the caller chooses so that nobody can guess it and which
 * is never used twice: it is the lock against running one twice. Every call answers once through
 * its callback, from the loop; an answer UNKNOWN means that it may or may not have happened (the
 * daemon went away): list again. Events only say "look again at this name". */
#ifndef RUNTIME_RUNTIME_H
#define RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct loop;
struct runtime;

enum runtime_result { RUNTIME_OK, RUNTIME_FAILED, RUNTIME_UNKNOWN };

/* What a container is for decides what it may and how it is connected. */
enum runtime_role {
    RUNTIME_HOST,       /* a simulated machine: own address, forwards its ports (guest "host") */
    RUNTIME_SERVICES,   /* holds the service addresses and the DNS server (guest "services"; NET_ADMIN) */
    RUNTIME_SANDBOX,    /* owns an address, a hostname, DNS (guest "pause") */
    RUNTIME_APP,        /* joins a sandbox */
    RUNTIME_HAND,       /* made by hand through a host's own Docker: never asked for here */
};

struct runtime_file {
    const char *path;   /* absolute, inside the container; parents are made */
    const void *bytes;
    size_t len;
    unsigned mode;
};

struct runtime_mount {
    const char *path;   /* absolute, inside the container */
    const char *volume; /* a name shared by the containers of one sandbox; NULL: tmpfs */
    bool read_only;
    bool keep;          /* the volume outlives its sandbox, until volume_remove or destroy */
};

/* All borrowed for the time of the call. */
struct runtime_spec {
    const char *name;
    enum runtime_role role;
    const char *host;             /* the simulated machine it belongs to; "" for RUNTIME_SERVICES */
    const char *hash;             /* of what was asked; an existing container with another is refused */
    const char *image;            /* NULL for the guest's own roles: the guest image */
    const char *const *command;   /* instead of the image's entrypoint; NULL: the image's */
    const char *const *args;      /* instead of the image's cmd; NULL: the image's. Without a command,
                                   * the guest's own roles get them after "pause", "host", "services" */
    const char *const *env;       /* "A=b" */
    const char *workdir;          /* NULL: the image's */
    const char *user;             /* "1000" or "1000:1000"; NULL: the image's */
    const char *hostname;         /* RUNTIME_SANDBOX and RUNTIME_HOST */
    const char *address;          /* IPv4, fixed; not for RUNTIME_APP */
    const char *join;             /* RUNTIME_APP: the name of its sandbox */
    const char *share;            /* a folder: RUNTIME_SANDBOX keeps one there for those who join it,
                                   * RUNTIME_APP has its sandbox's there, read-only. NULL: none; only
                                   * for drivers that say `shares` */
    const char *const *cap_add, *const *cap_drop; /* names without CAP_ */
    bool read_only_root;
    bool no_new_privileges;
    bool tty, stdin_open;
    bool stdin_once;              /* its stdin ends with the first who attaches to it and leaves */
    int64_t cpu_limit_milli;      /* 0: none */
    int64_t cpu_request_milli;    /* 0: none; weight under contention */
    int64_t memory_limit;         /* bytes; 0: none; no swap beyond it */
    const struct runtime_file *files;
    size_t nfiles;
    const struct runtime_mount *mounts;
    size_t nmounts;
    const char *const *labels;    /* "key=value", given back by list */
};

enum runtime_state { RUNTIME_CREATED, RUNTIME_RUNNING, RUNTIME_PAUSED, RUNTIME_EXITED };

/* One container as it is. Borrowed for the time of the callback. */
struct runtime_status {
    const char *name;
    const char *id;               /* the daemon's, full */
    const char *image_id;
    enum runtime_role role;
    const char *host;
    const char *hash;
    uint64_t epoch;               /* of the host, when it was made */
    enum runtime_state state;
    int exit_code;                /* when EXITED */
    bool oom_killed;
    bool cut;                     /* it was taken off the network: `connect` puts it back */
    const char *error;            /* why it did not start; "" */
    int64_t started_us, finished_us; /* wall time; 0: not yet */
    const char *const *labels;
};

/* ok/failed: err says why (ERR_NOT_FOUND: the image is not here; ERR_CONFLICT: the name is taken by
 * something else; ERR_UNAVAILABLE: no daemon). st may be NULL unless OK of ensure. */
typedef void runtime_done(void *arg, enum runtime_result result, const struct runtime_status *st,
                          const struct err *err);
typedef void runtime_list_done(void *arg, enum runtime_result result,
                               const struct runtime_status *list, size_t n, const struct err *err);

enum runtime_event_type {
    RUNTIME_EV_CHANGED,           /* this container started, died, was paused, removed ...: look again */
    RUNTIME_EV_LOST,              /* the daemon does not answer: keep state, `why` says it */
    RUNTIME_EV_BACK,              /* it answers again: list everything */
};
struct runtime_event {
    enum runtime_event_type type;
    const char *name;             /* of CHANGED; NULL otherwise */
    const char *host;
    const char *why;              /* of LOST; of CHANGED the action ("die", "start", "oom", "pause",
                                   * "unpause", and of the guests of hosts "disconnect", "connect") */
    int exit_code;                /* of a death */
};

/* Bytes that come over time: logs, attach. Freed by the receiver's side with runtime_stream_free. */
struct runtime_stream;
struct runtime_stream_ops {
    /* fd: 1 or 2. Return false to be paused until runtime_stream_resume. */
    bool (*on_data)(void *arg, int fd, const char *bytes, size_t n);
    void (*on_end)(void *arg, const struct err *err); /* once, last; code ERR_NONE: clean */
    void (*on_exit)(void *arg, int exit_code);        /* exec: before on_end; may be NULL */
    /* What was written went on: 64 KiB wait at most, after more than 256 KiB did (it may also come
     * without need). May be NULL. */
    void (*on_drain)(void *arg);
};

/* One more process in a running container. Copied. */
struct runtime_exec {
    const char *const *command;
    bool tty, stdin_open;
    unsigned width, height;       /* of the tty; 0: not known */
};

struct runtime_log_opts {
    bool follow, timestamps;
    int64_t tail;                 /* -1: all */
    int64_t since_us;             /* wall; 0: all */
};

/* An HTTP GET or a TCP connection to a container's address, as probes make them. */
struct runtime_probe {
    const char *address;
    int port;
    bool tcp;                     /* connect only */
    const char *scheme, *path;    /* "http" or "https", "/healthz" */
    const char *const *headers;   /* "Name: value"; NULL */
    uint64_t timeout_ns;          /* of the whole, reads included */
};
/* status: the HTTP status (TCP: 200), 0 when none came; err then says in a kubelet's words why:
 * "dial tcp 10.77.0.9:8080: connect: connection refused", for HTTP with `Get "http://...": ` before
 * it, or "context deadline exceeded" (ERR_TIMEOUT). body: the first 10 KiB. */
typedef void runtime_probe_done(void *arg, int status, const char *body, const struct err *err);

struct runtime_image {
    const char *name;             /* "podlab/web:v1" */
    const char *id;
    int64_t size;
};

/* A driver. Narrow on purpose; `self` is the driver's own. */
struct runtime_ops {
    const char *name;             /* "docker", "fake" */
    bool shares;                  /* it knows runtime_spec.share */
    /* Containers stay; what is under way is never answered. Free the streams before. */
    void (*free)(void *self);
    /* Connects, makes what a cluster needs (network, guest image), takes back what runs after a
     * restart: `done` with RUNTIME_OK comes when ensure may be called. Subscribe before. */
    void (*recover)(void *self, runtime_done *done, void *arg);
    void (*subscribe)(void *self, void (*fn)(void *arg, const struct runtime_event *ev), void *arg);
    /* Created and started, whatever was there before: creating again is not an error, a container
     * that already ended is left ended and reported so. `epoch` is the host's, kept as a label.
     * Whatever is called for the same name meanwhile comes after it, except inspect; a remove makes
     * an ensure that is not yet under way FAILED. */
    void (*ensure)(void *self, const struct runtime_spec *spec, uint64_t epoch, runtime_done *done,
                   void *arg);
    /* SIGTERM (or the image's signal), then SIGKILL after grace_s. OK when it is not running. */
    void (*stop)(void *self, const char *name, int64_t grace_s, runtime_done *done, void *arg);
    /* SIGKILL when it runs, then gone with its anonymous volumes. OK when it is not there. */
    void (*remove)(void *self, const char *name, runtime_done *done, void *arg);
    void (*pause)(void *self, const char *name, bool paused, runtime_done *done, void *arg);
    /* Takes it off the cluster's network, or puts it back with the address it was made with; its
     * processes go on. Also while it is paused. OK when it is so already, and of one that has no
     * network of its own (it joined another's); FAILED with ERR_NOT_FOUND when it is not there. */
    void (*connect)(void *self, const char *name, bool connected, runtime_done *done, void *arg);
    /* From now on it is called `to`; nothing else about it changes. OK, with what it is, also when it
     * is called so already. FAILED ERR_NOT_FOUND: there is neither; ERR_CONFLICT: another is called
     * so. NULL: this driver cannot. */
    void (*rename)(void *self, const char *name, const char *to, runtime_done *done, void *arg);
    void (*inspect)(void *self, const char *name, runtime_done *done, void *arg); /* NOT_FOUND: FAILED */
    /* Everything of this cluster, stopped ones too. */
    void (*list)(void *self, runtime_list_done *done, void *arg);
    /* Everything of this cluster: containers, volumes, the network. What `down` does. */
    void (*destroy)(void *self, runtime_done *done, void *arg);

    struct runtime_stream *(*logs)(void *self, const char *name, const struct runtime_log_opts *opts,
                                   const struct runtime_stream_ops *ops, void *arg);
    /* stdin and stdout of the main process, which the guest's roles speak frames over. */
    struct runtime_stream *(*attach)(void *self, const char *name,
                                     const struct runtime_stream_ops *ops, void *arg);
    /* One more process; bytes as of attach, its exit code through on_exit. When the stream is freed
     * before its end, the process is told to hang up (SIGHUP), as by a terminal that goes. */
    struct runtime_stream *(*exec)(void *self, const char *name, const struct runtime_exec *x,
                                   const struct runtime_stream_ops *ops, void *arg);
    /* As attach, for people: x->stdin_open false leaves its stdin alone, x's size is set when it has
     * a terminal; x->command is not looked at. The container runs on when the stream is freed. */
    struct runtime_stream *(*join)(void *self, const char *name, const struct runtime_exec *x,
                                   const struct runtime_stream_ops *ops, void *arg);
    /* A TCP connection to a port of the sandbox of this name and address, also to what listens only
     * on its own 127.0.0.1 where the driver can. Bytes come as fd 1, `end` ends our side; on_end
     * with an error says why there was none: "dial tcp4 127.0.0.1:80: connect: connection refused". */
    struct runtime_stream *(*dial)(void *self, const char *name, const char *address, int port,
                                   const struct runtime_stream_ops *ops, void *arg);
    bool (*write)(struct runtime_stream *s, const void *bytes, size_t n); /* false: too much waits */
    size_t (*queued)(const struct runtime_stream *s); /* written, and not yet taken: see on_drain */
    void (*end)(struct runtime_stream *s);       /* nothing more will be written: stdin ends */
    void (*resize)(struct runtime_stream *s, unsigned width, unsigned height); /* of its tty */
    void (*resume)(struct runtime_stream *s);
    void (*stream_free)(struct runtime_stream *s);

    void (*probe)(void *self, const struct runtime_probe *p, runtime_probe_done *done, void *arg);

    /* A kept volume, and what is in it. OK when it is not there; FAILED ERR_CONFLICT while used. */
    void (*volume_remove)(void *self, const char *volume, runtime_done *done, void *arg);

    /* OK: it is here. FAILED with ERR_NOT_FOUND names what images are here. */
    void (*image_find)(void *self, const char *image, runtime_done *done, void *arg);
    /* From its registry; progress may be NULL, and must not free the driver. Offline it fails soon
     * and says so; an image podlab/... is looked for here only. */
    void (*image_pull)(void *self, const char *image, void (*progress)(void *arg, const char *line),
                       runtime_done *done, void *arg);
    /* A docker-archive tar, from memory. */
    void (*image_load)(void *self, const void *tar, size_t n, runtime_done *done, void *arg);
    void (*image_list)(void *self, void (*done)(void *arg, const struct runtime_image *v, size_t n,
                                                const struct err *err), void *arg);
};

/* "host", "services", "sandbox", "app", "hand". */
const char *runtime_role_name(enum runtime_role role);
enum runtime_role runtime_role_find(const char *name); /* anything else: RUNTIME_APP */

/* The value of a label; NULL: it has none of that name. */
const char *runtime_status_label(const struct runtime_status *st, const char *key);

/* A deep copy in one piece of memory, freed with free(). */
struct runtime_status *runtime_status_copy(const struct runtime_status *st);

struct runtime {
    const struct runtime_ops *ops;
    void *self;
};

/* What every driver is told of the cluster. Copied. */
struct runtime_cluster {
    const char *name;             /* "lab" */
    const char *uid;              /* the label dev.podlab.cluster-uid: what adoption and down go by */
    const char *subnet;           /* "10.77.0.0/16" */
    const char *gateway;          /* "10.77.0.1" */
    const char *ip_range;         /* a /28 that nobody else uses, for the daemon's own choices */
    const char *bridge;           /* interface name, at most 15 bytes */
};

#endif
