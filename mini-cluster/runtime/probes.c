/* SPDX-License-Identifier: Apache-2.0 */
/* Probes as a kubelet makes them: a connection of their own each time, a timeout over all of it,
 * and the words that people know from `kubectl describe`. */
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "common/http_client.h"
#include "common/loop.h"
#include "common/loop_uv.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "runtime/probes.h"

#define MAX_BODY ((size_t)10 << 10)
#define MAX_AT_ONCE 256

struct probes {
    struct loop *loop;
    struct http_client *client;
    struct probe *open;
};

struct probe {
    struct probes *all;
    struct probe *next, **prev_next;
    runtime_probe_done *done;
    void *arg;
    char address[64];
    int port;
    char target[80]; /* "10.77.0.9:8080" */
    char *url;       /* NULL: TCP only */
    struct http_call *http;
    struct tcp_try *tcp;
    struct loop_timer *timer;
    uint64_t end_ns;
    int status;
    struct str body;
};

/* libuv closes handles later: this outlives the probe, whose pointer is then NULL. */
struct tcp_try {
    uv_tcp_t handle;
    uv_connect_t request;
    struct probe *probe;
};

static void tcp_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void probe_free(struct probe *p)
{
    if (p->http != NULL) {
        http_call_cancel(p->http);
    }
    if (p->tcp != NULL) {
        p->tcp->probe = NULL;
        uv_close((uv_handle_t *)&p->tcp->handle, tcp_closed);
    }
    loop_undefer(p->all->loop, p);
    loop_timer_free(p->timer);
    *p->prev_next = p->next;
    if (p->next != NULL) {
        p->next->prev_next = p->prev_next;
    }
    str_fini(&p->body);
    free(p->url);
    free(p);
}

static void answer(struct probe *p, int status, struct err *err)
{
    runtime_probe_done *done = p->done;
    void *arg = p->arg;
    if (err->code != ERR_NONE && p->url != NULL) {
        err_wrap(err, "Get \"%s\"", p->url);
    }
    struct str body = p->body;
    p->body = (struct str)STR_INIT;
    probe_free(p);
    done(arg, status, str_c(&body), err);
    str_fini(&body);
}

static void timed_out(void *arg)
{
    struct probe *p = arg;
    struct err err;
    if (p->url != NULL) {
        err_set(&err, ERR_TIMEOUT,
                "context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
    } else {
        err_set(&err, ERR_TIMEOUT, "dial tcp %s: i/o timeout", p->target);
    }
    answer(p, 0, &err);
}

/* ---- TCP ---- */

static void set_dial_err(const struct probe *p, int rc, struct err *err)
{
    static const struct {
        int rc;
        const char *words;
    } rows[] = {
        {UV_ECONNREFUSED, "connect: connection refused"},
        {UV_EHOSTUNREACH, "connect: no route to host"},
        {UV_ENETUNREACH, "connect: network is unreachable"},
        {UV_ETIMEDOUT, "i/o timeout"},
        {UV_ECONNRESET, "connect: connection reset by peer"},
    };
    const char *words = uv_strerror(rc);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        words = rows[i].rc == rc ? rows[i].words : words;
    }
    err_set(err, ERR_UNAVAILABLE, "dial tcp %s: %s", p->target, words);
}

static void on_connect(uv_connect_t *request, int rc)
{
    struct tcp_try *t = request->data;
    struct probe *p = t->probe;
    struct err err = {0};
    if (p == NULL) {
        return; /* it is being closed */
    }
    if (rc != 0) {
        set_dial_err(p, rc, &err);
    } else if (p->url != NULL) { /* it was asked why HTTP could not connect; now it could */
        err_set(&err, ERR_UNAVAILABLE, "EOF");
    }
    answer(p, err.code == ERR_NONE ? 200 : 0, &err);
}

static void refuse_later(void *arg)
{
    struct probe *p = arg;
    struct err err;
    err_set(&err, ERR_INVALID, "dial tcp %s: no such address", p->target);
    answer(p, 0, &err);
}

static void dial(struct probe *p)
{
    struct sockaddr_in sa;
    struct tcp_try *t = xnew(struct tcp_try);
    uv_tcp_init(loop_uv(p->all->loop), &t->handle);
    t->handle.data = t;
    t->request.data = t;
    t->probe = p;
    p->tcp = t;
    if (uv_ip4_addr(p->address, p->port, &sa) != 0 ||
        uv_tcp_connect(&t->request, &t->handle, (const struct sockaddr *)&sa, on_connect) != 0) {
        loop_defer(p->all->loop, refuse_later, p);
    }
}

/* ---- HTTP ---- */

static void on_headers(void *arg, int status, const char *content_type)
{
    ((struct probe *)arg)->status = status;
}

static bool on_data(void *arg, const char *bytes, size_t n)
{
    struct probe *p = arg;
    size_t room = MAX_BODY - p->body.len;
    str_add_n(&p->body, bytes, n < room ? n : room);
    return n < room; /* enough was seen */
}

/* Why the exchange broke, as Go would say it. */
static void set_http_err(const struct probe *p, const char *msg, struct err *err)
{
    if (strstr(msg, "Empty reply") != NULL || strstr(msg, "ended") != NULL) {
        err_set(err, ERR_UNAVAILABLE, "EOF");
    } else if (strstr(msg, "reset by peer") != NULL) {
        err_set(err, ERR_UNAVAILABLE, "read tcp %s: read: connection reset by peer", p->target);
    } else {
        const char *own = strstr(msg, p->url);
        own = own != NULL ? own + strlen(p->url) : msg;
        err_set(err, ERR_UNAVAILABLE, "%s", own + strspn(own, ": "));
    }
}

static void on_done(void *arg, const struct http_response *res)
{
    struct probe *p = arg;
    struct err err = {0};
    p->http = NULL;
    if (res->status > 0 || (p->status > 0 && p->body.len >= MAX_BODY)) {
        str_add_n(&p->body, res->body, res->len < MAX_BODY ? res->len : MAX_BODY);
        answer(p, p->status > 0 ? p->status : res->status, &err);
    } else if (res->err->code == ERR_TOO_LARGE && p->status > 0) { /* a long refusal */
        answer(p, p->status, &err);
    } else if (res->err->code == ERR_TIMEOUT) {
        timed_out(p);
    } else if (strstr(res->err->msg, "connect to ") != NULL) {
        dial(p); /* the system's own word for it */
    } else {
        set_http_err(p, res->err->msg, &err);
        answer(p, 0, &err);
    }
}

static bool has_header(const char *const *headers, const char *name)
{
    size_t n = strlen(name);
    for (; headers != NULL && *headers != NULL; headers++) {
        if (strncasecmp(*headers, name, n) == 0 && (*headers)[n] == ':') {
            return true;
        }
    }
    return false;
}

static void get(struct probe *p, const struct runtime_probe *probe)
{
    VEC(const char *) headers = {0};
    for (const char *const *h = probe->headers; h != NULL && *h != NULL; h++) {
        vec_push(&headers, *h);
    }
    if (!has_header(probe->headers, "User-Agent")) {
        vec_push(&headers, "User-Agent: kube-probe/1.35");
    }
    vec_push(&headers, NULL);
    const struct http_request req = {.method = "GET",
                                     .url = p->url,
                                     .headers = headers.v,
                                     .timeout_ns = probe->timeout_ns,
                                     .connect_timeout_ns = probe->timeout_ns,
                                     .fresh = true,
                                     .max_body = MAX_BODY,
                                     .on_data = on_data,
                                     .on_headers = on_headers,
                                     .done = on_done,
                                     .arg = p};
    p->http = http_client_call(p->all->client, &req);
    vec_fini(&headers);
}

void probes_start(struct probes *all, const struct runtime_probe *probe, int port,
                  runtime_probe_done *done, void *arg)
{
    struct probe *p = xnew(struct probe);
    p->all = all;
    p->done = done;
    p->arg = arg;
    p->next = all->open;
    p->prev_next = &all->open;
    if (p->next != NULL) {
        p->next->prev_next = &p->next;
    }
    all->open = p;
    str_copy(p->address, sizeof(p->address), probe->address);
    p->port = port;
    snprintf(p->target, sizeof(p->target), "%s:%d", p->address, p->port);
    p->timer = loop_timer_new(all->loop, timed_out, p);
    loop_timer_start(p->timer, probe->timeout_ns);
    if (probe->tcp) {
        dial(p);
        return;
    }
    const char *path = probe->path != NULL ? probe->path : "/";
    p->url = xasprintf("%s://%s%s%s", probe->scheme != NULL ? probe->scheme : "http", p->target,
                       path[0] == '/' ? "" : "/", path);
    get(p, probe);
}

struct probes *probes_new(struct loop *loop)
{
    struct probes *all = xnew(struct probes);
    all->loop = loop;
    all->client = http_client_new(
        loop, &(struct http_client_opts){.insecure = true, .max_connections = MAX_AT_ONCE});
    return all;
}

void probes_free(struct probes *all)
{
    if (all == NULL) {
        return;
    }
    while (all->open != NULL) {
        probe_free(all->open);
    }
    http_client_free(all->client);
    free(all);
}
