/* SPDX-License-Identifier: Apache-2.0 */
/* Moves bytes with as few calls as possible, and never holds more than it may. */
#include "guest/flow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BUFFER = 16 * 1024,
    PIPE = 256 * 1024,
    TURN = 512 * 1024,    /* bytes of one flow before the others have their turn */
    MAX_SPILL = 32 << 20, /* bytes held in memory for slow readers, all together */
};

static unsigned pipes, max_pipes;
static size_t spilled;
static uint8_t buffer[BUFFER];

void flow_limit(unsigned n)
{
    max_pipes = n;
}

void flow_init(struct flow *f)
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

void flow_fini(struct flow *f)
{
    pipe_free(f);
    spill_free(f);
}

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
static enum moved drain(struct flow_side *to, struct flow *f)
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

static enum moved move_small(struct flow_side *from, struct flow_side *to, struct flow *f,
                             size_t *ret_n)
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

static enum moved move_bulk(struct flow_side *from, struct flow *f, size_t *ret_n)
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

static enum moved step(struct flow *f, struct flow_side *from, struct flow_side *to, size_t *ret_n)
{
    if (f->in_pipe > 0 || f->spill_len > 0) {
        return drain(to, f);
    }
    if (f->eof) {
        pipe_free(f);
        shutdown(to->ev.fd, SHUT_WR);
        f->done = true;
        return MOVED;
    }
    if (!from->readable) {
        return BLOCKED;
    }
    return f->bulk ? move_bulk(from, f, ret_n) : move_small(from, to, f, ret_n);
}

enum flow_state flow_pump(struct flow *f, struct flow_side *from, struct flow_side *to)
{
    size_t total = 0;
    enum moved m = MOVED;
    while (!f->done && m == MOVED && total < TURN) {
        size_t n = 0;
        m = step(f, from, to, &n);
        total += n;
    }
    return m == BROKEN ? FLOW_BROKEN : total >= TURN ? FLOW_HAS_MORE : FLOW_WAITS;
}

void flow_note(struct flow_side *s, uint32_t events)
{
    s->readable = s->readable || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0;
    s->writable = s->writable || (events & EPOLLOUT) != 0;
    s->ended = s->ended || (events & (EPOLLRDHUP | EPOLLHUP)) != 0;
}
