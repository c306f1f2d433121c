/* SPDX-License-Identifier: Apache-2.0 */
/* A docker-archive in memory: images that share one layer, and their ids before any daemon saw them. */
#ifndef RUNTIME_IMAGE_ARCHIVE_H
#define RUNTIME_IMAGE_ARCHIVE_H

#include <stddef.h>

#include "common/str.h"

/* "sha256:", 64 digits, NUL. */
enum { IMAGE_ID_SIZE = 72 };

/* The label that names what an image was made from: daemons that keep images in containerd's store
 * give them other ids than the digest of the configuration. */
#define IMAGE_LABEL "dev.podlab.image"

struct image_config {
    const char *name;                  /* "podlab/web:v1" */
    const char *const *entrypoint, *const *cmd, *const *env;
    int port;                          /* exposed, TCP; 0: none */
};

/* What is known of an image without loading it. */
struct image_identity {
    char id[IMAGE_ID_SIZE];            /* the digest of its configuration */
    char layer[IMAGE_ID_SIZE];         /* the digest of its only layer */
    char label[17];                    /* the value of IMAGE_LABEL */
};

/* "sha256:..." of some bytes. */
void image_digest(char ret[IMAGE_ID_SIZE], const void *bytes, size_t n);

/* The configuration of an image on the layer with this digest, as Docker keeps it: JSON. */
void image_config_json(struct str *out, const struct image_config *c,
                       const char layer[IMAGE_ID_SIZE], struct image_identity *ret_identity);

/* The archive of n images on one layer (a tar). */
void image_archive(struct str *out, const struct image_config *images, size_t n,
                   const struct str *layer);

#endif
