/* SPDX-License-Identifier: Apache-2.0 */
/* How the parts of the HTTP server hang together: http_server.c runs the daemon and its
 * connections, http_server_gate.c lets them in, http_server_exchange.c is a request and its answer,
 * http_server_tunnel.c what follows a 101. Only these know libmicrohttpd. */
#ifndef COMMON_HTTP_SERVER_IMPL_H
#define COMMON_HTTP_SERVER_IMPL_H

#include <microhttpd.h>
#include <uv.h>

#include "common/http_server.h"
#include "common/loop.h"
#include "common/str.h"

/* One connection of a peer. */
struct http_conn {
    struct http_server *server;
    struct MHD_Connection *mhd;
    int fd;
    struct http_exchange *x; /* the request under way; NULL between requests */
    uint64_t since_ns;
    bool young;     /* no request yet: perhaps it hangs in its handshake */
    bool peer_left; /* it ended its side: see on_peers_left */
    bool loopback;
    bool cert_read; /* the client's certificate was looked at: */
    bool cert_valid;
    char cert_cn[256];
    char cert_org[256];
    struct http_conn *prev, *next;
};

struct http_server {
    struct loop *loop;
    struct http_server_opts opts;
    char *cert_pem, *key_pem, *client_ca_pem; /* libmicrohttpd keeps pointers to them */
    struct MHD_Daemon *daemon;
    struct http_gate *gate;
    uv_poll_t poll;             /* the daemon's epoll descriptor */
    uv_poll_t left_poll;        /* left_fd */
    int left_fd;                /* an epoll set of every connection: a suspended one does not notice
                                   that its peer left */
    int open_handles;           /* polls that are not closed yet: the struct outlives them */
    struct loop_timer *timer;   /* the daemon's next timeout */
    struct loop_timer *leavers; /* unary requests whose peer ended its side get a moment more */
    struct loop_timer *sweeper; /* closes connections that are young for too long */
    struct http_conn *conns;
    unsigned conn_count;
    unsigned young_count;
    struct http_tunnel *tunnels;
    unsigned direct;    /* requests handled in the present run */
    unsigned idle_runs; /* of the daemon, in a row, that did nothing one could see */
    bool busy;          /* something was seen in the present run */
    bool running;       /* within MHD_run */
    bool kicked;        /* a run is deferred */
    bool stopping;
};

enum http_exchange_state {
    HTTP_X_READING,  /* headers, then the body */
    HTTP_X_WAITING,  /* for the handler's answer */
    HTTP_X_ANSWERED, /* there is one, libmicrohttpd does not have it yet */
    HTTP_X_SENDING,
    HTTP_X_TUNNEL, /* a tunnel under TLS has the connection; it stays suspended */
};

struct http_exchange {
    struct http_server *server;
    struct http_conn *conn;
    struct MHD_Connection *mhd;
    enum http_exchange_state state;
    char *path; /* owned, with the query behind its NUL */
    const char *query;
    const char *method; /* NULL until the headers are here */
    struct str body;
    bool too_long; /* the body: it is read and dropped */
    bool suspended;
    bool cut;   /* end the connection at the next chance */
    bool woken; /* since the last pull */
    int status;
    struct MHD_Response *response;
    http_pull_fn *pull;
    void *pull_arg;
    const struct http_tunnel_ops *tunnel_ops;
    void *tunnel_arg;
    struct http_tunnel *tunnel;
    void *user;
    void (*ended)(void *user);
};

/* ---- http_server.c ---- */

/* Has the daemon run soon: after a connection was resumed or a tunnel closed. */
void http_server_kick(struct http_server *s);
/* The body of a refusal, malloc'ed, and its content type. */
char *http_server_refusal(const struct http_server *s, int status, const char *why,
                          const char **ret_type);

/* ---- http_server_gate.c ---- */

/* On success it owns the listening socket. */
int http_gate_new(struct http_server *s, int listen_fd, struct http_gate **ret,
                  struct err *err) WARN_UNUSED;
void http_gate_close(struct http_gate *g);  /* no more connections; twice is fine */
void http_gate_free(struct http_gate *g);   /* NULL is fine */
void http_gate_update(struct http_gate *g); /* after a connection ended: there may be room */
unsigned http_gate_count(const struct http_gate *g); /* connections it holds back */

/* ---- http_server_exchange.c ---- */

/* The request line is here; `uri` as sent. */
struct http_exchange *http_exchange_new(struct http_conn *conn, const char *uri);
/* libmicrohttpd's access handler: headers, pieces of the body, then until there is an answer. */
enum MHD_Result http_exchange_access(struct http_exchange *x, const char *method, const char *data,
                                     size_t *size);
void http_exchange_finish(struct http_exchange *x); /* calls `ended`, frees */
void http_exchange_call_ended(struct http_exchange *x);
void http_exchange_refuse(struct http_exchange *x, int status, const char *why);
/* Ends a suspended exchange: its peer left, or the server stops. */
void http_exchange_cut(struct http_exchange *x);
/* The TLS session of its connection; NULL when there is none. */
struct gnutls_session_int *http_exchange_tls(const struct http_exchange *x);
/* Starts or ends a suspension; only these two call libmicrohttpd's functions. */
void http_exchange_suspend(struct http_exchange *x);
void http_exchange_resume(struct http_exchange *x);

/* ---- http_server_tunnel.c ---- */

/* Switches protocols on a TLS connection: libmicrohttpd's pump does not tell when the peer ended
 * its side, so the tunnel takes the suspended connection's session over. */
void http_tunnel_take_over(struct http_exchange *x, const char *protocol,
                           const struct http_header *headers, size_t nheaders);
/* libmicrohttpd's upgrade handler for other connections; cls is the exchange. */
void http_tunnel_on_upgrade(void *cls, struct MHD_Connection *mhd, void *con_cls,
                            const char *extra_in, size_t extra_in_size, MHD_socket sock,
                            struct MHD_UpgradeResponseHandle *urh);
/* The exchange ended before its tunnel opened: nobody is told. */
void http_tunnel_drop(struct http_tunnel *t);
void http_tunnel_free_all(struct http_server *s);

#endif
