/* SPDX-License-Identifier: Apache-2.0 */
/* Carries TCP connections from a listener to an endpoint and back.
 *
 * Small messages go through one shared buffer; a flow that fills it is spliced through a pipe,
 * which it holds only while it moves bulk. Edge-triggered: a side is known to be readable or
 * writable until the kernel says otherwise, so that an idle connection costs nothing. Ends and
 * resets travel. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/forward.h"

enum {
    MAX_CONNECTIONS = 10000,
    CONNECT_MS = 1000,
    AVOID_MS = 2000,
    MAX_TRIES = 8,
    ACCEPTS = 64, /* per event */
    BUFFER = 16 * 1024,
    PIPE = 256 * 1024,
    TURN = 512 * 1024,    /* bytes of one connection before the others have their turn */
    MAX_SPILL = 32 << 20, /* bytes held in memory for slow readers, all together */
};

struct side {
    struct ev ev; /* first */
    struct conn *conn;
    bool readable, writable;
    bool ended; /* the kernel said that the end is near: read until it comes */
};

/* One direction. What was read and not yet written waits in the pipe or in spill, never in both. */
struct flow {
    int pipe[2];
    uint32_t in_pipe;
    uint32_t spill_at, spill_len;
    uint8_t *spill;
    bool bulk, eof, done;
};

struct conn {
    struct side client, server;
    struct flow up, down;
    struct forward *forward;
    struct target *target;
    struct ev_timer timer;
    uint32_t from;
    uint8_t tries;
    bool open, queued;
    struct conn *next; /* in the queue of unfinished turns */
};

static unsigned conns, max_conns, pipes, max_pipes;
static size_t spilled;
static int reserve = -1; /* given up to refuse a connection when descriptors are out */
static struct conn *queue, **queue_end = &queue;
static uint8_t buffer[BUFFER];

static void on_client(struct ev *ev, uint32_t events);
static void on_server(struct ev *ev, uint32_t events);

void relay_init(unsigned files)
{
    unsigned usable = files > 128 ? files - 64 : 64;
    max_conns = usable * 9 / 20;
    max_conns = max_conns < MAX_CONNECTIONS ? max_conns : MAX_CONNECTIONS;
    max_pipes = (usable - 2 * max_conns) / 2;
    max_pipes = max_pipes < 512 ? max_pipes : 512;
    reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* ---- beginning and end ---- */

static void flow_init(struct flow *f)
{
    f->pipe[0] = f->pipe[1] = -1;
}

static void pipe_free(struct flow *f)
{
    if (f->pipe[0] >= 0) {
        close(f->pipe[0]);
        close(f->pipe[1]);
        f->pipe[0] = f->pipe[1] = -1;
        f->in_pipe = 0;
        pipes--;
    }
    f->bulk = false;
}

static bool pipe_get(struct flow *f)
{
    if (f->pipe[0] >= 0) {
        return true;
    }
    if (pipes >= max_pipes || pipe2(f->pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
        flow_init(f);
        return false;
    }
    fcntl(f->pipe[1], F_SETPIPE_SZ, PIPE);
    pipes++;
    return true;
}

static void spill_free(struct flow *f)
{
    if (f->spill != NULL) {
        spilled -= f->spill_at + f->spill_len;
        free(f->spill);
        f->spill = NULL;
        f->spill_at = f->spill_len = 0;
    }
}

static void leave_target(struct conn *c)
{
    if (c->target != NULL && c->open) {
        c->target->active--;
        c->forward->counted = true;
    }
    target_unref(c->target);
    c->target = NULL;
    c->open = false;
}

static void finish(struct conn *c, bool reset)
{
    if (c->client.ev.fd < 0) {
        return;
    }
    if (reset) {
        sock_reset_on_close(c->client.ev.fd);
        if (c->server.ev.fd >= 0) {
            sock_reset_on_close(c->server.ev.fd);
        }
    }
    ev_close(&c->client.ev);
    ev_close(&c->server.ev);
    ev_timer_stop(&c->timer);
    pipe_free(&c->up);
    pipe_free(&c->down);
    spill_free(&c->up);
    spill_free(&c->down);
    leave_target(c);
    forward_unref(c->forward);
    conns--;
    if (!c->queued) {
        ev_free_later(c);
    }
}

/* ---- moving bytes ---- */

enum moved { MOVED, BLOCKED, BROKEN };

static enum moved blocked(bool *ready)
{
    if (errno != EAGAIN) {
        return errno == EINTR ? MOVED : BROKEN;
    }
    *ready = false;
    return BLOCKED;
}

/* What waits goes out first. */
static enum moved drain(struct side *to, struct flow *f)
{
    if (!to->writable) {
        return BLOCKED;
    }
    if (f->in_pipe > 0) {
        ssize_t n = splice(f->pipe[0], NULL, to->ev.fd, NULL, f->in_pipe,
                           SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n < 0) {
            return blocked(&to->writable);
        }
        f->in_pipe -= (uint32_t)n;
        return MOVED;
    }
    ssize_t n = send(to->ev.fd, f->spill + f->spill_at, f->spill_len, MSG_NOSIGNAL);
    if (n < 0) {
        return blocked(&to->writable);
    }
    f->spill_at += (uint32_t)n;
    f->spill_len -= (uint32_t)n;
    if (f->spill_len == 0) {
        spill_free(f);
    }
    return MOVED;
}

static bool spill(struct flow *f, const uint8_t *bytes, size_t n)
{
    if (spilled + n > MAX_SPILL) {
        return false;
    }
    f->spill = guest_alloc(n);
    memcpy(f->spill, bytes, n);
    f->spill_len = (uint32_t)n;
    spilled += n;
    return true;
}

static enum moved move_small(struct side *from, struct side *to, struct flow *f, size_t *ret_n)
{
    ssize_t n = recv(from->ev.fd, buffer, sizeof(buffer), 0);
    if (n < 0) {
        return blocked(&from->readable);
    }
    if (n == 0) {
        f->eof = true;
        return MOVED;
    }
    *ret_n = (size_t)n;
    f->bulk = (size_t)n == sizeof(buffer) && pipe_get(f);
    if (!f->bulk && (size_t)n < sizeof(buffer) && !from->ended) {
        from->readable = false; /* it gave less than asked: empty; the kernel tells when not */
    }
    ssize_t sent = to->writable ? send(to->ev.fd, buffer, (size_t)n, MSG_NOSIGNAL) : 0;
    if (sent < 0) {
        if (blocked(&to->writable) == BROKEN) {
            return BROKEN;
        }
        sent = 0;
    }
    if (sent < n && !spill(f, buffer + sent, (size_t)(n - sent))) {
        return BROKEN;
    }
    return MOVED;
}

static enum moved move_bulk(struct side *from, struct flow *f, size_t *ret_n)
{
    ssize_t n =
        splice(from->ev.fd, NULL, f->pipe[1], NULL, PIPE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n < 0) {
        enum moved m = blocked(&from->readable);
        pipe_free(f);
        return m;
    }
    f->eof = n == 0;
    f->in_pipe = (uint32_t)n;
    *ret_n = (size_t)n;
    return MOVED;
}

/* Moves what can be moved. False when the turn is used up and more may be there. */
static bool pump(struct side *from, struct side *to, struct flow *f, bool *ret_broken)
{
    size_t total = 0;
    enum moved m = MOVED;
    while (!f->done && m == MOVED && total < TURN) {
        size_t n = 0;
        if (f->in_pipe > 0 || f->spill_len > 0) {
            m = drain(to, f);
        } else if (f->eof) {
            pipe_free(f);
            shutdown(to->ev.fd, SHUT_WR);
            f->done = true;
        } else if (!from->readable) {
            m = BLOCKED;
        } else {
            m = f->bulk ? move_bulk(from, f, &n) : move_small(from, to, f, &n);
        }
        total += n;
    }
    *ret_broken = *ret_broken || m == BROKEN;
    return total < TURN;
}

static bool run_queue(void);

static void pump_both(struct conn *c)
{
    bool broken = false;
    bool up = pump(&c->client, &c->server, &c->up, &broken);
    bool down = broken || pump(&c->server, &c->client, &c->down, &broken);
    if (broken || (c->up.done && c->down.done)) {
        finish(c, broken);
    } else if ((!up || !down) && !c->queued) {
        c->queued = true;
        c->next = NULL;
        *queue_end = c;
        queue_end = &c->next;
        ev_idle(run_queue);
    }
}

/* One turn for everyone who was waiting; what is queued meanwhile comes in the next round. */
static bool run_queue(void)
{
    struct conn *todo = queue;
    queue = NULL;
    queue_end = &queue;
    for (struct conn *c = todo, *next; c != NULL; c = next) {
        next = c->next;
        c->queued = false;
        if (c->client.ev.fd >= 0) {
            pump_both(c);
        } else {
            ev_free_later(c);
        }
    }
    return queue != NULL;
}

static void on_side(struct side *s, uint32_t events)
{
    s->readable = s->readable || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0;
    s->writable = s->writable || (events & EPOLLOUT) != 0;
    s->ended = s->ended || (events & (EPOLLRDHUP | EPOLLHUP)) != 0;
}

/* What came before the reset is still delivered. */
static void on_reset(struct conn *c, struct side *from, struct side *to, struct flow *f)
{
    bool broken = false;
    if (c->open) {
        from->readable = true;
        pump(from, to, f, &broken);
    }
    finish(c, true);
}

static void on_client(struct ev *ev, uint32_t events)
{
    struct conn *c = ((struct side *)ev)->conn;
    on_side(&c->client, events);
    if (events & EPOLLERR) {
        on_reset(c, &c->client, &c->server, &c->up);
    } else if (c->open) {
        pump_both(c);
    }
}

/* ---- reaching an endpoint ---- */

static void try_next(struct conn *c);

static void failed(struct conn *c)
{
    ev_close(&c->server.ev);
    ev_timer_stop(&c->timer);
    c->target->failed++;
    c->target->avoid_until = ev_now() + AVOID_MS;
    c->forward->counted = true;
    leave_target(c);
    try_next(c);
}

static void on_timeout(struct ev_timer *t)
{
    failed((struct conn *)((char *)t - offsetof(struct conn, timer)));
}

static void set_up_socket(int fd)
{
    static const int options[][2] = {
        {TCP_NODELAY, 1}, {TCP_KEEPIDLE, 30}, {TCP_KEEPINTVL, 5}, {TCP_KEEPCNT, 4}};
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    for (size_t i = 0; i < LEN(options); i++) {
        setsockopt(fd, IPPROTO_TCP, options[i][0], &options[i][1], sizeof(int));
    }
}

static bool start_connect(struct conn *c)
{
    const uint32_t events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    int fd = sock_connect(SOCK_STREAM, &c->target->at);
    if (fd < 0) {
        return false;
    }
    set_up_socket(fd);
    if (ev_add(&c->server.ev, fd, events, on_server) < 0) {
        close(fd);
        return false;
    }
    c->server.readable = c->server.writable = c->server.ended = false;
    ev_timer_start(&c->timer, CONNECT_MS);
    return true;
}

/* The next endpoint, until one can be asked or there is none left. */
static void try_next(struct conn *c)
{
    while (c->tries < MAX_TRIES && c->tries < c->forward->ntargets) {
        c->target = forward_choose(c->forward, c->from, c->tries++);
        if (start_connect(c)) {
            return;
        }
        c->target->failed++;
        c->target->avoid_until = ev_now() + AVOID_MS;
        c->forward->counted = true;
        leave_target(c);
    }
    finish(c, true);
}

static void opened(struct conn *c)
{
    ev_timer_stop(&c->timer);
    c->open = true;
    c->target->connections++;
    c->target->active++;
    c->target->avoid_until = 0;
    c->forward->counted = true;
}

static void on_server(struct ev *ev, uint32_t events)
{
    struct conn *c = ((struct side *)ev)->conn;
    if (!c->open) {
        if ((events & (EPOLLERR | EPOLLHUP)) != 0 || sock_error(ev->fd) != 0) {
            failed(c);
            return;
        }
        if ((events & EPOLLOUT) == 0) {
            return;
        }
        opened(c);
    }
    on_side(&c->server, events);
    if (events & EPOLLERR) {
        on_reset(c, &c->server, &c->client, &c->down);
    } else {
        pump_both(c);
    }
}

/* ---- accepting ---- */

static void refuse(int fd)
{
    sock_reset_on_close(fd);
    close(fd);
}

/* Out of descriptors: without this the listener would stay ready and the loop would spin. */
static void refuse_with_reserve(int listener)
{
    if (reserve >= 0) {
        close(reserve);
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            refuse(fd);
        }
        reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
}

static void begin(struct forward *f, int fd, uint32_t from)
{
    struct conn *c = guest_alloc(sizeof(*c));
    c->client.conn = c->server.conn = c;
    c->server.ev.fd = -1;
    c->from = from;
    c->timer.fn = on_timeout;
    flow_init(&c->up);
    flow_init(&c->down);
    set_up_socket(fd);
    if (ev_add(&c->client.ev, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, on_client) < 0) {
        refuse(fd);
        free(c);
        return;
    }
    c->forward = f;
    f->refs++;
    conns++;
    try_next(c);
}

void relay_accept(struct ev *listener, uint32_t events)
{
    struct forward *f = (struct forward *)listener;
    for (int i = 0; i < ACCEPTS; i++) {
        struct sockaddr_in peer = {.sin_port = 0};
        socklen_t n = sizeof(peer);
        int fd = accept4(listener->fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE) {
                refuse_with_reserve(listener->fd);
            }
            return;
        }
        if (conns >= max_conns) {
            refuse(fd);
        } else {
            begin(f, fd, ntohl(peer.sin_addr.s_addr));
        }
    }
}
