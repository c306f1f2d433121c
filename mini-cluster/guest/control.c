/* SPDX-License-Identifier: Apache-2.0 */
/* Reads tables from stdin, answers on stdout. Without a stream it goes on with its last table. */
#include "guest/control.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "guest/forward.h"
#include "guest/guest.h"

/* A pipe takes this much whole or not at all, so nobody sees half a frame of ours. */
enum { FRAME_OUT = 4096, COUNTS_MS = 1000, REOPEN_MS = 1000 };

static const struct control_ops *ops;
static struct wire_reader reader;
static struct wire_session session;
static struct ev input = {.fd = -1};
static struct ev_timer reopen_timer, counts_timer;
static uint32_t frames_out;

static uint8_t counts_bytes[FRAME_OUT - WIRE_HEADER];
static struct wire_out counts = {.p = counts_bytes, .cap = sizeof(counts_bytes)};

static bool say(uint8_t type, uint32_t seq, const uint8_t *payload, size_t n)
{
    uint8_t out[FRAME_OUT];
    struct wire_frame f = {
        .type = type, .seq = seq, .epoch = session.epoch, .payload = payload, .len = (uint32_t)n};
    size_t len = wire_encode(out, &f);
    return write(STDOUT_FILENO, out, len) == (ssize_t)len;
}

static void acknowledge(void)
{
    uint8_t payload[8];
    struct wire_out o = {.p = payload, .cap = sizeof(payload)};
    wire_put(&o, session.asked, 4);
    wire_put(&o, session.gap, 1);
    say(WIRE_ACK, session.seq, payload, o.len);
}

/* ---- counts ---- */

static bool flush_counts(void)
{
    bool said = counts.len == 0 || say(WIRE_COUNTS, ++frames_out, counts.p, counts.len);
    counts.len = 0;
    counts.full = false;
    return said;
}

static bool add_count(const struct table_count *c)
{
    table_put_count(&counts, c);
    if (!counts.full) {
        return true;
    }
    if (!flush_counts()) {
        return false;
    }
    table_put_count(&counts, c);
    return true;
}

static void on_counts_timer(struct ev_timer *t)
{
    forward_counts(add_count);
    if (!flush_counts()) {
        forward_counts_again(); /* nobody reads now; the numbers are cumulative */
    }
    ev_timer_start(t, COUNTS_MS);
}

/* ---- frames ---- */

static void apply_records(const struct wire_frame *f)
{
    static struct table_record record;
    struct wire_in in = {.p = f->payload, .len = f->len};
    while (table_next(&in, &record)) {
        ops->apply(&record);
    }
    if (in.bad) {
        guest_log("frame %u has a record that is malformed; the rest of it is ignored", f->seq);
    }
}

static void take(const struct wire_frame *f)
{
    if (!wire_session_take(&session, f)) {
        return;
    }
    switch (f->type) {
    case WIRE_SNAPSHOT:
        ops->begin();
        forward_counts_again();
        break;
    case WIRE_RECORDS:
        apply_records(f);
        break;
    case WIRE_SNAPSHOT_END:
        ops->end();
        break;
    default:
        break; /* of a later version */
    }
}

static void feed(const uint8_t *bytes, size_t n)
{
    struct wire_frame f;
    bool any = false;
    while (n > 0) {
        size_t took = wire_feed(&reader, bytes, n);
        bytes += took;
        n -= took;
        while (wire_frame_next(&reader, &f)) {
            take(&f);
            any = true;
        }
    }
    if (any) {
        ops->settle();
        acknowledge();
    }
}

static void on_input(struct ev *ev, uint32_t events)
{
    uint8_t bytes[16 * 1024];
    ssize_t n = read(ev->fd, bytes, sizeof(bytes));
    if (n > 0) {
        feed(bytes, (size_t)n);
    } else if (n == 0 || errno != EAGAIN) {
        ev_close(ev); /* our copy; stdin itself stays open */
        ev_timer_start(&reopen_timer, REOPEN_MS);
    }
}

/* stdin that ended may come back (a FIFO with its next writer). A file cannot be watched: then
 * there is no stream at all. */
static void open_input(struct ev_timer *t)
{
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0 || ev_add_local(&input, fd, EPOLLIN, on_input) < 0) {
        guest_log("no control stream on stdin: %s", strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
    }
}

static void unblock(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void control_start(const struct control_ops *o)
{
    ops = o;
    unblock(STDIN_FILENO);
    unblock(STDOUT_FILENO);
    unblock(STDERR_FILENO);
    reopen_timer.fn = open_input;
    counts_timer.fn = on_counts_timer;
    ev_timer_start(&counts_timer, COUNTS_MS);
    open_input(NULL);
    acknowledge();
}
