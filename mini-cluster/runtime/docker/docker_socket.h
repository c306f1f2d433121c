/* SPDX-License-Identifier: Apache-2.0 */
/* Where the Docker daemon listens, and in plain words why it cannot be reached. */
#ifndef RUNTIME_DOCKER_DOCKER_SOCKET_H
#define RUNTIME_DOCKER_DOCKER_SOCKET_H

#include "common/err.h"

/* `given`, else the path in DOCKER_HOST, else /var/run/docker.sock; the caller frees. NULL with
 * ERR_UNAVAILABLE when DOCKER_HOST is no Unix socket. */
char *docker_socket_path(const char *given, struct err *err);
/* Whether something accepts there. ERR_UNAVAILABLE says whether there is no socket, no daemon, or no
 * permission, and how to get it. */
int docker_socket_check(const char *path, struct err *err) WARN_UNUSED;

#endif
