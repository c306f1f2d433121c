/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting under uv_poll, then a duplex. */
#include "common/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "common/loop.h"
#include "common/loop_uv.h"
#include "common/mem.h"
#include "common/str.h"
#include "duplex.h"

/* libuv closes handles later: this outlives the connection, whose pointer is then NULL. */
struct knock {
    uv_poll_t poll;
    struct tcp *tcp;
};

struct tcp {
    struct loop *loop;
    struct tcp_opts opts;
    char target[80]; /* "10.77.0.9:80" */
    int fd;
    struct knock *knock;      /* while it is being connected */
    struct loop_timer *timer; /* bounds that */
    struct duplex *duplex;    /* after */
    struct str early;         /* written before */
    bool end_wanted, ended;   /* our side */
    bool paused, peer_ended;
    bool over; /* on_close is under way or was called */
    bool refused;
    struct err err;
};

/* ---- the end ---- */

static void tell_close(void *arg)
{
    struct tcp *t = arg;
    t->opts.on_close(t->opts.arg, &t->err, t->refused);
}

static void end(struct tcp *t)
{
    if (!t->over) {
        t->over = true;
        loop_timer_stop(t->timer);
        if (t->duplex != NULL) {
            duplex_pause(t->duplex, true);
        }
        loop_defer(t->loop, tell_close, t);
    }
}

static const char *words_of(int errnum)
{
    switch (errnum) {
    case ECONNREFUSED:
        return "connect: connection refused";
    case EHOSTUNREACH:
        return "connect: no route to host";
    case ENETUNREACH:
        return "connect: network is unreachable";
    case ETIMEDOUT:
        return "i/o timeout";
    case ECONNRESET:
        return "connect: connection reset by peer";
    default:
        return strerror(errnum);
    }
}

static void fail(struct tcp *t, int errnum)
{
    t->refused = errnum == ECONNREFUSED;
    err_set(&t->err, ERR_UNAVAILABLE, "dial tcp %s: %s", t->target, words_of(errnum));
    end(t);
}

/* ---- connected ---- */

static void on_duplex_data(void *arg, const char *bytes, size_t n)
{
    struct tcp *t = arg;
    t->peer_ended |= n == 0;
    if (n == 0 && t->ended) {
        end(t); /* before the call, which may free t */
    }
    t->opts.on_data(t->opts.arg, bytes, n);
}

static void on_duplex_drain(void *arg)
{
    struct tcp *t = arg;
    if (!t->over && t->opts.on_drain != NULL) {
        t->opts.on_drain(t->opts.arg);
    }
}

static void on_duplex_close(void *arg, int errnum)
{
    struct tcp *t = arg;
    if (errnum != 0 && !t->over) {
        err_set(&t->err, ERR_UNAVAILABLE, "read tcp %s: %s", t->target,
                errnum == ECONNRESET ? "connection reset by peer" : strerror(errnum));
    }
    end(t);
}

static const struct duplex_ops ops = {
    .on_data = on_duplex_data, .on_drain = on_duplex_drain, .on_close = on_duplex_close};

static void give_end(struct tcp *t)
{
    t->ended = true;
    duplex_end(t->duplex);
    if (t->peer_ended) {
        end(t);
    }
}

static void connected(struct tcp *t)
{
    loop_timer_stop(t->timer);
    setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    t->duplex = duplex_new(t->loop, t->fd, NULL, &ops, t);
    duplex_pause(t->duplex, t->paused);
    duplex_write(t->duplex, str_c(&t->early), t->early.len);
    bool waited = t->early.len > 0;
    str_fini(&t->early);
    if (t->end_wanted) {
        give_end(t);
    }
    if (waited && duplex_queued(t->duplex) <= DUPLEX_HIGH_MARK) {
        on_duplex_drain(t); /* nothing will be said of what waited before */
    }
    t->opts.on_open(t->opts.arg);
}

/* ---- connecting ---- */

static void after_close(uv_handle_t *handle)
{
    free(handle->data);
}

static void stop_knocking(struct tcp *t)
{
    if (t->knock != NULL) {
        t->knock->tcp = NULL;
        uv_close((uv_handle_t *)&t->knock->poll, after_close);
        t->knock = NULL;
    }
}

static void on_answer(uv_poll_t *poll, int status, int events)
{
    struct tcp *t = ((struct knock *)poll->data)->tcp;
    int errnum = 0;
    socklen_t size = sizeof(errnum);
    (void)status; /* of a socket in trouble only that: what it is, the socket says */
    (void)events;
    if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &errnum, &size) < 0) {
        errnum = errno;
    }
    stop_knocking(t);
    if (errnum != 0) {
        fail(t, errnum);
    } else {
        connected(t);
    }
}

static void timed_out(void *arg)
{
    struct tcp *t = arg;
    stop_knocking(t);
    fail(t, ETIMEDOUT);
}

static void wait_for_answer(struct tcp *t)
{
    struct knock *k = xnew(struct knock);
    if (uv_poll_init(loop_uv(t->loop), &k->poll, t->fd) != 0) {
        free(k);
        fail(t, EMFILE);
        return;
    }
    k->poll.data = k;
    k->tcp = t;
    t->knock = k;
    uv_poll_start(&k->poll, UV_WRITABLE, on_answer);
    loop_timer_start(t->timer, t->opts.timeout_ns != 0 ? t->opts.timeout_ns : LOOP_S(5));
}

struct tcp *tcp_dial(struct loop *loop, const struct tcp_opts *opts)
{
    struct tcp *t = xnew(struct tcp);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)opts->port)};
    t->loop = loop;
    t->opts = *opts;
    snprintf(t->target, sizeof(t->target), "%.60s:%d", opts->address, opts->port);
    t->opts.address = NULL;
    t->timer = loop_timer_new(loop, timed_out, t);
    t->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, opts->address, &to.sin_addr) != 1) {
        fail(t, EADDRNOTAVAIL);
    } else if (t->fd < 0 || (connect(t->fd, (const struct sockaddr *)&to, sizeof(to)) != 0 &&
                             errno != EINPROGRESS)) {
        fail(t, errno);
    } else {
        wait_for_answer(t);
    }
    return t;
}

void tcp_free(struct tcp *t)
{
    if (t == NULL) {
        return;
    }
    stop_knocking(t);
    loop_undefer(t->loop, t);
    loop_timer_free(t->timer);
    duplex_free(t->duplex);
    if (t->fd >= 0) {
        close(t->fd);
    }
    str_fini(&t->early);
    free(t);
}

/* ---- writing ---- */

bool tcp_write(struct tcp *t, const void *bytes, size_t n)
{
    if (t->over) {
        return true; /* on_close tells */
    }
    if (t->duplex != NULL) {
        return duplex_write(t->duplex, bytes, n);
    }
    if (n > DUPLEX_MAX_QUEUE || t->early.len > DUPLEX_MAX_QUEUE - n) {
        return false;
    }
    str_add_n(&t->early, bytes, n);
    return true;
}

void tcp_end(struct tcp *t)
{
    t->end_wanted = true;
    if (t->duplex != NULL && !t->over && !t->ended) {
        give_end(t);
    }
}

void tcp_pause(struct tcp *t, bool paused)
{
    t->paused = paused;
    if (t->duplex != NULL && !t->over) {
        duplex_pause(t->duplex, paused);
    }
}

size_t tcp_queued(const struct tcp *t)
{
    return t->early.len + (t->duplex != NULL ? duplex_queued(t->duplex) : 0);
}
