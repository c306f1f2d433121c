/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer. libmicrohttpd asks for an answer again and again; between the handler
 * and its answer the connection is suspended. */
#include <assert.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdint.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "http_server_impl.h"

#define STREAM_BLOCK ((size_t)32 << 10)
/* A body that is too long is read and dropped up to here, so that the client, who writes before it
 * reads, sees the 413; beyond it the connection is cut. */
#define SWALLOW ((size_t)32 << 20)
#define DIRECT_PER_RUN 32 /* more requests than this in one run of the daemon are deferred */

/* ---- beginning and end ---- */

/* "http://host/path" means "/path". */
static const char *skip_authority(const char *uri)
{
    const char *host = NULL;
    if (strncasecmp(uri, "http://", 7) == 0) {
        host = uri + 7;
    } else if (strncasecmp(uri, "https://", 8) == 0) {
        host = uri + 8;
    }
    return host != NULL ? host + strcspn(host, "/?") : uri;
}

struct http_exchange *http_exchange_new(struct http_conn *conn, const char *uri)
{
    struct http_exchange *x = xnew(struct http_exchange);
    x->server = conn->server;
    x->conn = conn;
    x->mhd = conn->mhd;
    const char *target = skip_authority(uri);
    x->path = target[0] == '\0' || target[0] == '?' ? xasprintf("/%s", target) : xstrdup(target);
    char *mark = strchr(x->path, '?');
    if (mark != NULL) {
        *mark = '\0';
        x->query = mark + 1;
    } else {
        x->query = "";
    }
    conn->x = x;
    return x;
}

void http_exchange_call_ended(struct http_exchange *x)
{
    void (*ended)(void *) = x->ended;
    x->ended = NULL;
    if (ended != NULL) {
        ended(x->user);
    }
}

void http_exchange_finish(struct http_exchange *x)
{
    if (x->conn->x == x) {
        x->conn->x = NULL;
    }
    loop_undefer(x->server->loop, x);
    if (x->tunnel != NULL) {
        http_tunnel_drop(x->tunnel);
    }
    http_exchange_call_ended(x);
    if (x->response != NULL) {
        MHD_destroy_response(x->response);
    }
    str_fini(&x->body);
    free(x->path);
    free(x);
}

void http_exchange_suspend(struct http_exchange *x)
{
    x->suspended = true;
    MHD_suspend_connection(x->mhd);
    if (x->conn->peer_left && !loop_timer_active(x->server->leavers)) {
        loop_timer_start(x->server->leavers, LOOP_MS(500));
    }
}

void http_exchange_resume(struct http_exchange *x)
{
    x->suspended = false;
    MHD_resume_connection(x->mhd);
    http_server_kick(x->server);
}

void http_exchange_cut(struct http_exchange *x)
{
    x->cut = true;
    if (x->suspended) {
        http_exchange_resume(x);
    }
}

/* ---- what libmicrohttpd asks ---- */

static bool declared_too_long(const struct http_exchange *x, bool *ret_hopeless)
{
    const char *length = http_exchange_header(x, "Content-Length");
    int64_t n = 0;
    if (length == NULL ||
        (str_to_i64(length, 0, INT64_MAX, &n) && (uint64_t)n <= x->server->opts.max_body)) {
        return false;
    }
    *ret_hopeless = n == 0 || (uint64_t)n > SWALLOW || http_exchange_header(x, "Expect") != NULL;
    return true;
}

static enum MHD_Result give_response(struct http_exchange *x)
{
    struct MHD_Response *response = steal(x->response);
    x->state = HTTP_X_SENDING;
    enum MHD_Result rc = MHD_queue_response(x->mhd, (unsigned)x->status, response);
    MHD_destroy_response(response);
    return rc;
}

static void refuse_length(struct http_exchange *x)
{
    char why[128];
    snprintf(why, sizeof(why), "the request's body is longer than %zu bytes",
             x->server->opts.max_body);
    x->state = HTTP_X_WAITING;
    http_exchange_refuse(x, 413, why);
}

static enum MHD_Result first_look(struct http_exchange *x, const char *method)
{
    bool hopeless = false;
    x->method = method;
    x->too_long = declared_too_long(x, &hopeless);
    if (x->too_long && hopeless) { /* answered without reading the body */
        refuse_length(x);
        return give_response(x);
    }
    return MHD_YES;
}

static enum MHD_Result take_body(struct http_exchange *x, const char *data, size_t n)
{
    if (!x->too_long && n > x->server->opts.max_body - x->body.len) {
        x->too_long = true;
        str_fini(&x->body);
    }
    if (x->too_long) {
        x->body.len += n; /* counts what was dropped: there is no memory behind it */
        return x->body.len > SWALLOW ? MHD_NO : MHD_YES;
    }
    str_add_n(&x->body, data, n);
    return MHD_YES;
}

static void handle_later(void *arg)
{
    struct http_exchange *x = arg;
    x->server->opts.handler(x->server->opts.arg, x);
}

static void handle(struct http_exchange *x)
{
    struct http_server *s = x->server;
    x->state = HTTP_X_WAITING;
    if (x->too_long) {
        x->body = (struct str)STR_INIT;
        refuse_length(x);
    } else if (s->stopping) {
        http_exchange_refuse(x, 503, "the server is stopping");
    } else if (s->direct++ < DIRECT_PER_RUN) {
        s->opts.handler(s->opts.arg, x);
    } else {
        loop_defer(s->loop, handle_later, x);
    }
}

enum MHD_Result http_exchange_access(struct http_exchange *x, const char *method, const char *data,
                                     size_t *size)
{
    if (x->method == NULL) {
        return first_look(x, method);
    }
    if (*size > 0) {
        size_t n = *size;
        *size = 0;
        return take_body(x, data, n);
    }
    if (x->state == HTTP_X_READING) {
        handle(x);
    }
    if (x->cut) {
        return MHD_NO;
    }
    if (x->response != NULL) {
        return give_response(x);
    }
    if (!x->suspended) {
        http_exchange_suspend(x);
    }
    return MHD_YES;
}

/* ---- the request ---- */

const char *http_exchange_method(const struct http_exchange *x)
{
    return x->method;
}

const char *http_exchange_path(const struct http_exchange *x)
{
    return x->path;
}

const char *http_exchange_query(const struct http_exchange *x)
{
    return x->query;
}

const char *http_exchange_header(const struct http_exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->mhd, MHD_HEADER_KIND, name);
}

struct each_header {
    bool (*fn)(void *arg, const char *name, const char *value);
    void *arg;
};

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *key,
                                 const char *value)
{
    (void)kind;
    const struct each_header *each = cls;
    return each->fn(each->arg, key, value != NULL ? value : "") ? MHD_YES : MHD_NO;
}

void http_exchange_each_header(const struct http_exchange *x,
                               bool (*fn)(void *arg, const char *name, const char *value),
                               void *arg)
{
    struct each_header each = {fn, arg};
    MHD_get_connection_values(x->mhd, MHD_HEADER_KIND, on_header, &each);
}

const char *http_exchange_body(const struct http_exchange *x, size_t *ret_len)
{
    if (ret_len != NULL) {
        *ret_len = x->body.len;
    }
    return str_c(&x->body);
}

bool http_exchange_is_loopback(const struct http_exchange *x)
{
    return x->conn->loopback;
}

struct gnutls_session_int *http_exchange_tls(const struct http_exchange *x)
{
    if (x->server->cert_pem == NULL) {
        return NULL;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info != NULL ? info->tls_session : NULL;
}

static bool peer_is_verified(gnutls_session_t tls)
{
    gnutls_typed_vdata_st purpose = {GNUTLS_DT_KEY_PURPOSE_OID,
                                     (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT, 0};
    unsigned status = 0;
    return gnutls_certificate_verify_peers(tls, &purpose, 1, &status) == 0 && status == 0;
}

static void read_names(gnutls_session_t tls, struct http_conn *c)
{
    unsigned n = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(tls, &n);
    gnutls_x509_crt_t crt;
    if (chain == NULL || n == 0 || gnutls_x509_crt_init(&crt) != 0) {
        return;
    }
    size_t cn_size = sizeof(c->cert_cn), org_size = sizeof(c->cert_org);
    if (gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) == 0 &&
        gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, c->cert_cn,
                                      &cn_size) == 0 &&
        strlen(c->cert_cn) == cn_size) { /* a NUL within would hide the rest of the name */
        c->cert_valid = true;
        if (gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_ORGANIZATION_NAME, 0, 0, c->cert_org,
                                          &org_size) != 0 ||
            strlen(c->cert_org) != org_size) {
            c->cert_org[0] = '\0';
        }
    }
    gnutls_x509_crt_deinit(crt);
}

bool http_exchange_client_cert(const struct http_exchange *x, char *cn, size_t cn_size, char *org,
                               size_t org_size)
{
    struct http_conn *c = x->conn;
    if (!c->cert_read && x->server->client_ca_pem != NULL) {
        gnutls_session_t tls = http_exchange_tls(x);
        if (tls != NULL && peer_is_verified(tls)) {
            read_names(tls, c);
        }
    }
    c->cert_read = true; /* it stays the same as long as the connection */
    if (!c->cert_valid) {
        return false;
    }
    str_copy(cn, cn_size, c->cert_cn);
    str_copy(org, org_size, c->cert_org);
    return true;
}

void http_exchange_set_user(struct http_exchange *x, void *user, void (*ended)(void *user))
{
    x->user = user;
    x->ended = ended;
}

void *http_exchange_user(const struct http_exchange *x)
{
    return x->user;
}

/* ---- the answer ---- */

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (MHD_add_response_header(response, name, value) != MHD_YES) {
        log_error("http", "the header %s was left out: its value cannot be sent", name);
    }
}

/* Takes the response over; libmicrohttpd fetches it in its next call. */
static void set_answer(struct http_exchange *x, int status, const char *content_type,
                       const struct http_header *headers, size_t nheaders,
                       struct MHD_Response *response)
{
    assert(x->state == HTTP_X_WAITING); /* one answer to a request, and only one */
    assert(response != NULL);
    if (content_type != NULL) {
        add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    }
    for (size_t i = 0; i < nheaders; i++) {
        add_header(response, headers[i].name, headers[i].value);
    }
    x->state = HTTP_X_ANSWERED;
    x->status = status;
    x->response = response;
    if (x->suspended) {
        http_exchange_resume(x);
    }
}

void http_exchange_answer(struct http_exchange *x, int status, const char *content_type,
                          const struct http_header *headers, size_t nheaders, void *body, size_t n,
                          bool take)
{
    static char nothing[1];
    struct MHD_Response *response;
    if (n == 0) {
        if (take) {
            free(body);
        }
        response = MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
    } else {
        response = MHD_create_response_from_buffer(
            n, body, take ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_MUST_COPY);
    }
    set_answer(x, status, content_type, headers, nheaders, response);
}

void http_exchange_refuse(struct http_exchange *x, int status, const char *why)
{
    const char *type;
    char *body = http_server_refusal(x->server, status, why, &type);
    http_exchange_answer(x, status, type, NULL, 0, body, strlen(body), true);
}

static ssize_t on_pull(void *cls, uint64_t pos, char *buf, size_t max)
{
    (void)pos;
    struct http_exchange *x = cls;
    ptrdiff_t n = 0;
    x->server->busy = true;
    x->woken = true;
    while (n == 0 && x->woken && !x->cut) { /* a wake during the pull means: ask again */
        x->woken = false;
        n = x->pull(x->pull_arg, buf, max);
    }
    if (n > 0) {
        return n;
    }
    if (n == -1) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (n < 0 || x->cut || x->conn->peer_left || x->server->stopping) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    http_exchange_suspend(x);
    return 0;
}

void http_exchange_stream(struct http_exchange *x, int status, const char *content_type,
                          const struct http_header *headers, size_t nheaders, int64_t size,
                          http_pull_fn *pull, void *arg)
{
    x->pull = pull;
    x->pull_arg = arg;
    uint64_t total = size >= 0 ? (uint64_t)size : MHD_SIZE_UNKNOWN;
    set_answer(x, status, content_type, headers, nheaders,
               MHD_create_response_from_callback(total, STREAM_BLOCK, on_pull, x, NULL));
}

void http_exchange_wake(struct http_exchange *x)
{
    x->woken = true;
    if (x->suspended && x->state == HTTP_X_SENDING) {
        http_exchange_resume(x);
    }
}

void http_exchange_upgrade(struct http_exchange *x, const char *protocol,
                           const struct http_header *headers, size_t nheaders,
                           const struct http_tunnel_ops *ops, void *arg)
{
    x->tunnel_ops = ops;
    x->tunnel_arg = arg;
    if (http_exchange_tls(x) != NULL) {
        assert(x->state == HTTP_X_WAITING);
        x->state = HTTP_X_TUNNEL;
        http_tunnel_take_over(x, protocol, headers, nheaders);
        return;
    }
    struct MHD_Response *response = MHD_create_response_for_upgrade(http_tunnel_on_upgrade, x);
    add_header(response, MHD_HTTP_HEADER_UPGRADE, protocol);
    set_answer(x, 101, NULL, headers, nheaders, response);
}
