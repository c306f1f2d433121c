/* SPDX-License-Identifier: Apache-2.0 */
/* services/proxy and pods/proxy: the caller's request goes to a pod, the pod's answer comes back.
 * Bytes flow as fast as the slower side takes them. */
#include <stdio.h>
#include <string.h>

#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "http/http_impl.h"

/* A caller that does not read makes the pod wait. */
enum { WAIT_ABOVE = 256 * 1024, GO_ON_BELOW = 64 * 1024, MAX_RELAYS = 512 };
#define CONNECT_NS LOOP_S(3)

struct relay {
    struct call *call;
    struct http_call *upstream;
    struct api_relay *to;
    struct loop_timer *patience; /* until the headers of the answer are here */
    header_list headers;         /* of the pod's answer */
    struct str waiting;          /* came from the pod, not yet pulled by the caller */
    bool paused;                 /* the pod */
    bool answered;               /* the caller has its status line */
    bool ended;                  /* the pod said all */
    bool broken;                 /* ... or left in the middle */
};

static void api_relay_free(struct api_relay *to)
{
    free(to->path);
    free(to->seen_as);
    free(to);
}

void relay_free(struct relay *r)
{
    if (r == NULL) {
        return;
    }
    if (r->upstream != NULL) {
        http_call_cancel(r->upstream);
    }
    loop_timer_free(r->patience);
    api_relay_free(r->to);
    headers_list_fini(&r->headers);
    str_fini(&r->waiting);
    free(r);
}

/* ---- the pod's answer ---- */

static ptrdiff_t on_pull(void *arg, char *buf, size_t max)
{
    struct relay *r = arg;
    size_t n = r->waiting.len < max ? r->waiting.len : max;
    if (n > 0) {
        memcpy(buf, r->waiting.p, n);
        str_drop_front(&r->waiting, n);
    }
    if (r->paused && r->upstream != NULL && r->waiting.len < GO_ON_BELOW) {
        r->paused = false;
        http_call_pause(r->upstream, false);
    }
    if (n > 0) {
        return (ptrdiff_t)n;
    }
    if (r->broken) {
        return -2;
    }
    return r->ended ? -1 : 0;
}

static void on_header(void *arg, const char *name, const char *value)
{
    struct relay *r = arg;
    headers_note(&r->headers, name, value);
}

static void on_headers(void *arg, int status, const char *content_type)
{
    struct relay *r = arg;
    int64_t length;
    (void)content_type; /* one of the headers */
    loop_timer_stop(r->patience);
    headers_for_caller(&r->headers, r->to, &length);
    r->answered = true;
    http_exchange_stream(r->call->x, status, NULL, r->headers.v, r->headers.n, length, on_pull, r);
}

static bool on_data(void *arg, const char *bytes, size_t n)
{
    struct relay *r = arg;
    str_add_n(&r->waiting, bytes, n);
    if (r->waiting.len > WAIT_ABOVE) {
        r->paused = true;
        http_call_pause(r->upstream, true);
    }
    http_exchange_wake(r->call->x);
    return true;
}

/* ---- its failures ---- */

/* Why there was no answer, in the words that people search for. */
static const char *why(const struct err *err)
{
    static const char *const words[][2] = {
        {"Connection refused", "connect: connection refused"},
        {"No route to host", "connect: no route to host"},
        {"Network is unreachable", "connect: network is unreachable"},
        {"Empty reply", "EOF"},
        {"reset by peer", "read: connection reset by peer"},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strstr(err->msg, words[i][0]) != NULL) {
            return words[i][1];
        }
    }
    return err->code == ERR_TIMEOUT ? "i/o timeout" : err->msg;
}

static void fail(struct relay *r, const struct err *err)
{
    struct err status;
    r->answered = true;
    loop_timer_stop(r->patience);
    err_set(&status, ERR_UNAVAILABLE, "error trying to reach service: dial tcp %s:%d: %s",
            r->to->address, r->to->port, why(err));
    http_call_fail(r->call, &status);
}

static void on_done(void *arg, const struct http_response *res)
{
    struct relay *r = arg;
    r->upstream = NULL;
    r->ended = true;
    if (!r->answered) {
        fail(r, res->err);
        return;
    }
    r->broken = res->err->code != ERR_NONE;
    http_exchange_wake(r->call->x);
}

/* It took the connection and says nothing: frozen, or at work for longer than anybody waits. */
static void on_impatient(void *arg)
{
    struct relay *r = arg;
    struct err err;
    http_call_cancel(steal(r->upstream));
    r->answered = true;
    err_set(
        &err, ERR_TIMEOUT,
        "error trying to reach service: %s:%d took the request and did not answer within %.1f s",
        r->to->address, r->to->port, (double)r->call->http->patience_ns / 1e9);
    http_call_fail(r->call, &err);
}

/* ---- the request ---- */

/* ".../proxy" without a slash: relative links on the pod's page would lead astray. */
static bool send_to_slash(struct call *c, const struct api_relay *to)
{
    const char *method = http_exchange_method(c->x);
    const char *query = http_exchange_query(c->x);
    if (strcmp(http_exchange_path(c->x), to->seen_as) != 0 ||
        (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)) {
        return false;
    }
    cleanup_free char *location =
        xasprintf("%s/%s%s", to->seen_as, query[0] != '\0' ? "?" : "", query);
    const struct http_header header = {.name = "Location", .value = location};
    http_exchange_answer(c->x, 301, NULL, &header, 1, NULL, 0, false);
    return true;
}

static void ask(struct relay *r)
{
    struct http *h = r->call->http;
    struct http_exchange *x = r->call->x;
    const struct api_relay *to = r->to;
    int port = h->pod_port != NULL ? h->pod_port(h->pod_arg, to->address, to->port) : to->port;
    cleanup_free char *url =
        xasprintf("%s://%s:%d%s", to->https ? "https" : "http", to->address, port, to->path);
    header_lines headers = {0};
    headers_for_pod(x, &headers);
    struct http_request req = {
        .method = http_exchange_method(x),
        .url = url,
        .headers = (const char *const *)headers.v,
        .connect_timeout_ns = CONNECT_NS,
        .fresh = true, /* so that a balancer's choice is made anew for each request */
        .on_data = on_data,
        .all_data = true,
        .on_header = on_header,
        .on_headers = on_headers,
        .done = on_done,
        .arg = r,
    };
    req.body = http_exchange_body(x, &req.len);
    r->upstream = http_client_call(h->pods, &req);
    headers_lines_fini(&headers);
}

void relay_start(struct call *c, struct api_relay *to)
{
    struct http *h = c->http;
    if (h->no_pods != NULL) {
        struct err err;
        err_set(&err, ERR_UNAVAILABLE, "error trying to reach service: %s", h->no_pods);
        http_call_fail(c, &err);
    }
    if (h->no_pods != NULL || send_to_slash(c, to)) {
        api_relay_free(to);
        return;
    }
    if (h->pods == NULL) {
        struct http_client_opts opts = {.insecure = true, .max_connections = MAX_RELAYS};
        h->pods = http_client_new(h->loop, &opts);
    }
    struct relay *r = xnew(struct relay);
    r->call = c;
    r->to = to;
    r->patience = loop_timer_new(h->loop, on_impatient, r);
    c->relay = r;
    loop_timer_start(r->patience, h->patience_ns);
    ask(r);
}
