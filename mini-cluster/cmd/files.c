/* SPDX-License-Identifier: Apache-2.0 */
/* Reads, writes and removes the files of a cluster's folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/state.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"

/* Everything that a cluster keeps here, in the order in which it goes: whatever is left half way
 * still has its settings, and nobody comes in before the lock. */
static const char *const files[] = {
    "state.db",      "state.db-wal",   "state.db-shm", "state.db-journal",
    "kubeconfig",    "kubeconfig.new", "log",          "ca.crt",
    "ca.crt.new",    "ca.key",         "ca.key.new",   "settings.json.new",
    "settings.json", "lock",
};

char *state_base(void)
{
    const char *state = getenv("XDG_STATE_HOME");
    if (state != NULL && state[0] == '/') {
        return xasprintf("%s/podlab/clusters", state);
    }
    const char *home = getenv("HOME");
    if (home == NULL || home[0] != '/') {
        const struct passwd *user = getpwuid(getuid());
        home = user != NULL ? user->pw_dir : "/";
    }
    return xasprintf("%s/.local/state/podlab/clusters", home);
}

char *state_path(const struct state *s, const char *file)
{
    return xasprintf("%s/%s", s->dir, file);
}

static int make_dirs(const char *dir, struct err *err)
{
    cleanup_free char *path = xstrdup(dir);
    for (char *p = path + 1;; p++) {
        if (*p != '/' && *p != '\0') {
            continue;
        }
        char was = *p;
        *p = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST) {
            return err_set(err, ERR_FORBIDDEN,
                           "the folder %.300s cannot be made: %s; choose another with --data DIR "
                           "or XDG_STATE_HOME",
                           path, strerror(errno));
        }
        *p = was;
        if (was == '\0') {
            return 0;
        }
    }
}

/* What a start that broke off leaves before there are settings. */
static bool is_leftover(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lock") == 0 ||
           strcmp(name, "settings.json.new") == 0;
}

/* A folder of somebody else's is no place for our files: one day we would remove his "log". */
static int check_free(const struct state *s, struct err *err)
{
    DIR *dir = state_exists(s) ? NULL : opendir(s->dir);
    int rc = 0;
    for (struct dirent *e; rc == 0 && dir != NULL && (e = readdir(dir)) != NULL;) {
        if (!is_leftover(e->d_name) && !state_exists(s)) { /* it may be coming up just now */
            rc = err_set(err, ERR_FORBIDDEN,
                         "the folder %.200s holds other things already (%.100s); name one that is "
                         "empty or not there yet",
                         s->dir, e->d_name);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return rc;
}

int state_make_dir(const struct state *s, struct err *err)
{
    return make_dirs(s->dir, err) < 0 ? -1 : check_free(s, err);
}

char *state_read(const struct state *s, const char *file)
{
    cleanup_free char *path = state_path(s, file);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    struct str text = STR_INIT;
    char buf[4096];
    ssize_t n;
    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        str_add_n(&text, buf, (size_t)n);
    }
    if (n < 0) {
        str_fini(&text);
        return NULL;
    }
    return str_take(&text);
}

int state_write(const struct state *s, const char *file, const char *text, mode_t mode,
                struct err *err)
{
    cleanup_free char *path = state_path(s, file);
    cleanup_free char *tmp = xasprintf("%s.new", path);
    cleanup_close int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0) {
        return err_errno(err, errno, "write %s", tmp);
    }
    size_t len = strlen(text);
    errno = ENOSPC; /* what a short write means */
    if (write(fd, text, len) != (ssize_t)len || fsync(fd) < 0) {
        int errnum = errno;
        unlink(tmp);
        return err_errno(err, errnum, "write %s", tmp);
    }
    if (rename(tmp, path) < 0) {
        return err_errno(err, errno, "rename %s", tmp);
    }
    return 0;
}

int state_remove(struct state *s, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        cleanup_free char *path = state_path(s, files[i]);
        if (unlink(path) < 0 && errno != ENOENT) {
            return err_errno(err, errno, "remove %s", path);
        }
    }
    rmdir(s->dir); /* stays when somebody put something of his own there */
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **state_list(void)
{
    VEC(char *) names = {0};
    cleanup_free char *base = state_base();
    DIR *dir = opendir(base);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        cleanup_free char *path = xasprintf("%s/%s/settings.json", base, e->d_name);
        if (e->d_name[0] != '.' && access(path, F_OK) == 0) {
            vec_push(&names, xstrdup(e->d_name));
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (names.n > 0) {
        qsort(names.v, names.n, sizeof(names.v[0]), by_name);
    }
    vec_push(&names, NULL);
    return names.v;
}
