/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon on the loop: its epoll descriptor is polled, its timeout is a timer of ours, and a
 * second epoll set tells which suspended connection lost its peer. */
#include "common/http_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/log.h"
#include "common/loop_uv.h"
#include "common/mem.h"
#include "http_server_impl.h"

#define MAX_BODY ((size_t)3 << 19) /* 1.5 MiB: helm's secrets fit */
#define MAX_CONNECTIONS 1000
#define IDLE_SECONDS 120
/* A client that ended its side but waits for the answer (printf ... | nc -N) gets it within: */
#define LEAVER_NS LOOP_MS(500)
#define YOUNG_NS LOOP_S(10) /* from accept to the first request line */

/* ---- running the daemon ---- */

/* While a peer takes its time over the TLS handshake, the daemon asks for another run at once,
 * again and again; an event on the socket wakes it anyway. So that is honored a little later each
 * time. */
static uint64_t patience(struct http_server *s)
{
    s->idle_runs = s->busy || s->young_count == 0 ? 0 : s->idle_runs + 1;
    return s->idle_runs == 0 ? 0 : LOOP_MS(1) << (s->idle_runs < 7 ? s->idle_runs - 1 : 6);
}

static void run_daemon(struct http_server *s)
{
    s->direct = 0;
    s->busy = false;
    s->running = true;
    MHD_run(s->daemon);
    s->running = false;
    MHD_UNSIGNED_LONG_LONG ms;
    if (MHD_get_timeout(s->daemon, &ms) == MHD_YES) {
        loop_timer_start(s->timer, ms > 0 ? LOOP_MS(ms) : patience(s));
    } else {
        loop_timer_stop(s->timer);
    }
}

static void on_timer(void *arg)
{
    run_daemon(arg);
}

static void on_kick(void *arg)
{
    struct http_server *s = arg;
    s->kicked = false;
    run_daemon(s);
}

void http_server_kick(struct http_server *s)
{
    if (!s->kicked) {
        s->kicked = true;
        loop_defer(s->loop, on_kick, s);
    }
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run_daemon(poll->data);
}

/* ---- peers that leave ---- */

static void cut_leavers(void *arg)
{
    struct http_server *s = arg;
    for (struct http_conn *c = s->conns; c != NULL; c = c->next) {
        if (c->peer_left && c->x != NULL && c->x->suspended && c->x->state != HTTP_X_TUNNEL) {
            http_exchange_cut(c->x);
        }
    }
}

static void on_peer_left(struct http_conn *c, unsigned events)
{
    struct http_exchange *x = c->x;
    c->peer_left = true;
    if (x == NULL || !x->suspended || x->state == HTTP_X_TUNNEL) {
        return; /* the socket is read or written: whoever does it notices */
    }
    if (x->state == HTTP_X_SENDING || (events & (EPOLLHUP | EPOLLERR)) != 0) {
        http_exchange_cut(x);
    } else if (!loop_timer_active(c->server->leavers)) {
        loop_timer_start(c->server->leavers, LEAVER_NS);
    }
}

static void on_peers_left(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct http_server *s = poll->data;
    struct epoll_event ev[64]; /* no connection ends in here, so that none of these is stale */
    int n = epoll_wait(s->left_fd, ev, ARRAY_LEN(ev), 0);
    for (int i = 0; i < n; i++) {
        on_peer_left(ev[i].data.ptr, ev[i].events);
    }
}

/* ---- connections ---- */

static void close_young(void *arg)
{
    struct http_server *s = arg;
    uint64_t now = loop_mono_ns(s->loop), next = UINT64_MAX;
    for (struct http_conn *c = s->conns; c != NULL; c = c->next) {
        uint64_t age = now - c->since_ns;
        if (c->young && age >= YOUNG_NS) {
            shutdown(c->fd, SHUT_RDWR); /* the daemon sees the end and closes */
        } else if (c->young && YOUNG_NS - age < next) {
            next = YOUNG_NS - age;
        }
    }
    if (next != UINT64_MAX) {
        loop_timer_start(s->sweeper, next);
    }
}

static void grow_up(struct http_conn *c)
{
    if (c->young) {
        c->young = false;
        c->server->young_count--;
    }
}

static bool is_loopback(const struct sockaddr *sa)
{
    if (sa == NULL || sa->sa_family == AF_UNIX) {
        return true;
    }
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)sa;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *in6 = (const void *)sa;
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        return in6->sin6_addr.s6_addr[12] == 127;
    }
    return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static struct http_conn *conn_new(struct http_server *s, struct MHD_Connection *mhd)
{
    struct http_conn *c = xnew(struct http_conn);
    c->server = s;
    c->mhd = mhd;
    c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    c->loopback =
        is_loopback(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
    c->next = s->conns;
    if (c->next != NULL) {
        c->next->prev = c;
    }
    s->conns = c;
    s->conn_count++;
    s->busy = true;
    c->young = true;
    c->since_ns = loop_mono_ns(s->loop);
    s->young_count++;
    if (!loop_timer_active(s->sweeper)) {
        loop_timer_start(s->sweeper, YOUNG_NS);
    }
    setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1},
               sizeof(int)); /* watches live for hours */
    /* Edge-triggered: one entry for the connection's life, and one event when its peer leaves. */
    struct epoll_event ev = {.events = EPOLLRDHUP | EPOLLET, .data.ptr = c};
    if (epoll_ctl(s->left_fd, EPOLL_CTL_ADD, c->fd, &ev) != 0) {
        log_warn("http", "a connection will not notice when its peer leaves: %s", strerror(errno));
    }
    return c;
}

static void conn_free(struct http_conn *c)
{
    struct http_server *s = c->server;
    epoll_ctl(s->left_fd, EPOLL_CTL_DEL, c->fd, NULL);
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        s->conns = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    s->conn_count--;
    grow_up(c);
    free(c);
    if (!s->stopping) {
        http_gate_update(s->gate);
    }
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = conn_new(cls, mhd);
    } else if (*socket_context != NULL) {
        conn_free(*socket_context);
        *socket_context = NULL;
    }
}

/* ---- requests ---- */

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct http_server *s = cls;
    struct http_conn *c =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    s->busy = true;
    grow_up(c);
    return http_exchange_new(c, uri);
}

static size_t leave_escaped(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *upload_data,
                                 size_t *upload_data_size, void **con_cls)
{
    struct http_server *s = cls;
    (void)mhd;
    (void)url;
    (void)version;
    struct http_exchange *x = *con_cls;
    s->busy = true;
    return x != NULL ? http_exchange_access(x, method, upload_data, upload_data_size) : MHD_NO;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                         enum MHD_RequestTerminationCode toe)
{
    (void)cls;
    (void)mhd;
    (void)toe;
    struct http_exchange *x = *con_cls;
    *con_cls = NULL;
    if (x != NULL) {
        http_exchange_finish(x);
    }
}

char *http_server_refusal(const struct http_server *s, int status, const char *why,
                          const char **ret_type)
{
    if (s->opts.refusal != NULL) {
        *ret_type = "application/json";
        return s->opts.refusal(status, why);
    }
    *ret_type = "text/plain; charset=utf-8";
    return xasprintf("%s\n", why);
}

/* ---- making and ending ---- */

static void on_daemon_log(void *cls, const char *fmt, va_list ap)
{
    (void)cls;
    cleanup_str struct str text = STR_INIT;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    str_add_vf(&text, fmt, ap);
#pragma GCC diagnostic pop
    if (text.len > 0 && text.p[text.len - 1] == '\n') {
        text.p[text.len - 1] = '\0';
    }
    log_debug("http", "%s", str_c(&text)); /* mostly peers that break off a handshake */
}

static struct MHD_Daemon *start_daemon(struct http_server *s)
{
    unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
                     MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[4] = {{MHD_OPTION_END, 0, NULL}};
    int n = 0;
    if (s->cert_pem != NULL) {
        flags |= MHD_USE_TLS;
        tls[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, s->cert_pem};
        tls[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, s->key_pem};
        if (s->client_ca_pem != NULL) {
            tls[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, s->client_ca_pem};
        }
        tls[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    }
    return MHD_start_daemon(flags, 0, NULL, NULL, on_access, s,           /* */
                            MHD_OPTION_EXTERNAL_LOGGER, on_daemon_log, s, /* */
                            MHD_OPTION_CONNECTION_LIMIT, s->opts.max_connections,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, /* */
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,   /* */
                            MHD_OPTION_URI_LOG_CALLBACK, on_uri, s,         /* */
                            MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, s, /* */
                            MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static void free_memory(struct http_server *s)
{
    free(s->cert_pem);
    if (s->key_pem != NULL) {
        explicit_bzero(s->key_pem, strlen(s->key_pem));
    }
    free(s->key_pem);
    free(s->client_ca_pem);
    free(s);
}

static void after_close(uv_handle_t *handle)
{
    struct http_server *s = handle->data;
    if (--s->open_handles == 0) {
        free_memory(s);
    }
}

static void poll_fd(struct http_server *s, uv_poll_t *poll, int fd, uv_poll_cb cb)
{
    int rc = uv_poll_init(loop_uv(s->loop), poll, fd);
    assert(rc == 0); /* an epoll descriptor of our own can always be polled */
    poll->data = s;
    s->open_handles++;
    uv_poll_start(poll, UV_READABLE, cb);
}

static struct http_server *server_new(struct loop *loop, const struct http_server_opts *opts)
{
    struct http_server *s = xnew(struct http_server);
    s->loop = loop;
    s->opts = *opts;
    s->cert_pem = xstrdup(opts->cert_pem);
    s->key_pem = xstrdup(opts->key_pem);
    s->client_ca_pem = xstrdup(opts->client_ca_pem);
    s->opts.max_body = opts->max_body > 0 ? opts->max_body : MAX_BODY;
    s->opts.max_connections = opts->max_connections > 0 ? opts->max_connections : MAX_CONNECTIONS;
    return s;
}

/* What was made so far, when making it failed. */
static int give_up(struct http_server *s)
{
    if (s->daemon != NULL) {
        MHD_stop_daemon(s->daemon);
    }
    if (s->left_fd >= 0) {
        close(s->left_fd);
    }
    close(s->opts.listen_fd);
    free_memory(s);
    return -1;
}

int http_server_new(struct loop *loop, const struct http_server_opts *opts,
                    struct http_server **ret, struct err *err)
{
    struct http_server *s = server_new(loop, opts);
    s->left_fd = epoll_create1(EPOLL_CLOEXEC);
    s->daemon = s->left_fd >= 0 ? start_daemon(s) : NULL;
    if (s->daemon == NULL) {
        err_set(err, ERR_INTERNAL,
                "the HTTP server does not start: check the certificate and its key, and the limit "
                "of open files");
        return give_up(s);
    }
    if (http_gate_new(s, opts->listen_fd, &s->gate, err) != 0) {
        return give_up(s);
    }
    s->timer = loop_timer_new(loop, on_timer, s);
    s->leavers = loop_timer_new(loop, cut_leavers, s);
    s->sweeper = loop_timer_new(loop, close_young, s);
    poll_fd(s, &s->poll, MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
            on_ready);
    poll_fd(s, &s->left_poll, s->left_fd, on_peers_left);
    http_server_kick(s);
    *ret = s;
    return 0;
}

void http_server_quiesce(struct http_server *s)
{
    http_gate_close(s->gate);
}

/* The daemon may only stop without suspended or upgraded connections. */
static void end_all(struct http_server *s)
{
    http_tunnel_free_all(s);
    for (struct http_conn *c = s->conns; c != NULL; c = c->next) {
        if (c->x != NULL && c->x->state == HTTP_X_WAITING) {
            http_exchange_refuse(c->x, 503, "the server is stopping");
        } else if (c->x != NULL && c->x->suspended) {
            http_exchange_cut(c->x);
        }
    }
    for (int i = 0; i < 4;
         i++) { /* resume, ask, send; what the peer does not take at once is lost */
        MHD_run(s->daemon);
    }
}

void http_server_free(struct http_server *s)
{
    if (s == NULL) {
        return;
    }
    assert(!s->running); /* a handler must not free its server: defer it */
    s->stopping = true;
    http_gate_free(s->gate);
    end_all(s);
    uv_close((uv_handle_t *)&s->poll, after_close);
    uv_close((uv_handle_t *)&s->left_poll, after_close);
    MHD_stop_daemon(s->daemon);
    close(s->left_fd);
    loop_timer_free(s->timer);
    loop_timer_free(s->leavers);
    loop_timer_free(s->sweeper);
    loop_undefer(s->loop, s);
}

unsigned http_server_connections(const struct http_server *s)
{
    return s->conn_count + http_gate_count(s->gate);
}
