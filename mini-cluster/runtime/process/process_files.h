/* SPDX-License-Identifier: Apache-2.0 */
/* Folders and files of the driver and of its containers. */
#ifndef RUNTIME_PROCESS_PROCESS_FILES_H
#define RUNTIME_PROCESS_PROCESS_FILES_H

#include <stdbool.h>

#include "common/str.h"
#include "runtime/runtime.h"

int process_files_mkdirs(const char *path, struct err *err) WARN_UNUSED; /* parents, too */
int process_files_read(const char *path, struct str *out, struct err *err) WARN_UNUSED;
/* Whole or as it was. */
int process_files_write(const char *path, const void *bytes, size_t n, unsigned mode,
                        struct err *err) WARN_UNUSED;
/* Everything below, and itself; links are not followed. */
void process_files_remove(const char *path);

/* What a container finds at its paths: folders, what its image has, its volumes and its files. */
struct process_root {
    const char *dir;        /* the container's; "root" is made in it */
    const char *kept_dir;   /* of volumes that outlive their sandbox */
    const char *shared_dir; /* of the others */
    const char *network;    /* whose names it has: the path of that container's folder, or NULL */
    const char *address, *hostname;
};
int process_files_root(const struct process_root *r, const struct runtime_spec *spec,
                       struct err *err) WARN_UNUSED;

#endif
