/* SPDX-License-Identifier: Apache-2.0 */
/* Tar archives in memory: what Docker takes images and files in. The same calls give the same bytes. */
#ifndef RUNTIME_TAR_H
#define RUNTIME_TAR_H

#include <stddef.h>

#include "common/str.h"

/* Paths are relative to the root ("etc/passwd"); a leading slash is dropped. Owned by 0:0. */
void tar_add_dir(struct str *out, const char *path, unsigned mode);
void tar_add_file(struct str *out, const char *path, const void *bytes, size_t n, unsigned mode);
void tar_add_symlink(struct str *out, const char *path, const char *target);
/* After the last entry. */
void tar_end(struct str *out);

#endif
