/* SPDX-License-Identifier: Apache-2.0 */
/* One container of a pod: its attempts, and what the runtime says of the present one. */
#ifndef NODE_CONTAINER_H
#define NODE_CONTAINER_H

#include "node/node_impl.h"

void container_init(struct container *c, struct pod *p, const char *name, enum container_kind kind);
void container_fini(struct container *c);

/* The name of the present attempt, and that it is ours. */
void container_claim_name(struct container *c);
void container_format_name(const struct container *c, int attempt, char ret[RUNTIME_NAME_SIZE]);

/* Why it does not run; `reason` is static, `message` copied, NULL is fine. */
void container_wait(struct container *c, const char *reason, const char *message);

/* ---- asking the runtime; all are answered by and by ---- */

/* c is WAITING and nothing is under way. */
void container_ensure(struct container *c, const struct runtime_spec *spec);
/* The same of a sandbox that waits under the name of p->spare. */
void container_rename(struct container *c);
/* Ends it, after its preStop hook; again with a shorter grace ends it sooner. */
void container_stop(struct container *c, int64_t grace_s);
/* The same without the hook. */
void container_stop_now(struct container *c, int64_t grace_s);
/* Finds out what became of it. */
void container_look(struct container *c);

/* ---- what became of it ---- */

void container_seen(struct container *c, const struct runtime_status *st);
/* The runtime does not have it. */
void container_missing(struct container *c);
/* The present attempt ended; takes nothing. */
void container_set_end(struct container *c, int exit_code, const char *reason, const char *message);
/* It ran under an older epoch of its host, or nobody knows how it ended. */
void container_lost(struct container *c);
/* Begins the next attempt, as was staged and committed; the one before becomes `previous`. */
void container_renew(struct container *c);

struct container_end *container_end_new(int exit_code, const char *reason);
void container_end_free(struct container_end *e); /* NULL is fine */

/* Whether it was started by us or before our time, and has not ended. */
bool container_alive(const struct container *c);
/* It runs, but what is to be done right after its start is not done yet. */
bool container_is_beginning(const struct container *c);
/* "app" and the like for records. */
const char *container_kind_name(enum container_kind kind);
enum container_kind container_kind_find(const char *name);

#endif
