/* SPDX-License-Identifier: Apache-2.0 */
/* Events as kubectl describe shows them: the same thing again raises a count instead of a new line.
 */
#ifndef CLIENT_RECORDER_H
#define CLIENT_RECORDER_H

#include <jansson.h>

struct client;
struct kind;

/* Records that `reason` ("FailedScheduling") befell `obj`. type is "Normal" or "Warning"; component
 * is "kubelet", with `host` its node or NULL. A full or read-only store loses it, silently. */
void recorder_event(struct client *c, const char *component, const char *host, const json_t *obj,
                    const char *type, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));

#endif
