/* SPDX-License-Identifier: Apache-2.0 */
/* Daemons refuse versions that are too old for them: Docker 29 everything below 1.44. */
#include "runtime/docker/docker_version.h"

#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"

/* The oldest has all that we use (Docker 20.10); past the newest nobody has looked. */
enum { OLDEST = 41, NEWEST = 51 };

/* The minor part of "1.41"; -1 for anything else. */
static int minor_of(const char *text)
{
    int64_t minor;
    return str_has_prefix(text, "1.") && str_to_i64(text + 2, 0, 999, &minor) ? (int)minor : -1;
}

int docker_version_choose(const json_t *version, char ret[DOCKER_VERSION_SIZE], struct err *err)
{
    const char *engine = jx_str(version, "Version", "?");
    int newest = minor_of(jx_str(version, "ApiVersion", ""));
    int oldest = minor_of(jx_str(version, "MinAPIVersion", "1.0"));
    if (newest < 0 || oldest < 0) {
        return err_set(err, ERR_UNAVAILABLE,
                       "what answers there is no Docker Engine: it names no API version");
    }
    if (newest < OLDEST) {
        return err_set(err, ERR_UNAVAILABLE,
                       "Docker Engine %.40s speaks API 1.%d; podlab needs 1.%d (Docker Engine "
                       "20.10) or newer: update Docker",
                       engine, newest, OLDEST);
    }
    if (oldest > NEWEST) {
        return err_set(err, ERR_UNAVAILABLE,
                       "Docker Engine %.40s no longer speaks any API before 1.%d; this podlab "
                       "knows up to 1.%d: update podlab",
                       engine, oldest, NEWEST);
    }
    snprintf(ret, DOCKER_VERSION_SIZE, "1.%d", newest < NEWEST ? newest : NEWEST);
    return 0;
}
