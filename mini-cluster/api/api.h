/* SPDX-License-Identifier: Apache-2.0 */
/* A request struct comes in, a response struct goes out; no sockets. */
#ifndef API_API_H
#define API_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"
#include "common/str.h"

struct api;
struct loop;
struct store;

/* Who asks. `groups` is NULL-terminated. Borrowed from the auth room for the time of the call. */
struct api_user {
    const char *name; /* "kubernetes-admin", "system:anonymous", "system:serviceaccount:ns:name" */
    const char *uid;
    const char *const *groups;
};

struct api_request {
    const char *method;       /* "GET" */
    const char *path;         /* as sent, percent-encoded, without the query */
    const char *query;        /* raw; "" when there is none */
    const char *accept;       /* "" when there is none */
    const char *content_type; /* "" when there is none */
    const char *user_agent;
    const char *body;
    size_t len;
    struct api_user user;
};

/* A body that comes in pieces: a list, a watch, a log. */
struct api_stream {
    /* As http_pull_fn: bytes written, 0 nothing now (wake comes), -1 the end, -2 cut it off. */
    ptrdiff_t (*pull)(struct api_stream *s, char *buf, size_t max);
    void (*free)(struct api_stream *s);
    /* Set by the reader: called from the loop when pull has something again. */
    void (*wake)(void *arg);
    void *wake_arg;
    int64_t size; /* exact, or -1 */
};

/* What the http room does itself, told what and where: relaying to a pod (proxy subresources). */
struct api_relay {
    char address[64]; /* of the pod */
    int port;
    bool https;
    char *path;    /* what follows /proxy, with its query; malloc'ed, owned by the response */
    char *seen_as; /* the prefix that was cut off, for Location headers; malloc'ed */
};

/* ---- a way into a pod: exec, attach, port-forward ---- */

/* Bytes both ways with something in a pod: the standard streams of a process, or a connection to a
 * port. The node room makes it, the http room speaks with the caller; neither knows what the other
 * side is made of. All of it is in the loop; events never come from within a call. */
struct api_pipe_events {
    /* fd: 1 or 2; a port has only 1. False: no more until `resume`. */
    bool (*on_output)(void *arg, int fd, const char *bytes, size_t n);
    /* Input may be written again, after `write` was false. */
    void (*on_drain)(void *arg);
    /* Once, last. Code ERR_NONE: a process ended so (of an attach: 0), or the peer behind the port
     * closed; else why it came to nothing. */
    void (*on_end)(void *arg, int exit_code, const struct err *err);
};
struct api_pipe {
    /* False: it was taken, and no more is until on_drain. */
    bool (*write)(struct api_pipe *p, const char *bytes, size_t n);
    void (*end)(struct api_pipe *p); /* of the input */
    void (*resize)(struct api_pipe *p, unsigned width, unsigned height);
    void (*resume)(struct api_pipe *p);
    /* Also before on_end: the caller left. No event comes after. What was started by exec is told
     * to hang up, what was attached to runs on. */
    void (*free)(struct api_pipe *p);
};

enum api_connect_type { API_CONNECT_EXEC, API_CONNECT_ATTACH, API_CONNECT_PORT };

/* What a request for one of them asks for. It was checked and is allowed; nothing has begun. */
struct api_connect {
    enum api_connect_type type;
    bool stdin_open, stdout_open, stderr_open, tty;
    bool stdin_once;        /* the container's stdin ends with the first who attaches to it */
    unsigned width, height; /* of the tty; 0: not known. May be set before it is opened. */
    int port;               /* of API_CONNECT_PORT: set before each opening; 0: carries nothing, and
                               ends when the pod does */
    char *ns, *pod, *uid, *node, *container;
    char **command; /* NULL-terminated; NULL unless exec */
    struct api *api;
};
void api_connect_free(struct api_connect *c); /* NULL is fine */
/* Begins; a port may be opened again and again. */
int api_connect_open(struct api_connect *c, const struct api_pipe_events *ev, void *arg,
                     struct api_pipe **ret, struct err *err) WARN_UNUSED;

struct api_header {
    const char *name;
    char *value;
};

struct api_response {
    int status;
    const char *content_type;  /* static */
    struct str body;           /* unless one of the next three is there */
    struct api_stream *stream; /* owned; NULL when there is none */
    struct api_relay *relay;   /* owned; NULL when there is none */
    struct api_connect
        *connect; /* owned; NULL when there is none. The connection is to be upgraded */
    struct api_header *headers; /* Warning, Retry-After ...; values malloc'ed */
    size_t nheaders;
};
void api_response_fini(struct api_response *r);
/* A Status of this error as a response body. */
void api_response_error(struct api_response *r, const struct err *err);

/* ---- what api needs from rooms below it in the list ---- */

struct api_log_opts {
    const char *container; /* "" : the only one */
    bool follow, previous, timestamps;
    int64_t tail_lines;     /* -1: all */
    int64_t since_s;        /* 0: all */
    const char *since_time; /* RFC 3339; NULL */
    int64_t limit_bytes;    /* 0: all */
};

/* Implemented by the node room, for one host; the code that speaks HTTP knows nothing of Docker. */
struct api_node_ops {
    /* *ret is a stream of text. ERR_BAD_REQUEST when the container is waiting to start, in
     * Kubernetes' words. */
    int (*logs)(void *arg, const json_t *pod, const struct api_log_opts *opts,
                struct api_stream **ret, struct err *err);
    /* May be NULL: not served. `ret` NULL: only says whether it could be done now. */
    int (*connect)(void *arg, const struct api_connect *c, const struct api_pipe_events *ev,
                   void *ev_arg, struct api_pipe **ret, struct err *err);
};
/* Who serves the pods of this node; ops NULL takes it back. */
void api_set_node(struct api *api, const char *node, const struct api_node_ops *ops, void *arg);

/* ---- making and asking ---- */

struct api_opts {
    const char *service_cidr; /* "10.77.128.0/17": where ClusterIPs come from */
    const char *version;      /* "v1.35.0+podlab" */
    const char *cluster_name;
    int node_port_min, node_port_max; /* 0: 30000-32767 */
};
struct api *api_new(struct loop *loop, struct store *store, const struct api_opts *opts);
void api_free(struct api *api);
/* Who makes the tokens that serviceaccounts/token hands out; without it that subresource answers
 * 404. Outlives the api. */
struct auth;
void api_set_auth(struct api *api, struct auth *auth);
/* The default tolerationSeconds of new pods (the cluster clock's eviction delay); -1: none is
 * added. */
void api_set_toleration_seconds(struct api *api, int64_t seconds);
struct store *api_store(const struct api *api);
struct loop *api_loop(const struct api *api);
/* Makes default, kube-system, kube-public, kube-node-lease and the kubernetes service when missing.
 */
int api_bootstrap(struct api *api, const char *api_address, int api_port,
                  struct err *err) WARN_UNUSED;

/* Answers once, through `done`, from the loop, never before what was staged is committed: reads
 * included. The response is the caller's in `done` (steal its parts, api_response_fini the rest).
 * Everything of req is copied as needed before the call returns. */
void api_handle(struct api *api, const struct api_request *req,
                void (*done)(void *arg, struct api_response *res), void *arg);
/* Forgets every waiting answer with this arg: the peer left. What was staged stays. */
void api_forget(struct api *api, const void *arg);

#endif
