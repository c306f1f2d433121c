/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking: nothing leaves the folder that it is unpacked into. */
#include "guest/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/guest.h"

/* All n bytes; false: the input ended before. */
static bool get(void *bytes, size_t n)
{
    char *p = bytes;
    while (n > 0) {
        ssize_t done = read(STDIN_FILENO, p, n);
        if (done <= 0) {
            return false;
        }
        p += done;
        n -= (size_t)done;
    }
    return true;
}

static bool skip(uint64_t n)
{
    static char bytes[16 * 1024];
    for (n += tar_padding(n); n > 0;) {
        size_t piece = n < sizeof(bytes) ? (size_t)n : sizeof(bytes);
        if (!get(bytes, piece)) {
            return false;
        }
        n -= piece;
    }
    return true;
}

/* Octal text, or (from 8 GiB on) a big number behind a set bit. */
static uint64_t number(const char *text, size_t size)
{
    uint64_t n = 0;
    if ((text[0] & 0x80) != 0) {
        for (size_t i = size - 8; i < size; i++) {
            n = n << 8 | (unsigned char)text[i];
        }
        return n;
    }
    for (size_t i = 0; i < size && text[i] != '\0'; i++) {
        n = text[i] >= '0' && text[i] <= '7' ? n * 8 + (unsigned)(text[i] - '0') : n;
    }
    return n;
}

/* The text that follows a header; "" when it is too long. */
static bool get_text(uint64_t size, char *ret, size_t room)
{
    ret[0] = '\0';
    if (size >= room) {
        return skip(size);
    }
    char rest[TAR_BLOCK];
    bool ok = get(ret, (size_t)size) && get(rest, tar_padding(size));
    ret[size] = '\0';
    return ok;
}

/* "27 path=name\n" and the like: the longer names of POSIX. */
static void read_records(char *text, char *name, char *link)
{
    while (*text != '\0') {
        unsigned len = 0;
        const char *p = text;
        char *end;
        if (!guest_take_num(&p, TAR_PATH, &len) || len == 0 || strlen(text) < len) {
            return;
        }
        end = text + len;
        end[-1] = '\0';
        if (strncmp(p, " path=", 6) == 0) {
            snprintf(name, TAR_PATH, "%s", p + 6);
        } else if (strncmp(p, " linkpath=", 10) == 0) {
            snprintf(link, TAR_PATH, "%s", p + 10);
        }
        text = end;
    }
}

static void make_parents(char *path)
{
    for (char *p = path + 1; *p != '\0'; p++) {
        if (*p == '/') {
            *p = '\0';
            mkdir(path, 0777);
            *p = '/';
        }
    }
}

static bool get_file(const char *path, uint64_t size, mode_t mode)
{
    static char bytes[64 * 1024];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
    uint64_t left = size;
    bool ok = true;
    if (fd < 0) {
        tar_complain(path);
        return skip(size);
    }
    while (ok && left > 0) {
        size_t piece = left < sizeof(bytes) ? (size_t)left : sizeof(bytes);
        ok = get(bytes, piece);
        for (size_t at = 0; ok && at < piece && fd >= 0;) {
            ssize_t n = write(fd, bytes + at, piece - at);
            if (n < 0) {
                tar_complain(path);
                close(fd);
                fd = -1;
            }
            at += n > 0 ? (size_t)n : 0;
        }
        left -= piece;
    }
    if (fd >= 0) {
        fchmod(fd, mode);
        close(fd);
    }
    return ok && get(bytes, tar_padding(size));
}

/* A path that leads out of the folder is not followed. */
static bool leads_out(const char *name)
{
    for (const char *p = name; *p != '\0'; p += strcspn(p, "/"), p += *p == '/') {
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0')) {
            return true;
        }
    }
    return false;
}

/* A link in its place might lead anywhere. */
static void make_folder(char *path, mode_t mode)
{
    struct stat st;
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--) {
        path[n - 1] = '\0'; /* behind a slash a link is what it leads to */
    }
    if (lstat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        unlink(path);
    }
    if (mkdir(path, mode) < 0 && errno != EEXIST) {
        tar_complain(path);
    }
}

static bool get_entry(const struct tar_header *h, char *name, const char *link, bool *ret_named)
{
    uint64_t size = number(h->size, sizeof(h->size));
    mode_t mode = (mode_t)number(h->mode, sizeof(h->mode)) & 0777;
    char *path = name + strspn(name, "/");
    *ret_named = false;
    if (path[0] == '\0' || leads_out(path)) {
        return skip(size);
    }
    make_parents(path);
    if (h->type == '5') {
        make_folder(path, mode);
    } else if (h->type == '2') {
        unlink(path);
        if (symlink(link, path) < 0) {
            tar_complain(path);
        }
    } else if (h->type == '0' || h->type == '\0') {
        return get_file(path, size, mode);
    }
    return skip(size);
}

/* What names the next entry; true: it was such a one. */
static bool get_name(const struct tar_header *h, char *name, char *link, bool *ret_ok,
                     bool *ret_named)
{
    static char text[2 * TAR_PATH];
    uint64_t size = number(h->size, sizeof(h->size));
    if (strchr("LKxg", h->type) == NULL || h->type == '\0') {
        return false;
    }
    *ret_ok = get_text(size, text, sizeof(text));
    if (h->type == 'x') {
        read_records(text, name, link);
    } else if (h->type != 'g') {
        snprintf(h->type == 'L' ? name : link, TAR_PATH, "%.4095s", text);
    }
    *ret_named |= h->type != 'g';
    return true;
}

static void short_names(const struct tar_header *h, char *name, char *link)
{
    bool prefix = memcmp(h->magic, "ustar", 6) == 0 && h->prefix[0] != '\0';
    if (name[0] == '\0') {
        snprintf(name, TAR_PATH, "%.155s%s%.100s", prefix ? h->prefix : "", prefix ? "/" : "",
                 h->name);
    }
    if (link[0] == '\0') {
        snprintf(link, TAR_PATH, "%.100s", h->link);
    }
}

int tar_extract(void)
{
    static char name[TAR_PATH], link[TAR_PATH];
    struct tar_header h;
    bool ok = true, named = false;
    while (ok && get(&h, sizeof(h))) {
        if (h.name[0] == '\0') { /* the end; what follows is drained for the writer's sake */
            while (get(&h, sizeof(h))) {
            }
            return tar_status();
        }
        if (number(h.sum, sizeof(h.sum)) != tar_checksum(&h)) {
            guest_log("tar: this does not look like a tar archive");
            return 2;
        }
        if (!named) {
            name[0] = link[0] = '\0';
        }
        if (!get_name(&h, name, link, &ok, &named)) {
            short_names(&h, name, link);
            ok = get_entry(&h, name, link, &named);
        }
    }
    if (!ok) {
        guest_log("tar: the archive ends too soon");
    }
    return ok ? tar_status() : 2;
}
