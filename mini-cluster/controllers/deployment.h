/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the Deployment controller share. */
#ifndef CONTROLLERS_DEPLOYMENT_H
#define CONTROLLERS_DEPLOYMENT_H

#include "controllers/controller.h"

struct loop;
struct workqueue;

struct deployment_controller {
    struct client *client;
    struct loop *loop;
    const struct kind *kind, *sets, *pods;
    struct workqueue *queue;
    struct client_watch *watch, *set_watch;
};

/* A Deployment with its ReplicaSets, while one step is taken. */
struct rollout {
    struct deployment_controller *c;
    const char *key;
    const json_t *d;
    const json_t *new_set; /* NULL: none has the present template */
    object_list old;       /* the others, oldest first */
    int64_t revision;      /* of the new set */
    const char
        *reason; /* of Progressing, when this step did something: "NewReplicaSetCreated"; NULL */
    char *message;
    bool moved; /* this step changed a ReplicaSet: the status of it is stale until the next */
};

/* ---- deployment_sets.c ---- */
/* Sorts the owned sets into new and old; adopts and releases by the selector. */
int rollout_find_sets(struct rollout *r, struct err *err) WARN_UNUSED;
/* Makes the new set when missing (with `replicas`), and keeps revisions and annotations right. */
int rollout_ensure_new(struct rollout *r, int64_t replicas, struct err *err) WARN_UNUSED;
/* Sets spec.replicas of a set, with the event that says so. */
int rollout_resize(struct rollout *r, const json_t *set, int64_t replicas,
                   struct err *err) WARN_UNUSED;
/* Deletes the oldest empty sets beyond spec.revisionHistoryLimit. */
int rollout_clean_up(struct rollout *r, struct err *err) WARN_UNUSED;
bool rollout_is_scaling(const struct rollout *r);

/* ---- deployment_status.c ---- */
int rollout_write_status(struct rollout *r, struct err *err) WARN_UNUSED;
bool rollout_is_complete(const struct rollout *r);

#endif
