/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a cluster in the background: the lock goes from us to it without a gap, so that nobody comes
 * in between. */
#include "cmd/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"

extern char **environ;

static int open_log(const struct state *s, struct err *err)
{
    cleanup_free char *path = state_path(s, "log");
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : err_errno(err, errno, "open %s", path);
}

/* Starts this program again, as `up --name NAME`, with nothing of our terminal but the lock. */
static int spawn(const struct state *s, const char *data, int ready_fd, int log_fd, struct err *err)
{
    pid_t pid;
    char *argv[] = {
        xstrdup("mini-cluster"),
        xstrdup("up"),
        xstrdup("--name"),
        xstrdup(s->name),
        xasprintf("--ready-fd=%d", DETACH_READY_FD),
        xasprintf("--lock-fd=%d", DETACH_LOCK_FD),
        data != NULL ? xasprintf("--data=%s", s->dir) : NULL,
        NULL,
    };
    /* Out of the way of the numbers that the child gets them under. */
    int high[2] = {fcntl(ready_fd, F_DUPFD_CLOEXEC, 10), fcntl(s->lock_fd, F_DUPFD_CLOEXEC, 10)};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, log_fd, 1);
    posix_spawn_file_actions_adddup2(&files, log_fd, 2);
    posix_spawn_file_actions_adddup2(&files, high[0], DETACH_READY_FD);
    posix_spawn_file_actions_adddup2(&files, high[1], DETACH_LOCK_FD);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
    int rc = posix_spawn(&pid, "/proc/self/exe", &files, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    close(high[0]);
    close(high[1]);
    for (size_t i = 0; i < ARRAY_LEN(argv); i++) {
        free(argv[i]);
    }
    return rc == 0 ? 0 : err_errno(err, rc, "start mini-cluster in the background");
}

/* ERR_UNAVAILABLE: it said nothing, and who knows what it has made. */
static int await(int fd, const struct state *s, struct err *err)
{
    struct str line = STR_INIT;
    char buf[512];
    for (ssize_t n; (n = read(fd, buf, sizeof(buf))) > 0;) {
        str_add_n(&line, buf, (size_t)n);
    }
    cleanup_free char *text = str_take(&line);
    text[strcspn(text, "\n")] = '\0';
    if (strcmp(text, "ok") == 0) {
        return 0;
    }
    if (text[0] == '\0') {
        return err_set(
            err, ERR_UNAVAILABLE,
            "it ended before it was ready; its log is %.300s/log, and `mini-cluster down` "
            "removes what it made",
            s->dir);
    }
    return err_set(err, ERR_INTERNAL, "%s", text);
}

int detach_start(struct state *s, const char *data, struct err *err)
{
    int fds[2];
    cleanup_close int log_fd = open_log(s, err);
    if (log_fd < 0) {
        return -1;
    }
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return err_errno(err, errno, "pipe");
    }
    state_hand_over(s);
    int rc = spawn(s, data, fds[1], log_fd, err);
    close(s->lock_fd);
    s->lock_fd = -1;
    close(fds[1]);
    rc = rc == 0 ? await(fds[0], s, err) : rc;
    close(fds[0]);
    return rc;
}
