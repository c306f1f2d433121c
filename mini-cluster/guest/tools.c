/* SPDX-License-Identifier: Apache-2.0 */
/* A handful of tools, so that one can look around in a container that has nothing else. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/guest.h"

extern char **environ;

static int failed(const char *tool, const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", tool, what, strerror(errno));
    return 1;
}

static int copy(int from, const char *name)
{
    char bytes[16 * 1024];
    ssize_t n;
    while ((n = read(from, bytes, sizeof(bytes))) > 0) {
        for (ssize_t at = 0, put; at < n; at += put) {
            put = write(STDOUT_FILENO, bytes + at, (size_t)(n - at));
            if (put < 0) {
                return failed("cat", "write");
            }
        }
    }
    return n < 0 ? failed("cat", name) : 0;
}

int cat_main(int argc, char **argv)
{
    int rc = 0;
    if (argc == 0) {
        return copy(STDIN_FILENO, "input");
    }
    for (int i = 0; i < argc; i++) {
        int fd = open(guest_path(argv[i]), O_RDONLY | O_CLOEXEC);
        rc |= fd < 0 ? failed("cat", argv[i]) : copy(fd, argv[i]);
        if (fd >= 0) {
            close(fd);
        }
    }
    return rc;
}

int echo_main(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        printf("%s%s", i > 0 ? " " : "", argv[i]);
    }
    printf("\n");
    return 0;
}

int env_main(int argc, char **argv)
{
    for (char **e = environ; *e != NULL; e++) {
        printf("%s\n", *e);
    }
    return 0;
}

static int list(const char *path)
{
    struct dirent **names = NULL;
    struct stat st;
    int n = scandir(guest_path(path), &names, NULL, alphasort);
    if (n < 0 && errno == ENOTDIR && stat(guest_path(path), &st) == 0) {
        printf("%s\n", path);
        return 0;
    }
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.') {
            printf("%s\n", names[i]->d_name);
        }
        free(names[i]);
    }
    free(names);
    return n < 0 ? failed("ls", path) : 0;
}

int ls_main(int argc, char **argv)
{
    int rc = argc == 0 ? list(".") : 0;
    for (int i = 0; i < argc; i++) {
        rc |= list(argv[i]);
    }
    return rc;
}

static int print_size(void)
{
    struct winsize w;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w) < 0) {
        return failed("stty", "standard input");
    }
    printf("%u %u\n", w.ws_row, w.ws_col);
    fflush(stdout);
    return 0;
}

/* "stty size" once; "stty watch" again whenever it changes. */
int stty_main(int argc, char **argv)
{
    sigset_t set;
    int sig;
    if (argc == 0 || strcmp(argv[0], "watch") != 0) {
        return print_size();
    }
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    sigprocmask(SIG_BLOCK, &set, NULL);
    while (print_size() == 0 && sigwait(&set, &sig) == 0) {
    }
    return 1;
}
