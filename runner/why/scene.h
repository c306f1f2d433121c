/* SPDX-License-Identifier: Apache-2.0 */
/* Everything an explanation may look at: the verdict, and the cluster's objects at one moment. No
 * function here asks anything. */
#ifndef WHY_SCENE_H
#define WHY_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "check/check.h"
#include "lab/lab.h"

struct scene {
    const struct lab_check *check, *judged;
    enum check_state state;
    json_t *seen, *clauses; /* NULL when there are none */
    char *message;
    int64_t began_us, now_us;
    char ns[254];      /* where the check looks */
    char service[254]; /* of http and probe checks; "" */
    char port[64];     /* of "web:80" or "worker-1:8080"; "" */
    char host[254];    /* of checks about one host, its node, or a port of it; "" */
    char kind[64]; /* of a get or list: "Deployment"; "" when the cluster knows no such resource */
    bool namespaced;
    bool unanswered; /* the cluster does not answer at all */

    json_t *objects; /* {Pod: [...], Deployment: [...]}, each with its kind */
    json_t *logs;    /* {pod: last words of the container before} */

    /* What follows from these; borrowed from the above but for `pods`. */
    const json_t *object;     /* of a get; NULL: not there */
    const json_t *deployment; /* the one it is about; NULL */
    const json_t *serves;     /* the Service; NULL */
    json_t *pods;             /* those it is about, in order of name */
    const json_t *clause;     /* the first part of the expression that is not true; NULL */
    bool counted;             /* got and want are numbers */
    int64_t got, want;
};

/* For an expression's text: does it speak of that? */
bool scene_expects(const struct scene *s, const char *word);
/* Finds what follows from verdict and objects. */
void scene_derive(struct scene *s);
void scene_fini(struct scene *s);

/* All objects of a kind, of every namespace that could be seen; never NULL. */
const json_t *scene_all(const struct scene *s, const char *kind);
/* ns "" for cluster scope. */
const json_t *scene_find(const struct scene *s, const char *kind, const char *ns, const char *name);
bool scene_is_here(const struct scene *s, const json_t *obj); /* in the check's namespace */

/* ---- objects ---- */
const char *scene_name(const json_t *obj);
/* Since it was made, or since that time of it; 0 when unknown. */
int64_t scene_age(const struct scene *s, const json_t *obj);
int64_t scene_since(const struct scene *s, const json_t *obj, const char *path);
bool scene_is_new(const struct scene *s, const json_t *obj); /* made since the step began */
const json_t *scene_controller(const json_t *obj);
const json_t *scene_condition(const json_t *obj, const char *type);
bool scene_is_true(const json_t *obj, const char *condition);
const json_t *scene_pod_labels(const json_t *obj); /* of a template, or a pod's own */

/* ---- hosts ---- */

/* How a host is asked to be: "on", "off", "paused" or "cut"; "" when there is no such Host. */
const char *scene_host_word(const struct scene *s, const char *name);
/* What is asked of it and what it is are not yet the same. */
bool scene_host_changes(const struct scene *s, const char *name);
bool scene_node_is_ready(const struct scene *s, const char *name);
bool scene_node_is_lost(const struct scene *s, const char *name); /* there is one, and not ready */
/* Since when its node has not been heard of, and for how long that is believed; -1: nobody knows.
 */
int64_t scene_silent_us(const struct scene *s, const char *name, int64_t *ret_believed_us);

/* ---- Deployments ---- */
int64_t scene_asked(const json_t *deployment);
/* The ReplicaSets of it in the order of their revision, the newest last. The caller owns it. */
json_t *scene_sets(const struct scene *s, const json_t *deployment);
bool scene_comes_from(const struct scene *s, const json_t *pod, const json_t *deployment);

/* ---- pods ---- */
bool scene_pod_is_ready(const json_t *pod);
bool scene_pod_is_ending(const json_t *pod);
bool scene_pod_has_no_room(const json_t *pod);
/* The first container status that waits for that reason or one of its kin; NULL. */
const json_t *scene_pod_waits(const json_t *pod, bool (*is_it)(const char *reason));
int64_t scene_pod_restarts(const json_t *pod);
const json_t *scene_container(const json_t *pod, const char *name); /* of its spec */
size_t scene_count_ready(const struct scene *s);

/* Events about this very object, the oldest first: not about one of the same name before it. Calls
 * fn until it returns false. */
void scene_each_event(const struct scene *s, const json_t *about,
                      bool (*fn)(void *arg, const json_t *event), void *arg);
int64_t scene_event_time(const json_t *event); /* microseconds; 0 when it says none */
int64_t scene_event_count(const json_t *event);

#endif
