/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of metadata that every room reads: names, owners, finalizers, conditions. */
#ifndef META_OBJECT_H
#define META_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

const char *object_name(const json_t *obj);        /* "" when missing, as all of these */
const char *object_namespace(const json_t *obj);
const char *object_uid(const json_t *obj);
int64_t object_generation(const json_t *obj);
int64_t object_revision(const json_t *obj);        /* resourceVersion; 0 when none */
bool object_deleting(const json_t *obj);           /* has a deletionTimestamp */
const json_t *object_labels(const json_t *obj);    /* NULL when none */
const char *object_label(const json_t *obj, const char *key);      /* NULL when none; keys have dots */
const char *object_annotation(const json_t *obj, const char *key); /* NULL when none */
void object_set_label(json_t *obj, const char *key, const char *value);      /* NULL deletes */
void object_set_annotation(json_t *obj, const char *key, const char *value);

/* The ownerReference with controller: true, or NULL. */
const json_t *object_controller(const json_t *obj);
bool object_controlled_by(const json_t *obj, const char *uid);
/* A new controller reference to `owner` (blockOwnerDeletion too); the caller owns it. */
json_t *object_controller_ref(const json_t *owner, const char *api_version, const char *kind);

bool object_has_finalizer(const json_t *obj, const char *name);
/* Both return whether something changed. */
bool object_add_finalizer(json_t *obj, const char *name);
bool object_remove_finalizer(json_t *obj, const char *name);

/* status.conditions, keyed by type. */
const json_t *object_condition(const json_t *obj, const char *type); /* NULL when none */
bool object_condition_is(const json_t *obj, const char *type, const char *status);
/* Sets or adds one in obj.status.conditions. lastTransitionTime moves only when `status` changes,
 * lastUpdateTime (when `with_update_time`) whenever anything does. Returns whether it changed. The
 * list must be obj's own; the conditions in it may be shared with a frozen object. */
bool object_set_condition(json_t *obj, const char *type, const char *status, const char *reason,
                          const char *message, int64_t wall_us, bool with_update_time);

/* A pod's Ready condition, and whether it ended (Succeeded or Failed). */
bool object_pod_ready(const json_t *pod);
bool object_pod_terminal(const json_t *pod);

#endif
