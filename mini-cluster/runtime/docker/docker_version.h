/* SPDX-License-Identifier: Apache-2.0 */
/* Which version of Docker's API to speak. */
#ifndef RUNTIME_DOCKER_DOCKER_VERSION_H
#define RUNTIME_DOCKER_DOCKER_VERSION_H

#include <jansson.h>

#include "common/err.h"

enum { DOCKER_VERSION_SIZE = 16 };

/* The newest that both know ("1.41"), from what GET /version says. ERR_UNAVAILABLE names both sides
 * and who has to be updated. */
int docker_version_choose(const json_t *version, char ret[DOCKER_VERSION_SIZE], struct err *err)
    WARN_UNUSED;

#endif
