/* SPDX-License-Identifier: Apache-2.0 */
/* One request: what libcurl is told of it, and what becomes of the answer. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "http_client_impl.h"

#define MAX_BODY ((size_t)16 << 20)
#define CONNECT_NS LOOP_S(5)

/* ---- what libcurl calls: within it, so only marks are set ---- */

static long status_of(const struct http_call *call)
{
    long status = 0;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static const char *content_type_of(const struct http_call *call)
{
    const char *type = NULL;
    curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
    return type != NULL ? type : "";
}

/* "Name: value\r\n", which libcurl does not terminate; the status line has no colon in its place.
 */
static void tell_header(struct http_call *call, const char *bytes, size_t n)
{
    const char *colon = memchr(bytes, ':', n);
    if (call->on_header == NULL || call->headers_in || colon == NULL || status_of(call) < 200 ||
        strncasecmp(bytes, "HTTP/", 5) == 0) {
        return;
    }
    const char *value = colon + 1, *end = bytes + n;
    while (value < end && (*value == ' ' || *value == '\t')) {
        value++;
    }
    while (end > value && strchr(" \t\r\n", end[-1]) != NULL) {
        end--;
    }
    cleanup_free char *name = xstrndup(bytes, (size_t)(colon - bytes));
    cleanup_free char *text = xstrndup(value, (size_t)(end - value));
    call->on_header(call->arg, name, text);
}

static size_t on_header(char *bytes, size_t size, size_t n, void *arg)
{
    struct http_call *call = arg;
    (void)size;
    bool blank = n <= 2 && (n == 0 || bytes[0] == '\r' || bytes[0] == '\n');
    if (!blank && !call->cancelled) {
        tell_header(call, bytes, n);
    }
    if (!blank || call->headers_in || call->cancelled) {
        return call->cancelled ? 0 : n;
    }
    long status = status_of(call);
    if (status >= 200) { /* not a 100 Continue, nor the trailers behind a chunked body */
        call->headers_in = true;
        if (call->on_headers != NULL) {
            call->on_headers(call->arg, (int)status, content_type_of(call));
        }
    }
    return call->cancelled ? 0 : n;
}

static size_t stream(struct http_call *call, const char *bytes, size_t n)
{
    if (call->paused) {
        call->held = true;
        return CURL_WRITEFUNC_PAUSE; /* the same bytes come again */
    }
    bool go_on = call->on_data(call->arg, bytes, n);
    if (call->cancelled) {
        return 0;
    }
    if (!go_on) {
        err_set(&call->err, ERR_TIMEOUT, "cancelled");
        return 0;
    }
    return n;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct http_call *call = arg;
    (void)size;
    if (call->cancelled) {
        return 0;
    }
    long status = status_of(call);
    if (call->on_data != NULL && (call->all_data || (status >= 200 && status < 300))) {
        return stream(call, bytes, n);
    }
    if (n > call->max_body - call->answer.len) {
        err_set(&call->err, ERR_TOO_LARGE, "the answer is longer than %zu bytes", call->max_body);
        return 0;
    }
    str_add_n(&call->answer, bytes, n);
    return n;
}

/* ---- the end ---- */

static void unlink_call(struct http_call *call)
{
    if (call->prev != NULL) {
        call->prev->next = call->next;
    } else if (call->client->calls == call) {
        call->client->calls = call->next;
    }
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    call->prev = call->next = NULL;
}

/* What is left when the client is, perhaps, gone. */
static void release(struct http_call *call)
{
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    str_fini(&call->answer);
    free(call->method);
    free(call->url);
    free(call->body);
    free(call);
}

void http_call_free(struct http_call *call)
{
    unlink_call(call);
    loop_undefer(call->client->loop, call);
    if (call->running) {
        curl_multi_remove_handle(call->client->multi, call->easy);
    }
    release(call);
}

static enum err_code code_of(CURLcode result)
{
    switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return ERR_BAD_REQUEST;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        return ERR_INTERNAL;
    default:
        return ERR_UNAVAILABLE;
    }
}

/* "GET http://docker/info: connect to /var/run/docker.sock: Permission denied" */
static void explain(struct http_call *call)
{
    struct err *err = &call->err;
    if (err->code == ERR_NONE && call->result == CURLE_COULDNT_CONNECT &&
        call->client->unix_path != NULL) {
        long os_errno = 0;
        curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &os_errno);
        err_errno(err, os_errno != 0 ? (int)os_errno : ECONNREFUSED, "connect to %s",
                  call->client->unix_path);
        err->code = ERR_UNAVAILABLE;
    } else if (err->code == ERR_NONE) {
        long os_errno = 0;
        curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &os_errno);
        bool refused = call->result == CURLE_COULDNT_CONNECT && os_errno != 0;
        err_set(err, code_of(call->result), "%s%s%s%s",
                call->detail[0] != '\0' ? call->detail : curl_easy_strerror(call->result),
                refused ? " (" : "", refused ? strerror((int)os_errno) : "", refused ? ")" : "");
    }
    err_wrap(err, "%s %s", call->method, call->url);
}

static void tell(void *arg)
{
    struct http_call *call = arg;
    if (call->cancelled) { /* its client is dying */
        return;
    }
    struct http_response res = {.content_type = "", .body = "", .err = &call->err};
    if (call->result == CURLE_OK) {
        res.status = (int)status_of(call);
        res.content_type = content_type_of(call);
        res.body = str_c(&call->answer);
        res.len = call->answer.len;
    } else {
        explain(call);
    }
    unlink_call(call);
    call->in_done = true;
    call->done(call->arg, &res); /* may free the client */
    release(call);
}

void http_call_finished(struct http_call *call, CURLcode result)
{
    curl_multi_remove_handle(call->client->multi, call->easy);
    call->running = false;
    call->result = result;
    loop_defer(call->client->loop, tell, call);
}

void http_call_cancel(struct http_call *call)
{
    if (call->in_done) {
        return; /* it ends anyway */
    }
    if (call->client->in_curl) {
        call->cancelled = true;
        call->client->any_cancelled = true;
    } else {
        http_call_free(call);
    }
}

/* ---- pausing ---- */

static void go_on(void *arg)
{
    struct http_call *call = arg;
    if (!call->held || call->paused || !call->running) {
        return;
    }
    call->held = false;
    http_client_enter(call->client);
    curl_easy_pause(call->easy,
                    CURLPAUSE_CONT); /* delivers what it holds, and asks for a timeout */
    http_client_leave(call->client);
}

void http_call_pause(struct http_call *call, bool paused)
{
    call->paused = paused;
    if (!paused && call->held) {
        loop_defer(call->client->loop, go_on, call);
    }
}

/* ---- the request ---- */

static void set_target(struct http_call *call)
{
    const struct http_client *c = call->client;
    curl_easy_setopt(call->easy, CURLOPT_URL, call->url);
    curl_easy_setopt(call->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(call->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(call->easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(call->easy, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(call->easy, CURLOPT_TCP_KEEPALIVE, 1L);
    if (c->unix_path != NULL) {
        curl_easy_setopt(call->easy, CURLOPT_UNIX_SOCKET_PATH, c->unix_path);
    }
}

static void set_path(CURL *easy, CURLoption option, int fd)
{
    if (fd >= 0) {
        char path[32];
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        curl_easy_setopt(easy, option, path);
    }
}

static void set_trust(struct http_call *call)
{
    const struct http_client *c = call->client;
    if (c->ca_fd >= 0 || c->insecure) { /* or each connection reads all of the system's */
        curl_easy_setopt(call->easy, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(call->easy, CURLOPT_CAINFO, NULL);
    }
    set_path(call->easy, CURLOPT_CAINFO, c->ca_fd);
    set_path(call->easy, CURLOPT_SSLCERT, c->cert_fd);
    set_path(call->easy, CURLOPT_SSLKEY, c->key_fd);
    if (c->insecure) {
        curl_easy_setopt(call->easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(call->easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

static void add_header(struct http_call *call, const char *line)
{
    call->headers = curl_slist_append(call->headers, line);
}

static void set_headers(struct http_call *call, const struct http_request *req)
{
    add_header(call, "Expect:"); /* no waiting for a 100 Continue */
    if (req->content_type != NULL) {
        cleanup_free char *line = xasprintf("Content-Type: %s", req->content_type);
        add_header(call, line);
    } else {
        add_header(call, "Content-Type:"); /* libcurl would invent one */
    }
    if (call->client->bearer_header != NULL) {
        add_header(call, call->client->bearer_header);
    }
    for (const char *const *h = req->headers; h != NULL && *h != NULL; h++) {
        add_header(call, *h);
    }
    curl_easy_setopt(call->easy, CURLOPT_USERAGENT, "podlab");
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static void set_method(struct http_call *call, const struct http_request *req)
{
    bool wants_length = strcmp(call->method, "POST") == 0 || strcmp(call->method, "PUT") == 0 ||
                        strcmp(call->method, "PATCH") == 0;
    if (strcmp(call->method, "HEAD") == 0) {
        curl_easy_setopt(call->easy, CURLOPT_NOBODY, 1L);
    } else if (req->len > 0 || wants_length) {
        call->body = xmemdup(req->len > 0 ? req->body : "", req->len);
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->len);
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, call->body);
        curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, call->method);
    } else if (strcmp(call->method, "GET") != 0) {
        curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, call->method);
    }
}

/* Milliseconds, rounded up: 0 would mean none. */
static long to_ms(uint64_t ns)
{
    return (long)((ns + 999999) / 1000000);
}

static void set_limits(struct http_call *call, const struct http_request *req)
{
    uint64_t connect = req->connect_timeout_ns > 0 ? req->connect_timeout_ns : CONNECT_NS;
    curl_easy_setopt(call->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(call->easy, CURLOPT_CONNECTTIMEOUT_MS, to_ms(connect));
    curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, to_ms(req->timeout_ns));
    if (req->fresh) {
        curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(call->easy, CURLOPT_FORBID_REUSE, 1L);
    }
}

static void set_callbacks(struct http_call *call)
{
    curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, call->detail);
    curl_easy_setopt(call->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(call->easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
}

/* Deferred: libcurl may call back while it takes the request. */
static void start(void *arg)
{
    struct http_call *call = arg;
    struct http_client *c = call->client;
    if (call->cancelled) {
        return;
    }
    http_client_enter(c);
    CURLMcode rc = curl_multi_add_handle(c->multi, call->easy);
    call->running = rc == CURLM_OK;
    http_client_leave(c);
    if (rc != CURLM_OK) {
        err_set(&call->err, ERR_INTERNAL, "%s", curl_multi_strerror(rc));
        call->result = CURLE_FAILED_INIT;
        loop_defer(c->loop, tell, call);
    }
}

struct http_call *http_client_call(struct http_client *c, const struct http_request *req)
{
    struct http_call *call = xnew(struct http_call);
    call->client = c;
    call->easy = curl_easy_init();
    call->method = xstrdup(req->method);
    call->url = xstrdup(req->url);
    call->max_body = req->max_body > 0 ? req->max_body : MAX_BODY;
    call->on_data = req->on_data;
    call->all_data = req->all_data;
    call->on_header = req->on_header;
    call->on_headers = req->on_headers;
    call->done = req->done;
    call->arg = req->arg;
    set_target(call);
    set_trust(call);
    set_headers(call, req);
    set_method(call, req);
    set_limits(call, req);
    set_callbacks(call);
    call->next = c->calls;
    if (call->next != NULL) {
        call->next->prev = call;
    }
    c->calls = call;
    loop_defer(c->loop, start, call);
    return call;
}
