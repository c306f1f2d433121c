/* SPDX-License-Identifier: Apache-2.0 */
/* All cursors into the log of one store: who is woken when something is published. */
#ifndef STORE_WATCH_H
#define STORE_WATCH_H

#include <stdint.h>

struct loop;
struct store_history;
struct store_watches;

struct store_watches *store_watches_new(struct loop *loop, const struct store_history *h);
/* Watches still there belong to their owners and have nothing to read any more. NULL is fine. */
void store_watches_free(struct store_watches *ws);

/* The events from this place on are new, and `rev` is the published revision. Wakes are deferred. */
void store_watches_publish(struct store_watches *ws, uint64_t place, int64_t rev);
/* The oldest event that some watch has yet to read; the end of the log when there is none. */
uint64_t store_watches_oldest(const struct store_watches *ws);

#endif
