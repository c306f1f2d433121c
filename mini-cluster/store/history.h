/* SPDX-License-Identifier: Apache-2.0 */
/* The event log in memory: what was published, in order, as far back as it is kept. */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include <stdint.h>

#include "store/store.h"

struct store_history;

struct store_history *store_history_new(void);
void store_history_free(struct store_history *h);

/* Takes over the references of the event. Revisions only rise. */
void store_history_push(struct store_history *h, const struct store_event *ev);
/* Events have places, counted from the first ever pushed: [first, end) are here. */
uint64_t store_history_first(const struct store_history *h);
uint64_t store_history_end(const struct store_history *h);
const struct store_event *store_history_at(const struct store_history *h, uint64_t place);
/* The place of the first event after a revision; the end when there is none. */
uint64_t store_history_after(const struct store_history *h, int64_t rev);
/* About how much memory the events hold, and one of them; the version before counts as another's. */
size_t store_history_bytes(const struct store_history *h);
size_t store_history_size(const struct store_event *ev);

/* Forgets the oldest n. The last of them becomes the floor. */
void store_history_drop(struct store_history *h, size_t n);
/* Whoever wants the events after an older revision comes too late. */
int64_t store_history_floor(const struct store_history *h);
void store_history_set_floor(struct store_history *h, int64_t rev);

#endif
