/* SPDX-License-Identifier: Apache-2.0 */
/* Reads Docker's stream of events: JSON objects, one a line. */
#ifndef RUNTIME_DOCKER_DOCKER_EVENT_H
#define RUNTIME_DOCKER_DOCKER_EVENT_H

#include <stdbool.h>

#include <jansson.h>

#include "common/err.h"
#include "common/str.h"

/* What is of interest in one; borrowed for the time of the callback. */
struct docker_event {
    const char *name, *host; /* "" of a network's */
    const char *id;          /* of the container */
    const char *uid;         /* of its cluster; "" when it has none, and of a network's */
    const char *network;     /* that it came to or left, by name; NULL: an event of the container */
    const char *action;
    int exit_code;
};

/* Zeroed: empty. */
struct docker_event_reader {
    struct str line;
};

/* Calls fn for every event of a container that changed, anybody's. Lines that are no events are
 * skipped; one that never ends is ERR_INTERNAL. fn returns false to stop. */
int docker_event_feed(struct docker_event_reader *r, const char *bytes, size_t n,
                      bool (*fn)(void *arg, const struct docker_event *ev), void *arg,
                      struct err *err) WARN_UNUSED;
/* The names of those that count; the caller owns the array. */
json_t *docker_event_actions(void);
void docker_event_reader_fini(struct docker_event_reader *r);

#endif
