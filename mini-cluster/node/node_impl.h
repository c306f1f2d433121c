/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share: agents, their pods, and the containers of those.
 *
 * A pod is looked at whenever something about it changed (pod_sync): what is wanted comes from the
 * version of the object that was published last, what is from the runtime, and one step is made
 * from the one to the other. What a step will do outside is staged as a record first; while that
 * waits for its commit (`staging`) the pod makes no further step. Memory follows the commit: a
 * commit that failed leaves everything as it was. */
#ifndef NODE_NODE_IMPL_H
#define NODE_NODE_IMPL_H

#include <jansson.h>

#include "common/err.h"
#include "common/vec.h"
#include "node/backoff.h"
#include "node/node.h"
#include "runtime/names.h"

struct address_pool;
struct agent;
struct api;
struct client;
struct container;
struct hooks;
struct kind;
struct loop;
struct map;
struct nodes;
struct op;
struct pipe;
struct pod;
struct probe;
struct pull;
struct store_entry;
struct warm;
struct workqueue;

/* The label by which a container is known as one of a pod: strays are looked for among these. */
#define NODE_LABEL_POD_UID "dev.podlab.pod-uid"
#define NODE_LABEL_POD "dev.podlab.pod"
#define NODE_LABEL_CONTAINER "dev.podlab.container"
/* Of a sandbox that was made before its pod: the number of that pod's name. */
#define NODE_LABEL_SPARE "dev.podlab.spare"
/* Of a sandbox: the folder that it keeps for its containers. */
#define NODE_LABEL_SHARE "dev.podlab.share"

/* ---- containers ---- */

enum container_kind { CONTAINER_SANDBOX, CONTAINER_INIT, CONTAINER_SIDECAR, CONTAINER_APP };

enum container_state {
    CONTAINER_WAITING,  /* the present attempt is not started; `reason` says why */
    CONTAINER_STARTING, /* the runtime was asked */
    CONTAINER_RUNNING,
    CONTAINER_ENDED,
};

/* How an attempt ended. */
struct container_end {
    int exit_code;
    const char *reason; /* static */
    char *message;      /* NULL */
    char *id;           /* NULL: it never was */
    int64_t started_us, finished_us;
};

enum { PROBE_STARTUP, PROBE_LIVENESS, PROBE_READINESS, PROBE_KINDS };

struct container {
    struct pod *pod;
    char *name; /* in the pod; "" of the sandbox */
    enum container_kind kind;
    enum container_state state;
    int attempt; /* the present one: how often it was restarted */
    char runtime_name[RUNTIME_NAME_SIZE];
    uint64_t hash;
    bool asked;      /* the runtime may have a container of that name */
    bool seen;       /* it had: it was started. Recorded. */
    bool burnt;      /* this attempt's name is not to be used (again) */
    bool restarting; /* the next attempt is staged */
    bool look;       /* something happened to it while an answer was on its way */
    bool killing;    /* it was told to end */
    bool changed;    /* it runs an image that is no longer asked for */
    bool ready, started;
    bool fresh; /* it was seen to run for the first time, by us: postStart is due */
    bool probing;
    const char *reason;  /* of WAITING; static */
    char *message;       /* NULL */
    char *id, *image_id; /* NULL */
    int64_t started_us;  /* wall */
    uint64_t began_ns;   /* when it was seen to run; 0: before our time */
    uint64_t ended_ns;   /* when it was seen to end */
    uint64_t retry_ns;   /* nothing is asked of the runtime before; 0: now */
    unsigned retries;
    struct container_end *end, *last; /* of this attempt; of the one before. NULL */
    char *previous; /* the runtime name of the attempt before, kept for its logs */
    struct backoff crashes, pulls;
    struct op *op;       /* the ensure or stop under way */
    struct op *looking;  /* the inspect under way */
    uint64_t changed_ns; /* when its state was learned last */
    unsigned listed;     /* the number of the list that had it last */
    struct pull *pull;   /* the image it asked for last; NULL: none yet */
    bool pull_waits;     /* for the answer about it */
    bool never_pull;
    bool image_here;
    struct probe *probes[PROBE_KINDS];
    struct hooks *hooks; /* NULL: none, or not read yet */
};

/* ---- pods ---- */

enum pod_phase { POD_PENDING, POD_RUNNING, POD_SUCCEEDED, POD_FAILED };

/* A container of the runtime that is being removed. */
struct doomed {
    char *name;
    struct op *op;
    bool may_run; /* nothing takes its place before it is gone */
    uint64_t retry_ns;
};

struct pod {
    struct nodes *nodes;
    struct agent *agent;
    char *uid, *ns, *name;
    const struct store_entry *seen; /* the newest version published; NULL: it is gone */
    int64_t written;                /* the revision that we wrote last */
    int64_t generation;             /* the one that was acted upon */
    struct container sandbox;
    char *spare; /* the sandbox that waited for it, until it has its own name. NULL */
    bool shares; /* the sandbox that runs keeps the files of the service account */
    VEC(struct container *) containers; /* init containers first, then the others, as in the spec */
    VEC(struct doomed *) doomed;
    struct op *ops;            /* calls under way for it */
    char address[16];          /* "" none */
    uint64_t epoch;            /* of the host, when its sandbox was asked for */
    int64_t cpu_milli, memory; /* what it takes of the host while `counted` */
    json_t *volumes;           /* names of volumes that outlive its containers; NULL: none */
    enum pod_phase phase;
    const char *reason; /* of a failure of the whole pod; static. NULL */
    char *message;
    int64_t start_us;
    int64_t grace_s;                    /* terminationGracePeriodSeconds */
    json_t *tree;                       /* the object, kept parsed while `busy`; NULL */
    bool busy;                          /* something is under way for it */
    struct pod *fresh_next, **fresh_at; /* in nodes->fresh; at NULL: it is not */
    bool recorded;                      /* there is a record, or one is staged */
    bool committed;                     /* and it was committed */
    bool staging;                       /* a commit has to come before anything else */
    bool record_dirty;
    bool loaded;        /* what the object's status says was taken over */
    bool adopted;       /* its containers come from the record */
    bool initialized;   /* the init containers are done */
    bool sidecars_done; /* the app containers are over: sidecars are not needed any more */
    bool final;         /* its phase will not change any more */
    bool frozen;        /* nor will anything else of its status: it was over before our time */
    bool counted;
    bool finishing;         /* its record and its object go with the staged commit */
    bool volume_busy;       /* one of its volumes is being removed */
    bool unaware;           /* its agent cannot know yet that it is to go */
    bool emptied;           /* all of its containers are to go */
    int64_t stopping_grace; /* the grace its containers were told to end with; -1: not told */
};

/* ---- agents ---- */

struct agent {
    struct nodes *nodes;
    struct node_opts opts; /* name and address are owned */
    char *name, *address;
    unsigned index; /* in the order of their making: spreads the heartbeats */
    uint64_t epoch;
    bool on, cut, frozen, host_up;
    int64_t cut_us;    /* since when it is cut */
    bool host_told;    /* somebody said whether host_up */
    bool was_ready;    /* before we came, in this life of the host */
    uint64_t began_ns; /* this life of the agent */
    bool waits_for_list, list_under_way;
    bool listed; /* its containers are known */
    bool loaded; /* and its pods: they may make steps */
    struct loop_timer *heartbeat;
    unsigned beats;
    bool status_dirty;
    int64_t cpu_milli, memory; /* taken by its pods */
    int pods;
};

/* ---- everything ---- */

struct nodes {
    struct api *api;
    struct client *client;
    struct loop *loop;
    struct runtime rt;
    const struct clock *const *clock;
    unsigned char key[32];
    char *dns, *api_host, *ca_pem;
    struct auth *auth;
    const struct kind *pod_kind, *node_kind, *lease_kind;
    struct map *agents; /* by name */
    struct map *pods;   /* by uid: those of agents that are on */
    struct map *names; /* of the runtime -> struct container; `names` itself: it is being removed */
    struct map *pulls; /* by image */
    struct map *held_up; /* uid -> pod: waits for a ConfigMap or the like */
    struct map *links;   /* by namespace (links.c) */
    struct address_pool *addresses;
    struct workqueue *queue;        /* of uids */
    struct pod *fresh, **fresh_end; /* not begun yet: so many others are busy */
    unsigned busy;
    struct client_watch *pod_watch, *node_watch, *watches[3];
    struct op *orphans;      /* calls whose pod is gone */
    struct warm *warm;
    struct log_stream *logs;
    struct pipe *pipes;
    bool ready; /* the runtime has recovered */
    bool down;  /* it does not answer */
    bool listing, list_again, list_failed;
    bool resync; /* the list under way is only for what no event told of */
    uint64_t list_ns; /* when the list under way was asked for */
    unsigned lists;
    struct loop_timer *list_timer;
    uint64_t events_ns; /* the events said up to here are paid for (say.c) */
    unsigned agents_made;
};

#endif
