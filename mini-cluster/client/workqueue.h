/* SPDX-License-Identifier: Apache-2.0 */
/* Keys to look at: each once, in order, later again when it failed. What every controller runs on.
 */
#ifndef CLIENT_WORKQUEUE_H
#define CLIENT_WORKQUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct loop;
struct workqueue;

/* `reconcile` looks at the key ("ns/name") and makes one step; -1 (err is logged) tries again after
 * a back-off that grows from 5 ms to 30 s; ERR_CONFLICT and ERR_NOT_FOUND try again at once, at
 * most 10 times. At most about 5 ms of work per tick. */
struct workqueue *workqueue_new(struct loop *loop, const char *name,
                                int (*reconcile)(void *arg, const char *key, struct err *err),
                                void *arg);
void workqueue_free(struct workqueue *q);
void workqueue_add(struct workqueue *q, const char *key);
void workqueue_add_object(struct workqueue *q, const char *ns, const char *name);
/* Not before this delay; an earlier appointment of the same key stays. */
void workqueue_add_after(struct workqueue *q, const char *key, uint64_t delay_ns);
size_t workqueue_len(const struct workqueue *q);
/* "ns/name" into its parts; the buffers hold 254 bytes. */
void workqueue_split(const char *key, char ns[254], char name[254]);

#endif
