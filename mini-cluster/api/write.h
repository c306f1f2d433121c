/* SPDX-License-Identifier: Apache-2.0 */
/* The steps that every write shares: system fields, defaults, validation, the store. */
#ifndef API_WRITE_H
#define API_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "api/ops.h"
#include "common/err.h"

struct kind;
struct store_key;

/* One write on its way. `obj` is the caller's; `entry` and `old` are what is there now (NULL:
 * nothing). */
struct api_write {
    struct api *api;
    struct api_ctx *ctx;
    const struct api_target *t;
    const struct store_entry *entry;
    const json_t *old;
    json_t *obj;
};

struct store_key api_write_key(const struct api_target *t);

/* The present version: an owned reference. ERR_NOT_FOUND. */
int api_write_find(struct api *api, struct api_ctx *ctx, const struct api_target *t,
                   const struct store_entry **ret, struct err *err) WARN_UNUSED;

/* A copy of a frozen object whose top level and metadata may be changed; the rest is shared and
 * must not be. */
json_t *api_write_thaw(const json_t *frozen);

/* System metadata of a new object, and of a new version of an old one. ERR_BAD_REQUEST,
 * ERR_CONFLICT. */
int api_write_meta_new(struct api_write *w, struct err *err) WARN_UNUSED;
int api_write_meta_carry(struct api_write *w, struct err *err) WARN_UNUSED;

/* Prunes, fills in defaults. What could not be had is a finding of errs. */
int api_write_default(struct api_write *w, struct err *err) WARN_UNUSED;
/* Validates, admits, stores (unless a dry run). */
int api_write_commit(struct api_write *w, struct api_object *ret, struct err *err) WARN_UNUSED;

/* Marked for deletion, and nothing holds it any more. */
bool api_write_may_go(const struct kind *k, const json_t *obj);
/* Takes it out of the store (unless a dry run). */
int api_write_remove(struct api_write *w, struct api_object *ret, struct err *err) WARN_UNUSED;

/* metadata as an object that may be changed, made when missing. */
json_t *api_write_meta(json_t *obj);

#endif
