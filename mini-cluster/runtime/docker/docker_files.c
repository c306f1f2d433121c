/* SPDX-License-Identifier: Apache-2.0 */
/* One archive for the whole root where it can be written, else one for each volume. */
#include "runtime/docker/docker_files.h"

#include <stdio.h>
#include <string.h>

#include "runtime/tar.h"

static bool path_ok(const char *path)
{
    if (path == NULL || path[0] != '/' || path[1] == '\0') {
        return false;
    }
    for (const char *part = path; *part != '\0';) {
        part += strspn(part, "/");
        size_t n = strcspn(part, "/");
        if (n == 2 && strncmp(part, "..", 2) == 0) {
            return false;
        }
        part += n;
    }
    return path[strlen(path) - 1] != '/';
}

int docker_files_check(const struct runtime_spec *spec, struct err *err)
{
    for (size_t i = 0; i < spec->nfiles; i++) {
        const char *path = spec->files[i].path;
        if (!path_ok(path)) {
            return err_set(err, ERR_INVALID, "file \"%s\" of %s: an absolute path without \"..\"",
                           path != NULL ? path : "", spec->name);
        }
        if (spec->read_only_root && strrchr(path, '/') == path) {
            return err_set(err, ERR_INVALID,
                           "file \"%s\" of %s: the root is read-only, a file directly in it cannot "
                           "be made",
                           path, spec->name);
        }
    }
    return 0;
}

/* How much of path is the folder that it is in. */
static size_t folder_len(const char *path)
{
    return (size_t)(strrchr(path, '/') - path);
}

static bool is_within(const char *path, const char *folder, size_t n)
{
    return strncmp(path, folder, n) == 0 && path[n] == '/';
}

/* "/data/" is "/data". */
static size_t mount_len(const struct runtime_mount *m)
{
    size_t n = strlen(m->path);
    while (n > 1 && m->path[n - 1] == '/') {
        n--;
    }
    return n;
}

/* The mount that a file lands in; NULL: the root. */
static const struct runtime_mount *mount_over(const struct runtime_spec *spec, const char *path)
{
    const struct runtime_mount *best = NULL;
    for (size_t i = 0; i < spec->nmounts; i++) {
        const struct runtime_mount *m = &spec->mounts[i];
        if (is_within(path, m->path, mount_len(m)) &&
            (best == NULL || mount_len(m) > mount_len(best))) {
            best = m;
        }
    }
    return best;
}

/* Whether an earlier file is in the same folder. */
static bool folder_seen(const struct runtime_spec *spec, size_t file)
{
    const char *path = spec->files[file].path;
    size_t n = folder_len(path);
    for (size_t i = 0; i < file; i++) {
        const char *other = spec->files[i].path;
        if (folder_len(other) == n && strncmp(other, path, n) == 0) {
            return true;
        }
    }
    return false;
}

void docker_files_add_mounts(json_t *mounts, const struct runtime_spec *spec)
{
    for (size_t i = 0; spec->read_only_root && i < spec->nfiles; i++) {
        const char *path = spec->files[i].path;
        if (mount_over(spec, path) == NULL && !folder_seen(spec, i)) {
            cleanup_free char *folder = xstrndup(path, folder_len(path));
            json_array_append_new(mounts,
                                  json_pack("{s:s, s:s}", "Type", "volume", "Target", folder));
        }
    }
}

/* ---- the archives ---- */

static struct str *put_at(struct docker_puts *puts, const char *path, size_t n)
{
    for (size_t i = 0; i < puts->all.n; i++) {
        const char *have = puts->all.v[i].path;
        if (strlen(have) == n && strncmp(have, path, n) == 0) {
            return &puts->all.v[i].tar;
        }
    }
    struct docker_put put = {xstrndup(path, n), STR_INIT};
    vec_push(&puts->all, put);
    return &puts->all.v[puts->all.n - 1].tar;
}

static void add_file(struct docker_puts *puts, const struct runtime_spec *spec,
                     const struct runtime_file *f)
{
    const struct runtime_mount *m = mount_over(spec, f->path);
    size_t base = spec->read_only_root ? (m != NULL ? mount_len(m) : folder_len(f->path)) : 0;
    struct str *tar = base > 0 ? put_at(puts, f->path, base) : put_at(puts, "/", 1);
    tar_add_file(tar, f->path + base, f->bytes, f->len, f->mode);
}

static void open_volume(struct docker_puts *puts, const struct runtime_mount *m)
{
    cleanup_free char *path = xasprintf("%.*s/", (int)mount_len(m), m->path);
    tar_add_dir(put_at(puts, "/", 1), path, 0777);
}

void docker_files_puts(const struct runtime_spec *spec, struct docker_puts *ret)
{
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; !spec->read_only_root && i < spec->nmounts; i++) {
        if (spec->mounts[i].volume != NULL && !spec->mounts[i].read_only) {
            open_volume(ret, &spec->mounts[i]);
        }
    }
    for (size_t i = 0; i < spec->nfiles; i++) {
        add_file(ret, spec, &spec->files[i]);
    }
    for (size_t i = 0; i < ret->all.n; i++) {
        tar_end(&ret->all.v[i].tar);
    }
}

void docker_puts_fini(struct docker_puts *puts)
{
    for (size_t i = 0; i < puts->all.n; i++) {
        free(puts->all.v[i].path);
        str_fini(&puts->all.v[i].tar);
    }
    vec_fini(&puts->all);
}
