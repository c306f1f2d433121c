/* SPDX-License-Identifier: Apache-2.0 */
/* A SQLite VFS in memory that can crash, fill up or fail at any step: what power cuts and full disks
 * are in tests. Files outlive the store that used them. */
#ifndef STORE_MEMVFS_H
#define STORE_MEMVFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memvfs;

/* Registers a VFS of this name with SQLite. */
struct memvfs *memvfs_new(const char *name);
void memvfs_free(struct memvfs *v);

/* Steps are counted: every write, sync, truncate. */
uint64_t memvfs_steps(const struct memvfs *v);
/* From step `n` on every operation fails (as a dead machine); memvfs_reboot brings back what was
 * synced, plus a seeded random subset of unsynced writes. Process crashes keep all writes. */
void memvfs_crash_at(struct memvfs *v, uint64_t n);
void memvfs_reboot(struct memvfs *v, uint64_t seed, bool power_cut);
/* SQLITE_FULL from now on; false: room again. */
void memvfs_full(struct memvfs *v, bool full);

#endif
