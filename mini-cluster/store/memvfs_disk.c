/* SPDX-License-Identifier: Apache-2.0 */
/* Each file has two contents: what a reader sees, and what is synced. Between them stands the list
 * of changes since the last sync; a power cut plays some of it. */
#include "store/memvfs_disk.h"

#include <string.h>

#include "common/str.h"

enum { SECTOR = 512 };

/* ---- bytes ---- */

static void resize(struct mem_bytes *b, size_t n)
{
    if (n > b->cap) {
        b->cap = n > b->cap * 2 ? n : b->cap * 2;
        b->p = xrealloc(b->p, b->cap);
    }
    if (n > b->n) {
        memset(b->p + b->n, 0, n - b->n);
    }
    b->n = n;
}

static void put(struct mem_bytes *b, const void *bytes, size_t n, size_t at)
{
    if (n == 0) {
        return;
    }
    if (at + n > b->n) {
        resize(b, at + n);
    }
    memcpy(b->p + at, bytes, n);
}

static void play(struct mem_bytes *b, const struct mem_op *op)
{
    if (op->bytes != NULL) {
        put(b, op->bytes, op->n, op->at);
    } else {
        resize(b, op->n);
    }
}

/* ---- one file ---- */

static void forget_ops(struct mem_file *f)
{
    for (size_t i = 0; i < f->ops.n; i++) {
        free(f->ops.v[i].bytes);
    }
    f->ops.n = 0;
}

void memvfs_disk_write(struct mem_file *f, const void *bytes, size_t n, size_t at)
{
    struct mem_op op = {xmemdup(bytes, n), at, n};
    vec_push(&f->ops, op);
    play(&f->now, &op);
}

size_t memvfs_disk_read(const struct mem_file *f, void *buf, size_t n, size_t at)
{
    size_t there = at >= f->now.n ? 0 : f->now.n - at < n ? f->now.n - at : n;
    if (there > 0) {
        memcpy(buf, f->now.p + at, there);
    }
    memset((char *)buf + there, 0, n - there);
    return there;
}

void memvfs_disk_truncate(struct mem_file *f, size_t n)
{
    struct mem_op op = {NULL, 0, n};
    vec_push(&f->ops, op);
    play(&f->now, &op);
}

void memvfs_disk_sync(struct mem_file *f)
{
    for (size_t i = 0; i < f->ops.n; i++) {
        play(&f->synced, &f->ops.v[i]);
    }
    forget_ops(f);
}

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Each sector of a write is there or not. */
static void play_torn(struct mem_bytes *b, const struct mem_op *op, uint64_t *state)
{
    for (size_t from = 0; from < op->n;) {
        size_t n = SECTOR - (op->at + from) % SECTOR;
        n = n < op->n - from ? n : op->n - from;
        if (draw(state) & 1) {
            put(b, op->bytes + from, n, op->at + from);
        }
        from += n;
    }
}

void memvfs_disk_power_cut(struct mem_file *f, uint64_t *state)
{
    /* Sometimes nothing reached the disk, sometimes all did, mostly some of it. */
    uint64_t mood = draw(state) % 4;
    for (size_t i = 0; i < f->ops.n; i++) {
        const struct mem_op *op = &f->ops.v[i];
        uint64_t luck = mood == 0 ? 0 : mood == 1 ? 1 : draw(state) % 3;
        if (luck == 1 || (luck == 2 && op->bytes == NULL)) {
            play(&f->synced, op);
        } else if (luck == 2) {
            play_torn(&f->synced, op, state);
        }
    }
    forget_ops(f);
    f->now.n = 0;
    put(&f->now, f->synced.p, f->synced.n, 0);
}

/* ---- the disk ---- */

struct mem_file *memvfs_disk_find(struct mem_disk *d, const char *name)
{
    for (struct mem_file *f = d->files; f != NULL; f = f->next) {
        if (f->name != NULL && strcmp(f->name, name) == 0) {
            f->refs++;
            return f;
        }
    }
    return NULL;
}

struct mem_file *memvfs_disk_make(struct mem_disk *d, const char *name)
{
    struct mem_file *f = xnew(struct mem_file);
    f->refs = 1;
    if (name != NULL) {
        struct mem_file **at = &d->files;
        while (*at != NULL) {
            at = &(*at)->next;
        }
        *at = f;
        f->name = xstrdup(name);
        f->refs++;
    }
    return f;
}

void memvfs_disk_unref(struct mem_file *f)
{
    if (f == NULL || --f->refs > 0) {
        return;
    }
    forget_ops(f);
    vec_fini(&f->ops);
    free(f->now.p);
    free(f->synced.p);
    free(f->name);
    free(f);
}

static void take_name(struct mem_disk *d, struct mem_file *f)
{
    struct mem_file **at = &d->files;
    while (*at != f) {
        at = &(*at)->next;
    }
    *at = f->next;
    free(steal(f->name));
    memvfs_disk_unref(f);
}

bool memvfs_disk_delete(struct mem_disk *d, const char *name)
{
    struct mem_file *f = memvfs_disk_find(d, name);
    if (f == NULL) {
        return false;
    }
    take_name(d, f);
    memvfs_disk_unref(f);
    return true;
}

void memvfs_disk_fini(struct mem_disk *d)
{
    while (d->files != NULL) {
        take_name(d, d->files);
    }
}
