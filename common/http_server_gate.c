/* SPDX-License-Identifier: Apache-2.0 */
/* Lets connections in: never more than the cap; and under TLS a few per tick, and only once they
 * say something, so that neither a burst of handshakes nor a silent peer costs the others their
 * turn. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop_uv.h"
#include "common/mem.h"
#include "http_server_impl.h"

#define ACCEPTS_PER_TICK 32
#define HANDSHAKES_PER_TICK 6 /* about 0.5 ms each */
#define SILENCE_NS LOOP_S(10) /* so long may a peer take to say hello */
#define RETRY_NS LOOP_MS(100) /* when there are no descriptors left */

/* A connection that has not said anything yet. */
struct http_guest {
    int fd;
    uint64_t since_ns;
    struct sockaddr_storage addr;
    socklen_t addr_len;
    struct http_guest *prev, *next;
};

struct http_gate {
    struct http_server *server;
    int listen_fd;
    int guests_fd; /* epoll set of the guests */
    uv_poll_t listen_poll;
    uv_poll_t guests_poll;
    int open_handles;
    struct loop_timer *retry;
    struct loop_timer *silence;
    struct http_guest *guests; /* the latest first */
    unsigned count;
    bool closed; /* no more accepting, for good */
};

static void on_knock(uv_poll_t *poll, int status, int events);

static bool is_full(const struct http_gate *g)
{
    return g->server->conn_count + g->count >= g->server->opts.max_connections;
}

void http_gate_update(struct http_gate *g)
{
    bool wanted = !g->closed && !is_full(g) && !loop_timer_active(g->retry);
    if (wanted && !uv_is_active((uv_handle_t *)&g->listen_poll)) {
        uv_poll_start(&g->listen_poll, UV_READABLE, on_knock);
    } else if (!wanted && !g->closed) {
        uv_poll_stop(&g->listen_poll);
    }
}

static void on_retry(void *arg)
{
    http_gate_update(arg);
}

/* ---- guests ---- */

static void guest_free(struct http_gate *g, struct http_guest *guest)
{
    if (guest->prev != NULL) {
        guest->prev->next = guest->next;
    } else {
        g->guests = guest->next;
    }
    if (guest->next != NULL) {
        guest->next->prev = guest->prev;
    }
    g->count--;
    free(guest);
}

static void turn_out(struct http_gate *g, struct http_guest *guest)
{
    close(guest->fd);
    guest_free(g, guest);
}

/* The daemon owns the descriptor from here on, and closes it when it fails. */
static void let_in(struct http_gate *g, int fd, const struct sockaddr_storage *addr, socklen_t len)
{
    if (MHD_add_connection(g->server->daemon, fd, (const struct sockaddr *)addr, len) != MHD_YES) {
        log_warn("http", "a connection could not be taken: is the limit of open files reached?");
    }
    http_server_kick(g->server);
}

static void guest_new(struct http_gate *g, int fd, const struct sockaddr_storage *addr,
                      socklen_t len)
{
    struct http_guest *guest = xnew(struct http_guest);
    guest->fd = fd;
    guest->since_ns = loop_mono_ns(g->server->loop);
    guest->addr = *addr;
    guest->addr_len = len;
    guest->next = g->guests;
    if (guest->next != NULL) {
        guest->next->prev = guest;
    }
    g->guests = guest;
    g->count++;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = guest};
    if (epoll_ctl(g->guests_fd, EPOLL_CTL_ADD, fd, &ev) != 0) {
        turn_out(g, guest);
    } else if (!loop_timer_active(g->silence)) {
        loop_timer_start(g->silence, SILENCE_NS);
    }
}

static void on_silence(void *arg)
{
    struct http_gate *g = arg;
    uint64_t now = loop_mono_ns(g->server->loop), oldest = 0;
    for (struct http_guest *guest = g->guests, *next; guest != NULL; guest = next) {
        next = guest->next; /* turning out frees */
        uint64_t age = now - guest->since_ns;
        if (age >= SILENCE_NS) {
            turn_out(g, guest);
        } else {
            oldest = age > oldest ? age : oldest;
        }
    }
    if (g->guests != NULL) {
        loop_timer_start(g->silence, SILENCE_NS - oldest);
    }
    http_gate_update(g);
}

static void on_guests(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct http_gate *g = poll->data;
    struct epoll_event ev[HANDSHAKES_PER_TICK]; /* the rest is still ready in the next tick */
    int n = epoll_wait(g->guests_fd, ev, ARRAY_LEN(ev), 0);
    for (int i = 0; i < n; i++) {
        struct http_guest *guest = ev[i].data.ptr;
        epoll_ctl(g->guests_fd, EPOLL_CTL_DEL, guest->fd, NULL);
        let_in(g, guest->fd, &guest->addr, guest->addr_len);
        guest_free(g, guest);
    }
}

/* ---- accepting ---- */

/* False when there is nobody, or nothing to accept with. */
static bool accept_one(struct http_gate *g)
{
    struct sockaddr_storage addr = {0};
    socklen_t len = sizeof(addr);
    int fd = accept4(g->listen_fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        if (g->server->cert_pem != NULL) {
            guest_new(g, fd, &addr, len);
        } else {
            let_in(g, fd, &addr, len);
        }
        return true;
    }
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) {
        return false;
    }
    char why[128];
    log_warn("http", "accept: %s; trying again", strerror_r(errno, why, sizeof(why)));
    loop_timer_start(g->retry, RETRY_NS);
    return false;
}

static void on_knock(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct http_gate *g = poll->data;
    for (int i = 0; i < ACCEPTS_PER_TICK && !is_full(g) && accept_one(g); i++) {
    }
    http_gate_update(g);
}

/* ---- making and ending ---- */

static void after_close(uv_handle_t *handle)
{
    struct http_gate *g = handle->data;
    if (--g->open_handles == 0) {
        free(g);
    }
}

static void init_poll(struct http_gate *g, uv_poll_t *poll, int fd)
{
    int rc = uv_poll_init(loop_uv(g->server->loop), poll, fd);
    assert(rc == 0); /* sockets and epoll sets can always be polled */
    poll->data = g;
    g->open_handles++;
}

int http_gate_new(struct http_server *s, int listen_fd, struct http_gate **ret, struct err *err)
{
    int flags = fcntl(listen_fd, F_GETFL);
    int listening = 0;
    socklen_t len = sizeof(listening);
    if (flags < 0 || fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        getsockopt(listen_fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0) {
        return err_errno(err, errno, "listen");
    }
    if (!listening) {
        return err_set(err, ERR_INTERNAL, "listen: the socket does not listen");
    }
    int guests_fd = epoll_create1(EPOLL_CLOEXEC);
    if (guests_fd < 0) {
        return err_errno(err, errno, "listen");
    }
    struct http_gate *g = xnew(struct http_gate);
    g->server = s;
    g->listen_fd = listen_fd;
    g->guests_fd = guests_fd;
    g->retry = loop_timer_new(s->loop, on_retry, g);
    g->silence = loop_timer_new(s->loop, on_silence, g);
    init_poll(g, &g->listen_poll, listen_fd);
    init_poll(g, &g->guests_poll, guests_fd);
    uv_poll_start(&g->guests_poll, UV_READABLE, on_guests);
    http_gate_update(g);
    *ret = g;
    return 0;
}

void http_gate_close(struct http_gate *g)
{
    if (!g->closed) {
        g->closed = true;
        uv_close((uv_handle_t *)&g->listen_poll, after_close);
        close(g->listen_fd);
    }
}

void http_gate_free(struct http_gate *g)
{
    if (g == NULL) {
        return;
    }
    http_gate_close(g);
    while (g->guests != NULL) {
        turn_out(g, g->guests);
    }
    loop_timer_free(g->retry);
    loop_timer_free(g->silence);
    uv_close((uv_handle_t *)&g->guests_poll, after_close);
    close(g->guests_fd);
}

unsigned http_gate_count(const struct http_gate *g)
{
    return g->count;
}
