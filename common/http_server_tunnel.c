/* SPDX-License-Identifier: Apache-2.0 */
/* What follows a 101. A plain socket is handed over by libmicrohttpd; under TLS the connection
 * stays suspended there while its session is used directly. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "common/mem.h"
#include "duplex.h"
#include "http_server_impl.h"

struct http_tunnel {
    struct http_server *server;
    struct http_exchange *x;               /* until it is open; under TLS until the end */
    struct MHD_UpgradeResponseHandle *urh; /* NULL under TLS */
    struct duplex *duplex;                 /* under TLS, NULL until it is open */
    const struct http_tunnel_ops *ops;
    void *arg;
    struct str early; /* what the peer sent right behind its request; under TLS, our 101 */
    bool open;
    struct http_tunnel *prev, *next;
};

static struct http_tunnel *tunnel_new(struct http_exchange *x)
{
    struct http_server *s = x->server;
    struct http_tunnel *t = xnew(struct http_tunnel);
    t->server = s;
    t->x = x;
    t->ops = x->tunnel_ops;
    t->arg = x->tunnel_arg;
    t->next = s->tunnels;
    if (t->next != NULL) {
        t->next->prev = t;
    }
    s->tunnels = t;
    return t;
}

void http_tunnel_drop(struct http_tunnel *t)
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
    str_fini(&t->early);
    free(t);
}

/* Gives the connection back to be closed; the owner knows the tunnel no longer. */
static void tunnel_free(struct http_tunnel *t)
{
    struct http_server *s = t->server;
    struct http_exchange *x = t->x;
    struct MHD_UpgradeResponseHandle *urh = t->urh;
    http_tunnel_drop(t);
    if (urh != NULL) {
        MHD_upgrade_action(urh, MHD_UPGRADE_ACTION_CLOSE);
        http_server_kick(s);
    } else {
        x->tunnel = NULL;
        http_exchange_cut(x);
    }
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

/* Whoever wants to hear of its end learns of it when it reads on. */
static void on_duplex_left(void *arg)
{
    struct http_tunnel *t = arg;
    if (t->ops->on_end == NULL) {
        duplex_close(t->duplex);
    }
}

static const struct duplex_ops tunnel_duplex = {
    .on_left = on_duplex_left,
    .on_data = on_duplex_data,
    .on_drain = on_duplex_drain,
    .on_close = on_duplex_close,
};

/* Deferred: nothing of the owner's runs within libmicrohttpd. */
static void open_tunnel(void *arg)
{
    struct http_tunnel *t = arg;
    struct http_exchange *x = t->x;
    t->open = true;
    duplex_pause(t->duplex, false);
    t->ops->on_open(t->arg, t);
    http_exchange_call_ended(x);
}

static void open_upgraded(void *arg)
{
    struct http_tunnel *t = arg;
    open_tunnel(t);
    t->x = NULL; /* libmicrohttpd ends it when it likes */
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
    struct http_tunnel *t = tunnel_new(x);
    t->urh = urh;
    if (extra_in_size > 0) {
        str_add_n(&t->early, extra_in, extra_in_size);
    }
    setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* no TCP: no matter */
    t->duplex = duplex_new(t->server->loop, sock, NULL, &tunnel_duplex, t);
    loop_defer(t->server->loop, open_upgraded, t);
}

/* ---- under TLS ---- */

/* Deferred, so the connection is suspended by now. */
static void open_taken(void *arg)
{
    struct http_tunnel *t = arg;
    int fd = t->x->conn->fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    t->duplex = duplex_new(t->server->loop, fd, http_exchange_tls(t->x), &tunnel_duplex, t);
    duplex_write(t->duplex, t->early.p, t->early.len);
    str_fini(&t->early);
    open_tunnel(t);
}

static void add_header(struct str *head, const char *name, const char *value)
{
    if (strpbrk(name, "\r\n") == NULL && strpbrk(value, "\r\n") == NULL) {
        str_add_f(head, "%s: %s\r\n", name, value);
    }
}

void http_tunnel_take_over(struct http_exchange *x, const char *protocol,
                           const struct http_header *headers, size_t nheaders)
{
    struct http_tunnel *t = tunnel_new(x);
    x->tunnel = t;
    str_add(&t->early, "HTTP/1.1 101 Switching Protocols\r\n");
    add_header(&t->early, "Upgrade", protocol);
    for (size_t i = 0; i < nheaders; i++) {
        add_header(&t->early, headers[i].name, headers[i].value);
    }
    str_add(&t->early, "Connection: Upgrade\r\n\r\n");
    loop_defer(t->server->loop, open_taken, t);
}

void http_tunnel_free_all(struct http_server *s)
{
    while (s->tunnels != NULL) {
        struct http_tunnel *t = s->tunnels;
        const struct http_tunnel_ops *ops = t->open ? t->ops : NULL;
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
