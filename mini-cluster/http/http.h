/* SPDX-License-Identifier: Apache-2.0 */
/* The API on the wire: routing, negotiation, streams, upgrades. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdint.h>

#include "common/err.h"

struct api;
struct auth;
struct http;
struct loop;

struct http_opts {
    const char *cert_pem; /* the server's; all copied */
    const char *key_pem;
    const char *ca_pem;   /* signs client certificates */
    uint64_t patience_ns; /* with a pod that took a request and says nothing; 0: 60 s */
    const char *no_pods;  /* why nobody is behind the addresses of pods: their proxies say it and
                             send nothing into whatever network that is; NULL: somebody is */
    /* Where a port of a pod really is, on a machine that is shared; NULL: where it says. */
    int (*pod_port)(void *arg, const char *address, int port);
    void *pod_arg;
};

/* Answers for `api`; `auth` says who asks. Both outlive it. */
struct http *http_new(struct loop *loop, struct api *api, struct auth *auth,
                      const struct http_opts *opts);
/* Serves over TLS on one more listening socket (at most 4), which is http's now, also on failure.
 */
int http_serve(struct http *h, int fd, struct err *err) WARN_UNUSED;
/* Ends every stream and connection. NULL is fine. */
void http_free(struct http *h);

/* A TCP socket listening on address:port (port 0: a free one, see http_port). With `device`, only
 * packets that came in through that interface are taken. ERR_CONFLICT names the port in use; -1
 * then. */
int http_listen(const char *address, int port, const char *device, struct err *err) WARN_UNUSED;
int http_port(int fd);

#endif
