/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a store, for the files that share it. */
#ifndef STORE_IMPL_H
#define STORE_IMPL_H

#include "common/str.h"
#include "common/vec.h"
#include "store/store.h"

struct loop_timer;
struct store_blocks;
struct store_change;
struct store_checkpoint;
struct store_history;
struct store_index;
struct store_records;
struct store_sql;
struct store_tree_cache;
struct store_waiters;
struct store_watches;

struct store {
    struct loop *loop;
    char *path, *vfs;
    size_t log_keep, log_bytes;
    void (*on_health)(void *arg, bool writable, const char *why);
    void *on_health_arg;

    struct store_sql *sql;
    struct store_checkpoint *checkpoint;
    struct store_blocks *blocks;
    struct store_index *index;
    struct store_tree_cache *trees;
    struct store_history *history;
    struct store_watches *watches;
    struct store_records *records;
    struct store_waiters *waiters;

    VEC(struct store_change *) stage; /* in the order of their revisions */
    bool nudged;                      /* the loop will come to the end of a tick */
    int64_t published;                /* the last revision that was published */
    int64_t given; /* the last one given out; those of dropped stages are not given again */
    /* On disk and synced: no revision above it was ever published, so the next one after a power
     * cut is above all that anybody saw. It moves in steps, and each step waits for the disk. */
    int64_t ceiling, step;
    uint64_t raised_ns; /* when it last moved */

    bool read_only;
    char why[sizeof(((struct err *)NULL)->msg)];
    size_t dropped_bytes; /* of the stage that failed: the probe asks for as much room */
    struct loop_timer *probe;
    bool health_told; /* what on_health was last told: writable */

    struct str scratch; /* where objects are encoded */
    uint64_t commits, puts, failed_commits;
};

/* ---- boot.c: what the file says, into memory ---- */

int store_boot(struct store *s, const char *boot_id, bool is_new, struct err *err) WARN_UNUSED;
/* The first ceiling, and how far it moves at once. */
enum { STORE_STEP_MIN = 1000, STORE_STEP_MAX = 100000 };

/* ---- commit.c: the end of a tick ---- */

void store_commit_tick(void *store);
/* Commits what is staged, now. */
void store_commit_now(struct store *s);
/* Forgets what is staged; nobody is told. */
void store_commit_drop(struct store *s);
/* Something is staged, or somebody waits: the loop has to come to the end of a tick. */
void store_commit_nudge(struct store *s);
void store_commit_probe(void *store);

#endif
