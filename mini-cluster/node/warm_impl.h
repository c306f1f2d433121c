/* SPDX-License-Identifier: Apache-2.0 */
/* One spare and all of them, as the warm*.c share them. */
#ifndef NODE_WARM_IMPL_H
#define NODE_WARM_IMPL_H

#include "node/warm.h"

struct spec_out;

enum spare_state {
    SPARE_STAGED, /* its record is on its way to the disk; nothing was asked of the runtime yet */
    SPARE_MAKING, /* the runtime was asked */
    SPARE_READY,
    SPARE_UNKNOWN, /* from the record of an earlier life: the next list tells */
    SPARE_CLAIMED, /* a pod takes it over; that is on its way to the disk */
    SPARE_GOING,   /* it is removed, and then forgotten */
};

struct spare {
    struct warm *warm;
    enum spare_state state;
    char *ns, *pod; /* for whom */
    char *owner;    /* the uid of who will make that pod */
    char *host;
    uint64_t number; /* of the pod's name */
    uint64_t epoch;  /* of the host */
    uint64_t hash;   /* of all that it was made with */
    char name[RUNTIME_NAME_SIZE];
    char address[16];
    struct op *op;
    uint64_t seen_ns;  /* when its state was learned */
    unsigned listed;   /* the number of the list that had it last */
    uint64_t retry_ns; /* while GOING: not before */
};

struct warm {
    struct nodes *nodes;
    unsigned limit; /* as asked for */
    int64_t (*memory_left)(void);
    struct map *spares;  /* "ns/pod" -> struct spare */
    struct map *by_name; /* of the runtime -> the same; without those that a pod takes over */
    struct client_watch *watch;
    const struct kind *sets; /* ReplicaSets */
    struct loop_timer *timer;
    uint64_t due_ns;   /* while it runs: when it fires */
    uint64_t quiet_ns; /* since when nothing is busy */
    struct spare *making;
    uint64_t asked_ns; /* when that was asked for */
    uint64_t next_ns;  /* no other is made before */
    unsigned failures; /* in a row */
};

/* ---- spare.c ---- */

/* Whom a spare is for, and where. */
struct spare_plan {
    const char *ns, *pod, *owner, *host;
    uint64_t number, epoch;
};
/* Stages its record; then it is made. False when no address is free. */
bool spare_make(struct warm *w, const struct spare_plan *plan);
/* Those that an earlier life had. */
void spare_restore_all(struct warm *w);
/* It goes: its container, then its record, then its address. Not one that a pod takes over. */
void spare_drop(struct spare *s);
void spare_look(struct spare *s);
/* What the runtime says of it. */
void spare_take(struct spare *s, const struct runtime_status *st);
/* A pod has it now, and its address. */
void spare_forget(struct spare *s);
/* Asks again for what is still there. */
void spare_retry(struct spare *s);
void spare_free(void *spare);

/* ---- warm_plan.c ---- */

/* How many there may be, as memory allows. */
unsigned warm_plan_bound(const struct warm *w);
bool warm_plan_wants(const struct warm *w, const struct spare *s);
/* Makes the next one, if one is wanted; `full`: it takes another's place. False when all is well.
 */
bool warm_plan_next(struct warm *w, bool full);
/* One more than should be: the one that is missed least. */
struct spare *warm_plan_least(const struct warm *w);
/* Those that may be claimed one day. */
bool warm_plan_counts(const struct spare *s);
/* What the sandbox of this pod is run with, and the hash of it; false: its owner is gone. */
bool warm_plan_spec(const struct warm *w, const struct spare *s, struct spec_out *out,
                    uint64_t *ret_hash);

#endif
