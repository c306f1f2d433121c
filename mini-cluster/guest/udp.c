/* SPDX-License-Identifier: Apache-2.0 */
/* Carries datagrams: each client address keeps one endpoint until it is silent for a while.
 *
 * Sessions are capped; the one silent for longest makes room. A session ends when its endpoint
 * leaves the table, since nothing else would tell a client of datagrams. */
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "guest/forward.h"

enum { MAX_SESSIONS = 1024, IDLE_MS = 60000, BURST = 32, DATAGRAM = 65536, BUCKETS = 512 };

struct udp_session {
    struct ev ev; /* connected to the endpoint; first */
    struct forward *forward;
    struct target *target;
    struct sockaddr_in client;
    struct ev_timer timer;
    uint64_t seen;
    struct udp_session *next, **link;            /* of the bucket */
    struct udp_session *sibling, **sibling_link; /* of the forward */
};

static struct udp_session *buckets[BUCKETS];
static unsigned sessions;
static uint8_t datagram[DATAGRAM];

static unsigned bucket_of(const struct forward *f, const struct sockaddr_in *client)
{
    uint32_t h = client->sin_addr.s_addr * 2654435761u ^ client->sin_port * 40503u;
    return (h ^ (h >> 15) ^ f->port) % BUCKETS;
}

static struct udp_session *find(const struct forward *f, const struct sockaddr_in *client)
{
    struct udp_session *s = buckets[bucket_of(f, client)];
    while (s != NULL && (s->forward != f || s->client.sin_port != client->sin_port ||
                         s->client.sin_addr.s_addr != client->sin_addr.s_addr)) {
        s = s->next;
    }
    return s;
}

static void end(struct udp_session *s)
{
    *s->link = s->next;
    if (s->next != NULL) {
        s->next->link = s->link;
    }
    *s->sibling_link = s->sibling;
    if (s->sibling != NULL) {
        s->sibling->sibling_link = s->sibling_link;
    }
    ev_close(&s->ev);
    ev_timer_stop(&s->timer);
    s->target->active--;
    s->forward->counted = true;
    forward_target_unref(s->target);
    sessions--;
    ev_free_later(s);
}

void udp_forget(struct forward *f, bool all)
{
    for (struct udp_session *s = f->sessions, *next; s != NULL; s = next) {
        next = s->sibling;
        bool there = false;
        for (unsigned i = 0; i < f->ntargets && !all; i++) {
            there = there || f->targets[i] == s->target;
        }
        if (!there) {
            end(s);
        }
    }
}

static void on_idle(struct ev_timer *t)
{
    struct udp_session *s = (struct udp_session *)((char *)t - offsetof(struct udp_session, timer));
    uint64_t quiet = ev_now() - s->seen;
    if (quiet >= IDLE_MS) {
        end(s);
    } else {
        ev_timer_start(t, IDLE_MS - quiet);
    }
}

static void make_room(void)
{
    struct udp_session *oldest = NULL;
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct udp_session *s = buckets[i]; s != NULL; s = s->next) {
            oldest = oldest == NULL || s->seen < oldest->seen ? s : oldest;
        }
    }
    if (oldest != NULL) {
        end(oldest);
    }
}

static void on_answer(struct ev *ev, uint32_t events)
{
    struct udp_session *s = (struct udp_session *)ev;
    for (int i = 0; i < BURST; i++) {
        ssize_t n = recv(ev->fd, datagram, sizeof(datagram), MSG_DONTWAIT);
        if (n < 0) {
            if (errno == ECONNREFUSED) {
                s->target->failed++;
                end(s); /* the next datagram chooses again */
            }
            return;
        }
        s->seen = ev_now();
        sendto(s->forward->listener.fd, datagram, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL,
               (struct sockaddr *)&s->client, sizeof(s->client));
    }
}

static void link_session(struct udp_session *s)
{
    s->link = &buckets[bucket_of(s->forward, &s->client)];
    s->next = *s->link;
    *s->link = s;
    if (s->next != NULL) {
        s->next->link = &s->next;
    }
    s->sibling_link = &s->forward->sessions;
    s->sibling = *s->sibling_link;
    *s->sibling_link = s;
    if (s->sibling != NULL) {
        s->sibling->sibling_link = &s->sibling;
    }
}

static struct udp_session *begin(struct forward *f, const struct sockaddr_in *client)
{
    struct target *t = forward_choose(f, ntohl(client->sin_addr.s_addr), 0);
    int fd = t != NULL ? sock_connect(SOCK_DGRAM, &t->at) : -1;
    if (fd < 0) {
        forward_target_unref(t);
        return NULL;
    }
    struct udp_session *s = guest_alloc(sizeof(*s));
    s->forward = f;
    s->target = t;
    s->client = *client;
    s->timer.fn = on_idle;
    if (sessions >= MAX_SESSIONS) {
        make_room();
    }
    sessions++;
    link_session(s);
    t->connections++;
    t->active++;
    f->counted = true;
    s->seen = ev_now();
    ev_timer_start(&s->timer, IDLE_MS);
    if (ev_add(&s->ev, fd, EPOLLIN, on_answer) < 0) {
        s->ev.fd = fd;
        end(s);
        return NULL;
    }
    return s;
}

void udp_on_packet(struct ev *listener, uint32_t events)
{
    struct forward *f = (struct forward *)listener;
    for (int i = 0; i < BURST; i++) {
        struct sockaddr_in client;
        socklen_t len = sizeof(client);
        ssize_t n = recvfrom(listener->fd, datagram, sizeof(datagram), MSG_DONTWAIT,
                             (struct sockaddr *)&client, &len);
        if (n < 0) {
            return;
        }
        struct udp_session *s = find(f, &client);
        if (s == NULL) {
            s = begin(f, &client);
        }
        if (s != NULL) {
            s->seen = ev_now();
            send(s->ev.fd, datagram, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
    }
}
