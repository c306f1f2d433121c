/* SPDX-License-Identifier: Apache-2.0 */
/* services/proxy and pods/proxy: the caller's request goes to a pod, the pod's answer comes back.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/loop.h"
#include "common/mem.h"
#include "common/vec.h"
#include "http/http_impl.h"

enum { MAX_WAITING = 1024 * 1024 };

struct relay {
    struct call *call;
    struct http_call *upstream;
    struct api_relay *to;
    struct str waiting; /* came from the pod, not yet pulled by the caller */
    char content_type[128];
    bool answered; /* the caller has its status line */
    bool ended;    /* the pod said all */
    bool broken;   /* ... or left in the middle */
};

static void api_relay_free(struct api_relay *to)
{
    if (to != NULL) {
        free(to->path);
        free(to->seen_as);
        free(to);
    }
}

void relay_free(struct relay *r)
{
    if (r == NULL) {
        return;
    }
    if (r->upstream != NULL) {
        http_call_cancel(r->upstream);
    }
    api_relay_free(r->to);
    str_fini(&r->waiting);
    free(r);
}

static ptrdiff_t on_pull(void *arg, char *buf, size_t max)
{
    struct relay *r = arg;
    size_t n = r->waiting.len < max ? r->waiting.len : max;
    if (n > 0) {
        memcpy(buf, r->waiting.p, n);
        str_drop_front(&r->waiting, n);
        return (ptrdiff_t)n;
    }
    if (r->broken) {
        return -2;
    }
    return r->ended ? -1 : 0;
}

static void on_headers(void *arg, int status, const char *content_type)
{
    struct relay *r = arg;
    if (status < 200) {
        return;
    }
    str_copy(r->content_type, sizeof(r->content_type), content_type);
    r->answered = true;
    http_exchange_stream(r->call->x, status,
                         r->content_type[0] != '\0' ? r->content_type : "text/plain", NULL, 0, -1,
                         on_pull, r);
}

static bool on_data(void *arg, const char *bytes, size_t n)
{
    struct relay *r = arg;
    if (r->waiting.len + n > MAX_WAITING) {
        r->broken = true; /* a caller that does not read gets a cut, not our memory */
        return false;
    }
    str_add_n(&r->waiting, bytes, n);
    http_exchange_wake(r->call->x);
    return true;
}

static void on_done(void *arg, const struct http_response *res)
{
    struct relay *r = arg;
    r->upstream = NULL;
    if (!r->answered && res->err->code == ERR_NONE) {
        on_headers(r, res->status, res->content_type);
    }
    if (!r->answered) {
        struct err err;
        err_set(&err, ERR_UNAVAILABLE, "error trying to reach service: dial tcp %s:%d: %s",
                r->to->address, r->to->port, res->err->msg);
        call_fail(r->call, &err);
        return;
    }
    if (res->len > 0) {
        str_add_n(&r->waiting, res->body,
                  res->len); /* a body that on_data did not take: an error's */
    }
    r->ended = true;
    r->broken = r->broken || res->err->code != ERR_NONE;
    http_exchange_wake(r->call->x);
}

/* Hop-by-hop headers, and those that are ours to say. */
static bool is_private(const char *name)
{
    static const char *const names[] = {
        "Accept-Encoding",
        "Authorization",
        "Connection",
        "Content-Length",
        "Expect",
        "Host",
        "Keep-Alive",
        "Proxy-Authorization",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

typedef VEC(char *) lines;

static bool add_header(void *arg, const char *name, const char *value)
{
    lines *to = arg;
    if (!is_private(name)) {
        vec_push(to, xasprintf("%s: %s", name, value));
    }
    return true;
}

void relay_start(struct call *c, struct api_relay *to)
{
    struct relay *r = xnew(struct relay);
    r->call = c;
    r->to = to;
    c->relay = r;
    struct http *h = c->http;
    if (h->pods == NULL) {
        h->pods = http_client_new(h->loop, &(struct http_client_opts){.insecure = true});
    }
    cleanup_free char *url =
        xasprintf("%s://%s:%d%s", to->https ? "https" : "http", to->address, to->port, to->path);
    lines headers = {0};
    http_exchange_each_header(c->x, add_header, &headers);
    vec_push(&headers, NULL);
    struct http_request req = {
        .method = http_exchange_method(c->x),
        .url = url,
        .headers = (const char *const *)headers.v,
        .connect_timeout_ns = LOOP_S(3),
        .fresh = true, /* so that a balancer's choice is made anew for each request */
        .on_data = on_data,
        .on_headers = on_headers,
        .done = on_done,
        .arg = r,
    };
    req.body = http_exchange_body(c->x, &req.len);
    r->upstream = http_client_call(h->pods, &req);
    for (size_t i = 0; i + 1 < headers.n; i++) {
        free(headers.v[i]);
    }
    vec_fini(&headers);
}
