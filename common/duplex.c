/* SPDX-License-Identifier: Apache-2.0 */
/* A socket under uv_poll, with or without a TLS session between it and the bytes. */
#include "duplex.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <sys/socket.h>

#include "common/loop.h"
#include "common/loop_uv.h"
#include "common/mem.h"
#include "common/str.h"

#define READ_SIZE ((size_t)64 << 10) /* more than a TLS record: the session holds none back */
#define READS_PER_EVENT 8            /* then others get their turn */
#define LINGER_NS LOOP_S(10) /* so long may a peer take to read what is queued at the close */

struct duplex {
    struct loop *loop;
    uv_poll_t poll;
    int fd;
    gnutls_session_t tls;
    const struct duplex_ops *ops;
    void *arg;
    struct loop_timer *linger;
    struct str out;
    size_t out_head; /* bytes of `out` that were sent */
    int watched;     /* events the poll waits for */
    int errnum;      /* what on_close will be told */
    bool paused;
    bool peer_ended;
    bool left;       /* on_left was told */
    bool out_broken; /* the peer takes no more; what it said before is still read */
    bool ending;     /* half-close when the queue is empty */
    bool closing;    /* close when the queue is empty */
    bool was_high;
    bool dead; /* on_close is under way or was called; nothing is read or written */
};

static void on_poll(uv_poll_t *poll, int status, int events);

/* ---- the socket: recv and send with errno, whatever is between ---- */

static ssize_t tls_result(ssize_t rc)
{
    if (rc >= 0) {
        return rc;
    }
    switch (rc) {
    case GNUTLS_E_AGAIN:
    case GNUTLS_E_REHANDSHAKE: /* refused by not answering */
        errno = EAGAIN;
        return -1;
    case GNUTLS_E_INTERRUPTED:
        errno = EINTR;
        return -1;
    case GNUTLS_E_PREMATURE_TERMINATION: /* ended without saying goodbye */
        return 0;
    default:
        errno = ECONNRESET;
        return -1;
    }
}

static ssize_t recv_some(struct duplex *d, char *buf, size_t n)
{
    return d->tls != NULL ? tls_result(gnutls_record_recv(d->tls, buf, n)) : recv(d->fd, buf, n, 0);
}

/* After EAGAIN the session wants the same bytes again: they stay at the front of the queue. */
static ssize_t send_once(struct duplex *d, const char *bytes, size_t n)
{
    return d->tls != NULL ? tls_result(gnutls_record_send(d->tls, bytes, n))
                          : send(d->fd, bytes, n, MSG_NOSIGNAL);
}

static void say_end(struct duplex *d)
{
    if (d->tls != NULL) {
        gnutls_bye(d->tls, GNUTLS_SHUT_WR);
    }
    shutdown(d->fd, SHUT_WR);
}

/* ---- the end ---- */

static void watch(struct duplex *d)
{
    int events = 0;
    if (!d->dead && !d->paused && !d->peer_ended) {
        events |= UV_READABLE;
    } else if (!d->dead && d->paused && !d->peer_ended && !d->left && d->ops->on_left != NULL) {
        events |= UV_DISCONNECT;
    }
    if (!d->dead && duplex_queued(d) > 0) {
        events |= UV_WRITABLE;
    }
    if (events == d->watched) {
        return;
    }
    d->watched = events;
    if (events != 0) {
        uv_poll_start(&d->poll, events, on_poll);
    } else {
        uv_poll_stop(&d->poll);
    }
}

static void report_close(void *arg)
{
    struct duplex *d = arg;
    d->ops->on_close(d->arg, d->errnum);
}

static void die(struct duplex *d, int errnum)
{
    if (d->dead) {
        return;
    }
    d->dead = true;
    d->errnum = errnum;
    watch(d);
    loop_defer(d->loop, report_close, d);
}

static void queue_is_empty(struct duplex *d)
{
    str_clear(&d->out);
    d->out_head = 0;
    if (d->closing) {
        say_end(d);
        die(d, 0);
    } else if (d->ending) {
        d->ending = false;
        say_end(d);
    }
}

static void write_failed(struct duplex *d, int errnum)
{
    d->out_broken = true;
    if (d->peer_ended || d->closing) {
        die(d, errnum);
    }
}

/* Sends what it can of the bytes; returns how many. Without a peer that takes them, all are gone.
 */
static size_t send_some(struct duplex *d, const char *bytes, size_t n)
{
    size_t sent = 0;
    while (sent < n) {
        ssize_t rc = send_once(d, bytes + sent, n - sent);
        if (rc >= 0) {
            sent += (size_t)rc;
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            write_failed(d, errno);
            return n;
        }
    }
    return sent;
}

static void flush(struct duplex *d)
{
    d->out_head += send_some(d, d->out.p + d->out_head, d->out.len - d->out_head);
    if (d->dead) {
        return;
    }
    if (duplex_queued(d) == 0) {
        queue_is_empty(d);
    } else if (d->out_head > d->out.len / 2) {
        str_drop_front(&d->out, d->out_head);
        d->out_head = 0;
    }
    watch(d);
    if (d->was_high && duplex_queued(d) <= DUPLEX_LOW_MARK) {
        d->was_high = false;
        if (!d->dead && d->ops->on_drain != NULL) {
            d->ops->on_drain(d->arg);
        }
    }
}

static void read_some(struct duplex *d)
{
    char buf[READ_SIZE];
    for (int i = 0; i < READS_PER_EVENT && !d->dead && !d->paused && !d->peer_ended; i++) {
        ssize_t n = recv_some(d, buf, sizeof(buf));
        if (n > 0) {
            d->ops->on_data(d->arg, buf,
                            (size_t)n); /* may free d: its memory outlives this event */
        } else if (n == 0) {
            d->peer_ended = true;
            if (d->out_broken) {
                die(d, 0); /* nobody is there any more */
            }
            watch(d);
            d->ops->on_data(d->arg, "", 0);
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            die(d, errno);
        }
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct duplex *d = poll->data;
    if (status < 0) {
        die(d, -status);
        return;
    }
    if ((events & UV_WRITABLE) != 0 && duplex_queued(d) > 0) {
        flush(d);
    }
    if ((events & UV_READABLE) != 0) {
        read_some(d);
    } else if ((events & UV_DISCONNECT) != 0 && d->paused && !d->dead && !d->left) {
        d->left = true;
        watch(d);
        d->ops->on_left(d->arg);
    }
}

static void linger_is_over(void *arg)
{
    die(arg, 0);
}

struct duplex *duplex_new(struct loop *loop, int fd, struct gnutls_session_int *tls,
                          const struct duplex_ops *ops, void *arg)
{
    struct duplex *d = xnew(struct duplex);
    d->tls = tls;
    d->loop = loop;
    d->fd = fd;
    d->ops = ops;
    d->arg = arg;
    d->poll.data = d;
    d->paused = true;
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    int rc = uv_poll_init(loop_uv(loop), &d->poll, fd);
    if (rc != 0) { /* the handle is not open then, so it must not be closed */
        d->poll.data = NULL;
        die(d, -rc);
    }
    return d;
}

static void after_close(uv_handle_t *handle)
{
    struct duplex *d = container_of((uv_poll_t *)handle, struct duplex, poll);
    str_fini(&d->out);
    free(d);
}

void duplex_free(struct duplex *d)
{
    if (d == NULL) {
        return;
    }
    d->dead = true;
    loop_undefer(d->loop, d);
    loop_timer_free(d->linger);
    if (d->poll.data != NULL) {
        uv_close((uv_handle_t *)&d->poll, after_close);
    } else {
        after_close((uv_handle_t *)&d->poll);
    }
}

bool duplex_write(struct duplex *d, const void *bytes, size_t n)
{
    if (d->dead || d->closing) {
        return true; /* on_close tells, or was asked for */
    }
    if (d->out_broken) {
        return true; /* reading finds the end */
    }
    const char *p = bytes;
    if (duplex_queued(d) == 0) {
        size_t sent = send_some(d, p, n);
        p += sent;
        n -= sent;
    }
    if (n == 0 || d->dead) {
        return true;
    }
    if (n > DUPLEX_MAX_QUEUE || duplex_queued(d) > DUPLEX_MAX_QUEUE - n) {
        return false;
    }
    str_add_n(&d->out, p, n);
    d->was_high |= duplex_queued(d) > DUPLEX_HIGH_MARK;
    watch(d);
    return true;
}

size_t duplex_queued(const struct duplex *d)
{
    return d->out.len - d->out_head;
}

void duplex_pause(struct duplex *d, bool paused)
{
    d->paused = paused;
    watch(d);
}

void duplex_end(struct duplex *d)
{
    d->ending = true;
    if (!d->dead && duplex_queued(d) == 0) {
        queue_is_empty(d);
    }
}

void duplex_close(struct duplex *d)
{
    if (d->dead || d->closing) {
        return;
    }
    d->closing = true;
    if (duplex_queued(d) == 0) {
        queue_is_empty(d);
        return;
    }
    d->linger = loop_timer_new(d->loop, linger_is_over, d);
    loop_timer_start(d->linger, LINGER_NS);
}
