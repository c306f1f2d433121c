/* SPDX-License-Identifier: Apache-2.0 */
/* A small HTTP/1.1 server for the demo workloads: keep-alive, answers that take time, a graceful
 * end. */
#ifndef GUEST_HTTP_H
#define GUEST_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_request {
    const char *method, *path, *query; /* query: "" when none */
    const char *accept;                /* "" when none */
    const char *body;
    size_t body_len;
    uint32_t peer;
};

/* Zeroed before the handler is called. */
struct http_response {
    int status;       /* 0: 200 */
    const char *type; /* NULL: "text/plain; charset=utf-8" */
    char *body;       /* allocated; http frees it; NULL: the status in words */
    size_t len;
    unsigned delay_ms; /* the answer waits so long */
    unsigned burn_ms;  /* the answer costs this much CPU, others are served meanwhile */
    bool quiet;        /* not worth a line in the log */
};

struct http_opts {
    uint16_t port;
    void (*handle)(const struct http_request *q, struct http_response *r);
    const char *header; /* an extra header line for every answer ("X-Pod: a\r\n"); may be NULL */
    unsigned drain_ms;  /* after SIGTERM: how long new connections are still taken */
};
/* After ev_init. Serves until SIGTERM, then finishes what was begun. Returns the exit status. */
int http_run(const struct http_opts *o);

/* The number behind name= in a query, within [0, max]; dflt when it is not there. */
long http_query_num(const char *query, const char *name, long dflt, long max);
/* Sets the body, formatted. */
void http_text(struct http_response *r, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
