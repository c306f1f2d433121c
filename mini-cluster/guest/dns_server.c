/* SPDX-License-Identifier: Apache-2.0 */
/* DNS over UDP and TCP on one port of the service address and of this machine's own. */
#include "guest/dns_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/forward.h"

enum { PLACES = 2, CONNS = 64, IDLE_MS = 10000, BURST = 64, TCP_MAX = 65535 };

static struct table_config config;

/* Where it listens: [0] the service address, [1] this machine's own. */
static struct place {
    uint32_t addr;
    struct ev udp, tcp;
} places[PLACES] = {{.udp.fd = -1, .tcp.fd = -1}, {.udp.fd = -1, .tcp.fd = -1}};

static struct tcp {
    struct ev ev; /* first; fd -1: free */
    unsigned serial;
    struct ev_timer timer;
    bool waiting; /* for the answer to its question */
    size_t in_len;
    uint8_t in[2 + DNS_QUERY_MAX];
    uint8_t *out;
    size_t out_at, out_len;
} * conns;

static uint8_t answer[TCP_MAX];

uint16_t dns_server_port(void)
{
    return (uint16_t)guest_env_num("PODLAB_DNS_PORT", 53, 1, 65535);
}

/* ---- one question ---- */

size_t dns_server_room(const struct dns_client *to, const struct dns_query *q)
{
    return to->udp == NULL ? TCP_MAX : q->edns ? q->size : 512;
}

static void on_question(const struct dns_client *from, const uint8_t *msg, size_t n)
{
    struct dns_query q;
    char chase[256];
    size_t len = 0;
    int rcode = dns_parse(msg, n, &q);
    if (rcode < 0) {
        return;
    }
    if (rcode != DNS_NOERROR) {
        dns_server_reply(from, answer, dns_error(&q, (enum dns_rcode)rcode, answer));
        return;
    }
    switch (dns_answer(&q, &config, answer, dns_server_room(from, &q), &len, chase)) {
    case DNS_ANSWERED:
        dns_server_reply(from, answer, len);
        break;
    case DNS_ELSEWHERE:
        dns_upstream_ask(&q, from, NULL);
        break;
    case DNS_CHASE:
        dns_upstream_ask(&q, from, chase);
        break;
    }
}

static void on_datagram(struct ev *ev, uint32_t events)
{
    uint8_t msg[DNS_QUERY_MAX];
    for (int i = 0; i < BURST; i++) {
        struct dns_client from = {.udp = ev};
        socklen_t len = sizeof(from.peer);
        ssize_t n =
            recvfrom(ev->fd, msg, sizeof(msg), MSG_DONTWAIT, (struct sockaddr *)&from.peer, &len);
        if (n < 0) {
            return;
        }
        on_question(&from, msg, (size_t)n);
    }
}

/* ---- TCP: one question at a time, each with its length in front ---- */

static void hang_up(struct tcp *t)
{
    ev_close(&t->ev);
    ev_timer_stop(&t->timer);
    free(t->out);
    t->out = NULL;
    t->in_len = t->out_at = t->out_len = 0;
    t->waiting = false;
    t->serial++;
}

static void on_idle(struct ev_timer *timer)
{
    hang_up((struct tcp *)((char *)timer - offsetof(struct tcp, timer)));
}

static void next_question(struct tcp *t)
{
    while (t->ev.fd >= 0 && !t->waiting && t->out == NULL && t->in_len >= 2) {
        uint8_t msg[DNS_QUERY_MAX];
        size_t n = (size_t)t->in[0] << 8 | t->in[1];
        if (n > DNS_QUERY_MAX) {
            hang_up(t);
            return;
        }
        if (t->in_len < 2 + n) {
            return;
        }
        memcpy(msg, t->in + 2, n);
        t->in_len -= 2 + n;
        memmove(t->in, t->in + 2 + n, t->in_len);
        t->waiting = true;
        struct dns_client from = {.conn = (unsigned)(t - conns), .serial = t->serial};
        on_question(&from, msg, n);
    }
}

static void send_answer(struct tcp *t)
{
    ssize_t n = send(t->ev.fd, t->out + t->out_at, t->out_len - t->out_at, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        hang_up(t);
        return;
    }
    t->out_at += n > 0 ? (size_t)n : 0;
    if (t->out_at == t->out_len) {
        free(t->out);
        t->out = NULL;
        ev_change(&t->ev, EPOLLIN);
    } else {
        ev_change(&t->ev, EPOLLOUT);
    }
}

void dns_server_reply(const struct dns_client *to, const uint8_t *msg, size_t n)
{
    if (to->udp != NULL) {
        sendto(to->udp->fd, msg, n, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&to->peer,
               sizeof(to->peer));
        return;
    }
    struct tcp *t = &conns[to->conn];
    if (t->ev.fd < 0 || t->serial != to->serial || n > TCP_MAX) {
        return;
    }
    t->waiting = false;
    t->out = guest_alloc(n + 2);
    t->out[0] = (uint8_t)(n >> 8);
    t->out[1] = (uint8_t)n;
    memcpy(t->out + 2, msg, n);
    t->out_at = 0;
    t->out_len = n + 2;
    send_answer(t);
}

static void on_tcp(struct ev *ev, uint32_t events)
{
    struct tcp *t = (struct tcp *)ev;
    ev_timer_start(&t->timer, IDLE_MS);
    if (t->out != NULL) {
        send_answer(t);
    } else {
        ssize_t n = recv(ev->fd, t->in + t->in_len, sizeof(t->in) - t->in_len, MSG_DONTWAIT);
        if (n <= 0 && !(n < 0 && errno == EAGAIN)) {
            hang_up(t);
            return;
        }
        t->in_len += n > 0 ? (size_t)n : 0;
        if (t->waiting) { /* it waits for its answer first */
            ev_change(ev, 0);
        }
    }
    next_question(t);
}

static void on_accept(struct ev *ev, uint32_t events)
{
    int fd = accept4(ev->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct tcp *t = NULL;
    if (fd < 0) {
        return;
    }
    for (unsigned i = 0; i < CONNS && t == NULL; i++) {
        t = conns[i].ev.fd < 0 ? &conns[i] : NULL;
    }
    if (t == NULL || ev_add(&t->ev, fd, EPOLLIN, on_tcp) < 0) {
        sock_reset_on_close(fd);
        close(fd);
        return;
    }
    ev_timer_start(&t->timer, IDLE_MS);
}

/* ---- places ---- */

static void listen_at(struct place *p, uint32_t addr)
{
    if (p->addr == addr && p->udp.fd >= 0) {
        return;
    }
    ev_close(&p->udp);
    ev_close(&p->tcp);
    p->addr = addr;
    if (addr == 0) {
        return;
    }
    int udp = sock_udp(addr, dns_server_port());
    int tcp = sock_listen(addr, dns_server_port());
    if (udp < 0 || ev_add(&p->udp, udp, EPOLLIN, on_datagram) < 0 || tcp < 0 ||
        ev_add(&p->tcp, tcp, EPOLLIN, on_accept) < 0) {
        guest_log("no DNS on %s: %s", sock_ip(addr), strerror(errno));
    }
}

void dns_server_config(const struct table_config *c)
{
    if (conns == NULL) {
        conns = guest_alloc(CONNS * sizeof(*conns));
        for (unsigned i = 0; i < CONNS; i++) {
            conns[i].ev.fd = -1;
            conns[i].timer.fn = on_idle;
        }
    }
    if (c->dns != config.dns && forward_opts.addresses) {
        if (c->dns != 0) {
            address_add(c->dns);
        }
        if (config.dns != 0) {
            address_remove(config.dns);
        }
    }
    config = *c;
    listen_at(&places[0], c->dns);
    listen_at(&places[1], sock_own_address());
}
