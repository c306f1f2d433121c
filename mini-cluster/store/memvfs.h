/* SPDX-License-Identifier: Apache-2.0 */
/* A SQLite VFS in memory that can crash, fill up or fail at any step: what power cuts and full disks
 * are in tests. Files outlive the store that used them. */
#ifndef STORE_MEMVFS_H
#define STORE_MEMVFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memvfs;

/* Registers a VFS of this name with SQLite. Every store that uses it is closed before it is freed. */
struct memvfs *memvfs_new(const char *name);
void memvfs_free(struct memvfs *v); /* NULL is fine */

/* Steps are counted from 1: every write, sync, truncation and deletion. */
uint64_t memvfs_steps(const struct memvfs *v);
/* From step `n` on every operation fails (as a dead machine); 0: never. memvfs_reboot brings back what
 * was synced, plus a seeded random subset of unsynced writes, whole or torn at 512 bytes. Process
 * crashes keep all writes. Files that were open before the reboot stay dead. */
void memvfs_crash_at(struct memvfs *v, uint64_t n);
void memvfs_reboot(struct memvfs *v, uint64_t seed, bool power_cut);
/* SQLITE_FULL from now on; false: room again. */
void memvfs_full(struct memvfs *v, bool full);

/* The bytes of a file as they are now, borrowed; NULL when there is no such file. */
const void *memvfs_read(const struct memvfs *v, const char *name, size_t *ret_n);
/* Makes or replaces a file, synced. */
void memvfs_write(struct memvfs *v, const char *name, const void *bytes, size_t n);

#endif
