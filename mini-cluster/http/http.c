/* SPDX-License-Identifier: Apache-2.0 */
/* Carries requests from the wire to the api room and its answers back. */
#include "http/http.h"

#include <string.h>

#include "common/loop.h"
#include "common/mem.h"
#include "http/http_impl.h"

enum { MAX_BODY = 1536 * 1024 };

static char *refusal_body(int status, const char *why)
{
    struct err err = {.code = status == 413   ? ERR_TOO_LARGE
                              : status == 503 ? ERR_UNAVAILABLE
                                              : ERR_BAD_REQUEST};
    str_copy(err.msg, sizeof(err.msg), why);
    struct api_response res = {0};
    api_response_error(&res, &err);
    char *text = str_take(&res.body);
    api_response_fini(&res);
    return text;
}

/* The same headers as the server wants them; free() it. */
static struct http_header *borrow_headers(const struct api_response *res)
{
    struct http_header *to = xcalloc(res->nheaders + 1, sizeof(*to));
    for (size_t i = 0; i < res->nheaders; i++) {
        to[i] = (struct http_header){.name = res->headers[i].name, .value = res->headers[i].value};
    }
    return to;
}

static void answer_body(struct call *c, struct api_response *res)
{
    cleanup_free struct http_header *headers = borrow_headers(res);
    size_t len = res->body.len;
    char *body = str_take(&res->body);
    http_exchange_answer(c->x, res->status, res->content_type, headers, res->nheaders, body, len,
                         true);
}

static void on_stream_wake(void *arg)
{
    struct call *c = arg;
    http_exchange_wake(c->x);
}

static ptrdiff_t on_pull(void *arg, char *buf, size_t max)
{
    struct call *c = arg;
    return c->stream->pull(c->stream, buf, max);
}

static void answer_stream(struct call *c, struct api_response *res)
{
    cleanup_free struct http_header *headers = borrow_headers(res);
    c->stream = steal(res->stream);
    c->stream->wake = on_stream_wake;
    c->stream->wake_arg = c;
    http_exchange_stream(c->x, res->status, res->content_type, headers, res->nheaders,
                         c->stream->size, on_pull, c);
}

void http_call_fail(struct call *c, const struct err *err)
{
    struct api_response res = {0};
    api_response_error(&res, err);
    answer_body(c, &res);
    api_response_fini(&res);
}

/* Other upgrades (h2c) may be ignored, as HTTP has it. */
static void refuse_upgrade(struct call *c)
{
    struct err err;
    err_set(&err, ERR_BAD_REQUEST,
            "Upgrade: %.60s is only done for exec, attach and port-forward; watches and the proxy "
            "speak plain HTTP here",
            http_exchange_header(c->x, "Upgrade"));
    http_call_fail(c, &err);
}

static void on_response(void *arg, struct api_response *res)
{
    struct call *c = arg;
    if (res->connect != NULL) {
        connect_start(c, steal(res->connect));
    } else if (c->upgrade && res->status < 400) {
        refuse_upgrade(c);
    } else if (res->relay != NULL) {
        relay_start(c, steal(res->relay));
    } else if (res->stream != NULL) {
        answer_stream(c, res);
    } else {
        answer_body(c, res);
    }
    api_response_fini(res);
}

static void on_ended(void *arg)
{
    struct call *c = arg;
    api_forget(c->http->api, c);
    if (c->stream != NULL) {
        c->stream->free(c->stream);
    }
    relay_free(c->relay);
    if (c->speaker != NULL) {
        c->speaker->free(c->speaker);
    }
    free(c);
}

static int authenticate(struct call *c, struct auth_user *ret, struct err *err)
{
    char cn[254];
    char org[254];
    struct auth_input in = {.authorization = http_exchange_header(c->x, "Authorization")};
    if (http_exchange_client_cert(c->x, cn, sizeof(cn), org, sizeof(org))) {
        in.cert_cn = cn;
        in.cert_org = org;
    }
    return auth_authenticate(c->http->auth, &in, ret, err);
}

static const char *header_or_empty(const struct http_exchange *x, const char *name)
{
    const char *value = http_exchange_header(x, name);
    return value != NULL ? value : "";
}

static void on_request(void *arg, struct http_exchange *x)
{
    struct call *c = xnew(struct call);
    c->http = arg;
    c->x = x;
    http_exchange_set_user(x, c, on_ended);

    struct auth_user user;
    struct err err;
    if (authenticate(c, &user, &err) < 0) {
        http_call_fail(c, &err);
        return;
    }
    c->upgrade = connect_is_upgrade(x);
    struct api_request req = {
        .method = http_exchange_method(x),
        .path = http_exchange_path(x),
        .query = http_exchange_query(x),
        .accept = header_or_empty(x, "Accept"),
        .content_type = header_or_empty(x, "Content-Type"),
        .user_agent = header_or_empty(x, "User-Agent"),
        .user = {.name = user.name, .uid = user.uid, .groups = user.groups},
    };
    req.body = http_exchange_body(x, &req.len);
    api_handle(c->http->api, &req, on_response, c);
}

int http_serve(struct http *h, int fd, struct err *err)
{
    struct http_server_opts server = {
        .listen_fd = fd,
        .cert_pem = h->cert_pem,
        .key_pem = h->key_pem,
        .client_ca_pem = h->ca_pem,
        .max_body = MAX_BODY,
        .handler = on_request,
        .arg = h,
        .refusal = refusal_body,
    };
    if (h->nservers == ARRAY_LEN(h->servers)) {
        close(fd);
        return err_set(err, ERR_INTERNAL, "more than %zu listening sockets", ARRAY_LEN(h->servers));
    }
    if (http_server_new(h->loop, &server, &h->servers[h->nservers], err) < 0) {
        return -1;
    }
    h->nservers++;
    return 0;
}

struct http *http_new(struct loop *loop, struct api *api, struct auth *auth,
                      const struct http_opts *opts)
{
    struct http *h = xnew(struct http);
    h->loop = loop;
    h->api = api;
    h->auth = auth;
    h->cert_pem = xstrdup(opts->cert_pem);
    h->key_pem = xstrdup(opts->key_pem);
    h->ca_pem = xstrdup(opts->ca_pem);
    h->no_pods = xstrdup(opts->no_pods);
    h->pod_port = opts->pod_port;
    h->pod_arg = opts->pod_arg;
    h->patience_ns = opts->patience_ns > 0 ? opts->patience_ns : LOOP_S(60);
    return h;
}

void http_free(struct http *h)
{
    if (h == NULL) {
        return;
    }
    speaker_free_all(h);
    for (unsigned i = 0; i < h->nservers; i++) {
        http_server_free(h->servers[i]);
    }
    http_client_free(h->pods);
    free(h->cert_pem);
    free(h->key_pem);
    free(h->ca_pem);
    free(h->no_pods);
    free(h);
}
