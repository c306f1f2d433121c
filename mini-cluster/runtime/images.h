/* SPDX-License-Identifier: Apache-2.0 */
/* The images that podlab brings along, built in memory from the guest program: no registry needed. */
#ifndef RUNTIME_IMAGES_H
#define RUNTIME_IMAGES_H

#include <stdbool.h>

#include "common/err.h"
#include "common/str.h"

struct image_config;
struct image_identity;

/* "podlab/guest:1", the image of the guest's own roles. */
extern const char *const images_guest;
/* Every bundled image's name ("podlab/web:v1" ...), NULL-terminated. */
extern const char *const images_bundled[];

/* The docker-archive (tar) of all of them, sharing one layer; the same bytes every time. */
void images_archive(struct str *out);
/* What a bundled image looks like once it is loaded (image_archive.h); false when the name is none. */
bool images_identity(const char *name, struct image_identity *ret);
/* What a bundled image runs (image_archive.h); NULL when the name is none. */
const struct image_config *images_config(const char *name);
/* An archive of "busybox:latest" from a static busybox on this machine (/bin/busybox, /usr/bin/busybox);
 * ERR_NOT_FOUND when there is none. */
int images_busybox(struct str *out, struct err *err) WARN_UNUSED;
/* The same from the program at `path`. */
int images_busybox_from(const char *path, struct str *out, struct err *err) WARN_UNUSED;

#endif
