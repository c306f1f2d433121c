/* SPDX-License-Identifier: Apache-2.0 */
/* What SQLite does with an open file of the memory VFS: bytes, locks, and the shared memory that a
 * write-ahead log needs. */
#include <string.h>

#include "store/memvfs_impl.h"

/* The index of a write-ahead log, shared by the handles of one file. */
struct mem_shm {
    VEC(void *) regions;
    unsigned refs;
    unsigned shared[SQLITE_SHM_NLOCK];
    const void *exclusive[SQLITE_SHM_NLOCK];
};

/* Whether the handle's machine still runs. */
static bool alive(const struct handle *h)
{
    return !h->v->dead && h->generation == h->v->generation;
}

/* ---- bytes ---- */

static int m_read(sqlite3_file *file, void *buf, int n, sqlite3_int64 at)
{
    struct handle *h = handle_of(file);
    GUARD(h->v);
    if (!alive(h)) {
        return SQLITE_IOERR_READ;
    }
    size_t got = memvfs_disk_read(h->f, buf, (size_t)n, (size_t)at);
    return got == (size_t)n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int m_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
    struct handle *h = handle_of(file);
    GUARD(h->v);
    if (!alive(h) || !memvfs_step(h->v)) {
        return SQLITE_IOERR_WRITE;
    }
    if (h->v->full) {
        return SQLITE_FULL;
    }
    memvfs_disk_write(h->f, bytes, (size_t)n, (size_t)at);
    return SQLITE_OK;
}

static int m_truncate(sqlite3_file *file, sqlite3_int64 n)
{
    struct handle *h = handle_of(file);
    GUARD(h->v);
    if (!alive(h) || !memvfs_step(h->v)) {
        return SQLITE_IOERR_TRUNCATE;
    }
    memvfs_disk_truncate(h->f, (size_t)n);
    return SQLITE_OK;
}

static int m_sync(sqlite3_file *file, int flags)
{
    (void)flags;
    struct handle *h = handle_of(file);
    GUARD(h->v);
    if (!alive(h) || !memvfs_step(h->v)) {
        return SQLITE_IOERR_FSYNC;
    }
    memvfs_disk_sync(h->f);
    return SQLITE_OK;
}

static int m_size(sqlite3_file *file, sqlite3_int64 *ret)
{
    struct handle *h = handle_of(file);
    GUARD(h->v);
    *ret = (sqlite3_int64)h->f->now.n;
    return alive(h) ? SQLITE_OK : SQLITE_IOERR_FSTAT;
}

/* ---- locks ---- */

static int m_lock(sqlite3_file *file, int level)
{
    struct handle *h = handle_of(file);
    struct mem_file *f = h->f;
    GUARD(h->v);
    if (!alive(h)) {
        return SQLITE_IOERR_LOCK;
    }
    if (level <= h->level) {
        return SQLITE_OK;
    }
    bool others_reserve = f->reserved != NULL && f->reserved != h;
    bool others_wait = f->pending != NULL && f->pending != h;
    if (others_wait || (level > SQLITE_LOCK_SHARED && others_reserve)) {
        return SQLITE_BUSY;
    }
    if (level == SQLITE_LOCK_SHARED) {
        f->shared++;
    } else if (level == SQLITE_LOCK_RESERVED) {
        f->reserved = h;
    } else {
        f->pending = h; /* no more readers; those that are there are waited for */
        if (f->shared > 1) {
            h->level = SQLITE_LOCK_PENDING;
            return SQLITE_BUSY;
        }
    }
    h->level = level;
    return SQLITE_OK;
}

static void release(struct handle *h, int level)
{
    struct mem_file *f = h->f;
    if (h->generation != h->v->generation || level >= h->level) {
        return; /* the locks of an older machine went with it */
    }
    f->reserved = f->reserved == h ? NULL : f->reserved;
    f->pending = f->pending == h ? NULL : f->pending;
    if (level == SQLITE_LOCK_NONE) {
        f->shared--;
    }
    h->level = level;
}

static int m_unlock(sqlite3_file *file, int level)
{
    GUARD(handle_of(file)->v);
    release(handle_of(file), level);
    return SQLITE_OK;
}

static int m_check_reserved(sqlite3_file *file, int *ret)
{
    struct handle *h = handle_of(file);
    GUARD(h->v);
    *ret = h->f->reserved != NULL || h->f->pending != NULL;
    return alive(h) ? SQLITE_OK : SQLITE_IOERR_CHECKRESERVEDLOCK;
}

/* ---- shared memory ---- */

static void unref_shm(struct mem_shm *shm)
{
    if (--shm->refs > 0) {
        return;
    }
    for (size_t i = 0; i < shm->regions.n; i++) {
        free(shm->regions.v[i]);
    }
    vec_fini(&shm->regions);
    free(shm);
}

static int m_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **ret)
{
    struct handle *h = handle_of(file);
    GUARD(h->v);
    *ret = NULL;
    if (!alive(h)) {
        return SQLITE_IOERR_SHMMAP;
    }
    if (h->shm == NULL) {
        h->f->shm = h->f->shm != NULL ? h->f->shm : xnew(struct mem_shm);
        h->shm = h->f->shm;
        h->shm->refs++;
    }
    while (extend && h->shm->regions.n <= (size_t)region) {
        vec_push(&h->shm->regions, xcalloc(1, (size_t)size));
    }
    if ((size_t)region < h->shm->regions.n) {
        *ret = h->shm->regions.v[region];
    }
    return SQLITE_OK;
}

static void shm_release(struct handle *h, int at)
{
    struct mem_shm *shm = h->shm;
    if (h->shm_shared & 1u << at) {
        h->shm_shared &= ~(1u << at);
        shm->shared[at]--;
    } else if (shm->exclusive[at] == h) {
        shm->exclusive[at] = NULL;
    }
}

static bool shm_free_for(const struct handle *h, int at, bool exclusive)
{
    const struct mem_shm *shm = h->shm;
    unsigned own = h->shm_shared >> at & 1u;
    return (shm->exclusive[at] == NULL || shm->exclusive[at] == h) &&
           (!exclusive || shm->shared[at] == own);
}

static int m_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    struct handle *h = handle_of(file);
    bool exclusive = flags & SQLITE_SHM_EXCLUSIVE;
    GUARD(h->v);
    if (h->shm == NULL || (!alive(h) && !(flags & SQLITE_SHM_UNLOCK))) {
        return SQLITE_IOERR_SHMLOCK;
    }
    for (int i = offset; i < offset + n && (flags & SQLITE_SHM_LOCK); i++) {
        if (!shm_free_for(h, i, exclusive)) {
            return SQLITE_BUSY;
        }
    }
    for (int i = offset; i < offset + n; i++) {
        if (flags & SQLITE_SHM_UNLOCK) {
            shm_release(h, i);
        } else if (exclusive) {
            h->shm->exclusive[i] = h;
        } else if (!(h->shm_shared & 1u << i)) {
            h->shm_shared |= 1u << i;
            h->shm->shared[i]++;
        }
    }
    return SQLITE_OK;
}

static void m_shm_barrier(sqlite3_file *file)
{
    GUARD(handle_of(file)->v); /* a mutex is one */
}

static void leave_shm(struct handle *h)
{
    if (h->shm == NULL) {
        return;
    }
    for (int i = 0; i < SQLITE_SHM_NLOCK; i++) {
        shm_release(h, i);
    }
    if (h->f->shm == h->shm && h->shm->refs == 1) {
        h->f->shm = NULL;
    }
    unref_shm(steal(h->shm));
}

static int m_shm_unmap(sqlite3_file *file, int delete)
{
    (void)delete; /* it is gone with its last handle anyway */
    GUARD(handle_of(file)->v);
    leave_shm(handle_of(file));
    return SQLITE_OK;
}

/* ---- the rest of a handle ---- */

static int m_close(sqlite3_file *file)
{
    struct handle *h = handle_of(file);
    GUARD(h->v);
    leave_shm(h);
    release(h, SQLITE_LOCK_NONE);
    memvfs_disk_unref(steal(h->f));
    return SQLITE_OK;
}

static int m_control(sqlite3_file *file, int op, void *arg)
{
    (void)file;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int m_sector(sqlite3_file *file)
{
    (void)file;
    return 4096;
}

static int m_traits(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

const sqlite3_io_methods memvfs_methods = {
    .iVersion = 2,
    .xClose = m_close,
    .xRead = m_read,
    .xWrite = m_write,
    .xTruncate = m_truncate,
    .xSync = m_sync,
    .xFileSize = m_size,
    .xLock = m_lock,
    .xUnlock = m_unlock,
    .xCheckReservedLock = m_check_reserved,
    .xFileControl = m_control,
    .xSectorSize = m_sector,
    .xDeviceCharacteristics = m_traits,
    .xShmMap = m_shm_map,
    .xShmLock = m_shm_lock,
    .xShmBarrier = m_shm_barrier,
    .xShmUnmap = m_shm_unmap,
};
