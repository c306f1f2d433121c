/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's multi interface on the loop: it says which sockets to poll and when to wake it. */
#include "common/http_client.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#include "common/log.h"
#include "common/loop_uv.h"
#include "common/mem.h"
#include "http_client_impl.h"

#define MAX_CONNECTIONS 64L

struct http_socket {
    struct http_client *client;
    uv_poll_t poll;
    curl_socket_t fd;
};

/* ---- driving libcurl ---- */

static void free_now(void *arg);

void http_client_enter(struct http_client *c)
{
    assert(!c->in_curl);
    c->in_curl = true;
}

/* Takes from libcurl what is finished, and does what had to wait until it returned. */
void http_client_leave(struct http_client *c)
{
    c->in_curl = false;
    if (c->dying) {
        return; /* free_now is deferred */
    }
    CURLMsg *msg;
    for (int left; (msg = curl_multi_info_read(c->multi, &left)) != NULL;) {
        struct http_call *call = NULL;
        CURLcode result = msg->data.result;
        if (msg->msg == CURLMSG_DONE &&
            curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &call) == CURLE_OK) {
            http_call_finished(call, result);
        }
    }
    if (!c->any_cancelled) {
        return;
    }
    c->any_cancelled = false;
    for (struct http_call *call = c->calls, *next; call != NULL; call = next) {
        next = call->next;
        if (call->cancelled) {
            http_call_free(call);
        }
    }
}

static void act(struct http_client *c, curl_socket_t fd, int flags)
{
    int running;
    http_client_enter(c);
    CURLMcode rc = curl_multi_socket_action(c->multi, fd, flags, &running);
    if (rc != CURLM_OK) {
        log_warn("http", "libcurl: %s", curl_multi_strerror(rc));
    }
    http_client_leave(c);
}

static void on_timer(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long ms, void *arg)
{
    (void)multi;
    struct http_client *c = arg;
    if (ms < 0) {
        loop_timer_stop(c->timer);
    } else {
        loop_timer_start(c->timer, LOOP_MS(ms));
    }
    return 0;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct http_socket *s = poll->data;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    flags |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    act(s->client, s->fd, flags);
}

static void after_close(uv_handle_t *handle)
{
    free(handle->data);
}

static struct http_socket *watch_new(struct http_client *c, curl_socket_t fd)
{
    struct http_socket *s = xnew(struct http_socket);
    s->client = c;
    s->fd = fd;
    s->poll.data = s;
    int rc = uv_poll_init_socket(loop_uv(c->loop), &s->poll, fd);
    if (rc != 0) {
        log_warn("http", "a connection cannot be watched: %s", uv_strerror(rc));
        free(s);
        return NULL;
    }
    curl_multi_assign(c->multi, fd, s);
    return s;
}

static int watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
    (void)easy;
    struct http_client *c = arg;
    struct http_socket *s = assigned;
    if (what == CURL_POLL_REMOVE) {
        if (s != NULL) {
            uv_close((uv_handle_t *)&s->poll, after_close);
            curl_multi_assign(c->multi, fd, NULL);
        }
        return 0;
    }
    if (s == NULL && (s = watch_new(c, fd)) == NULL) {
        return -1;
    }
    int events = (what & CURL_POLL_IN) != 0 ? UV_READABLE : 0;
    events |= (what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0;
    uv_poll_start(&s->poll, events, on_ready);
    return 0;
}

/* ---- making and ending ---- */

/* A file in memory that holds the PEM; -1 for none. */
static int memory_file(const char *name, const char *pem)
{
    if (pem == NULL) {
        return -1;
    }
    int fd = memfd_create(name, MFD_CLOEXEC);
    size_t n = strlen(pem);
    if (fd < 0 || write(fd, pem, n) != (ssize_t)n) {
        log_error("http", "%s cannot be kept in memory",
                  name); /* then verifying fails, and says so */
    }
    return fd;
}

static void close_file(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

struct http_client *http_client_new(struct loop *loop, const struct http_client_opts *opts)
{
    static bool curl_is_ready;
    if (!curl_is_ready) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        curl_is_ready = true;
    }
    struct http_client *c = xnew(struct http_client);
    c->loop = loop;
    c->unix_path = xstrdup(opts->unix_path);
    c->bearer_header =
        opts->bearer != NULL ? xasprintf("Authorization: Bearer %s", opts->bearer) : NULL;
    c->ca_fd = memory_file("ca.pem", opts->ca_pem);
    c->cert_fd = memory_file("cert.pem", opts->cert_pem);
    c->key_fd = memory_file("key.pem", opts->key_pem);
    c->insecure = opts->insecure;
    c->timer = loop_timer_new(loop, on_timer, c);
    c->multi = curl_multi_init();
    long max = opts->max_connections > 0 ? (long)opts->max_connections : MAX_CONNECTIONS;
    curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, max);
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, max);
    curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    return c;
}

static void free_now(void *arg)
{
    struct http_client *c = arg;
    while (c->calls != NULL) {
        http_call_free(c->calls);
    }
    curl_multi_cleanup(c->multi); /* closes the idle connections, and with them their polls */
    loop_timer_free(c->timer);
    loop_undefer(c->loop, c);
    close_file(c->ca_fd);
    close_file(c->cert_fd);
    close_file(c->key_fd);
    free(c->unix_path);
    free(c->bearer_header);
    free(c);
}

void http_client_free(struct http_client *c)
{
    if (c == NULL) {
        return;
    }
    if (!c->in_curl) {
        free_now(c);
        return;
    }
    c->dying = true;
    for (struct http_call *call = c->calls; call != NULL; call = call->next) {
        call->cancelled = true;
    }
    loop_defer(c->loop, free_now, c);
}
