/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share. Each controller has a new and a free, called by controllers.c
 * alone. */
#ifndef CONTROLLERS_CONTROLLER_H
#define CONTROLLERS_CONTROLLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"
#include "common/vec.h"

struct api;
struct client;
struct clock;
struct kind;

typedef VEC(const json_t *) object_list;

/* One controller as controllers.c starts it: `clock` is read at every use. */
struct controller_ops {
    const char *name;
    void *(*create)(struct api *api, const struct clock *const *clock);
    void (*destroy)(void *self);
    /* What `clock` points to is another now; `before` is what it was. May be NULL. */
    void (*clock_changed)(void *self, const struct clock *before);
    /* See controllers_forgive. May be NULL. */
    void (*forgive)(void *self);
};

extern const struct controller_ops deployment_controller;
extern const struct controller_ops endpoints_controller;
extern const struct controller_ops garbage_controller;
extern const struct controller_ops namespace_controller;
extern const struct controller_ops node_lifecycle_controller;
extern const struct controller_ops replicaset_controller;
extern const struct controller_ops serviceaccount_controller;

/* ---- pods.c: what several controllers ask of pods and owners ---- */

/* Every object of a kind in ns that `owner` controls; the items are borrowed. Free with vec_fini.
 */
void pods_list_owned(struct client *c, const struct kind *k, const json_t *owner, object_list *ret);
/* Gives an object without a controller to `owner`, when the selector matches and neither is going.
 */
int pods_adopt(struct client *c, const struct kind *k, const json_t *obj, const json_t *owner,
               const struct kind *owner_kind, struct err *err) WARN_UNUSED;
/* Takes the owner's reference away from an object whose labels no longer match. */
int pods_release(struct client *c, const struct kind *k, const json_t *obj, const char *owner_uid,
                 struct err *err) WARN_UNUSED;
/* Puts the pods that should go first to the front. `siblings` are all pods of the same owner's
 * owner, for counting how many share a node. */
void pods_rank_victims(const json_t **pods, size_t n);

#endif
