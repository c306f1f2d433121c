/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and answers over plain TCP, TLS and Unix sockets, and every way a peer may misbehave. */
#include "http_fixture.h"

#include <gnutls/gnutls.h>
#include <sys/resource.h>

#include "common/log.h"

static void small_body(struct http_server_opts *opts)
{
    opts->max_body = 1000;
}

static char *json_refusal(int status, const char *why)
{
    return xasprintf("{\"code\":%d,\"message\":\"%s\"}", status, why);
}

static void small_body_json(struct http_server_opts *opts)
{
    opts->max_body = 1000;
    opts->refusal = json_refusal;
}

static void few_connections(struct http_server_opts *opts)
{
    opts->max_connections = 4;
}

/* ---- handlers ---- */

static void answer_text(struct http_exchange *x, int status, const char *text)
{
    http_exchange_answer(x, status, "text/plain", NULL, 0, xstrdup(text), strlen(text), true);
}

static bool add_header_line(void *arg, const char *name, const char *value)
{
    if (str_has_prefix(name, "X-")) {
        str_add_f(arg, "%s=%s;", name, value);
    }
    return true;
}

/* Says back everything it was asked. */
static void mirror(struct fixture *f, struct http_exchange *x)
{
    (void)f;
    struct str s = STR_INIT;
    size_t n;
    const char *body = http_exchange_body(x, &n);
    str_add_f(&s, "%s %s ?%s ", http_exchange_method(x), http_exchange_path(x),
              http_exchange_query(x));
    http_exchange_each_header(x, add_header_line, &s);
    str_add_f(&s, " loopback=%d body=", http_exchange_is_loopback(x));
    str_add_n(&s, body, n);
    size_t len = s.len;
    http_exchange_answer(x, 200, "text/plain", NULL, 0, str_take(&s), len, true);
}

static void run_mirror(enum kind kind)
{
    struct fixture f;
    fixture_init(&f, kind, NULL);
    f.handler = mirror;
    struct result r = {0};
    cleanup_free char *url = url_of(&f, "/a%2Fb/c?x=1&x=%202&y");
    static const char *const headers[] = {"X-One: 1", "X-Two: a", "X-Two: b", NULL};
    struct http_request req = {.method = "PUT",
                               .url = url,
                               .headers = headers,
                               .body = "hello",
                               .len = 5,
                               .content_type = "text/x",
                               .done = on_result,
                               .arg = &r};
    http_client_call(f.client, &req);
    assert_false(r.done); /* never under the caller's feet */
    wait_for(&f, &r.done);
    assert_string_equal(r.err.msg, "");
    assert_int_equal(r.status, 200);
    assert_string_equal(r.type, "text/plain");
    assert_string_equal(
        str_c(&r.body),
        "PUT /a%2Fb/c ?x=1&x=%202&y X-One=1;X-Two=a;X-Two=b; loopback=1 body=hello");
    result_fini(&r);
    fixture_fini(&f);
}

static void says_back_what_was_asked_plain(void **state)
{
    (void)state;
    run_mirror(PLAIN);
}

static void says_back_what_was_asked_tls(void **state)
{
    (void)state;
    run_mirror(TLS);
}

static void says_back_what_was_asked_unix(void **state)
{
    (void)state;
    run_mirror(UNIX);
}

/* ---- bytes on the wire ---- */

static void with_headers(struct fixture *f, struct http_exchange *x)
{
    (void)f;
    static const struct http_header headers[] = {
        {"Warning", "299 - \"old API\""}, {"Audit-Id", "1"}, {"Warning", "299 - \"again\""}};
    char body[] = "{}\n";
    http_exchange_answer(x, 200, "application/json;g=apidiscovery.k8s.io;v=v2", headers, 3, body, 3,
                         false);
}

static void headers_keep_their_order_and_bytes(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, NULL);
    f.handler = with_headers;
    int fd = raw_connect(&f);
    raw_send(fd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    cleanup_str struct str got = STR_INIT;
    assert_true(raw_read(&f, fd, &got, "\r\n\r\n{}\n"));
    const char *want = "\r\nContent-Type: application/json;g=apidiscovery.k8s.io;v=v2\r\n"
                       "Warning: 299 - \"old API\"\r\nAudit-Id: 1\r\nWarning: 299 - \"again\"\r\n";
    if (strstr(got.p, want) == NULL || strstr(got.p, "\r\nContent-Length: 3\r\n") == NULL ||
        strstr(got.p, "\r\nDate: ") == NULL) {
        fail_msg("%s", got.p);
    }
    str_clear(&got); /* the connection serves another request: HEAD has the headers and no body */
    raw_send(fd, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\nGET /y HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(raw_read(&f, fd, &got, "\r\n\r\n{}\n"));
    const char *head_end = strstr(got.p, "\r\n\r\n");
    assert_non_null(strstr(got.p, "Content-Length: 3\r\n"));
    assert_memory_equal(head_end + 4, "HTTP/1.1 200", 12);
    assert_int_equal(f.handled, 3);
    close(fd);
    fixture_fini(&f);
}

static void absolute_targets_and_empty_paths(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, NULL);
    f.handler = mirror;
    static const char *const rows[][2] = {
        {"http://host:80/p?q", "GET /p ?q"}, {"http://host?q", "GET / ?q"},
        {"HTTPS://host", "GET / ?"},         {"/p?", "GET /p ?"},
        {"/p?a?b", "GET /p ?a?b"},           {"//x/../%2e%00", "GET //x/../%2e%00 ?"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = raw_connect(&f);
        cleanup_free char *req = xasprintf("GET %s HTTP/1.1\r\nHost: a\r\n\r\n", rows[i][0]);
        cleanup_str struct str got = STR_INIT;
        raw_send(fd, req);
        assert_true(raw_read(&f, fd, &got, "body="));
        if (strstr(got.p, rows[i][1]) == NULL) {
            fail_msg("%s gave %s", rows[i][0], got.p);
        }
        close(fd);
    }
    fixture_fini(&f);
}

static void garbage_gets_400(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, NULL);
    f.handler = mirror;
    int fd = raw_connect(&f);
    raw_send(fd, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: banana\r\n\r\n");
    cleanup_str struct str got = STR_INIT;
    assert_true(raw_read(&f, fd, &got, " 400 "));
    close(fd);
    int half = raw_connect(&f); /* leaves in the middle of its headers */
    raw_send(half, "GET /half HTT");
    bool never = false;
    loop_run_until(f.loop, &never, LOOP_MS(5));
    close(half);
    struct result r;
    call(&f, "GET", "/fine", NULL, &r);
    assert_int_equal(r.status, 200);
    result_fini(&r);
    assert_int_equal(f.handled, 1);
    fixture_fini(&f);
}

/* ---- bodies ---- */

static void too_long_bodies_get_413_before_the_handler(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, small_body_json);
    f.handler = mirror;
    struct result r;
    char big[1002];
    memset(big, 'x', sizeof(big) - 1);
    big[1001] = '\0';
    call(&f, "POST", "/", big, &r);
    assert_int_equal(r.status, 413);
    assert_string_equal(r.type, "application/json");
    assert_string_equal(
        str_c(&r.body),
        "{\"code\":413,\"message\":\"the request's body is longer than 1000 bytes\"}");
    assert_int_equal(f.handled, 0);
    result_fini(&r);
    big[1000] = '\0'; /* exactly the limit */
    call(&f, "POST", "/", big, &r);
    assert_int_equal(r.status, 200);
    assert_int_equal(f.handled, 1);
    result_fini(&r);
    fixture_fini(&f);
}

static void a_chunked_body_is_counted(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, small_body);
    f.handler = mirror;
    int fd = raw_connect(&f);
    raw_send(fd, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 30; i++) {
        raw_send(fd, "32\r\n01234567890123456789012345678901234567890123456789\r\n");
    }
    raw_send(fd, "0\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    cleanup_str struct str got = STR_INIT;
    assert_true(raw_read(&f, fd, &got, "GET /next"));
    assert_non_null(strstr(got.p, "HTTP/1.1 413 "));
    assert_non_null(strstr(got.p, "text/plain; charset=utf-8"));
    close(fd);
    fixture_fini(&f);
}

static void who_asks_first_is_refused_without_sending_the_body(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, small_body);
    f.handler = mirror;
    static const char *const requests[] = {
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        int fd = raw_connect(&f);
        cleanup_str struct str got = STR_INIT;
        raw_send(fd, requests[i]);
        assert_true(raw_read(&f, fd, &got, "\r\n\r\n"));
        if (strstr(got.p, "HTTP/1.1 413 ") == NULL) {
            fail_msg("%s", got.p);
        }
        close(fd);
    }
    int fd = raw_connect(&f); /* and one that fits is told to go on */
    cleanup_str struct str got = STR_INIT;
    raw_send(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_true(raw_read(&f, fd, &got, "100 Continue\r\n\r\n"));
    raw_send(fd, "ok");
    assert_true(raw_read(&f, fd, &got, "body=ok"));
    close(fd);
    assert_int_equal(f.handled, 1);
    fixture_fini(&f);
}

static void a_large_body_arrives_whole(void **state)
{
    (void)state;
    for (int kind = PLAIN; kind <= UNIX; kind++) {
        struct fixture f;
        fixture_init(&f, (enum kind)kind, NULL);
        f.handler = mirror;
        size_t n = (size_t)3 << 19; /* 1.5 MiB, the default limit */
        cleanup_free char *body = xmalloc(n + 1);
        for (size_t i = 0; i < n; i++) {
            body[i] = (char)('a' + i % 26);
        }
        body[n] = '\0';
        struct result r;
        call(&f, "POST", "/big", body, &r);
        assert_int_equal(r.status, 200);
        const char *back = strstr(str_c(&r.body), "body=");
        assert_non_null(back);
        assert_int_equal(r.body.len - (size_t)(back + 5 - r.body.p), n);
        assert_memory_equal(back + 5, body, n);
        result_fini(&r);
        fixture_fini(&f);
    }
}

/* ---- answering later ---- */

struct pending {
    struct fixture *f;
    struct http_exchange *x;
    unsigned ended;
};

static struct pending pending[64];
static unsigned pending_count;

static void on_ended(void *user)
{
    struct pending *p = user;
    p->ended++;
    p->x = NULL;
}

static void hold(struct fixture *f, struct http_exchange *x)
{
    struct pending *p = &pending[pending_count++];
    *p = (struct pending){f, x, 0};
    http_exchange_set_user(x, p, on_ended);
    assert_ptr_equal(http_exchange_user(x), p);
}

static bool all_held(void *arg)
{
    return pending_count == *(unsigned *)arg;
}

static void answers_may_come_later_and_in_any_order(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, TLS, NULL);
    f.handler = hold;
    pending_count = 0;
    enum { N = 40 };
    static struct result r[N];
    memset(r, 0, sizeof(r));
    for (int i = 0; i < N; i++) {
        cleanup_free char *target = xasprintf("/%d", i);
        start_call(&f, "GET", target, NULL, &r[i]);
    }
    until(&f, all_held, &(unsigned){N});
    for (int i = N - 1; i >= 0; i--) {
        answer_text(pending[i].x, 400 + i, http_exchange_path(pending[i].x));
        assert_int_equal(pending[i].ended, 0);
    }
    for (int i = 0; i < N; i++) {
        wait_for(&f, &r[i].done);
        cleanup_free char *target = xasprintf("/%d", i);
        assert_string_equal(str_c(&r[i].body), target);
        result_fini(&r[i]);
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(pending[i].ended, 1);
    }
    fixture_fini(&f);
}

static bool has_ended(void *arg)
{
    return ((struct pending *)arg)->ended > 0;
}

static void a_peer_that_leaves_ends_its_waiting_exchange(void **state)
{
    (void)state;
    for (int kind = PLAIN; kind <= UNIX; kind++) {
        struct fixture f;
        fixture_init(&f, (enum kind)kind, NULL);
        f.handler = hold;
        pending_count = 0;
        struct result r = {0};
        struct http_call *c = start_call(&f, "GET", "/slow", NULL, &r);
        until(&f, all_held, &(unsigned){1});
        assert_int_equal(http_server_connections(f.server), 1);
        http_call_cancel(c);
        until(&f, has_ended, &pending[0]);
        assert_false(r.done);
        fixture_fini(&f);
    }
}

/* printf ... | nc -N: the peer ends its side with the request, and still wants the answer. */
static void a_half_closed_peer_gets_its_answer(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, NULL);
    f.handler = hold;
    pending_count = 0;
    int fd = raw_connect(&f);
    raw_send(fd, "GET /x HTTP/1.0\r\n\r\n");
    shutdown(fd, SHUT_WR);
    until(&f, all_held, &(unsigned){1});
    bool never = false;
    loop_run_until(f.loop, &never, LOOP_MS(20));
    assert_int_equal(pending[0].ended, 0);
    answer_text(pending[0].x, 200, "here");
    cleanup_str struct str got = STR_INIT;
    assert_true(raw_read(&f, fd, &got, "here"));
    close(fd);
    fixture_fini(&f);
}

static void an_answer_to_a_peer_that_just_left_is_harmless(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, NULL);
    f.handler = hold;
    pending_count = 0;
    int fd = raw_connect(&f);
    raw_send(fd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    until(&f, all_held, &(unsigned){1});
    struct linger reset = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    answer_text(pending[0].x, 200, "too late");
    until(&f, has_ended, &pending[0]);
    fixture_fini(&f);
}

static void stopping_answers_who_waits_with_503(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, NULL);
    f.handler = hold;
    pending_count = 0;
    int fd = raw_connect(&f);
    raw_send(fd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    until(&f, all_held, &(unsigned){1});
    http_server_free(f.server);
    f.server = NULL;
    assert_int_equal(pending[0].ended, 1);
    cleanup_str struct str got = STR_INIT;
    assert_true(raw_read(&f, fd, &got, "the server is stopping"));
    assert_non_null(strstr(got.p, "HTTP/1.1 503 "));
    close(fd);
    fixture_fini(&f);
}

static void quiescing_goes_on_with_what_runs(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, NULL);
    f.handler = hold;
    pending_count = 0;
    struct result r = {0};
    start_call(&f, "GET", "/x", NULL, &r);
    until(&f, all_held, &(unsigned){1});
    http_server_quiesce(f.server);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)f.port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
    answer_text(pending[0].x, 200, "still");
    wait_for(&f, &r.done);
    assert_string_equal(str_c(&r.body), "still");
    result_fini(&r);
    fixture_fini(&f);
}

/* ---- many ---- */

static void many_requests_at_once(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, NULL);
    f.handler = mirror;
    enum { N = 500 };
    static struct result r[N];
    memset(r, 0, sizeof(r));
    for (int i = 0; i < N; i++) {
        cleanup_free char *target = xasprintf("/%d/", i);
        start_call(&f, "GET", target, NULL, &r[i]);
    }
    for (int i = 0; i < N; i++) {
        wait_for(&f, &r[i].done);
        cleanup_free char *want = xasprintf("GET /%d/ ", i);
        assert_int_equal(r[i].status, 200);
        assert_true(str_has_prefix(str_c(&r[i].body), want));
        result_fini(&r[i]);
    }
    assert_true(http_server_connections(f.server) <= 64); /* the client's cap, reused */
    fixture_fini(&f);
}

/* More requests in one run of the daemon than are handled directly: the rest is deferred. */
static void a_burst_of_ready_requests_is_served(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, NULL);
    f.handler = mirror;
    enum { N = 100 };
    int fds[N];
    for (int i = 0; i < N; i++) {
        fds[i] = raw_connect(&f);
        raw_send(fds[i], "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for (int i = 0; i < N; i++) {
        cleanup_str struct str got = STR_INIT;
        assert_true(raw_read(&f, fds[i], &got, "GET /x"));
        close(fds[i]);
    }
    assert_int_equal(f.handled, N);
    fixture_fini(&f);
}

static void the_connection_cap_holds_and_lets_go(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, few_connections);
    f.handler = mirror;
    int fds[8];
    for (int i = 0; i < 8; i++) {
        fds[i] = raw_connect(&f); /* the kernel's backlog takes the rest */
        raw_send(fds[i], "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for (int i = 0; i < 4; i++) {
        cleanup_str struct str got = STR_INIT;
        assert_true(raw_read(&f, fds[i], &got, "GET /x"));
    }
    assert_int_equal(http_server_connections(f.server), 4);
    assert_int_equal(f.handled, 4);
    for (int i = 0; i < 4; i++) { /* each that leaves makes room for another */
        close(fds[i]);
        cleanup_str struct str got = STR_INIT;
        assert_true(raw_read(&f, fds[i + 4], &got, "GET /x"));
        assert_true(http_server_connections(f.server) <= 4);
    }
    for (int i = 4; i < 8; i++) {
        close(fds[i]);
    }
    fixture_fini(&f);
}

/* ---- certificates ---- */

static void say_who(struct fixture *f, struct http_exchange *x)
{
    (void)f;
    char cn[64], org[64];
    bool known = http_exchange_client_cert(x, cn, sizeof(cn), org, sizeof(org));
    cleanup_free char *text = known ? xasprintf("%s/%s", cn, org) : xstrdup("nobody");
    answer_text(x, 200, text);
}

static void ask_who(struct fixture *f, const struct http_client_opts *opts, const char *host,
                    struct result *r)
{
    *r = (struct result){0};
    struct http_client *c = http_client_new(f->loop, opts);
    cleanup_free char *url = xasprintf("https://%s:%d/", host, f->port);
    struct http_request req = {.method = "GET", .url = url, .done = on_result, .arg = r};
    http_client_call(c, &req);
    wait_for(f, &r->done);
    http_client_free(c);
}

static void client_certificates_are_asked_for_not_required(void **state)
{
    (void)state;
    struct fixture f;
    struct result r;
    fixture_init(&f, TLS, NULL);
    f.handler = say_who;
    ask_who(&f,
            &(struct http_client_opts){.ca_pem = f.ca.cert_pem,
                                       .cert_pem = f.client_cert.cert_pem,
                                       .key_pem = f.client_cert.key_pem},
            "127.0.0.1", &r);
    assert_string_equal(str_c(&r.body), "admin/system:masters");
    result_fini(&r);
    ask_who(&f, &(struct http_client_opts){.ca_pem = f.ca.cert_pem}, "localhost", &r);
    assert_string_equal(str_c(&r.body), "nobody");
    result_fini(&r);
    fixture_fini(&f);
}

static void strangers_certificates_are_nobody(void **state)
{
    (void)state;
    struct fixture f, other;
    struct result r;
    fixture_init(&f, TLS, NULL);
    fixture_init(&other, TLS, NULL); /* another CA of the same name, and its certificates */
    f.handler = say_who;
    ask_who(&f,
            &(struct http_client_opts){.ca_pem = f.ca.cert_pem,
                                       .cert_pem = other.client_cert.cert_pem,
                                       .key_pem = other.client_cert.key_pem},
            "127.0.0.1", &r);
    if (r.status == 200) { /* refusing the handshake is fine too */
        assert_string_equal(str_c(&r.body), "nobody");
    }
    result_fini(&r);
    ask_who(&f, /* a server's certificate is no client's */
            &(struct http_client_opts){.ca_pem = f.ca.cert_pem,
                                       .cert_pem = f.server_cert.cert_pem,
                                       .key_pem = f.server_cert.key_pem},
            "127.0.0.1", &r);
    assert_string_equal(str_c(&r.body), "nobody");
    result_fini(&r);
    fixture_fini(&other);
    fixture_fini(&f);
}

static void servers_are_verified(void **state)
{
    (void)state;
    struct fixture f, other;
    struct result r;
    fixture_init(&f, TLS, NULL);
    fixture_init(&other, TLS, NULL);
    f.handler = say_who;
    ask_who(&f, &(struct http_client_opts){.ca_pem = other.ca.cert_pem}, "127.0.0.1", &r);
    assert_int_equal(r.status, 0);
    assert_int_equal(r.err.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(r.err.msg, "GET https://127.0.0.1:"));
    result_fini(&r);
    ask_who(&f, &(struct http_client_opts){.ca_pem = f.ca.cert_pem}, "127.0.0.2", &r);
    assert_int_equal(r.status, 0); /* 127.0.0.2 is no name of it (and nobody listens there) */
    result_fini(&r);
    ask_who(&f, &(struct http_client_opts){.insecure = true}, "127.0.0.1", &r);
    assert_int_equal(r.status, 200);
    result_fini(&r);
    fixture_fini(&other);
    fixture_fini(&f);
}

static void a_bad_certificate_is_an_error(void **state)
{
    (void)state;
    struct fixture f = {.loop = loop_new(), .kind = PLAIN};
    struct http_server_opts opts = {.listen_fd = listen_on(&f),
                                    .handler = fixture_handle,
                                    .cert_pem = "junk",
                                    .key_pem = "junk"};
    struct http_server *s = NULL;
    struct err err;
    assert_int_equal(http_server_new(f.loop, &opts, &s, &err), -1);
    assert_null(s);
    assert_non_null(strstr(err.msg, "certificate"));
    loop_free(f.loop);
}

/* Plain HTTP to a TLS port, and a peer that hangs in its handshake, disturb nobody. */
static void broken_handshakes_disturb_nobody(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, TLS, NULL);
    f.handler = mirror;
    int plain = raw_connect(&f), silent = raw_connect(&f);
    raw_send(plain, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct result r;
    call(&f, "GET", "/", NULL, &r);
    assert_int_equal(r.status, 200);
    result_fini(&r);
    close(plain);
    close(silent);
    fixture_fini(&f);
}

/* ---- the gate ---- */

static void count_tick(void *arg)
{
    ++*(unsigned *)arg;
}

/* How often the loop turns in 100 ms of which it has nothing to do. */
static unsigned turns(struct fixture *f)
{
    unsigned n = 0;
    bool never = false;
    loop_run_until(f->loop, &never, LOOP_MS(50));
    loop_tick_end(f->loop, count_tick, &n);
    loop_run_until(f->loop, &never, LOOP_MS(100));
    loop_off_tick_end(f->loop, count_tick, &n);
    return n;
}

static void silent_peers_hold_nobody_up(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, TLS, NULL);
    f.handler = mirror;
    enum { N = 50 };
    int fds[N];
    for (int i = 0; i < N; i++) {
        fds[i] = raw_connect(&f);
    }
    struct result r;
    call(&f, "GET", "/", NULL, &r);
    assert_int_equal(r.status, 200);
    result_fini(&r);
    assert_int_equal(http_server_connections(f.server), N + 1); /* and they count */
    for (int i = 0; i < N; i++) {
        close(fds[i]);
    }
    http_client_free(f.client);
    f.client = NULL;
    for (uint64_t end = loop_mono_ns(f.loop) + DEADLINE; http_server_connections(f.server) > 0;) {
        bool never = false;
        assert_true(loop_mono_ns(f.loop) < end);
        loop_run_until(f.loop, &never, LOOP_MS(1));
    }
    fixture_fini(&f);
}

static void running_out_of_descriptors_is_survived(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, NULL);
    f.handler = mirror;
    log_to_fd(-1); /* it warns, as it should */
    struct result r;
    call(&f, "GET", "/", NULL, &r); /* whatever is opened lazily is open now */
    result_fini(&r);
    int fds[4];
    for (int i = 0; i < 4; i++) {
        fds[i] = raw_connect(&f);
        raw_send(fds[i], "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    struct rlimit limit, low;
    int next = dup(0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_in_range(turns(&f), 0, 20); /* it does not spin */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int i = 0; i < 4; i++) {
        cleanup_str struct str got = STR_INIT;
        assert_true(raw_read(&f, fds[i], &got, "GET /x"));
        close(fds[i]);
    }
    log_to_fd(STDERR_FILENO);
    fixture_fini(&f);
}

/* ---- quiet ---- */

/* Whatever a peer leaves half done, the loop sleeps meanwhile. */
static void a_peer_that_dawdles_does_not_keep_the_loop_awake(void **state)
{
    (void)state;
    static const char *const plain[] = {
        "", "GET /half", "GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"};
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        struct fixture f;
        fixture_init(&f, PLAIN, NULL);
        f.handler = hold;
        pending_count = 0;
        int fd = raw_connect(&f);
        raw_send(fd, plain[i]);
        assert_in_range(turns(&f), 0, 10);
        close(fd);
        fixture_fini(&f);
    }
    struct fixture f;
    fixture_init(&f, TLS, NULL);
    f.handler = mirror;
    gnutls_session_t tls;
    gnutls_certificate_credentials_t cred;
    int fd = raw_connect(&f);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    gnutls_certificate_allocate_credentials(&cred);
    gnutls_init(&tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
    gnutls_set_default_priority(tls);
    gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, cred);
    gnutls_transport_set_int(tls, fd);
    assert_int_equal(gnutls_handshake(tls), GNUTLS_E_AGAIN); /* says hello, and no more */
    assert_in_range(turns(&f), 0, 30);
    struct result r;
    call(&f, "GET", "/", NULL, &r); /* others are served meanwhile */
    assert_int_equal(r.status, 200);
    result_fini(&r);
    gnutls_deinit(tls);
    gnutls_certificate_free_credentials(cred);
    close(fd);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_back_what_was_asked_plain),
        cmocka_unit_test(says_back_what_was_asked_tls),
        cmocka_unit_test(says_back_what_was_asked_unix),
        cmocka_unit_test(headers_keep_their_order_and_bytes),
        cmocka_unit_test(absolute_targets_and_empty_paths),
        cmocka_unit_test(garbage_gets_400),
        cmocka_unit_test(too_long_bodies_get_413_before_the_handler),
        cmocka_unit_test(a_chunked_body_is_counted),
        cmocka_unit_test(who_asks_first_is_refused_without_sending_the_body),
        cmocka_unit_test(a_large_body_arrives_whole),
        cmocka_unit_test(answers_may_come_later_and_in_any_order),
        cmocka_unit_test(a_peer_that_leaves_ends_its_waiting_exchange),
        cmocka_unit_test(a_half_closed_peer_gets_its_answer),
        cmocka_unit_test(an_answer_to_a_peer_that_just_left_is_harmless),
        cmocka_unit_test(stopping_answers_who_waits_with_503),
        cmocka_unit_test(quiescing_goes_on_with_what_runs),
        cmocka_unit_test(many_requests_at_once),
        cmocka_unit_test(a_burst_of_ready_requests_is_served),
        cmocka_unit_test(the_connection_cap_holds_and_lets_go),
        cmocka_unit_test(client_certificates_are_asked_for_not_required),
        cmocka_unit_test(strangers_certificates_are_nobody),
        cmocka_unit_test(servers_are_verified),
        cmocka_unit_test(a_bad_certificate_is_an_error),
        cmocka_unit_test(broken_handshakes_disturb_nobody),
        cmocka_unit_test(silent_peers_hold_nobody_up),
        cmocka_unit_test(running_out_of_descriptors_is_survived),
        cmocka_unit_test(a_peer_that_dawdles_does_not_keep_the_loop_awake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
