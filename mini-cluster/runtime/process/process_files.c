/* SPDX-License-Identifier: Apache-2.0 */
/* Files on the disk, and those that a container is given. What a container may have changed is
 * never walked through by its links. */
#include "runtime/process/process_files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/mem.h"

/* ---- in general ---- */

int process_files_mkdirs(const char *path, struct err *err)
{
    cleanup_free char *part = xstrdup(path);
    for (char *p = part + 1;; p++) {
        if (*p != '/' && *p != '\0') {
            continue;
        }
        char was = *p;
        *p = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST) {
            return err_errno(err, errno, "make the folder %s", part);
        }
        *p = was;
        if (was == '\0') {
            return 0;
        }
    }
}

int process_files_read(const char *path, struct str *out, struct err *err)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    char piece[8192];
    ssize_t n = 0;
    while (fd >= 0 && (n = read(fd, piece, sizeof(piece))) > 0) {
        str_add_n(out, piece, (size_t)n);
    }
    if (fd < 0 || n < 0) {
        int saved = errno;
        err_errno(err, saved, "read %s", path);
        err->code = saved == ENOENT ? ERR_NOT_FOUND : ERR_INTERNAL;
        return -1;
    }
    return 0;
}

static bool write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, bytes, n);
        if (put < 0) {
            return false;
        }
        bytes += put;
        n -= (size_t)put;
    }
    return true;
}

int process_files_write(const char *path, const void *bytes, size_t n, unsigned mode,
                        struct err *err)
{
    cleanup_free char *fresh = xasprintf("%s.new", path);
    cleanup_close int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0 || fchmod(fd, mode) != 0 || !write_all(fd, bytes, n) || rename(fresh, path) != 0) {
        return err_errno(err, errno, "write %s", path);
    }
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    if (type == FTW_DNR && chmod(path, 0700) == 0) {
        process_files_remove(path); /* a folder that nobody may list: now we may */
    }
    remove(path);
    return 0;
}

void process_files_remove(const char *path)
{
    nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

/* ---- a container's files ---- */

/* The folder of `path` below `base`, made where it is missing. */
static int open_parent(int base, const char *path, struct err *err)
{
    int fd = fcntl(base, F_DUPFD_CLOEXEC, 3);
    cleanup_free char *copy = xstrdup(path);
    char *rest = copy;
    char *name = strsep(&rest, "/");
    for (; fd >= 0 && rest != NULL; name = strsep(&rest, "/")) {
        if (name[0] == '\0' || strcmp(name, ".") == 0) {
            continue;
        }
        int next = -1;
        if (mkdirat(fd, name, 0755) == 0 || errno == EEXIST) {
            next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        }
        int saved = errno;
        close(fd);
        errno = saved;
        fd = next;
    }
    return fd >= 0 ? fd : err_errno(err, errno, "make the folder of %s", path);
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static int put_file(int base, const char *path, const struct runtime_file *f, struct err *err)
{
    cleanup_close int dir = open_parent(base, path, err);
    if (dir < 0) {
        return -1;
    }
    unlinkat(dir, name_of(path), 0);
    cleanup_close int fd =
        openat(dir, name_of(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || !write_all(fd, f->bytes, f->len) || fchmod(fd, f->mode & 0777) != 0) {
        return err_errno(err, errno, "put %s into %s", f->path, "the container");
    }
    return 0;
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

/* The volume that a path is in; NULL: none. */
static const struct runtime_mount *mount_over(const struct runtime_spec *spec, const char *path)
{
    const struct runtime_mount *best = NULL;
    for (size_t i = 0; i < spec->nmounts; i++) {
        const struct runtime_mount *m = &spec->mounts[i];
        size_t n = mount_len(m);
        if (m->volume != NULL && strncmp(path, m->path, n) == 0 && path[n] == '/' &&
            (best == NULL || n > mount_len(best))) {
            best = m;
        }
    }
    return best;
}

static char *volume_dir(const struct process_root *r, const struct runtime_mount *m)
{
    return xasprintf("%s/%s", m->keep ? r->kept_dir : r->shared_dir, m->volume);
}

static int put_files(const struct process_root *r, int root, const struct runtime_spec *spec,
                     struct err *err)
{
    for (size_t i = 0; i < spec->nfiles; i++) {
        const struct runtime_file *f = &spec->files[i];
        const struct runtime_mount *m = mount_over(spec, f->path);
        cleanup_free char *dir = m != NULL ? volume_dir(r, m) : NULL;
        cleanup_close int volume =
            dir != NULL ? open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (m != NULL && volume < 0) {
            return err_errno(err, errno, "open the volume %s", m->volume);
        }
        int rc = m != NULL ? put_file(volume, f->path + mount_len(m) + 1, f, err)
                           : put_file(root, f->path + 1, f, err);
        if (rc != 0) {
            return -1;
        }
    }
    return 0;
}

/* A volume is a folder elsewhere with a link to it; memory for a while is just a folder. */
static int put_mounts(const struct process_root *r, int root, const struct runtime_spec *spec,
                      struct err *err)
{
    for (size_t i = 0; i < spec->nmounts; i++) {
        const struct runtime_mount *m = &spec->mounts[i];
        cleanup_free char *path = xstrndup(m->path + 1, mount_len(m) - 1);
        cleanup_close int dir = open_parent(root, path, err);
        if (dir < 0) {
            return -1;
        }
        if (m->volume == NULL) {
            if (mkdirat(dir, name_of(path), 0755) != 0 && errno != EEXIST) {
                return err_errno(err, errno, "make %s", m->path);
            }
            continue;
        }
        cleanup_free char *target = volume_dir(r, m);
        unlinkat(dir, name_of(path), AT_REMOVEDIR); /* what the image has there is hidden */
        if (process_files_mkdirs(target, err) != 0 ||
            (symlinkat(target, dir, name_of(path)) != 0 && errno != EEXIST)) {
            return err_errno(err, errno, "mount %s", m->path);
        }
    }
    return 0;
}

/* ---- what every image has ---- */

static int put_text(int root, const char *path, const char *text, struct err *err)
{
    const struct runtime_file f = {path, text, strlen(text), 0644};
    return put_file(root, path, &f, err);
}

static int link_to(int root, const char *dir, const char *name, struct err *err)
{
    cleanup_free char *target = xasprintf("%s/%s", dir, name);
    cleanup_free char *path = xasprintf("etc/%s", name);
    return symlinkat(target, root, path) == 0 ? 0 : err_errno(err, errno, "link %s", path);
}

/* Whose network it has decides its names. */
static int put_names(const struct process_root *r, int root, bool machine, struct err *err)
{
    static const char *const names[] = {"hostname", "hosts", "resolv.conf"};
    if (r->network != NULL) {
        cleanup_free char *dir = xasprintf("%s/root/etc", r->network);
        int rc = 0;
        for (size_t i = 0; i < ARRAY_LEN(names) && rc == 0; i++) {
            rc = link_to(root, dir, names[i], err);
        }
        return rc;
    }
    const char *hostname = r->hostname != NULL ? r->hostname : "localhost";
    cleanup_free char *hosts = xasprintf("127.0.0.1\tlocalhost\n%s\t%s\n",
                                         r->address != NULL ? r->address : "127.0.0.1", hostname);
    cleanup_free char *line = xasprintf("%s\n", hostname);
    if (put_text(root, "etc/hostname", line, err) != 0 ||
        put_text(root, "etc/hosts", hosts, err) != 0) {
        return -1;
    }
    if (machine) { /* asks whom this machine asks, also when that changes */
        return link_to(root, "/etc", "resolv.conf", err);
    }
    cleanup_str struct str text = STR_INIT;
    struct err none;
    if (process_files_read("/etc/resolv.conf", &text, &none) != 0) {
        str_clear(&text);
    }
    return put_text(root, "etc/resolv.conf", str_c(&text), err);
}

static int make_workdir(int root, const struct runtime_spec *spec, struct err *err)
{
    if (spec->workdir == NULL || spec->workdir[1] == '\0') {
        return 0;
    }
    cleanup_free char *inside = xasprintf("%s/.", spec->workdir);
    if (mount_over(spec, inside) != NULL) {
        return 0; /* the volume is there */
    }
    cleanup_close int made = open_parent(root, inside + 1, err);
    return made < 0 ? -1 : 0;
}

int process_files_root(const struct process_root *r, const struct runtime_spec *spec,
                       struct err *err)
{
    static const char *const dirs[] = {"root", "root/data", "root/etc", "root/tmp"};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        cleanup_free char *path = xasprintf("%s/%s", r->dir, dirs[i]);
        if (process_files_mkdirs(path, err) != 0) {
            return -1;
        }
    }
    cleanup_free char *path = xasprintf("%s/root", r->dir);
    cleanup_close int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        return err_errno(err, errno, "open %s", path);
    }
    if (put_names(r, root, spec->role == RUNTIME_SERVICES, err) != 0 ||
        put_mounts(r, root, spec, err) != 0 || put_files(r, root, spec, err) != 0) {
        return -1;
    }
    return make_workdir(root, spec, err);
}
