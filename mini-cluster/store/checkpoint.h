/* SPDX-License-Identifier: Apache-2.0 */
/* Moves SQLite's log into the database file while the loop goes on. */
#ifndef STORE_CHECKPOINT_H
#define STORE_CHECKPOINT_H

#include "common/err.h"

struct loop;
struct store_checkpoint;
struct store_sql;

/* `main` is the writing connection; it stays the caller's. */
int store_checkpoint_new(struct loop *loop, const char *path, const char *vfs,
                         struct store_sql *main, struct store_checkpoint **ret,
                         struct err *err) WARN_UNUSED;
/* Waits for a checkpoint under way. NULL is fine. */
void store_checkpoint_free(struct store_checkpoint *c);
/* Something was committed: begins a checkpoint when the log has grown enough. */
void store_checkpoint_poke(struct store_checkpoint *c);

#endif
