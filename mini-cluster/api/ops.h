/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of the API, typed: requests from the wire and workers in-process come through here.
 *
 * Every verb works on the staged view, answers at once, and leaves the waiting for the commit to
 * its caller. */
#ifndef API_OPS_H
#define API_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "api/api.h"
#include "common/err.h"

struct kind;
struct store_entry;

enum api_validation { API_VALIDATION_WARN, API_VALIDATION_STRICT, API_VALIDATION_IGNORE };

/* What a Status says about an error beyond its sentence. */
struct api_fault {
    const char *group; /* static, as kind; NULL: no details */
    const char *kind;  /* the resource ("pods"); of an Invalid, the kind ("Pod") */
    char name[254];
    json_t *causes; /* owned; NULL when there are none */
    int retry_after_s;
};

/* Whose call this is, and how it is to be done. */
struct api_ctx {
    struct api_user user;
    const char *field_manager;      /* "" when not given */
    enum api_validation validation; /* of unknown and duplicate fields */
    bool dry_run;
    bool in_process;        /* a worker's: its objects were built by us, and are checked less */
    json_t *warnings;       /* array of sentences for the caller; owned; NULL until the first */
    struct api_fault fault; /* set with `err`; owned */
};
void api_ctx_fini(struct api_ctx *ctx);
#define cleanup_api_ctx __attribute__((cleanup(api_ctx_fini)))
void api_warn(struct api_ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What a request is about. */
struct api_target {
    const struct kind *kind;
    const char *ns;          /* "": not namespaced, or all */
    const char *name;        /* "": the collection */
    const char *subresource; /* "": the object itself */
};

/* One object as a verb answers it. */
struct api_object {
    const struct store_entry *entry; /* as stored; an owned reference, or NULL */
    json_t *tree;                    /* when it is not in the store: a dry run, a Scale; owned */
    bool removed;                    /* by a deletion: it is gone, not only marked */
};
void api_object_fini(struct api_object *o);
#define cleanup_api_object __attribute__((cleanup(api_object_fini)))
/* Borrowed until the tick ends or the object goes. */
const json_t *api_object_tree(struct api *api, const struct api_object *o);

/* ---- the verbs; objects given in are taken, also on failure; `ret` is zeroed by the caller ----
 */

int api_get(struct api *api, struct api_ctx *ctx, const struct api_target *t,
            struct api_object *ret, struct err *err) WARN_UNUSED;
int api_create(struct api *api, struct api_ctx *ctx, const struct api_target *t, json_t *obj,
               struct api_object *ret, struct err *err) WARN_UNUSED;
/* t->subresource: "", "status", "finalize"; others are served by their own files. */
int api_update(struct api *api, struct api_ctx *ctx, const struct api_target *t, json_t *obj,
               struct api_object *ret, struct err *err) WARN_UNUSED;

enum api_patch_type { API_PATCH_MERGE, API_PATCH_JSON, API_PATCH_STRATEGIC };
/* t->subresource: "", "status", "scale", "finalize". */
int api_patch(struct api *api, struct api_ctx *ctx, const struct api_target *t,
              enum api_patch_type type, const json_t *patch, struct api_object *ret,
              struct err *err) WARN_UNUSED;

struct api_delete_opts {
    int64_t grace_s;    /* -1: the object's own */
    const char *policy; /* "Background", "Foreground", "Orphan"; NULL: as it stands */
    const char *uid;    /* preconditions; NULL: none */
    const char *resource_version;
};
/* From a DeleteOptions object (NULL: none); what it points to stays the object's. dryRun in it is
 * the context's too. */
int api_delete_opts_read(struct api_ctx *ctx, const json_t *options, struct api_delete_opts *ret,
                         struct err *err) WARN_UNUSED;
/* *ret is the object as it was (removed) or as it is now (marked). */
int api_delete(struct api *api, struct api_ctx *ctx, const struct api_target *t,
               const struct api_delete_opts *opts, struct api_object *ret,
               struct err *err) WARN_UNUSED;

/* autoscaling/v1 Scale of a deployment or the like. */
int api_scale_get(struct api *api, struct api_ctx *ctx, const struct api_target *t,
                  struct api_object *ret, struct err *err) WARN_UNUSED;
int api_scale_put(struct api *api, struct api_ctx *ctx, const struct api_target *t, json_t *scale,
                  struct api_object *ret, struct err *err) WARN_UNUSED;
/* Binds the pod t->name to the node of a Binding. */
int api_bind(struct api *api, struct api_ctx *ctx, const struct api_target *t,
             const json_t *binding, struct err *err) WARN_UNUSED;
/* pods/eviction: a deletion that says so in the pod's conditions. */
int api_evict(struct api *api, struct api_ctx *ctx, const struct api_target *t,
              const json_t *eviction, struct err *err) WARN_UNUSED;

#endif
