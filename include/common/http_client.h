/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 requests over TCP, TLS and Unix sockets, on the loop (libcurl's multi interface). */
#ifndef COMMON_HTTP_CLIENT_H
#define COMMON_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct loop;
struct http_client;
struct http_call;

/* How to reach and what to trust; all borrowed for the time of http_client_new only. */
struct http_client_opts {
    const char *unix_path;   /* every request goes to this socket; the URL's host is only a name */
    const char *ca_pem;      /* trusted CA certificates, PEM; NULL: the system's */
    const char *cert_pem;    /* client certificate and key, PEM */
    const char *key_pem;
    const char *bearer;      /* Authorization: Bearer ... on every request */
    bool insecure;           /* do not verify the server */
    unsigned max_connections;/* 0: 64 */
};

struct http_client *http_client_new(struct loop *loop, const struct http_client_opts *opts);
/* Cancels what is under way (no `done` is called) and closes every connection. NULL is fine. */
void http_client_free(struct http_client *c);

struct http_response {
    int status;               /* 0 when there was no whole answer: see err */
    const char *content_type; /* "" when there was none */
    const char *body;         /* NUL-terminated; empty when on_data took it */
    size_t len;
    const struct err *err;    /* code ERR_NONE when an answer came, whatever its status */
};

/* A request. Everything is copied before http_client_call returns. */
struct http_request {
    const char *method;         /* "GET" */
    const char *url;            /* "http://docker/containers/json", already percent-encoded */
    const char *content_type;   /* of the body; NULL when there is none */
    const void *body;
    size_t len;
    const char *const *headers; /* "Name: value" lines, NULL-terminated; may be NULL */
    uint64_t timeout_ns;        /* for the whole exchange, reads included; 0: none */
    uint64_t connect_timeout_ns;/* 0: 5 s */
    bool fresh;                 /* a connection of its own, closed after */
    /* For streams: called with each piece of a 2xx body as it comes. Returning false ends the call
     * with ERR_TIMEOUT "cancelled". Not NULL: the body is not collected. */
    bool (*on_data)(void *arg, const char *bytes, size_t n);
    bool all_data;              /* on_data gets the bodies of other answers than 2xx too */
    /* Each header of the answer, before on_headers, repeated ones too; may be NULL. */
    void (*on_header)(void *arg, const char *name, const char *value);
    /* Called once when the status line and headers are here; may be NULL. */
    void (*on_headers)(void *arg, int status, const char *content_type);
    size_t max_body;            /* longer is an error; 0: 16 MiB; on_data has no limit */
    /* Called once, from the loop, never from within http_client_call. */
    void (*done)(void *arg, const struct http_response *res);
    void *arg;
};

/* The handle stays valid until `done` was called or it was cancelled. */
struct http_call *http_client_call(struct http_client *c, const struct http_request *req);
/* Ends it; `done` will not be called. From any callback, its own included. */
void http_call_cancel(struct http_call *call);
/* on_data is not called meanwhile; the peer waits, once the buffers between are full. */
void http_call_pause(struct http_call *call, bool paused);

/* "GET /x HTTP/1.1 ... Upgrade" over a Unix socket (Docker's attach and exec): after the 101 the
 * bytes are the caller's. Both directions go through the loop, bounded; see http_upgrade_write. */
struct http_upgrade;

struct http_upgrade_opts {
    const char *unix_path;
    const char *method;       /* "POST" */
    const char *target;       /* "/v1.41/containers/ID/attach?stream=1&..." */
    const char *protocol;     /* "tcp" */
    const char *content_type; /* of body; NULL for none */
    const void *body;
    size_t len;
    void (*on_open)(void *arg);                              /* the 101 (or 200) is here */
    void (*on_data)(void *arg, const char *bytes, size_t n); /* n == 0: the peer ended its side */
    /* Refused, failed or closed by the peer: called once, last. err->code is ERR_NONE for a
     * clean end; a refusal carries the peer's message. */
    void (*on_close)(void *arg, const struct err *err);
    /* May be NULL: less than 64 KiB wait again, after more than 256 KiB did. */
    void (*on_drain)(void *arg);
    void *arg;
};

struct http_upgrade *http_upgrade_new(struct loop *loop, const struct http_upgrade_opts *opts);
void http_upgrade_free(struct http_upgrade *u);  /* closes; no callback after; NULL is fine */
/* Queues bytes (copied). False when more than 4 MiB wait: the peer does not read; close it. */
bool http_upgrade_write(struct http_upgrade *u, const void *bytes, size_t n);
void http_upgrade_end(struct http_upgrade *u);   /* half-close after what is queued */
void http_upgrade_pause(struct http_upgrade *u, bool paused); /* reads nothing meanwhile */
size_t http_upgrade_queued(const struct http_upgrade *u);

#endif
