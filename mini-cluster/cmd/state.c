/* SPDX-License-Identifier: Apache-2.0 */
/* Finds, locks, reads and writes a cluster's folder. */
#include "cmd/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "meta/name.h"

static char *clusters_dir(void)
{
    const char *state = getenv("XDG_STATE_HOME");
    if (state != NULL && state[0] == '/') {
        return xasprintf("%s/podlab/clusters", state);
    }
    const char *home = getenv("HOME");
    return xasprintf("%s/.local/state/podlab/clusters", home != NULL ? home : "/tmp");
}

int state_find(struct state *s, const char *name, const char *data, struct err *err)
{
    *s = (struct state){.lock_fd = -1};
    const char *wrong = name_check_label(name);
    if (wrong != NULL || strlen(name) > 32) {
        return err_set(err, ERR_INVALID, "--name \"%s\": %s", name,
                       wrong != NULL ? wrong : "must be no more than 32 characters");
    }
    s->name = xstrdup(name);
    if (data != NULL) {
        s->dir = xstrdup(data);
    } else {
        cleanup_free char *base = clusters_dir();
        s->dir = xasprintf("%s/%s", base, name);
    }
    return 0;
}

void state_fini(struct state *s)
{
    free(s->name);
    free(s->dir);
    json_decref(s->settings);
    if (s->lock_fd >= 0) {
        close(s->lock_fd);
    }
    *s = (struct state){.lock_fd = -1};
}

char *state_path(const struct state *s, const char *file)
{
    return xasprintf("%s/%s", s->dir, file);
}

bool state_exists(const struct state *s)
{
    cleanup_free char *path = state_path(s, "settings.json");
    return access(path, F_OK) == 0;
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
            return err_errno(err, errno, "make the folder %s", path);
        }
        *p = was;
        if (was == '\0') {
            return 0;
        }
    }
}

int state_lock(struct state *s, struct err *err)
{
    if (make_dirs(s->dir, err) < 0) {
        return -1;
    }
    cleanup_free char *path = state_path(s, "lock");
    cleanup_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(err, errno, "open %s", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK) {
            return err_set(err, ERR_CONFLICT, "cluster %s is running already (process %d)", s->name,
                           (int)state_pid(s));
        }
        return err_errno(err, errno, "lock %s", path);
    }
    if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0) {
        return err_errno(err, errno, "write %s", path);
    }
    s->lock_fd = fd;
    fd = -1;
    return 0;
}

/* The lock tells whether it runs, the number in the file who it is: a stale number names nobody. */
pid_t state_pid(const struct state *s)
{
    cleanup_free char *path = state_path(s, "lock");
    cleanup_close int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return 0;
    }
    char text[32] = "";
    ssize_t n = read(fd, text, sizeof(text) - 1);
    int64_t pid = 0;
    if (n > 0) {
        text[strcspn(text, "\n")] = '\0';
    }
    return n > 0 && str_to_i64(text, 1, INT32_MAX, &pid) ? (pid_t)pid : 0;
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
    for (ssize_t n; (n = read(fd, buf, sizeof(buf))) > 0;) {
        str_add_n(&text, buf, (size_t)n);
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

int state_load(struct state *s, struct err *err)
{
    cleanup_free char *text = state_read(s, "settings.json");
    if (text == NULL) {
        return err_set(err, ERR_NOT_FOUND,
                       "there is no cluster named %s; `mini-cluster up --name %s` makes one",
                       s->name, s->name);
    }
    json_decref(s->settings);
    s->settings = NULL;
    if (jx_parse(text, strlen(text), true, &s->settings, err) < 0) {
        return err_wrap(err, "%s/settings.json", s->dir);
    }
    return 0;
}

int state_save(struct state *s, struct err *err)
{
    cleanup_free char *text = jx_dump_pretty(s->settings);
    return state_write(s, "settings.json", text, 0600, err);
}

int state_remove(struct state *s, struct err *err)
{
    static const char *const files[] = {
        "state.db", "state.db-wal", "state.db-shm", "kubeconfig",    "log",
        "ca.crt",   "ca.key",       "lock",         "settings.json",
    };
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
    cleanup_free char *base = clusters_dir();
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
