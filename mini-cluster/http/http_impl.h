/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share: one request on its way through. */
#ifndef HTTP_HTTP_IMPL_H
#define HTTP_HTTP_IMPL_H

#include <stdbool.h>

#include "api/api.h"
#include "auth/auth.h"
#include "common/http_client.h"
#include "common/http_server.h"
#include "common/vec.h"

struct http {
    struct loop *loop;
    struct api *api;
    struct auth *auth;
    struct http_server *servers[4];
    unsigned nservers;
    char *cert_pem, *key_pem, *ca_pem, *no_pods;
    int (*pod_port)(void *arg, const char *address, int port);
    void *pod_arg;
    uint64_t patience_ns;
    struct http_client *pods; /* for relays; made at the first one */
    struct speaker *speakers; /* those who have left HTTP */
};

/* What speaks another protocol with a caller, from the upgrade until one of both leaves. The first
 * member of its own struct. */
struct speaker {
    struct speaker *next, **at; /* in http->speakers */
    void (*free)(struct speaker *s);
    struct call *call; /* until the protocol is switched */
};

/* Lives from the handler until the exchange ends. */
struct call {
    struct http *http;
    struct http_exchange *x;
    struct api_stream *stream;
    struct relay *relay;
    struct speaker *speaker; /* whose protocol is to be switched to */
    bool upgrade;            /* is asked for */
};

/* Relays the call's request to a pod and its answer back; takes r. */
void relay_start(struct call *c, struct api_relay *r);
/* The exchange ended: nothing more comes. NULL is fine. */
void relay_free(struct relay *r);

/* Answers with a Status. */
void http_call_fail(struct call *c, const struct err *err);

/* ---- connect.c: leaving HTTP ---- */

/* Whether one of the protocols is asked for that pods are spoken to with. */
bool connect_is_upgrade(const struct http_exchange *x);
/* Switches protocols for this, or refuses; takes it. */
void connect_start(struct call *c, struct api_connect *connect);
/* The first of X-Stream-Protocol-Version that is in `known` (NULL-terminated); NULL: none. */
const char *connect_choose(const struct http_exchange *x, const char *const *known);

/* ---- speaker.c ---- */

/* It is freed with the call unless it is opened, with http at the latest; free_fn calls
 * speaker_leave. */
void speaker_join(struct call *c, struct speaker *s, void (*free_fn)(struct speaker *s));
void speaker_opened(struct speaker *s);
void speaker_leave(struct speaker *s);
void speaker_free_all(struct http *h);

/* ---- who speaks what: each takes `connect` unless it fails ---- */

/* channels.c: exec and attach over a WebSocket. */
int channels_accept(struct call *c, struct api_connect *connect, struct err *err) WARN_UNUSED;
/* streams.c: the same over SPDY. */
int streams_accept(struct call *c, struct api_connect *connect, struct err *err) WARN_UNUSED;
/* forward.c: ports, over SPDY within a WebSocket or without. */
int forward_accept_websocket(struct call *c, struct api_connect *connect,
                             struct err *err) WARN_UNUSED;
int forward_accept_spdy(struct call *c, struct api_connect *connect, struct err *err) WARN_UNUSED;

/* ---- headers.c: which headers go through a relay, and how ---- */

typedef VEC(char *) header_lines;
typedef VEC(struct http_header) header_list; /* names and values are owned */

/* The caller's headers as lines for the pod, NULL-terminated. */
void headers_for_pod(const struct http_exchange *x, header_lines *ret);
void headers_lines_fini(header_lines *lines);
/* Notes a header of the pod's answer. */
void headers_note(header_list *list, const char *name, const char *value);
/* Drops those that are the connection's, rewrites Location; *ret_length is -1 when not given. */
void headers_for_caller(header_list *list, const struct api_relay *to, int64_t *ret_length);
void headers_list_fini(header_list *list);

#endif
