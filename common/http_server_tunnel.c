/* SPDX-License-Identifier: Apache-2.0 */
/* What follows a 101. The socket is the peer's own or, under TLS, one end of a pair that
 * libmicrohttpd pumps; both are driven the same way. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/mem.h"
#include "duplex.h"
#include "http_server_impl.h"

struct http_tunnel {
    struct http_server *server;
    struct http_exchange *x; /* until it is open */
    struct MHD_UpgradeResponseHandle *urh;
    struct duplex *duplex;
    const struct http_tunnel_ops *ops;
    void *arg;
    struct str early; /* what the peer sent right behind its request */
    struct http_tunnel *prev, *next;
};

/* The owner knows it no longer after this. */
static void tunnel_free(struct http_tunnel *t)
{
    struct http_server *s = t->server;
    if (t->prev != NULL) {
        t->prev->next = t->next;
    } else {
        s->tunnels = t->next;
    }
    if (t->next != NULL) {
        t->next->prev = t->prev;
    }
    loop_undefer(s->loop, t);
    duplex_free(t->duplex);
    MHD_upgrade_action(t->urh, MHD_UPGRADE_ACTION_CLOSE);
    http_server_kick(s);
    str_fini(&t->early);
    free(t);
}

static void on_duplex_close(void *arg, int errnum)
{
    (void)errnum;
    struct http_tunnel *t = arg;
    const struct http_tunnel_ops *ops = t->ops;
    void *ops_arg = t->arg;
    tunnel_free(t);
    ops->on_close(ops_arg);
}

static void on_duplex_data(void *arg, const char *bytes, size_t n)
{
    struct http_tunnel *t = arg;
    if (n > 0) {
        t->ops->on_data(t->arg, bytes, n);
    } else if (t->ops->on_end != NULL) {
        t->ops->on_end(t->arg);
    } else {
        duplex_close(t->duplex);
    }
}

static void on_duplex_drain(void *arg)
{
    struct http_tunnel *t = arg;
    if (t->ops->on_drain != NULL) {
        t->ops->on_drain(t->arg);
    }
}

static const struct duplex_ops tunnel_duplex = {
    .on_data = on_duplex_data,
    .on_drain = on_duplex_drain,
    .on_close = on_duplex_close,
};

/* Deferred: nothing of the owner's runs within libmicrohttpd. */
static void open_tunnel(void *arg)
{
    struct http_tunnel *t = arg;
    struct http_exchange *x = steal(t->x);
    duplex_pause(t->duplex, false);
    t->ops->on_open(t->arg, t);
    http_exchange_call_ended(x);
    if (t->early.len > 0) {
        t->ops->on_data(t->arg, t->early.p, t->early.len);
        str_fini(&t->early);
    }
}

void http_tunnel_on_upgrade(void *cls, struct MHD_Connection *mhd, void *con_cls,
                            const char *extra_in, size_t extra_in_size, MHD_socket sock,
                            struct MHD_UpgradeResponseHandle *urh)
{
    (void)mhd;
    (void)con_cls;
    struct http_exchange *x = cls;
    struct http_server *s = x->server;
    struct http_tunnel *t = xnew(struct http_tunnel);
    t->server = s;
    t->x = x;
    t->urh = urh;
    t->ops = x->tunnel_ops;
    t->arg = x->tunnel_arg;
    if (extra_in_size > 0) {
        str_add_n(&t->early, extra_in, extra_in_size);
    }
    t->next = s->tunnels;
    if (t->next != NULL) {
        t->next->prev = t;
    }
    s->tunnels = t;
    setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* no TCP: no matter */
    t->duplex = duplex_new(s->loop, sock, &tunnel_duplex, t);
    loop_defer(s->loop, open_tunnel, t);
}

void http_tunnel_free_all(struct http_server *s)
{
    while (s->tunnels != NULL) {
        struct http_tunnel *t = s->tunnels;
        const struct http_tunnel_ops *ops = t->x == NULL ? t->ops : NULL; /* NULL: never opened */
        void *arg = t->arg;
        tunnel_free(t);
        if (ops != NULL) {
            ops->on_close(arg);
        }
    }
}

bool http_tunnel_write(struct http_tunnel *t, const void *bytes, size_t n)
{
    return duplex_write(t->duplex, bytes, n);
}

size_t http_tunnel_queued(const struct http_tunnel *t)
{
    return duplex_queued(t->duplex);
}

void http_tunnel_pause(struct http_tunnel *t, bool paused)
{
    duplex_pause(t->duplex, paused);
}

void http_tunnel_close(struct http_tunnel *t)
{
    duplex_close(t->duplex);
}
