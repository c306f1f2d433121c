/* SPDX-License-Identifier: Apache-2.0 */
/* Reads requests, writes answers, and on SIGTERM lets everyone finish.
 *
 * After SIGTERM the endpoints are still changing: requests go on being answered for a moment, each
 * with `Connection: close`, so that nobody is turned away. Then the listener closes, what is under
 * way is finished, and the program ends. */
#include "guest/http.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guest/guest.h"

enum {
    MAX_HEAD = 16 * 1024,
    MAX_BODY = 1 << 20,
    MAX_CONNS = 4000,
    IDLE_MS = 75000,
    MAX_DRAIN_MS = 120000,
    SLICE_MS = 4, /* of burning, before others have their turn */
};

struct conn {
    struct ev ev; /* first */
    struct conn *next, **link;
    struct ev_timer timer;
    uint32_t peer;
    char *in, *out;
    size_t in_len, in_cap, used; /* used: bytes of the request being answered */
    size_t out_at, out_len;
    unsigned burn_ms;
    bool busy, close, head_only, continued;
};

static const struct http_opts *opts;
static struct ev listener = {.fd = -1};
static struct conn *conns;
static unsigned nconns, nburning;
static bool draining;
static struct ev_timer drain_timer;

static bool next_request(struct conn *c);

/* ---- connections ---- */

static void look_if_done(void)
{
    if (draining && listener.fd < 0 && conns == NULL) {
        ev_stop();
    }
}

static void hang_up(struct conn *c)
{
    if (c->ev.fd < 0) {
        return;
    }
    ev_close(&c->ev);
    ev_timer_stop(&c->timer);
    *c->link = c->next;
    if (c->next != NULL) {
        c->next->link = c->link;
    }
    nburning -= c->burn_ms > 0;
    nconns--;
    free(c->in);
    free(c->out);
    ev_free_later(c);
    look_if_done();
}

static void finish_answer(struct conn *c)
{
    free(c->out);
    c->out = NULL;
    c->busy = false;
    c->in_len -= c->used;
    memmove(c->in, c->in + c->used, c->in_len);
    if (c->close || (draining && listener.fd < 0)) {
        shutdown(c->ev.fd, SHUT_WR);
        hang_up(c);
        return;
    }
    ev_change(&c->ev, EPOLLIN);
    ev_timer_start(&c->timer, IDLE_MS);
}

static void write_answer(struct conn *c)
{
    ssize_t n =
        cut_is_on() ? 0 : send(c->ev.fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        hang_up(c);
        return;
    }
    c->out_at += n > 0 ? (size_t)n : 0;
    if (c->out_at == c->out_len) {
        finish_answer(c);
    } else {
        ev_change(&c->ev, EPOLLOUT);
        ev_timer_start(&c->timer, IDLE_MS);
    }
}

/* What the client sent ahead. */
static void go_on(struct conn *c)
{
    while (c->ev.fd >= 0 && !c->busy && next_request(c)) {
    }
}

/* Answers that cost CPU burn it in slices. */
static bool burn(void)
{
    for (struct conn *c = conns, *next; c != NULL; c = next) {
        next = c->next;
        if (c->burn_ms == 0) {
            continue;
        }
        struct timespec from;
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &from);
        do {
            clock_gettime(CLOCK_MONOTONIC, &now);
        } while ((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 <
                 SLICE_MS);
        c->burn_ms = c->burn_ms > SLICE_MS ? c->burn_ms - SLICE_MS : 0;
        if (c->burn_ms == 0) {
            nburning--;
            write_answer(c);
            go_on(c);
        }
    }
    return nburning > 0;
}

/* Of an answer that waits, else of a connection that says nothing. */
static void on_timer(struct ev_timer *t)
{
    struct conn *c = (struct conn *)((char *)t - offsetof(struct conn, timer));
    if (c->busy && c->out_at == 0) {
        write_answer(c);
        go_on(c);
    } else {
        hang_up(c);
    }
}

/* ---- answering ---- */

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 413:
        return "Content Too Large";
    case 431:
        return "Request Header Fields Too Large";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    default:
        return status < 500 ? "Error" : "Internal Server Error";
    }
}

void http_text(struct http_response *r, int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    r->status = status;
    r->len = n > 0 ? (size_t)n : 0;
    r->body = guest_alloc(r->len + 1);
    va_start(ap, fmt);
    vsnprintf(r->body, r->len + 1, fmt, ap);
    va_end(ap);
}

static void log_request(const struct conn *c, const struct http_request *q, int status)
{
    char line[512];
    int n = snprintf(line, sizeof(line), "%s %.300s%s%.100s %d from %s\n", q->method, q->path,
                     q->query[0] != '\0' ? "?" : "", q->query, status, sock_ip(c->peer));
    if (n > 0 && write(STDOUT_FILENO, line, (size_t)n) < 0) {
        /* nobody reads the log */
    }
}

static void respond(struct conn *c, const struct http_request *q, struct http_response *r)
{
    char head[512];
    r->status = r->status != 0 ? r->status : 200;
    if (r->body == NULL) {
        http_text(r, r->status, "%s\n", reason(r->status));
    }
    c->close = c->close || draining;
    int n = snprintf(
        head, sizeof(head), "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s%s\r\n",
        r->status, reason(r->status), r->type != NULL ? r->type : "text/plain; charset=utf-8",
        r->len, opts->header != NULL ? opts->header : "", c->close ? "Connection: close\r\n" : "");
    size_t body = c->head_only ? 0 : r->len;
    c->out = guest_alloc((size_t)n + body);
    memcpy(c->out, head, (size_t)n);
    memcpy(c->out + n, r->body, body);
    free(r->body);
    c->out_at = 0;
    c->out_len = (size_t)n + body;
    c->busy = true;
    if (!r->quiet) {
        log_request(c, q, r->status);
    }
    if (r->burn_ms > 0) {
        ev_change(&c->ev, 0);
        ev_timer_stop(&c->timer);
        c->burn_ms = r->burn_ms;
        nburning++;
        ev_idle(burn);
    } else if (r->delay_ms > 0) {
        ev_change(&c->ev, 0);
        ev_timer_start(&c->timer, r->delay_ms);
    } else {
        write_answer(c);
    }
}

static void refuse(struct conn *c, int status)
{
    const struct http_request q = {.method = "?", .path = "?", .query = ""};
    struct http_response r = {.status = status};
    c->close = true;
    c->used = c->in_len;
    respond(c, &q, &r);
}

/* ---- reading ---- */

struct head {
    size_t len, body_len;
    const char *accept;
    bool chunked, expects;
};

static void read_header(struct conn *c, struct head *h, char *line)
{
    char *colon = strchr(line, ':');
    if (colon == NULL) {
        return;
    }
    *colon = '\0';
    char *value = colon + 1 + strspn(colon + 1, " \t");
    if (strcasecmp(line, "Content-Length") == 0) {
        const char *at = value;
        unsigned n = 0;
        h->body_len = guest_take_num(&at, MAX_BODY, &n) && *at == '\0' ? n : SIZE_MAX;
    } else if (strcasecmp(line, "Transfer-Encoding") == 0) {
        h->chunked = true;
    } else if (strcasecmp(line, "Connection") == 0) {
        c->close =
            strcasecmp(value, "close") == 0 || (c->close && strcasecmp(value, "keep-alive") != 0);
    } else if (strcasecmp(line, "Accept") == 0) {
        h->accept = value;
    } else if (strcasecmp(line, "Expect") == 0) {
        h->expects = strcasecmp(value, "100-continue") == 0;
    }
}

/* Cuts the head into strings, in place: request line into q, then headers. */
static bool read_head(struct conn *c, char *text, struct head *h, struct http_request *q)
{
    char *rest = NULL;
    char *line = strtok_r(text, "\r\n", &rest);
    char *target = line != NULL ? strchr(line, ' ') : NULL;
    char *version = target != NULL ? strchr(target + 1, ' ') : NULL;
    if (version == NULL || target[1] != '/' || strncmp(version + 1, "HTTP/1.", 7) != 0) {
        return false;
    }
    *target++ = '\0';
    *version++ = '\0';
    c->close = strcmp(version, "HTTP/1.0") == 0;
    char *query = strchr(target, '?');
    if (query != NULL) {
        *query++ = '\0';
    }
    q->method = line;
    q->path = target;
    q->query = query != NULL ? query : "";
    while ((line = strtok_r(NULL, "\r\n", &rest)) != NULL) {
        read_header(c, h, line);
    }
    return true;
}

static void say_continue(struct conn *c)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!c->continued && send(c->ev.fd, text, sizeof(text) - 1, MSG_NOSIGNAL) > 0) {
        c->continued = true;
    }
}

static void handle(struct conn *c, struct head *h, struct http_request *q)
{
    struct http_response r = {.status = 0};
    c->used = h->len + h->body_len;
    c->continued = false;
    c->head_only = strcmp(q->method, "HEAD") == 0;
    q->accept = h->accept;
    q->body = c->in + h->len;
    q->body_len = h->body_len;
    q->peer = c->peer;
    opts->handle(q, &r);
    respond(c, q, &r);
}

/* False when there is no whole request yet. */
static bool next_request(struct conn *c)
{
    struct head h = {.accept = ""};
    struct http_request q = {.query = ""};
    char *end = c->in_len > 0 ? guest_find(c->in, c->in_len, "\r\n\r\n") : NULL;
    if (c->busy || end == NULL) {
        if (c->in_len > MAX_HEAD && !c->busy) {
            refuse(c, 431);
        }
        return false;
    }
    bool whole = true;
    h.len = (size_t)(end - c->in) + 4;
    char *text = guest_alloc(h.len + 1);
    memcpy(text, c->in, h.len);
    if (h.len > MAX_HEAD || memchr(text, '\0', h.len) != NULL || !read_head(c, text, &h, &q)) {
        refuse(c, 400);
    } else if (h.chunked) {
        refuse(c, 501);
    } else if (h.body_len == SIZE_MAX) {
        refuse(c, 413);
    } else if (c->in_len - h.len >= h.body_len) {
        handle(c, &h, &q);
    } else {
        whole = false;
        if (h.expects) {
            say_continue(c);
        }
    }
    free(text);
    return whole;
}

static void on_conn(struct ev *ev, uint32_t events)
{
    struct conn *c = (struct conn *)ev;
    if (c->busy) {
        if (events & (EPOLLHUP | EPOLLERR)) {
            hang_up(c);
        } else {
            write_answer(c);
            go_on(c);
        }
        return;
    }
    if (c->in_cap - c->in_len < 4096) {
        c->in_cap = c->in_cap > 0 ? 2 * c->in_cap : 4096;
        c->in = guest_grow(c->in, c->in_cap);
    }
    ssize_t n = recv(ev->fd, c->in + c->in_len, c->in_cap - c->in_len, 0);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) {
            hang_up(c);
        }
        return;
    }
    c->in_len += (size_t)n;
    go_on(c);
}

static void on_accept(struct ev *ev, uint32_t events)
{
    struct sockaddr_in peer = {.sin_port = 0};
    socklen_t len = sizeof(peer);
    int on = 1;
    int fd = accept4(ev->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    struct conn *c = guest_alloc(sizeof(*c));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (nconns >= MAX_CONNS || ev_add(&c->ev, fd, EPOLLIN, on_conn) < 0) {
        close(fd);
        free(c);
        return;
    }
    nconns++;
    c->peer = ntohl(peer.sin_addr.s_addr);
    c->timer.fn = on_timer;
    c->next = conns;
    c->link = &conns;
    if (conns != NULL) {
        conns->link = &c->next;
    }
    conns = c;
    ev_timer_start(&c->timer, IDLE_MS);
}

/* ---- the end ---- */

static void on_drained(struct ev_timer *t)
{
    if (listener.fd < 0) {
        ev_stop(); /* somebody takes too long */
        return;
    }
    ev_close(&listener);
    for (struct conn *c = conns, *next; c != NULL; c = next) {
        next = c->next;
        if (!c->busy && c->in_len == 0) {
            hang_up(c);
        }
    }
    ev_timer_start(t, MAX_DRAIN_MS);
    look_if_done();
}

static void on_term(void)
{
    guest_log("stopping: finishing what was begun");
    draining = true;
    drain_timer.fn = on_drained;
    ev_timer_start(&drain_timer, opts->drain_ms);
}

int http_run(const struct http_opts *o)
{
    opts = o;
    ev_raise_files();
    int fd = sock_listen(0, o->port);
    if (fd < 0 || ev_add(&listener, fd, EPOLLIN, on_accept) < 0) {
        guest_log("cannot listen on port %u: %s", o->port, strerror(errno));
        return 1;
    }
    ev_run(on_term);
    return 0;
}

long http_query_num(const char *query, const char *name, long dflt, long max)
{
    size_t n = strlen(name);
    for (const char *p = query; *p != '\0'; p += strcspn(p, "&"), p += *p == '&') {
        if (strncmp(p, name, n) == 0 && p[n] == '=') {
            unsigned v;
            p += n + 1;
            return guest_take_num(&p, UINT32_MAX, &v) ? (v > max ? max : (long)v) : dflt;
        }
    }
    return dflt;
}
