/* SPDX-License-Identifier: Apache-2.0 */
/* What "nginx" means: which registry, which repository, which tag; and whether it is a name at all. */
#ifndef RUNTIME_IMAGE_NAME_H
#define RUNTIME_IMAGE_NAME_H

#include <stdbool.h>

#include "common/err.h"

struct image_name {
    char registry[256];   /* "docker.io", "localhost:5000" */
    char repository[256]; /* as Docker shows it: "busybox", "podlab/web", "ghcr.io/a/b" */
    char tag[129];        /* "latest" when none was given; "" with a digest */
    char digest[160];     /* "sha256:..."; "" when none was given */
};

/* ERR_INVALID says what is wrong, in a kubelet's words. */
int image_name_parse(const char *text, struct image_name *ret, struct err *err) WARN_UNUSED;
/* "busybox:latest", "podlab/web:v1", "ghcr.io/a/b@sha256:...". */
void image_name_text(const struct image_name *name, char *ret, unsigned size);
/* One of ours, which no registry has. */
bool image_name_is_podlab(const struct image_name *name);

#endif
