/* SPDX-License-Identifier: Apache-2.0 */
/* The disk of a memory VFS: files, what of them is synced, and what a power cut leaves. */
#ifndef STORE_MEMVFS_DISK_H
#define STORE_MEMVFS_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/vec.h"

struct mem_bytes {
    unsigned char *p;
    size_t n, cap;
};

/* A change that is not synced: bytes written at a place, or (bytes NULL) a new length. */
struct mem_op {
    unsigned char *bytes;
    size_t at, n;
};

struct mem_shm;

struct mem_file {
    char *name; /* NULL: nameless, or deleted */
    struct mem_bytes now, synced;
    VEC(struct mem_op) ops;
    unsigned refs; /* handles, and one of the disk while it has a name */
    /* Locks of the open handles. */
    unsigned shared;
    const void *reserved, *pending; /* the handle that has it */
    struct mem_shm *shm;
    struct mem_file *next;
};

struct mem_disk {
    struct mem_file *files;
};

/* With a reference. find: NULL when there is none; make with NULL makes a nameless one. */
struct mem_file *memvfs_disk_find(struct mem_disk *d, const char *name);
struct mem_file *memvfs_disk_make(struct mem_disk *d, const char *name);
void memvfs_disk_unref(struct mem_file *f);
/* Takes the name away; open handles keep the bytes. */
bool memvfs_disk_delete(struct mem_disk *d, const char *name);
void memvfs_disk_fini(struct mem_disk *d);

void memvfs_disk_write(struct mem_file *f, const void *bytes, size_t n, size_t at);
/* How many bytes there were; the rest of buf is zeroed. */
size_t memvfs_disk_read(const struct mem_file *f, void *buf, size_t n, size_t at);
void memvfs_disk_truncate(struct mem_file *f, size_t n);
void memvfs_disk_sync(struct mem_file *f);
/* What was not synced is there, or not, or in part; chance comes from *state. */
void memvfs_disk_power_cut(struct mem_file *f, uint64_t *state);

#endif
