/* SPDX-License-Identifier: Apache-2.0 */
/* Gives the learner the lab's files, without writing over what they changed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/mem.h"
#include "session/session_impl.h"

static int copy_file(const char *from, const char *to, mode_t mode, struct err *err)
{
    cleanup_close int in = open(from, O_RDONLY | O_CLOEXEC);
    cleanup_close int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode & 0777);
    char buf[8192];
    ssize_t n;
    if (in < 0 || out < 0) {
        return err_errno(err, errno, "copy %s to %s", from, to);
    }
    while ((n = read(in, buf, sizeof(buf))) > 0) {
        if (write(out, buf, (size_t)n) != n) {
            return err_errno(err, errno, "write %s", to);
        }
    }
    return n < 0 ? err_errno(err, errno, "read %s", from) : 0;
}

static int copy_tree(const char *from, const char *to, bool all, struct err *err)
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
        struct stat there;
        cleanup_free char *source = xasprintf("%s/%s", from, e->d_name);
        cleanup_free char *target = xasprintf("%s/%s", to, e->d_name);
        if (e->d_name[0] == '.' || stat(source, &st) < 0) {
            continue;
        }
        if (S_ISDIR(st.st_mode)) {
            rc = copy_tree(source, target, all, err);
        } else if (all || stat(target, &there) < 0) {
            rc = copy_file(source, target, st.st_mode, err);
        }
    }
    closedir(dir);
    return rc;
}

int session_copy_files(const struct lab *lab, const char *workdir, bool all, struct err *err)
{
    cleanup_free char *from = xasprintf("%s/files", lab->dir);
    return copy_tree(from, workdir, all, err);
}
