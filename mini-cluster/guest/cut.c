/* SPDX-License-Identifier: Apache-2.0 */
/* A network that is taken away from programs which share their machine's: nobody reaches them and
 * they reach nobody, while they run on.
 *
 * A listener whose queue is full drops what knocks, so that callers wait as if nobody were there.
 * The queue is made short and filled with a call of our own. */
#include "guest/guest.h"

#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_DEAF = 256, BACKLOG = 4096 };

static bool is_on;
static int fillers[MAX_DEAF];
static unsigned nfillers;
static struct sockaddr_in nobody; /* answers no call; port 0: not made yet */

bool cut_is_on(void)
{
    return is_on;
}

void cut_deafen(int fd)
{
    struct sockaddr_in at;
    socklen_t len = sizeof(at);
    if (nfillers == MAX_DEAF || listen(fd, 0) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0) {
        return;
    }
    int filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (filler >= 0) {
        connect(filler, (struct sockaddr *)&at,
                sizeof(at)); /* is taken, or waits: either will do */
        fillers[nfillers++] = filler;
    }
}

static bool listens(int fd)
{
    int on = 0;
    socklen_t len = sizeof(on);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on != 0;
}

static void each_listener(void (*fn)(int fd))
{
    DIR *dir = opendir("/proc/self/fd");
    for (struct dirent *e = dir != NULL ? readdir(dir) : NULL; e != NULL; e = readdir(dir)) {
        const char *number = e->d_name;
        unsigned fd;
        if (guest_take_num(&number, INT32_MAX, &fd) && listens((int)fd)) {
            fn((int)fd);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static void hear(int fd)
{
    listen(fd, BACKLOG);
}

bool cut_look(void)
{
    const char *path = guest_env("PODLAB_CUT", NULL);
    bool now = path != NULL && access(path, F_OK) == 0;
    if (now == is_on) {
        return false;
    }
    is_on = now;
    if (now) {
        each_listener(cut_deafen);
        return true;
    }
    while (nfillers > 0) {
        close(fillers[--nfillers]);
    }
    each_listener(hear);
    return true;
}

/* A listener and a datagram socket that nobody reads. */
static void make_nobody(void)
{
    socklen_t len = sizeof(nobody);
    int fd = sock_listen(0, 0);
    if (fd >= 0) {
        getsockname(fd, (struct sockaddr *)&nobody, &len);
        sock_udp(0, ntohs(nobody.sin_port));
    }
}

int cut_connect(int fd, int type)
{
    if (nobody.sin_port == 0) {
        make_nobody();
    }
    connect(fd, (struct sockaddr *)&nobody, sizeof(nobody));
    return fd;
}
