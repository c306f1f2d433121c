/* SPDX-License-Identifier: Apache-2.0 */
/* The machine of a memory VFS, and a handle on one of its files. */
#ifndef STORE_MEMVFS_IMPL_H
#define STORE_MEMVFS_IMPL_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/memvfs.h"
#include "store/memvfs_disk.h"

struct memvfs {
    sqlite3_vfs vfs; /* its name is ours */
    pthread_mutex_t lock;
    struct mem_disk disk;
    uint64_t steps, crash_at;
    unsigned generation; /* of the machine: reboots */
    bool dead, full;
    uint64_t random;
    int64_t clock_ms;
};

struct handle {
    sqlite3_file base;
    struct memvfs *v;
    struct mem_file *f;
    unsigned generation;
    int level; /* SQLITE_LOCK_NONE ... */
    struct mem_shm *shm;
    unsigned shm_shared; /* bits of the locks held */
};

static inline struct handle *handle_of(sqlite3_file *file)
{
    return (struct handle *)file;
}

/* What SQLite calls on a handle. */
extern const sqlite3_io_methods memvfs_methods;

/* One more step; false when the machine died before it. */
bool memvfs_step(struct memvfs *v);

/* A checkpoint may run in a worker: every entry holds the lock until it returns. */
static inline void unlock_vfs(pthread_mutex_t **lock)
{
    pthread_mutex_unlock(*lock);
}

#define GUARD(v)                                                                                   \
    __attribute__((cleanup(unlock_vfs), unused)) pthread_mutex_t *guard_ = &(v)->lock;             \
    pthread_mutex_lock(guard_)

#endif
