/* SPDX-License-Identifier: Apache-2.0 */
/* What the two documents of OpenAPI are made of: schemas of messages, and paths of kinds. Version 2
 * and 3 differ in where a schema stands and how it is referred to, and in how bodies are told. */
#ifndef KINDS_OPENAPI_H
#define KINDS_OPENAPI_H

#include <jansson.h>

#include "common/str.h"
#include "kinds/kinds.h"

enum openapi { OPENAPI_V2, OPENAPI_V3 };

/* A schema that refers to the one of that full name; others may be put beside it. */
json_t *openapi_schema_ref(enum openapi v, const char *full_name);
/* Adds the schema of a message, and of all it reaches, unless it is there. */
void openapi_schema_add(json_t *schemas, enum openapi v, const struct kind_message *m);
/* The full name of a kind's list ("io.k8s.api.core.v1.PodList"). */
void openapi_schema_list_name(struct str *out, const struct kind *k);
/* Adds a kind's message, its list, and the messages of its subresources. */
void openapi_schema_add_kind(json_t *schemas, enum openapi v, const struct kind *k);
/* {group, kind, version}: the value of x-kubernetes-group-version-kind. */
json_t *openapi_schema_gvk(const char *group, const char *version, const char *kind);
/* The kind that a subresource carries; NULL when it is not among the kinds. */
const struct kind *openapi_schema_subresource(const struct kind *k,
                                              const struct kind_subresource *s);

/* Adds the paths of a kind and its subresources. */
void openapi_paths_add(json_t *paths, enum openapi v, const struct kind *k);

/* An OpenAPI 2 document as the bytes of openapi.v2.Document, the protobuf that kubectl reads. */
void openapi_gnostic_encode(struct str *out, const json_t *document);

#endif
