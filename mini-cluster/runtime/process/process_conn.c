/* SPDX-License-Identifier: Apache-2.0 */
/* Packets over a Unix socket, on libuv's poll: reading stops while the receiver is paused, and what
 * cannot be sent yet waits. */
#include "runtime/process/process_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/loop.h"
#include "common/loop_uv.h"
#include "common/mem.h"
#include "common/vec.h"

enum { BURST = 16, MUCH = 256 * 1024, LITTLE = 64 * 1024 };

struct packet {
    size_t n;
    char *bytes;
};

struct process_conn {
    uv_poll_t poll; /* libuv closes it later: the memory goes then */
    int fd;
    struct process_conn_ops ops;
    void *arg;
    VEC(struct packet) waiting;
    size_t nwaiting;
    bool paused, ended, dead, much;
};

static void set_events(struct process_conn *c);

static void on_closed(uv_handle_t *handle)
{
    struct process_conn *c = handle->data;
    close(c->fd);
    free(c);
}

void process_conn_free(struct process_conn *c)
{
    if (c == NULL) {
        return;
    }
    for (size_t i = 0; i < c->waiting.n; i++) {
        free(c->waiting.v[i].bytes);
    }
    vec_fini(&c->waiting);
    c->dead = true;
    uv_close((uv_handle_t *)&c->poll, on_closed);
}

static void end(struct process_conn *c)
{
    if (!c->ended) {
        c->ended = true;
        uv_poll_stop(&c->poll);
        c->ops.on_end(c->arg);
    }
}

/* ---- from it ---- */

static void read_packets(struct process_conn *c)
{
    static char bytes[64 * 1024];
    for (int i = 0; i < BURST && !c->dead && !c->paused; i++) {
        ssize_t n = recv(c->fd, bytes, sizeof(bytes) - 1, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n <= 0) {
            end(c);
            return;
        }
        bytes[n] = '\0';
        c->ops.on_packet(c->arg, bytes[0], bytes + 1, (size_t)n - 1);
    }
}

/* ---- to it ---- */

/* False when it has to wait. */
static bool send_now(struct process_conn *c, const char *bytes, size_t n)
{
    ssize_t sent = send(c->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent >= 0 || (errno != EAGAIN && errno != ENOBUFS); /* an end is told by reading */
}

static void flush(struct process_conn *c)
{
    size_t i = 0;
    while (i < c->waiting.n && send_now(c, c->waiting.v[i].bytes, c->waiting.v[i].n)) {
        c->nwaiting -= c->waiting.v[i].n;
        free(c->waiting.v[i++].bytes);
    }
    c->waiting.n -= i;
    if (c->waiting.n > 0) {
        memmove(c->waiting.v, c->waiting.v + i, c->waiting.n * sizeof(*c->waiting.v));
    }
    set_events(c);
    if (c->much && c->nwaiting <= LITTLE) {
        c->much = false;
        if (c->ops.on_drain != NULL) {
            c->ops.on_drain(c->arg);
        }
    }
}

static void send_one(struct process_conn *c, char type, const char *bytes, size_t n)
{
    struct packet p = {.n = n + 1, .bytes = xmalloc(n + 1)};
    p.bytes[0] = type;
    memcpy(p.bytes + 1, bytes, n);
    if (c->waiting.n == 0 && send_now(c, p.bytes, p.n)) {
        free(p.bytes);
        return;
    }
    vec_push(&c->waiting, p);
    c->nwaiting += p.n;
    c->much |= c->nwaiting > MUCH;
    set_events(c);
}

void process_conn_send(struct process_conn *c, char type, const void *bytes, size_t n)
{
    const char *at = bytes;
    if (c->ended) {
        return;
    }
    do {
        size_t part = n < PROCESS_PACKET ? n : PROCESS_PACKET;
        send_one(c, type, at, part);
        at += part;
        n -= part;
    } while (n > 0);
}

size_t process_conn_waiting(const struct process_conn *c)
{
    return c->nwaiting;
}

/* ---- events ---- */

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct process_conn *c = handle->data;
    if (status < 0) {
        end(c);
        return;
    }
    if (events & UV_WRITABLE) {
        flush(c);
    }
    if (!c->dead && (events & UV_READABLE)) {
        read_packets(c);
    }
}

static void set_events(struct process_conn *c)
{
    int events = (c->paused ? 0 : UV_READABLE) | (c->waiting.n > 0 ? UV_WRITABLE : 0);
    if (c->ended || c->dead) {
        return;
    }
    if (events == 0) {
        uv_poll_stop(&c->poll);
    } else {
        uv_poll_start(&c->poll, events, on_poll);
    }
}

void process_conn_pause(struct process_conn *c, bool paused)
{
    c->paused = paused;
    set_events(c);
}

/* ---- making one ---- */

struct process_conn *process_conn_new(struct loop *loop, int fd, const struct process_conn_ops *ops,
                                      void *arg)
{
    struct process_conn *c = xnew(struct process_conn);
    c->fd = fd;
    c->ops = *ops;
    c->arg = arg;
    uv_poll_init(loop_uv(loop), &c->poll, fd);
    c->poll.data = c;
    set_events(c);
    return c;
}

/* A path may be longer than a socket's address can hold, one through a descriptor is not. */
static int connect_in(const char *dir)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    cleanup_close int folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/sock", folder);
    if (folder < 0 || fd < 0 ||
        connect(fd, (const struct sockaddr *)(const void *)&at, sizeof(at)) != 0) {
        return -1;
    }
    int ret = fd;
    fd = -1;
    return ret;
}

struct process_conn *process_conn_open(struct loop *loop, const char *dir,
                                       const struct process_conn_ops *ops, void *arg)
{
    int fd = connect_in(dir);
    return fd >= 0 ? process_conn_new(loop, fd, ops, arg) : NULL;
}

/* ---- the other side ---- */

pid_t process_conn_peer(const struct process_conn *c)
{
    struct ucred peer = {0};
    socklen_t len = sizeof(peer);
    bool known = getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0;
    return known && peer.pid != getpid() ? peer.pid : 0;
}

static bool is_over(const struct process_conn *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void process_conn_kill_peer(struct process_conn *c, pid_t pid)
{
    cleanup_close int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pidfd >= 0 && !is_over(c)) { /* it lived after it was opened: nobody else has the number */
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    }
}
