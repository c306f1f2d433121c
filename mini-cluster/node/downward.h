/* SPDX-License-Identifier: Apache-2.0 */
/* What a pod may be told about itself: its fields and its containers' resources, as text. */
#ifndef NODE_DOWNWARD_H
#define NODE_DOWNWARD_H

#include <jansson.h>

#include "common/err.h"
#include "common/str.h"

struct spec_in;

/* "metadata.name", "metadata.labels['app']", "status.podIP" ... ERR_INVALID: no such field. */
int downward_field(const struct spec_in *in, const char *path, struct str *out,
                   struct err *err) WARN_UNUSED;
/* A resourceFieldRef: limits or requests of one of the pod's containers, divided and rounded up. */
int downward_resource(const struct spec_in *in, const json_t *ref, struct str *out,
                      struct err *err) WARN_UNUSED;

#endif
