/* SPDX-License-Identifier: Apache-2.0 */
/* An API on real sockets, callers of it, and a pod that says what the test wants byte by byte. */
#ifndef TESTS_UNIT_HTTP_FIXTURE_H
#define TESTS_UNIT_HTTP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/api.h"
#include "auth/auth.h"
#include "client/client.h"
#include "common/certs.h"
#include "common/http_client.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "http/http.h"
#include "kinds/kinds.h"
#include "store/memvfs.h"
#include "store/store.h"

#define DEADLINE LOOP_S(20)
#define PODS "/api/v1/namespaces/default/pods"

struct fixture {
    struct loop *loop;
    struct memvfs *disk;
    struct store *store;
    struct api *api;
    struct auth *auth;
    struct client *client;
    struct http *http;
    struct certs_pair ca, server_cert;
    int port;
    char vfs[32];
};

/* A certificate of the CA for this user. */
static inline struct certs_pair issue(struct fixture *f, const struct certs_pair *ca,
                                      const char *cn, const char *org, int server)
{
    static const char *const names[] = {"127.0.0.1", NULL};
    struct certs_pair pair = {0};
    struct err err;
    int64_t now = time(NULL);
    struct certs_leaf leaf = {.cn = cn,
                              .org = org,
                              .names = server ? names : NULL,
                              .server = server,
                              .serial = {4},
                              .not_before = now - 3600,
                              .not_after = now + 3600};
    if (certs_issue(ca, &leaf, &pair, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return pair;
}

static inline void make_ca(struct certs_pair *ret)
{
    struct err err;
    int64_t now = time(NULL);
    assert_int_equal(
        certs_make_ca("unit-ca", (const uint8_t[16]){1}, now - 3600, now + 3600, ret, &err), 0);
}

/* One more listening socket; its port. */
static inline int serve(struct fixture *f)
{
    struct err err;
    int fd = http_listen("127.0.0.1", 0, NULL, &err);
    int port = fd >= 0 ? http_port(fd) : 0;
    if (fd < 0 || http_serve(f->http, fd, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return port;
}

static inline void set_up(struct fixture *f)
{
    static int made;
    struct err err;
    log_set_level(LOG_ERROR);
    jx_init();
    *f = (struct fixture){.loop = loop_new()};
    snprintf(f->vfs, sizeof(f->vfs), "http-disk-%d", ++made);
    f->disk = memvfs_new(f->vfs);
    struct store_opts so = {.path = "state.db", .vfs = f->vfs, .boot_id = "one"};
    if (store_open(f->loop, &so, &f->store, &err) < 0) {
        fail_msg("store_open: %s", err.msg);
    }
    struct api_opts ao = {.service_cidr = "10.77.128.0/17", .version = "v1.35.0+podlab"};
    f->api = api_new(f->loop, f->store, &ao);
    assert_int_equal(api_bootstrap(f->api, "10.77.0.1", 6443, &err), 0);
    f->auth = auth_new("secret", (const unsigned char *)"0123456789abcdef0123456789abcdef");
    f->client = client_new(f->api, "system:test");
    make_ca(&f->ca);
    f->server_cert = issue(f, &f->ca, "mini-cluster", NULL, 1);
    struct http_opts opts = {.cert_pem = f->server_cert.cert_pem,
                             .key_pem = f->server_cert.key_pem,
                             .ca_pem = f->ca.cert_pem};
    f->http = http_new(f->loop, f->api, f->auth, &opts);
    f->port = serve(f);
}

static inline void tear_down(struct fixture *f)
{
    http_free(f->http);
    client_free(f->client);
    api_free(f->api);
    auth_free(f->auth);
    store_close(f->store);
    loop_free(f->loop);
    memvfs_free(f->disk);
    certs_pair_fini(&f->ca);
    certs_pair_fini(&f->server_cert);
}

static inline void turn(struct fixture *f)
{
    bool never = false;
    loop_run_until(f->loop, &never, LOOP_MS(1));
}

/* ---- callers ---- */

/* A request and what became of it. */
struct ask {
    const char *method, *path, *token; /* token NULL: none */
    const char *type, *body;
    const char *const *headers;
    const struct certs_pair *cert;
    int port; /* 0: the fixture's */

    struct http_client *client;
    struct http_call *call;
    bool done, begun;
    int status;
    struct str head; /* the answer's headers, a line each */
    struct str text;
    bool hold;   /* reads nothing once the answer has begun */
    size_t read; /* counted only, when `count` */
    bool count;
    struct err err;
};

static inline void ask_on_header(void *arg, const char *name, const char *value)
{
    str_add_f(&((struct ask *)arg)->head, "%s: %s\n", name, value);
}

static inline void ask_on_headers(void *arg, int status, const char *content_type)
{
    struct ask *a = arg;
    (void)content_type;
    a->begun = true;
    a->status = status;
    if (a->hold) {
        http_call_pause(a->call, true);
    }
}

static inline bool ask_on_data(void *arg, const char *bytes, size_t n)
{
    struct ask *a = arg;
    a->read += n;
    if (!a->count) {
        str_add_n(&a->text, bytes, n);
    }
    return true;
}

static inline void ask_on_done(void *arg, const struct http_response *res)
{
    struct ask *a = arg;
    a->done = true;
    a->call = NULL;
    a->status = res->status;
    a->err = *res->err;
}

static inline void ask_start(struct fixture *f, struct ask *a)
{
    struct http_client_opts opts = {.ca_pem = f->ca.cert_pem, .bearer = a->token};
    if (a->cert != NULL) {
        opts.cert_pem = a->cert->cert_pem;
        opts.key_pem = a->cert->key_pem;
    }
    a->client = http_client_new(f->loop, &opts);
    cleanup_free char *url =
        xasprintf("https://127.0.0.1:%d%s", a->port != 0 ? a->port : f->port, a->path);
    struct http_request req = {
        .method = a->method != NULL ? a->method : "GET",
        .url = url,
        .content_type = a->type,
        .body = a->body,
        .len = a->body != NULL ? strlen(a->body) : 0,
        .headers = a->headers,
        .on_data = ask_on_data,
        .all_data = true,
        .on_header = ask_on_header,
        .on_headers = ask_on_headers,
        .done = ask_on_done,
        .arg = a,
    };
    a->call = http_client_call(a->client, &req);
}

static inline void ask_wait(struct fixture *f, const bool *what)
{
    if (!loop_run_until(f->loop, what, DEADLINE)) {
        fail_msg("nothing happened within the deadline");
    }
}

static inline void ask_fini(struct ask *a)
{
    http_client_free(a->client);
    str_fini(&a->head);
    str_fini(&a->text);
}

/* Asks, and expects this status and text. */
static inline void expect(struct fixture *f, struct ask a, int status, const char *text)
{
    ask_start(f, &a);
    ask_wait(f, &a.done);
    if (a.status != status || strstr(str_c(&a.text), text) == NULL) {
        fail_msg("%s %s: %d, not %d, or not \"%s\": %s %s", a.method != NULL ? a.method : "GET",
                 a.path, a.status, status, text, str_c(&a.text), a.err.msg);
    }
    ask_fini(&a);
}

/* ---- a pod ---- */

struct pod {
    struct fixture *f;
    int listen_fd, fd;
    int port;
    struct str got; /* of the present connection */
};

static inline void make_pod_object(struct fixture *f, const char *name, const char *ip)
{
    struct err err;
    json_t *pod =
        json_pack("{s:s, s:s, s:{s:s}, s:{s:[{s:s, s:s}]}}", "apiVersion", "v1", "kind", "Pod",
                  "metadata", "name", name, "spec", "containers", "name", "c", "image", "i");
    json_t *status = json_pack("{s:{s:s}}", "status", "podIP", ip);
    const struct kind *k = kinds_find_gr("pods");
    if (client_create(f->client, k, "default", pod, NULL, &err) < 0 ||
        client_patch(f->client, k, "default", name, "status", status, NULL, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

static inline void pod_init(struct pod *p, struct fixture *f)
{
    struct err err;
    *p = (struct pod){.f = f, .fd = -1};
    p->listen_fd = http_listen("127.0.0.1", 0, NULL, &err);
    assert_true(p->listen_fd >= 0);
    p->port = http_port(p->listen_fd);
    make_pod_object(f, "p", "127.0.0.1");
}

static inline void pod_hang_up(struct pod *p)
{
    if (p->fd >= 0) {
        close(p->fd);
    }
    p->fd = -1;
    str_fini(&p->got);
}

static inline void pod_fini(struct pod *p)
{
    pod_hang_up(p);
    close(p->listen_fd);
}

/* "/api/.../pods/p:PORT/proxy" + rest; static. */
static inline const char *pod_path(const struct pod *p, const char *rest)
{
    static char path[512];
    snprintf(path, sizeof(path), PODS "/p:%d/proxy%s", p->port, rest);
    return path;
}

/* Takes the next connection and reads until `needle` came. */
static inline void pod_read(struct pod *p, const char *needle)
{
    for (uint64_t end = loop_mono_ns(p->f->loop) + DEADLINE;;) {
        char buf[65536];
        if (p->fd < 0) {
            p->fd = accept4(p->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        }
        ssize_t n = p->fd >= 0 ? recv(p->fd, buf, sizeof(buf), 0) : -1;
        if (n > 0) {
            str_add_n(&p->got, buf, (size_t)n);
        }
        if (p->got.len > 0 && strstr(p->got.p, needle) != NULL) {
            return;
        }
        if (n == 0 || loop_mono_ns(p->f->loop) > end) {
            fail_msg("the pod never read \"%s\", but \"%s\"", needle, str_c(&p->got));
        }
        turn(p->f);
    }
}

static inline void pod_say(struct pod *p, const char *text)
{
    assert_int_equal(send(p->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

#endif
