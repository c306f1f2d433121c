/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP(S) server on the loop: libmicrohttpd in external epoll mode. The only file that knows it. */
#ifndef COMMON_HTTP_SERVER_H
#define COMMON_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct loop;
struct http_server;
struct http_exchange; /* one request and its answer */

struct http_server_opts {
    int listen_fd;            /* a bound, listening socket (TCP or AF_UNIX); the server owns it now */
    const char *cert_pem;     /* TLS when not NULL; copied */
    const char *key_pem;
    const char *client_ca_pem;/* client certificates are asked for, not required */
    size_t max_body;          /* bytes; a longer body is answered 413 before the handler; 0: 1.5 MiB */
    unsigned max_connections; /* 0: 1000; counted before TLS */
    /* Called once per request, when its body is complete. Answer now or later with one of the
     * http_exchange_ functions below. */
    void (*handler)(void *arg, struct http_exchange *x);
    void *arg;
    /* The answer to refusals made here (413, 400), as body text; NULL: plain text. */
    char *(*refusal)(int status, const char *why); /* malloc'ed JSON */
};

/* More than one server may share a loop. */
int http_server_new(struct loop *loop, const struct http_server_opts *opts,
                    struct http_server **ret, struct err *err) WARN_UNUSED;
/* Ends streams, answers waiting exchanges with 503, closes. NULL is fine. */
void http_server_free(struct http_server *s);
/* Stops accepting; what runs goes on. */
void http_server_quiesce(struct http_server *s);
unsigned http_server_connections(const struct http_server *s);

/* ---- the request: all borrowed until the exchange ends ---- */
const char *http_exchange_method(const struct http_exchange *x);
const char *http_exchange_path(const struct http_exchange *x);  /* as sent, not decoded, no query */
const char *http_exchange_query(const struct http_exchange *x); /* raw, without '?'; "" if none */
const char *http_exchange_header(const struct http_exchange *x, const char *name); /* or NULL */
/* Every header, repeated ones too, in order. Returning false stops. */
void http_exchange_each_header(const struct http_exchange *x,
                               bool (*fn)(void *arg, const char *name, const char *value),
                               void *arg);
const char *http_exchange_body(const struct http_exchange *x, size_t *ret_len); /* NUL-terminated */
bool http_exchange_is_loopback(const struct http_exchange *x);
/* The verified client certificate's CN and first O, in the caller's buffers; false when none. */
bool http_exchange_client_cert(const struct http_exchange *x, char *cn, size_t cn_size, char *org,
                               size_t org_size);
/* The caller's own pointer, and what to call when the exchange ends, however it ends (answered, the
 * peer left, the server stopped). After `ended` the exchange is gone. */
void http_exchange_set_user(struct http_exchange *x, void *user, void (*ended)(void *user));
void *http_exchange_user(const struct http_exchange *x);

/* ---- the answer: exactly one of these ---- */

struct http_header {
    const char *name;
    const char *value;
};

/* The whole answer at once; the body is copied unless `take` (malloc'ed, freed by the server). */
void http_exchange_answer(struct http_exchange *x, int status, const char *content_type,
                          const struct http_header *headers, size_t nheaders, void *body, size_t n,
                          bool take);

/* An answer in pieces, pulled as fast as the peer reads. `pull` writes at most `max` bytes to buf
 * and returns how many; 0: nothing now, call http_exchange_wake when there is; -1: the end; -2: cut
 * the connection. `size` is the exact total for Content-Length, or -1 for chunked. */
typedef ptrdiff_t http_pull_fn(void *arg, char *buf, size_t max);
void http_exchange_stream(struct http_exchange *x, int status, const char *content_type,
                          const struct http_header *headers, size_t nheaders, int64_t size,
                          http_pull_fn *pull, void *arg);
void http_exchange_wake(struct http_exchange *x);

/* Switches protocols: 101 with these headers, then bytes both ways. `ended` of the exchange is
 * called right after on_open; without an on_open (the peer left before the 101) it is all that is
 * called. `ops` is not copied. */
struct http_tunnel;
struct http_tunnel_ops {
    void (*on_open)(void *arg, struct http_tunnel *t);
    void (*on_data)(void *arg, const char *bytes, size_t n);
    void (*on_close)(void *arg); /* the peer left, or http_tunnel_close: called once, last */
    /* May be NULL: the peer ended its side and still listens (plain connections only). When NULL,
     * that closes the tunnel. */
    void (*on_end)(void *arg);
    /* May be NULL: less than 64 KiB wait again, after more than 256 KiB did. */
    void (*on_drain)(void *arg);
};
void http_exchange_upgrade(struct http_exchange *x, const char *protocol,
                           const struct http_header *headers, size_t nheaders,
                           const struct http_tunnel_ops *ops, void *arg);
bool http_tunnel_write(struct http_tunnel *t, const void *bytes, size_t n); /* false: 4 MiB wait */
size_t http_tunnel_queued(const struct http_tunnel *t);
void http_tunnel_pause(struct http_tunnel *t, bool paused); /* reads nothing meanwhile */
void http_tunnel_close(struct http_tunnel *t); /* after what is queued */

#endif
