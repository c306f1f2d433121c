/* SPDX-License-Identifier: Apache-2.0 */
/* Those who wait for the end of a stage: mostly answers that must not go out before it. */
#ifndef STORE_WAITERS_H
#define STORE_WAITERS_H

#include <stdbool.h>

struct loop;
struct store_waiters;

typedef void store_waiter_fn(void *arg, bool ok, const char *why);

struct store_waiters *store_waiters_new(struct loop *loop);
/* Who was not told yet is forgotten. NULL is fine. */
void store_waiters_free(struct store_waiters *w);
void store_waiters_add(struct store_waiters *w, store_waiter_fn *fn, void *arg);
void store_waiters_forget(struct store_waiters *w, const void *arg);
/* The stage ended. All who wait are told so from the loop, in the order of their coming. */
void store_waiters_settle(struct store_waiters *w, bool ok, const char *why);

#endif
