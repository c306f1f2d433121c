/* SPDX-License-Identifier: Apache-2.0 */
/* What probes and hooks do: run a command in a container, call it, or wait. */
#ifndef NODE_HANDLER_H
#define NODE_HANDLER_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

struct container;
struct handler;

enum handler_how {
    HANDLER_NONE,
    HANDLER_EXEC,
    HANDLER_HTTP,
    HANDLER_TCP,
    HANDLER_GRPC,
    HANDLER_SLEEP,
};

/* Told once, from the loop, never from within handler_run. status: HTTP's, of others 0. `why` of a
 * failure is in a kubelet's words; "" when it is ok. The handler may be run or freed here. */
typedef void handler_done(void *arg, bool ok, int status, const char *why);

/* `spec` is a Probe or a LifecycleHandler, `container` the spec around it. */
struct handler *handler_new(struct container *c, const json_t *spec, const json_t *container);
void handler_free(struct handler *h); /* NULL is fine */
enum handler_how handler_how(const struct handler *h);

/* Does it, for at most so long (0: as long as it takes); nothing may be under way. */
void handler_run(struct handler *h, uint64_t timeout_ns, handler_done *done, void *arg);
bool handler_is_running(const struct handler *h);
/* Nobody is told any more; a command is told to hang up. */
void handler_cancel(struct handler *h);

#endif
