/* SPDX-License-Identifier: Apache-2.0 */
/* Beginners meet these errors first, so each says what to do. */
#include "runtime/docker/docker_socket.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"

#define DEFAULT_SOCKET "/var/run/docker.sock"

char *docker_socket_path(const char *given, struct err *err)
{
    const char *host = getenv("DOCKER_HOST");
    if (given != NULL) {
        return xstrdup(given);
    }
    if (host == NULL || host[0] == '\0') {
        return xstrdup(DEFAULT_SOCKET);
    }
    if (str_has_prefix(host, "unix:///")) {
        return xstrdup(host + strlen("unix://"));
    }
    err_set(err, ERR_UNAVAILABLE,
            "DOCKER_HOST is %.200s: podlab needs a Docker on this machine, because it reaches the "
            "containers by their addresses; unset DOCKER_HOST, or set it to unix:///PATH",
            host);
    return NULL;
}

/* Whether the user database has this user in the group, though this process is not yet. */
static bool will_be_member(const struct group *g)
{
    const struct passwd *user = getpwuid(getuid());
    for (char **m = g->gr_mem; user != NULL && *m != NULL; m++) {
        if (strcmp(*m, user->pw_name) == 0) {
            return true;
        }
    }
    return user != NULL && user->pw_gid == g->gr_gid;
}

static int no_permission(const char *path, struct err *err)
{
    struct stat st;
    const struct group *g = stat(path, &st) == 0 ? getgrgid(st.st_gid) : NULL;
    if (g == NULL || (st.st_mode & S_IWGRP) == 0 || g->gr_gid == 0) {
        return err_set(err, ERR_UNAVAILABLE,
                       "you may not use Docker: %s is only for others; run as a user who may",
                       path);
    }
    if (will_be_member(g)) {
        return err_set(err, ERR_UNAVAILABLE,
                       "you may not use Docker yet: you are in the group %s, but this shell is "
                       "older than that. Log out and in again, or run: sg %s -c 'COMMAND'",
                       g->gr_name, g->gr_name);
    }
    return err_set(err, ERR_UNAVAILABLE,
                   "you may not use Docker: %s belongs to the group %s and you are not in it. "
                   "Run: sudo usermod -aG %s $USER; then log out and in again, or run: sg %s -c "
                   "'COMMAND'",
                   path, g->gr_name, g->gr_name, g->gr_name);
}

static int explain(const char *path, int errnum, struct err *err)
{
    switch (errnum) {
    case EACCES:
    case EPERM:
        return no_permission(path, err);
    case ENOENT:
    case ENOTDIR:
        return err_set(err, ERR_UNAVAILABLE,
                       "there is no Docker here: %s does not exist. Install it (sudo apt install "
                       "docker.io), or start it (sudo systemctl start docker)",
                       path);
    case ECONNREFUSED:
    case ENOTSOCK:
        return err_set(err, ERR_UNAVAILABLE,
                       "Docker does not run: nobody listens on %s. Start it: sudo systemctl start "
                       "docker",
                       path);
    default:
        err_errno(err, errnum, "connect to Docker at %s", path);
        err->code = ERR_UNAVAILABLE;
        return -1;
    }
}

int docker_socket_check(const char *path, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (str_copy(address.sun_path, sizeof(address.sun_path), path) >= sizeof(address.sun_path)) {
        return err_set(err, ERR_UNAVAILABLE, "the path of Docker's socket is longer than %zu: %s",
                       sizeof(address.sun_path) - 1, path);
    }
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return err_errno(err, errno, "a socket");
    }
    const struct sockaddr *sa = (const struct sockaddr *)(const void *)&address;
    if (connect(fd, sa, sizeof(address)) != 0 && errno != EAGAIN) { /* EAGAIN: it is only busy */
        return explain(path, errno, err);
    }
    return 0;
}
