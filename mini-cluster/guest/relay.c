/* SPDX-License-Identifier: Apache-2.0 */
/* Carries TCP connections from a listener to an endpoint and back: chooses, connects, tries the
 * next, and lets ends and resets travel. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/flow.h"
#include "guest/forward.h"

enum {
    MAX_CONNECTIONS = 10000,
    MAX_PIPES = 512,
    CONNECT_MS = 1000,
    AVOID_MS = 2000,
    MAX_TRIES = 8,
    ACCEPTS = 64, /* per event */
};

struct conn {
    struct flow_side client, server;
    struct flow up, down;
    struct forward *forward;
    struct target *target;
    struct ev_timer timer;
    uint32_t from;
    uint8_t tries;
    bool open, queued;
    struct conn *next; /* in the queue of unfinished turns */
};

static unsigned conns, max_conns;
static int reserve = -1; /* given up to refuse a connection when descriptors are out */
static struct conn *queue, **queue_end = &queue;

static void on_client(struct ev *ev, uint32_t events);
static void on_server(struct ev *ev, uint32_t events);

void relay_init(unsigned files)
{
    unsigned usable = files > 128 ? files - 64 : 64;
    max_conns = usable * 9 / 20;
    max_conns = max_conns < MAX_CONNECTIONS ? max_conns : MAX_CONNECTIONS;
    unsigned pipes = (usable - 2 * max_conns) / 2;
    flow_limit(pipes < MAX_PIPES ? pipes : MAX_PIPES);
    reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* ---- beginning and end ---- */

static void leave_target(struct conn *c)
{
    if (c->target != NULL && c->open) {
        c->target->active--;
        c->forward->counted = true;
    }
    forward_target_unref(c->target);
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
    flow_fini(&c->up);
    flow_fini(&c->down);
    leave_target(c);
    forward_unref(c->forward);
    conns--;
    if (!c->queued) {
        ev_free_later(c);
    }
}

/* ---- taking turns ---- */

static bool run_queue(void);

static void pump_both(struct conn *c)
{
    enum flow_state up = flow_pump(&c->up, &c->client, &c->server);
    enum flow_state down =
        up != FLOW_BROKEN ? flow_pump(&c->down, &c->server, &c->client) : FLOW_BROKEN;
    if (up == FLOW_BROKEN || down == FLOW_BROKEN) {
        finish(c, true);
    } else if (c->up.done && c->down.done) {
        finish(c, false);
    } else if ((up == FLOW_HAS_MORE || down == FLOW_HAS_MORE) && !c->queued) {
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

/* What came before the reset is still delivered. */
static void on_reset(struct conn *c, struct flow *f, struct flow_side *from, struct flow_side *to)
{
    if (c->open) {
        from->readable = true;
        flow_pump(f, from, to);
    }
    finish(c, true);
}

static void on_client(struct ev *ev, uint32_t events)
{
    struct conn *c = (struct conn *)((char *)ev - offsetof(struct conn, client));
    flow_note(&c->client, events);
    if (events & EPOLLERR) {
        on_reset(c, &c->up, &c->client, &c->server);
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
    struct conn *c = (struct conn *)((char *)ev - offsetof(struct conn, server));
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
    flow_note(&c->server, events);
    if (events & EPOLLERR) {
        on_reset(c, &c->down, &c->server, &c->client);
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
