/* SPDX-License-Identifier: Apache-2.0 */
/* Gives the learner the lab's files, without losing what they changed. */
#include "session/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/mem.h"
#include "common/str.h"
#include "lab/lab.h"

static int read_file(const char *path, struct str *out, struct err *err)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    char buf[8192];
    ssize_t n = -1;
    while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0) {
        str_add_n(out, buf, (size_t)n);
    }
    return n < 0 ? err_errno(err, errno, "read %s", path) : 0;
}

static int write_file(const char *path, const struct str *text, mode_t mode, struct err *err)
{
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode & 0777);
    if (fd < 0 || write(fd, str_c(text), text->len) != (ssize_t)text->len) {
        return err_errno(err, errno, "write %s", path);
    }
    return 0;
}

static bool same(const struct str *a, const struct str *b)
{
    return a->len == b->len && memcmp(str_c(a), str_c(b), a->len) == 0;
}

static int copy_file(const char *from, const char *to, bool over, mode_t mode, struct err *err)
{
    cleanup_str struct str text = STR_INIT;
    cleanup_str struct str there = STR_INIT;
    if (access(to, F_OK) == 0) {
        if (!over) {
            return 0;
        }
        cleanup_free char *mine = xasprintf("%s.mine", to);
        if (read_file(from, &text, err) < 0 || read_file(to, &there, err) < 0) {
            return -1;
        }
        if (same(&text, &there)) {
            return 0;
        }
        if (rename(to, mine) < 0) {
            return err_errno(err, errno, "keep %s as %s", to, mine);
        }
    } else if (read_file(from, &text, err) < 0) {
        return -1;
    }
    return write_file(to, &text, mode, err);
}

static int copy_tree(const char *from, const char *to, bool over, struct err *err)
{
    DIR *dir = opendir(from);
    int rc = 0;
    if (dir == NULL) {
        return 0; /* a lab without files */
    }
    if (mkdir(to, 0755) < 0 && errno != EEXIST) {
        closedir(dir);
        return err_errno(err, errno, "make the folder %s", to);
    }
    for (struct dirent *e; rc == 0 && (e = readdir(dir)) != NULL;) {
        struct stat st;
        cleanup_free char *source = xasprintf("%s/%s", from, e->d_name);
        cleanup_free char *target = xasprintf("%s/%s", to, e->d_name);
        if (e->d_name[0] == '.' || stat(source, &st) < 0) {
            continue;
        }
        rc = S_ISDIR(st.st_mode) ? copy_tree(source, target, over, err)
                                 : copy_file(source, target, over, st.st_mode, err);
    }
    closedir(dir);
    return rc;
}

int session_copy_files(const struct lab *lab, const char *workdir, bool all, struct err *err)
{
    cleanup_free char *from = xasprintf("%s/files", lab->dir);
    return copy_tree(from, workdir, all, err);
}
