/* SPDX-License-Identifier: Apache-2.0 */
/* Asks other resolvers for names that are not the cluster's: each in turn, never for long. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "guest/dns_server.h"

enum { ASKS = 256, WAIT_MS = 800, WAIT_WHEN_DOWN_MS = 200, DOWN_MS = 5000, BURST = 64 };

static struct upstream {
    struct ev ev; /* first */
    uint32_t addr;
} upstreams[TABLE_MAX_UPSTREAMS];
static unsigned nupstreams, preferred;
static uint64_t down_until; /* nobody answered lately: do not wait long for it again */

static struct ask {
    struct ev_timer timer;
    bool used;
    uint16_t id;
    unsigned tries;
    struct dns_client from;
    size_t len; /* of the client's query */
    uint8_t query[DNS_QUERY_MAX];
    char chase[256];
} * asks[ASKS];

static void give_up(struct ask *a)
{
    uint8_t out[DNS_UDP_MAX];
    struct dns_query q;
    a->used = false;
    ev_timer_stop(&a->timer);
    dns_parse(a->query, a->len, &q);
    dns_server_reply(&a->from, out, dns_error(&q, DNS_SERVFAIL, out));
}

static bool send_to(struct ask *a, struct upstream *u)
{
    uint8_t msg[DNS_QUERY_MAX];
    struct dns_query q;
    size_t n = a->len;
    if (a->chase[0] != '\0') {
        dns_parse(a->query, a->len, &q);
        n = dns_ask(a->id, a->chase, q.type, msg, sizeof(msg));
    } else {
        memcpy(msg, a->query, n);
        msg[0] = (uint8_t)(a->id >> 8);
        msg[1] = (uint8_t)a->id;
    }
    return n > 0 && u->ev.fd >= 0 && send(u->ev.fd, msg, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* The next resolver that takes the question; every one once, the first one twice. */
static void ask_next(struct ask *a)
{
    bool down = down_until > ev_now();
    unsigned max = down ? nupstreams : nupstreams + 1;
    while (nupstreams > 0 && a->tries < max) {
        struct upstream *u = &upstreams[(preferred + a->tries++) % nupstreams];
        if (send_to(a, u)) {
            ev_timer_start(&a->timer, down ? WAIT_WHEN_DOWN_MS : WAIT_MS);
            return;
        }
    }
    down_until = ev_now() + DOWN_MS;
    give_up(a);
}

static void on_timeout(struct ev_timer *t)
{
    ask_next((struct ask *)((char *)t - offsetof(struct ask, timer)));
}

static struct ask *find(uint16_t id)
{
    for (unsigned i = 0; i < ASKS; i++) {
        if (asks[i] != NULL && asks[i]->used && asks[i]->id == id) {
            return asks[i];
        }
    }
    return NULL;
}

static uint16_t new_id(void)
{
    uint16_t id;
    do {
        if (getrandom(&id, sizeof(id), GRND_NONBLOCK) < 0) {
            id = (uint16_t)(ev_now() * 40503u);
        }
    } while (find(id) != NULL);
    return id;
}

void dns_upstream_ask(const struct dns_query *q, const struct dns_client *from, const char *chase)
{
    struct ask *a = NULL;
    for (unsigned i = 0; i < ASKS && a == NULL; i++) {
        if (asks[i] == NULL) {
            asks[i] = guest_alloc(sizeof(*a));
        }
        a = asks[i]->used ? NULL : asks[i];
    }
    if (a == NULL || q->len > sizeof(a->query)) {
        uint8_t out[DNS_UDP_MAX];
        dns_server_reply(from, out, dns_error(q, DNS_SERVFAIL, out));
        return;
    }
    a->used = true;
    a->id = new_id();
    a->tries = 0;
    a->from = *from;
    a->len = q->len;
    memcpy(a->query, q->msg, q->len);
    snprintf(a->chase, sizeof(a->chase), "%s", chase != NULL ? chase : "");
    a->timer.fn = on_timeout;
    ask_next(a);
}

/* The question of the reply must be the one that was asked, letter case aside. */
static bool answers(const struct ask *a, const struct dns_query *asked, const uint8_t *msg,
                    size_t n)
{
    struct dns_query reply;
    uint8_t head[320]; /* the longest question fits */
    if (n < 12 || (msg[2] & 0x80) == 0) {
        return false;
    }
    n = n < sizeof(head) ? n : sizeof(head);
    memcpy(head, msg, n);
    head[2] &= 0x7f;        /* read as a query, it must ask the same */
    memset(head + 6, 0, 6); /* its records are not looked at */
    const char *name = a->chase[0] != '\0' ? a->chase : asked->name;
    return dns_parse(head, n, &reply) == DNS_NOERROR && reply.type == asked->type &&
           strcasecmp(reply.name, name) == 0;
}

static void on_reply(const struct upstream *u, uint8_t *msg, size_t n)
{
    static uint8_t out[65535];
    struct dns_query q;
    struct ask *a = n >= 12 ? find((uint16_t)(msg[0] << 8 | msg[1])) : NULL;
    if (a == NULL) {
        return;
    }
    dns_parse(a->query, a->len, &q);
    if (!answers(a, &q, msg, n)) {
        return;
    }
    if ((msg[3] & 15) == DNS_SERVFAIL || (msg[3] & 15) == DNS_REFUSED) {
        ask_next(a);
        return;
    }
    preferred = (unsigned)(u - upstreams);
    down_until = 0;
    a->used = false;
    ev_timer_stop(&a->timer);
    if (a->chase[0] != '\0') {
        n = dns_chased(&q, a->chase, msg, n, out, dns_server_room(&a->from, &q));
        dns_server_reply(&a->from, out, n);
        return;
    }
    msg[0] = (uint8_t)(q.id >> 8);
    msg[1] = (uint8_t)q.id;
    dns_server_reply(&a->from, msg, n);
}

/* Nobody is there: do not wait for those who were asked just now. */
static void on_refused(const struct upstream *u)
{
    for (unsigned i = 0; i < ASKS; i++) {
        struct ask *a = asks[i];
        if (a != NULL && a->used && a->tries > 0 &&
            (preferred + a->tries - 1) % nupstreams == (unsigned)(u - upstreams)) {
            ask_next(a);
        }
    }
}

static void on_upstream(struct ev *ev, uint32_t events)
{
    static uint8_t msg[65535];
    struct upstream *u = (struct upstream *)ev;
    for (int i = 0; i < BURST && ev->fd >= 0; i++) {
        ssize_t n = recv(ev->fd, msg, sizeof(msg), MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n < 0) {
            on_refused(u);
            return;
        }
        on_reply(u, msg, (size_t)n);
    }
}

static bool read_nameserver(void *arg, char *line)
{
    struct table_config *c = arg;
    char *words[2];
    uint32_t addr;
    if (guest_words(line, words, 2) == 2 && strcmp(words[0], "nameserver") == 0 &&
        sock_parse_ip(words[1], &addr) && addr != c->dns && addr != sock_own_address()) {
        c->upstreams[c->nupstreams++] = addr;
    }
    return c->nupstreams < TABLE_MAX_UPSTREAMS;
}

void dns_upstream_config(const struct table_config *given)
{
    struct table_config c = *given;
    if (c.nupstreams == 0) { /* what the container was given: Docker's own resolver, as a rule */
        guest_each_line("/etc/resolv.conf", read_nameserver, &c);
    }
    for (unsigned i = 0; i < nupstreams; i++) {
        ev_close(&upstreams[i].ev);
    }
    nupstreams = c.nupstreams;
    preferred = 0;
    down_until = 0;
    for (unsigned i = 0; i < nupstreams; i++) {
        struct table_target at = {.addr = c.upstreams[i], .port = dns_server_port()};
        int fd = sock_connect(SOCK_DGRAM, &at);
        upstreams[i].addr = at.addr;
        upstreams[i].ev.fd = -1;
        if (fd < 0 || ev_add(&upstreams[i].ev, fd, EPOLLIN, on_upstream) < 0) {
            guest_log("cannot ask %s for names: %s", sock_ip(at.addr), strerror(errno));
        }
    }
}
