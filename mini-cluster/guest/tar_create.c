/* SPDX-License-Identifier: Apache-2.0 */
/* Packing: plain files, folders and symbolic links; the rest stays where it is. */
#include "guest/tar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/guest.h"

static void put(const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n > 0) {
        ssize_t done = write(STDOUT_FILENO, p, n);
        if (done < 0) {
            _exit(1); /* nobody reads any more */
        }
        p += done;
        n -= (size_t)done;
    }
}

static void pad(size_t n)
{
    static const char zeros[TAR_BLOCK];
    put(zeros, tar_padding(n));
}

static void put_header(const char *name, const char *link, char type, const struct stat *st,
                       size_t size)
{
    struct tar_header h = {.type = type, .magic = "ustar"};
    memcpy(h.magic + 6, "00", 2);
    memcpy(h.name, name, strnlen(name, sizeof(h.name)));
    memcpy(h.link, link, strnlen(link, sizeof(h.link)));
    snprintf(h.mode, sizeof(h.mode), "%07o", (unsigned)st->st_mode & 07777);
    snprintf(h.uid, sizeof(h.uid), "%07o", (unsigned)st->st_uid & 07777777);
    snprintf(h.gid, sizeof(h.gid), "%07o", (unsigned)st->st_gid & 07777777);
    snprintf(h.size, sizeof(h.size), "%011llo", (unsigned long long)size);
    snprintf(h.mtime, sizeof(h.mtime), "%011llo", (unsigned long long)st->st_mtime);
    snprintf(h.sum, sizeof(h.sum), "%06o", tar_checksum(&h));
    put(&h, sizeof(h));
}

/* A name that is too long for a header goes before it, as GNU's tar does it. */
static void put_long(const char *text, char type, const struct stat *st)
{
    size_t n = strlen(text) + 1;
    if (n > sizeof(((struct tar_header *)0)->name)) {
        put_header("././@LongLink", "", type, st, n);
        put(text, n);
        pad(n);
    }
}

static void put_entry(const char *name, const char *link, char type, const struct stat *st,
                      size_t size)
{
    put_long(link, 'K', st);
    put_long(name, 'L', st);
    put_header(name, link, type, st, size);
}

/* Exactly as long as its header says, whatever happens to it meanwhile. */
static void put_file(const char *path, const char *name, const struct stat *st)
{
    static char bytes[64 * 1024];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t left = (size_t)st->st_size;
    if (fd < 0) {
        tar_complain(path);
        return;
    }
    put_entry(name, "", '0', st, left);
    while (left > 0) {
        ssize_t n = read(fd, bytes, left < sizeof(bytes) ? left : sizeof(bytes));
        if (n <= 0) {
            n = (ssize_t)(left < sizeof(bytes) ? left : sizeof(bytes));
            memset(bytes, 0, (size_t)n);
            tar_complain(path);
        }
        put(bytes, (size_t)n);
        left -= (size_t)n;
    }
    pad((size_t)st->st_size);
    close(fd);
}

static void put_path(const char *path, const char *name);

static void put_folder(const char *path, const char *name, const struct stat *st)
{
    char within[TAR_PATH], as[TAR_PATH];
    DIR *dir = opendir(path);
    struct dirent *e;
    snprintf(as, sizeof(as), "%s/", name);
    put_entry(as, "", '5', st, 0);
    while (dir != NULL && (e = readdir(dir)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            snprintf(within, sizeof(within), "%s/%s", path, e->d_name);
            snprintf(as, sizeof(as), "%s/%s", name, e->d_name);
            put_path(within, as);
        }
    }
    if (dir == NULL) {
        tar_complain(path);
    } else {
        closedir(dir);
    }
}

static void put_path(const char *path, const char *name)
{
    struct stat st;
    char link[TAR_PATH];
    ssize_t n;
    if (lstat(path, &st) < 0) {
        tar_complain(path);
    } else if (S_ISDIR(st.st_mode)) {
        put_folder(path, name, &st);
    } else if (S_ISREG(st.st_mode)) {
        put_file(path, name, &st);
    } else if (S_ISLNK(st.st_mode) && (n = readlink(path, link, sizeof(link) - 1)) > 0) {
        link[n] = '\0';
        put_entry(name, link, '2', &st, 0);
    } /* sockets and devices stay where they are */
}

int tar_create(int n, char **paths)
{
    static const char zeros[2 * TAR_BLOCK];
    for (int i = 0; i < n; i++) {
        char path[TAR_PATH];
        snprintf(path, sizeof(path), "%s", guest_path(paths[i]));
        size_t len = strlen(paths[i]);
        while (len > 1 && paths[i][len - 1] == '/') {
            paths[i][--len] = '\0';
        }
        put_path(path, paths[i] + strspn(paths[i], "/"));
    }
    put(zeros, sizeof(zeros));
    return tar_status();
}
