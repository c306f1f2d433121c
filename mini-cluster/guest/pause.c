/* SPDX-License-Identifier: Apache-2.0 */
/* PID 1 of a sandbox: holds the network open, points DNS at the cluster, buries orphans. */
#include "guest/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_file(const char *path, int flags, const char *text, size_t n)
{
    int fd = open(guest_path(path), O_WRONLY | O_CLOEXEC | flags);
    if (fd < 0 || write(fd, text, n) != (ssize_t)n) {
        guest_log("cannot write %s: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    close(fd);
    return 0;
}

/* In place: the file is a mount shared with every container that joins, it cannot be replaced.
 * PODLAB_DNS may name several servers, separated by blanks. */
static void point_dns(const char *path)
{
    char text[2048];
    char servers[256];
    size_t n = 0;
    char *rest = NULL;
    const char *dns = guest_env("PODLAB_DNS", NULL);
    if (dns == NULL) {
        return;
    }
    snprintf(servers, sizeof(servers), "%s", dns);
    char *s = strtok_r(servers, " ,", &rest);
    for (int i = 0; s != NULL && i < 3; i++, s = strtok_r(NULL, " ,", &rest)) { /* libc's limit */
        n += (size_t)snprintf(text + n, sizeof(text) - n, "nameserver %s\n", s);
    }
    const char *search = guest_env("PODLAB_SEARCH", NULL);
    if (search != NULL) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "search %.1400s\n", search);
    }
    n += (size_t)snprintf(text + n, sizeof(text) - n, "options %.200s\n",
                          guest_env("PODLAB_DNS_OPTIONS", "ndots:5"));
    write_file(path, O_TRUNC, text, n);
}

/* hostAliases: lines ready for /etc/hosts. */
static void add_hosts(const char *path)
{
    const char *lines = guest_env("PODLAB_HOSTS", NULL);
    if (lines != NULL) {
        write_file(path, O_APPEND, lines, strlen(lines));
    }
}

/* "MODE PATH", a line's end, and then the file. False when it cannot be written. */
static bool write_shared(const char *text)
{
    char path[512];
    unsigned mode = 0;
    int at = 0;
    const char *bytes = strchr(text, '\n');
    if (sscanf(text, "%o %511[^\n]%n", &mode, path, &at) != 2 || bytes != text + at) {
        guest_log("a file is to have no name");
        return false;
    }
    int fd = open(guest_path(path), O_WRONLY | O_CLOEXEC | O_CREAT | O_TRUNC, mode & 0777u);
    size_t n = strlen(++bytes);
    bool ok = fd >= 0 && write(fd, bytes, n) == (ssize_t)n && fchmod(fd, mode & 0777u) == 0;
    if (!ok) {
        guest_log("cannot write %s: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

/* What all containers of the pod have in the folder that they share: PODLAB_FILE_0 and so on. */
static bool write_all_shared(void)
{
    const char *text;
    for (int i = 0;; i++) {
        char name[32];
        snprintf(name, sizeof(name), "PODLAB_FILE_%d", i);
        if ((text = guest_env(name, NULL)) == NULL) {
            return true;
        }
        if (!write_shared(text)) {
            return false;
        }
    }
}

int pause_main(int argc, char **argv)
{
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (!write_all_shared()) {
        return 1; /* a pod without its files is no pod */
    }
    point_dns(guest_env("PODLAB_RESOLV_CONF", "/etc/resolv.conf"));
    add_hosts(guest_env("PODLAB_HOSTS_FILE", "/etc/hosts"));
    for (;;) {
        int sig = sigwaitinfo(&set, NULL);
        if (sig == SIGTERM || sig == SIGINT) {
            return 0;
        }
        while (sig == SIGCHLD && waitpid(-1, NULL, WNOHANG) > 0) {
        }
    }
}
