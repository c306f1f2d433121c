/* SPDX-License-Identifier: Apache-2.0 */
/* The memory VFS itself: names, chance and time, and what happens to the machine. */
#include "store/memvfs.h"

#include <string.h>

#include "common/mem.h"
#include "store/memvfs_impl.h"

bool memvfs_step(struct memvfs *v)
{
    if (!v->dead && v->crash_at > 0 && v->steps + 1 >= v->crash_at) {
        v->dead = true;
    }
    if (!v->dead) {
        v->steps++;
    }
    return !v->dead;
}

static int v_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
    struct memvfs *v = vfs->pAppData;
    struct handle *h = handle_of(file);
    GUARD(v);
    *h = (struct handle){.v = v, .generation = v->generation};
    struct mem_file *f = name != NULL ? memvfs_disk_find(&v->disk, name) : NULL;
    if (v->dead || (f == NULL && name != NULL && !(flags & SQLITE_OPEN_CREATE))) {
        memvfs_disk_unref(f);
        return SQLITE_CANTOPEN;
    }
    h->f = f != NULL ? f : memvfs_disk_make(&v->disk, name);
    h->base.pMethods = &memvfs_methods;
    if (ret_flags != NULL) {
        *ret_flags = flags;
    }
    return SQLITE_OK;
}

static int v_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)sync;
    struct memvfs *v = vfs->pAppData;
    GUARD(v);
    if (!memvfs_step(v)) {
        return SQLITE_IOERR_DELETE;
    }
    return memvfs_disk_delete(&v->disk, name) ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
}

static int v_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
    (void)flags;
    struct memvfs *v = vfs->pAppData;
    GUARD(v);
    struct mem_file *f = memvfs_disk_find(&v->disk, name);
    *ret = f != NULL;
    memvfs_disk_unref(f);
    return v->dead ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

static int v_full_name(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
    (void)vfs;
    return sqlite3_snprintf(n, out, "%s", name) != NULL ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int v_random(sqlite3_vfs *vfs, int n, char *out)
{
    struct memvfs *v = vfs->pAppData;
    GUARD(v);
    for (int i = 0; i < n; i++) {
        v->random = v->random * 6364136223846793005u + 1442695040888963407u;
        out[i] = (char)(v->random >> 56);
    }
    return n;
}

static int v_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us; /* nobody else would do anything meanwhile */
}

static int v_time(sqlite3_vfs *vfs, sqlite3_int64 *ret_ms)
{
    struct memvfs *v = vfs->pAppData;
    GUARD(v);
    *ret_ms = (sqlite3_int64)2460676 * 86400000 + ++v->clock_ms; /* in 2025, and it moves */
    return SQLITE_OK;
}

static int v_error(sqlite3_vfs *vfs, int n, char *out)
{
    (void)vfs;
    (void)n;
    (void)out;
    return 0;
}

struct memvfs *memvfs_new(const char *name)
{
    struct memvfs *v = xnew(struct memvfs);
    pthread_mutex_init(&v->lock, NULL);
    v->vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(struct handle),
        .mxPathname = 512,
        .zName = xstrdup(name),
        .pAppData = v,
        .xOpen = v_open,
        .xDelete = v_delete,
        .xAccess = v_access,
        .xFullPathname = v_full_name,
        .xRandomness = v_random,
        .xSleep = v_sleep,
        .xGetLastError = v_error,
        .xCurrentTimeInt64 = v_time,
    };
    sqlite3_vfs_register(&v->vfs, 0);
    return v;
}

void memvfs_free(struct memvfs *v)
{
    if (v == NULL) {
        return;
    }
    sqlite3_vfs_unregister(&v->vfs);
    memvfs_disk_fini(&v->disk);
    pthread_mutex_destroy(&v->lock);
    free((char *)(uintptr_t)v->vfs.zName);
    free(v);
}

uint64_t memvfs_steps(const struct memvfs *v)
{
    return v->steps;
}

void memvfs_crash_at(struct memvfs *v, uint64_t n)
{
    GUARD(v);
    v->crash_at = n;
}

void memvfs_reboot(struct memvfs *v, uint64_t seed, bool power_cut)
{
    GUARD(v);
    v->generation++;
    v->dead = false;
    v->crash_at = 0;
    for (struct mem_file *f = v->disk.files; f != NULL; f = f->next) {
        if (power_cut) {
            memvfs_disk_power_cut(f, &seed);
        }
        f->shared = 0;
        f->reserved = f->pending = NULL;
        f->shm = NULL; /* handles of the old machine keep theirs until they are closed */
    }
}

void memvfs_full(struct memvfs *v, bool full)
{
    GUARD(v);
    v->full = full;
}

const void *memvfs_read(const struct memvfs *v, const char *name, size_t *ret_n)
{
    for (const struct mem_file *f = v->disk.files; f != NULL; f = f->next) {
        if (strcmp(f->name, name) == 0) {
            *ret_n = f->now.n;
            return f->now.p;
        }
    }
    return NULL;
}

void memvfs_write(struct memvfs *v, const char *name, const void *bytes, size_t n)
{
    GUARD(v);
    memvfs_disk_delete(&v->disk, name);
    struct mem_file *f = memvfs_disk_make(&v->disk, name);
    memvfs_disk_write(f, bytes, n, 0);
    memvfs_disk_sync(f);
    memvfs_disk_unref(f);
}
