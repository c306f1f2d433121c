/* SPDX-License-Identifier: Apache-2.0 */
/* One data file per API group; validation, defaults, merge keys, protobuf numbers, OpenAPI, table
 * columns all derive from it.
 *
 * The tables are const and compiled in (kinds/gen/kindc.c makes them from kinds/[name].yaml).
 * Protobuf numbers are those of k8s.io/api's generated.proto. */
#ifndef KINDS_KINDS_H
#define KINDS_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"
#include "common/str.h"
#include "kinds/field_errs.h"

/* ---- the shape of the data ---- */

enum kind_type {
    KIND_BOOL,
    KIND_INT32,
    KIND_INT64,
    KIND_DOUBLE,
    KIND_STRING,
    KIND_BYTES,         /* base64 in JSON */
    KIND_QUANTITY,
    KIND_TIME,
    KIND_MICRO_TIME,
    KIND_INT_OR_STRING,
    KIND_MESSAGE,       /* see `message` */
    KIND_ANY,           /* any JSON: RawExtension, FieldsV1 */
};

enum kind_shape { KIND_ONE, KIND_LIST, KIND_MAP /* of string to type */ };

struct kind_message;

struct kind_field {
    const char *name;                   /* in JSON */
    enum kind_type type;
    enum kind_shape shape;
    const struct kind_message *message; /* of KIND_MESSAGE, also as the item of a list or map */
    unsigned pb;                        /* protobuf number; 0: not in protobuf */
    bool pointer;                       /* a Go pointer: presence counts in protobuf, zero included */
    bool inlined;                       /* nested in protobuf, inlined in JSON (Volume.volumeSource) */
    bool required;
    bool immutable;                     /* may not change once set */
    bool system;                        /* set by the system: the client's value is dropped on write */
    const char *merge_key;              /* strategic merge of a list; "" for a set of plain values */
    const char *list_keys;              /* "containerPort,protocol": what must be unique; NULL: none */
    bool may_repeat;                    /* list_keys need not be unique: the first one counts */
    bool retain_keys;
    const char *dflt;                   /* the default as JSON text; NULL: none */
    const char *dflt_when;              /* "type=NodePort|LoadBalancer": only beside such a sibling */
    const char *const *enums;           /* NULL-terminated; NULL: any */
    const char *const *bool_words;      /* what false and true mean ("Off", "On"), since YAML reads
                                         * these words as booleans; NULL: a boolean is refused */
    bool has_min, has_max;
    int64_t min, max;                   /* of a number; of a string or list: the length */
    const char *format;                 /* "dns-label", "dns-subdomain", "dns1035", "label-value", "env-name", "config-key",
                                         * "port-name", "label-key" (keys of maps, too), "labels", "annotations",
                                         * "quantity>=0", NULL */
    const char *doc;
};

struct kind_message {
    const char *name;                   /* "PodSpec" */
    const char *full_name;              /* "io.k8s.api.core.v1.PodSpec", for OpenAPI */
    const char *doc;
    const struct kind_field *fields;    /* sorted by name */
    size_t nfields;
    const struct kind_field *as_value;  /* this message as one value without a name */
};

struct kind_column {
    const char *name;
    const char *type;                   /* "string", "integer", "date" */
    const char *format;                 /* "name" or "" */
    int priority;                       /* 0 always, 1 with -o wide */
    const char *print;                  /* a named printer ("pod-ready", "age", "selector") or "path" */
    const char *path;                   /* jx path for "path", "age" and the like */
    const char *dflt;                   /* when there is nothing there */
    const char *doc;
};

struct kind_subresource {
    const char *name;                   /* "scale" */
    const char *group, *version, *kind; /* of what is sent and answered */
    const char *const *verbs;
};

struct kind {
    const char *group;                  /* "" for core */
    const char *version;
    const char *kind;                   /* "Deployment" */
    const char *list_kind;              /* "DeploymentList" */
    const char *resource;               /* "deployments" */
    const char *singular;
    const char *const *short_names;     /* each NULL-terminated, never NULL */
    const char *const *categories;
    const char *const *verbs;
    const char *const *field_selectors; /* beyond metadata.name and .namespace */
    bool namespaced;
    bool served;                        /* false: a body only (DeleteOptions, Eviction, Scale ...) */
    bool has_generation;                /* metadata.generation counts changes of spec */
    const struct kind_message *message;
    const struct kind_column *columns;
    size_t ncolumns;
    const struct kind_subresource *subresources;
    size_t nsubresources;
    const char *gr;                     /* "deployments.apps", "pods": the store's key for the kind */
    const char *api_version;            /* "apps/v1", "v1" */
    const char *name_format;            /* what metadata.name must be; as kind_field.format */
};

/* ---- finding ---- */

extern const struct kind *const kinds_all[]; /* NULL-terminated, in order of discovery */

const struct kind *kinds_find(const char *group, const char *version, const char *resource);
const struct kind *kinds_find_kind(const char *group, const char *version, const char *kind);
/* By apiVersion and kind as an object carries them. */
const struct kind *kinds_of(const json_t *obj);
/* By "deployments.apps". */
const struct kind *kinds_find_gr(const char *gr);
bool kinds_has_verb(const struct kind *k, const char *verb);
const struct kind_subresource *kinds_subresource(const struct kind *k, const char *name);
/* By its name in JSON, also when it is a field of an inlined message; NULL: unknown. An inlined
 * field itself has no name in JSON, so it is never found. */
const struct kind_field *kinds_field(const struct kind_message *m, const char *name);

/* ---- objects on their way in; `obj` belongs to the caller ---- */

/* Unknown fields, as JSON strings in `paths` ("spec.replica"); the first hundred. */
void kinds_unknown(const struct kind *k, const json_t *obj, json_t *paths);
/* Removes unknown fields, nulls, and the wrong-typed are left for kinds_validate. */
void kinds_prune(const struct kind *k, json_t *obj);
/* Fills in defaults, and brings quantities to their canonical form. */
void kinds_default(const struct kind *k, json_t *obj);
/* Types, required, enums, bounds, formats, unique list keys. A wrong JSON type is not a field error
 * in Kubernetes but a bad request: it comes first and sets err (ERR_BAD_REQUEST: "json: cannot
 * unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"); else 0.
 * What decodes itself in Go (quantities, times, base64) gets " (at PATH)" after Go's words. An
 * object of more than 50,000 parts is refused here, before anything costly is done with it. */
int kinds_check_types(const struct kind *k, const json_t *obj, struct err *err) WARN_UNUSED;
void kinds_validate(const struct kind *k, const json_t *obj, struct field_errs *errs);
/* Immutable fields that differ. */
void kinds_validate_update(const struct kind *k, const json_t *old, const json_t *obj,
                           struct field_errs *errs);

/* ---- strategic merge: fits struct patch_schema; a node is what `root` or `child` gave ---- */
const void *kinds_merge_root(const struct kind *k);
const void *kinds_merge_child(const void *node, const char *field);
const char *kinds_merge_key(const void *node);
int kinds_merge_retain_keys(const void *node);

/* ---- protobuf ---- */

/* A body that begins with "k8s\0": the object as JSON, with apiVersion and kind. Accepts the kinds
 * that are not served too (DeleteOptions). ERR_BAD_REQUEST names the message and field. */
int kinds_proto_decode(const void *bytes, size_t n, json_t **ret, struct err *err) WARN_UNUSED;

/* ---- discovery and OpenAPI; each result is the caller's and the same bytes every time ---- */

/* version is "v2" or "v2beta1" (aggregated); `core` chooses /api or /apis. */
json_t *kinds_discovery_aggregated(const char *version, bool core);
json_t *kinds_discovery_groups(void);                         /* APIGroupList */
json_t *kinds_discovery_group(const char *group);             /* APIGroup; NULL: no such group */
json_t *kinds_discovery_versions(void);                       /* APIVersions of /api */
json_t *kinds_discovery_resources(const char *group, const char *version); /* APIResourceList; NULL */
json_t *kinds_openapi_v3_index(void);
json_t *kinds_openapi_v3(const char *group, const char *version);          /* NULL: no such */
/* The gnostic protobuf document that kubectl asks for at /openapi/v2. */
void kinds_openapi_v2(struct str *out);
json_t *kinds_openapi_v2_json(void);

/* ---- tables ---- */

/* What rows[].object carries. */
enum kind_table_object { KIND_TABLE_NONE, KIND_TABLE_METADATA, KIND_TABLE_OBJECT };
/* columnDefinitions; the caller owns it. */
json_t *kinds_table_columns(const struct kind *k);
/* One row {cells, object}; `now_us` is wall time, for ages. The object's (or metadata's) own members
 * may be set and deleted; what is below them is shared with `obj` and stays frozen. */
json_t *kinds_table_row(const struct kind *k, const json_t *obj, enum kind_table_object with,
                        int64_t now_us);
/* The PartialObjectMetadata of an object; shared in the same way. */
json_t *kinds_partial_metadata(const json_t *obj);

#endif
