/* SPDX-License-Identifier: Apache-2.0 */
/* A server and a client on one loop, and raw sockets that talk to the server byte by byte. */
#ifndef TESTS_UNIT_COMMON_HTTP_FIXTURE_H
#define TESTS_UNIT_COMMON_HTTP_FIXTURE_H

#include "testing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/certs.h"
#include "common/http_client.h"
#include "common/http_server.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"

#define DEADLINE LOOP_S(20)

enum kind { PLAIN, TLS, UNIX };

struct fixture {
    struct loop *loop;
    struct http_server *server;
    struct http_client *client;
    enum kind kind;
    int port;
    char unix_path[100];
    char base[64]; /* "https://127.0.0.1:4711" */
    struct certs_pair ca, server_cert, client_cert;
    void (*handler)(struct fixture *f, struct http_exchange *x);
    unsigned handled;
};

/* What a call of the client came to. */
struct result {
    bool done;
    int status;
    char type[64];
    struct str body;
    struct err err;
};

static inline void result_fini(struct result *r)
{
    str_fini(&r->body);
    *r = (struct result){0};
}

static inline void on_result(void *arg, const struct http_response *res)
{
    struct result *r = arg;
    r->done = true;
    r->status = res->status;
    str_copy(r->type, sizeof(r->type), res->content_type);
    str_add_n(&r->body, res->body, res->len);
    r->err = *res->err;
}

static inline void fixture_handle(void *arg, struct http_exchange *x)
{
    struct fixture *f = arg;
    f->handled++;
    f->handler(f, x);
}

static inline int listen_on(struct fixture *f)
{
    int fd = socket(f->kind == UNIX ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (f->kind == UNIX) {
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        snprintf(f->unix_path, sizeof(f->unix_path), "/tmp/podlab-unit-%d.sock", (int)getpid());
        unlink(f->unix_path);
        str_copy(sa.sun_path, sizeof(sa.sun_path), f->unix_path);
        assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    } else {
        struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        socklen_t n = sizeof(sa);
        assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
        f->port = ntohs(sa.sin_port);
    }
    assert_int_equal(listen(fd, 256), 0);
    return fd;
}

static inline void make_certs(struct fixture *f)
{
    struct err err;
    int64_t now = time(NULL);
    static const char *const names[] = {"localhost", "127.0.0.1", NULL};
    struct certs_leaf server = {.cn = "mini-cluster",
                                .names = names,
                                .server = 1,
                                .serial = {2},
                                .not_before = now - 3600,
                                .not_after = now + 3600};
    struct certs_leaf client = {.cn = "admin",
                                .org = "system:masters",
                                .serial = {3},
                                .not_before = now - 3600,
                                .not_after = now + 3600};
    assert_int_equal(
        certs_make_ca("unit-ca", (const uint8_t[16]){1}, now - 3600, now + 3600, &f->ca, &err), 0);
    assert_int_equal(certs_issue(&f->ca, &server, &f->server_cert, &err), 0);
    assert_int_equal(certs_issue(&f->ca, &client, &f->client_cert, &err), 0);
}

/* `more` changes the server's options before it starts; NULL is fine. */
static inline void fixture_init(struct fixture *f, enum kind kind,
                                void (*more)(struct http_server_opts *opts))
{
    *f = (struct fixture){.loop = loop_new(), .kind = kind};
    struct http_server_opts opts = {.listen_fd = listen_on(f), .handler = fixture_handle, .arg = f};
    struct http_client_opts copts = {0};
    if (kind == TLS) {
        make_certs(f);
        opts.cert_pem = f->server_cert.cert_pem;
        opts.key_pem = f->server_cert.key_pem;
        opts.client_ca_pem = f->ca.cert_pem;
        copts.ca_pem = f->ca.cert_pem;
        snprintf(f->base, sizeof(f->base), "https://127.0.0.1:%d", f->port);
    } else if (kind == UNIX) {
        copts.unix_path = f->unix_path;
        str_copy(f->base, sizeof(f->base), "http://unit");
    } else {
        snprintf(f->base, sizeof(f->base), "http://127.0.0.1:%d", f->port);
    }
    if (more != NULL) {
        more(&opts);
    }
    struct err err;
    if (http_server_new(f->loop, &opts, &f->server, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    f->client = http_client_new(f->loop, &copts);
}

static inline void fixture_fini(struct fixture *f)
{
    http_client_free(f->client);
    http_server_free(f->server);
    loop_free(f->loop);
    if (f->unix_path[0] != '\0') {
        unlink(f->unix_path);
    }
    certs_pair_fini(&f->ca);
    certs_pair_fini(&f->server_cert);
    certs_pair_fini(&f->client_cert);
}

static inline char *url_of(const struct fixture *f, const char *target)
{
    return xasprintf("%s%s", f->base, target);
}

/* Starts a request; a NULL body is none. */
static inline struct http_call *start_call(struct fixture *f, const char *method,
                                           const char *target, const char *body, struct result *r)
{
    cleanup_free char *url = url_of(f, target);
    struct http_request req = {.method = method, .url = url, .done = on_result, .arg = r};
    if (body != NULL) {
        req.body = body;
        req.len = strlen(body);
        req.content_type = "text/plain";
    }
    return http_client_call(f->client, &req);
}

static inline void wait_for(struct fixture *f, const bool *done)
{
    if (!loop_run_until(f->loop, done, DEADLINE)) {
        fail_msg("nothing happened within the deadline");
    }
}

static inline void call(struct fixture *f, const char *method, const char *target, const char *body,
                        struct result *r)
{
    *r = (struct result){0};
    start_call(f, method, target, body, r);
    wait_for(f, &r->done);
}

/* ---- raw sockets ---- */

static inline int raw_connect(const struct fixture *f)
{
    int fd = socket(f->kind == UNIX ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (f->kind == UNIX) {
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        str_copy(sa.sun_path, sizeof(sa.sun_path), f->unix_path);
        assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    } else {
        struct sockaddr_in sa = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)f->port),
                                 .sin_addr = {htonl(INADDR_LOOPBACK)}};
        assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    }
    return fd;
}

static inline void raw_send(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Lets the loop run until `needle` was read (NULL: until the end), which is true; false when the
 * connection ended or the deadline passed before. */
static inline bool raw_read(struct fixture *f, int fd, struct str *got, const char *needle)
{
    bool never = false;
    for (uint64_t end = loop_mono_ns(f->loop) + DEADLINE; loop_mono_ns(f->loop) < end;) {
        char buf[65536];
        ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
        if (n > 0) {
            str_add_n(got, buf, (size_t)n);
        } else if (n == 0 || errno != EAGAIN) {
            return needle == NULL;
        }
        if (needle != NULL && got->len > 0 && strstr(got->p, needle) != NULL) {
            return true;
        }
        if (n < 0) {
            loop_run_until(f->loop, &never, LOOP_MS(1));
        }
    }
    return false;
}

/* Lets the loop run until `test` holds. */
static inline void until(struct fixture *f, bool (*test)(void *arg), void *arg)
{
    bool never = false;
    for (uint64_t end = loop_mono_ns(f->loop) + DEADLINE; !test(arg);) {
        if (loop_mono_ns(f->loop) > end) {
            fail_msg("the condition never held: kind %d, %u handled, %u connections", f->kind,
                     f->handled, f->server != NULL ? http_server_connections(f->server) : 0);
        }
        loop_run_until(f->loop, &never, LOOP_MS(1));
    }
}

#endif
