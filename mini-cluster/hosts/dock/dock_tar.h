/* SPDX-License-Identifier: Apache-2.0 */
/* What may be copied into a container: a plain archive of files, folders and links. */
#ifndef HOSTS_DOCK_DOCK_TAR_H
#define HOSTS_DOCK_DOCK_TAR_H

#include <stddef.h>

#include "common/err.h"

/* ERR_FORBIDDEN: a device, an entry that is named out of its folder, a compressed archive (of any
 * size, once it is unpacked). ERR_BAD_REQUEST: no archive. */
int dock_tar_check(const void *bytes, size_t n, struct err *err) WARN_UNUSED;

#endif
