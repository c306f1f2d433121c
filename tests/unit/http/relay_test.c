/* SPDX-License-Identifier: Apache-2.0 */
/* What goes through a proxy subresource, both ways, and what becomes of either side's failures. */
#include "fixture.h"

static const char ok_head[] = "HTTP/1.1 200 OK\r\n";

/* One exchange: the pod reads a whole request and says `answer`. */
static void exchange(struct pod *p, struct ask *a, const char *needle, const char *answer)
{
    ask_start(p->f, a);
    pod_read(p, needle);
    pod_say(p, answer);
    ask_wait(p->f, &a->done);
}

static void has(const struct str *text, const char *what)
{
    if (strstr(str_c(text), what) == NULL) {
        fail_msg("no \"%s\" in \"%s\"", what, str_c(text));
    }
}

static void has_not(const struct str *text, const char *what)
{
    if (strcasestr(str_c(text), what) != NULL) {
        fail_msg("\"%s\" in \"%s\"", what, str_c(text));
    }
}

/* ---- headers and bodies ---- */

static void test_request_goes_through(void **state)
{
    struct fixture f;
    struct pod p;
    (void)state;
    set_up(&f);
    pod_init(&p, &f);
    static const char *const headers[] = {"X-Own: a",
                                          "X-Own: b",
                                          "X-Empty;",
                                          "Connection: X-Hop",
                                          "X-Hop: not for you",
                                          "Accept-Encoding: gzip",
                                          "Cookie: c=1",
                                          "X-Forwarded-For: 1.2.3.4",
                                          "X-Forwarded-Host: forged",
                                          NULL};
    struct ask a = {.method = "PUT",
                    .path = pod_path(&p, "/a%2fb//../c?x=1&x=2"),
                    .token = "secret",
                    .type = "text/special",
                    .body = "what is put",
                    .headers = headers};
    exchange(&p, &a, "what is put", "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
    assert_int_equal(a.status, 201);
    assert_string_equal(str_c(&a.text), "ok");
    has(&p.got, "PUT /a%2fb//../c?x=1&x=2 HTTP/1.1\r\n");
    has(&p.got, "X-Own: a\r\n");
    has(&p.got, "X-Own: b\r\n");
    has(&p.got, "X-Empty:\r\n");
    has(&p.got, "Content-Type: text/special\r\n");
    has(&p.got, "Content-Length: 11\r\n");
    has(&p.got, "Accept-Encoding: gzip\r\n");
    has(&p.got, "Cookie: c=1\r\n");
    has(&p.got, "X-Forwarded-For: 1.2.3.4, 127.0.0.1\r\n");
    has(&p.got, "X-Forwarded-Proto: https\r\n");
    has(&p.got, "X-Forwarded-Uri: " PODS "/p:");
    cleanup_free char *host = xasprintf("X-Forwarded-Host: 127.0.0.1:%d\r\n", f.port);
    has(&p.got, host);
    cleanup_free char *own = xasprintf("\r\nHost: 127.0.0.1:%d\r\n", p.port);
    has(&p.got, own);
    has_not(&p.got, "authorization");
    has_not(&p.got, "secret");
    has_not(&p.got, "not for you");
    has_not(&p.got, "forged");
    has_not(&p.got, "expect");
    ask_fini(&a);
    pod_fini(&p);
    tear_down(&f);
}

static void test_answer_goes_through(void **state)
{
    struct fixture f;
    struct pod p;
    (void)state;
    set_up(&f);
    pod_init(&p, &f);
    struct ask a = {.path = pod_path(&p, "/"), .token = "secret"};
    exchange(&p, &a, "\r\n\r\n",
             "HTTP/1.1 418 I'm a teapot\r\nContent-Type: text/tea; charset=utf-8\r\n"
             "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nETag: \"x\"\r\nCache-Control: no-store\r\n"
             "X-Tab: a\tb\r\nX-None:\r\nConnection: close, X-Hop\r\nX-Hop: mine\r\n"
             "Keep-Alive: timeout=5\r\nContent-Length: 5\r\n\r\nshort");
    assert_int_equal(a.status, 418);
    assert_string_equal(str_c(&a.text), "short");
    has(&a.head, "Content-Type: text/tea; charset=utf-8\n");
    has(&a.head, "Set-Cookie: a=1\n");
    has(&a.head, "Set-Cookie: b=2\n");
    has(&a.head, "ETag: \"x\"\n");
    has(&a.head, "Cache-Control: no-store\n");
    has(&a.head, "X-Tab: a b\n");
    has(&a.head, "Content-Length: 5\n");
    has_not(&a.head, "x-hop");
    has_not(&a.head, "keep-alive: timeout=5");
    ask_fini(&a);
    pod_fini(&p);
    tear_down(&f);
}

static void test_methods(void **state)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct fixture f;
        struct pod p;
        set_up(&f);
        pod_init(&p, &f);
        struct ask a = {.method = methods[i], .path = pod_path(&p, "/m"), .token = "secret"};
        exchange(&p, &a, "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert_int_equal(a.status, 200);
        cleanup_free char *line = xasprintf("%s /m HTTP/1.1\r\n", methods[i]);
        has(&p.got, line);
        if (strcmp(methods[i], "POST") == 0) {
            has(&p.got, "Content-Length: 0\r\n");
        }
        ask_fini(&a);
        pod_fini(&p);
        tear_down(&f);
    }
}

static void test_head(void **state)
{
    struct fixture f;
    struct pod p;
    (void)state;
    set_up(&f);
    pod_init(&p, &f);
    struct ask a = {.method = "HEAD", .path = pod_path(&p, "/big"), .token = "secret"};
    exchange(&p, &a, "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 123456\r\n\r\n");
    assert_int_equal(a.status, 200);
    assert_int_equal(a.read, 0);
    has(&a.head, "Content-Length: 123456\n");
    ask_fini(&a);
    pod_fini(&p);
    tear_down(&f);
}

static void test_answers_without_a_body(void **state)
{
    static const char *const lines[] = {"HTTP/1.1 204 No Content", "HTTP/1.1 304 Not Modified"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct fixture f;
        struct pod p;
        set_up(&f);
        pod_init(&p, &f);
        struct ask a = {.path = pod_path(&p, "/"), .token = "secret"};
        cleanup_free char *answer = xasprintf("%s\r\nETag: \"x\"\r\n\r\n", lines[i]);
        exchange(&p, &a, "\r\n\r\n", answer);
        assert_int_equal(a.err.code, ERR_NONE);
        assert_int_equal(a.status, i == 0 ? 204 : 304);
        assert_int_equal(a.read, 0);
        ask_fini(&a);
        pod_fini(&p);
        tear_down(&f);
    }
}

static void test_chunks_come_as_they_are_said(void **state)
{
    struct fixture f;
    struct pod p;
    (void)state;
    set_up(&f);
    pod_init(&p, &f);
    struct ask a = {.path = pod_path(&p, "/events"), .token = "secret"};
    ask_start(&f, &a);
    pod_read(&p, "\r\n\r\n");
    pod_say(&p, ok_head);
    pod_say(&p, "Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    for (uint64_t end = loop_mono_ns(f.loop) + DEADLINE; a.read < 5;) {
        assert_true(loop_mono_ns(f.loop) < end);
        turn(&f);
    }
    assert_string_equal(str_c(&a.text), "first");
    pod_say(&p, "6\r\nsecond\r\n0\r\nX-Trailer: t\r\n\r\n");
    ask_wait(&f, &a.done);
    assert_int_equal(a.err.code, ERR_NONE);
    assert_string_equal(str_c(&a.text), "firstsecond");
    has_not(&a.head, "x-trailer");
    ask_fini(&a);
    pod_fini(&p);
    tear_down(&f);
}

/* ---- where answers lead ---- */

static void expect_location(struct pod *p, const char *said, const char *want)
{
    struct ask a = {.path = pod_path(p, "/here"), .token = "secret"};
    cleanup_free char *answer =
        xasprintf("HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", said);
    exchange(p, &a, "\r\n\r\n", answer);
    cleanup_free char *line = xasprintf("Location: %s\n", want);
    has(&a.head, line);
    ask_fini(&a);
    pod_hang_up(p);
}

static void test_locations(void **state)
{
    struct fixture f;
    struct pod p;
    (void)state;
    set_up(&f);
    pod_init(&p, &f);
    cleanup_free char *base = xstrdup(pod_path(&p, ""));
    cleanup_free char *there = xasprintf("%s/there?a=b#c", base);
    cleanup_free char *own = xasprintf("http://127.0.0.1:%d/there?a=b#c", p.port);
    cleanup_free char *bare = xasprintf("http://127.0.0.1:%d", p.port);
    cleanup_free char *root = xasprintf("%s/", base);
    cleanup_free char *longer = xasprintf("http://127.0.0.1:%d1/x", p.port);
    cleanup_free char *near = xasprintf("%sx/there", base);
    cleanup_free char *near_moved = xasprintf("%s%sx/there", base, base);
    expect_location(&p, "/there?a=b#c", there);
    expect_location(&p, own, there);
    expect_location(&p, bare, root);
    expect_location(&p, there, there); /* it knew where it stands */
    expect_location(&p, near, near_moved);
    expect_location(&p, "there", "there"); /* relative to where the caller is */
    expect_location(&p, "//elsewhere/x", "//elsewhere/x");
    expect_location(&p, "https://elsewhere/x", "https://elsewhere/x");
    expect_location(&p, longer, longer);
    pod_fini(&p);
    tear_down(&f);
}

/* Links on a page at ".../proxy" would lead beside it. */
static void test_a_missing_slash(void **state)
{
    struct fixture f;
    struct pod p;
    (void)state;
    set_up(&f);
    pod_init(&p, &f);
    struct ask a = {.path = pod_path(&p, "?a=b"), .token = "secret"};
    ask_start(&f, &a);
    ask_wait(&f, &a.done);
    assert_int_equal(a.status, 301);
    cleanup_free char *line = xasprintf("Location: %s\n", pod_path(&p, "/?a=b"));
    has(&a.head, line);
    ask_fini(&a);
    struct ask b = {.method = "POST", .path = pod_path(&p, ""), .token = "secret"};
    exchange(&p, &b, "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(b.status, 200);
    has(&p.got, "POST / HTTP/1.1\r\n");
    ask_fini(&b);
    pod_fini(&p);
    tear_down(&f);
}

/* ---- slow and broken peers ---- */

static char pattern(size_t i)
{
    return (char)('A' + i * 31 % 61);
}

/* Says so many bytes of the pattern from `at`, as many as the connection takes now. */
static size_t pour(struct pod *p, size_t at, size_t end)
{
    char buf[32768];
    size_t n = end - at < sizeof(buf) ? end - at : sizeof(buf);
    for (size_t i = 0; i < n; i++) {
        buf[i] = pattern(at + i);
    }
    ssize_t sent = send(p->fd, buf, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent > 0 ? (size_t)sent : 0;
}

static void test_a_slow_reader_makes_the_pod_wait(void **state)
{
    enum { TOTAL = 48 << 20, STALLED = 200 };
    struct fixture f;
    struct pod p;
    (void)state;
    set_up(&f);
    pod_init(&p, &f);
    struct ask a = {.path = pod_path(&p, "/big"), .token = "secret", .hold = true};
    ask_start(&f, &a);
    pod_read(&p, "\r\n\r\n");
    cleanup_free char *head = xasprintf("%sContent-Length: %d\r\n\r\n", ok_head, TOTAL);
    pod_say(&p, head);
    size_t said = 0;
    for (int stalled = 0; stalled < STALLED && said < TOTAL;) {
        size_t n = pour(&p, said, TOTAL);
        said += n;
        stalled = n > 0 ? 0 : stalled + 1;
        turn(&f);
    }
    assert_true(said > 0);
    assert_true(said < TOTAL / 2); /* what fits between: our buffer and the sockets' */
    http_call_pause(a.call, false);
    while (!a.done) {
        if (said < TOTAL) {
            said += pour(&p, said, TOTAL);
        }
        turn(&f);
    }
    assert_int_equal(a.err.code, ERR_NONE);
    assert_int_equal(a.text.len, TOTAL);
    for (size_t i = 0; i < TOTAL; i += 4093) {
        assert_int_equal(a.text.p[i], pattern(i));
    }
    ask_fini(&a);
    pod_fini(&p);
    tear_down(&f);
}

static bool pod_sees_the_end(struct pod *p)
{
    char c;
    for (uint64_t end = loop_mono_ns(p->f->loop) + DEADLINE;;) {
        ssize_t n = recv(p->fd, &c, 1, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            return true;
        }
        if (loop_mono_ns(p->f->loop) > end) {
            return false;
        }
        turn(p->f);
    }
}

static void test_the_caller_leaves(void **state)
{
    (void)state;
    for (int begun = 0; begun < 2; begun++) {
        struct fixture f;
        struct pod p;
        set_up(&f);
        pod_init(&p, &f);
        struct ask a = {.path = pod_path(&p, "/"), .token = "secret"};
        ask_start(&f, &a);
        pod_read(&p, "\r\n\r\n");
        if (begun) {
            pod_say(&p, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
            ask_wait(&f, &a.begun);
        }
        ask_fini(&a);
        assert_true(pod_sees_the_end(&p));
        pod_fini(&p);
        tear_down(&f);
    }
}

/* A cut body must look cut to the caller, however it was framed. */
static void test_the_pod_leaves_half_way(void **state)
{
    static const char *const heads[] = {"Content-Length: 100\r\n\r\nhalf",
                                        "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct fixture f;
        struct pod p;
        set_up(&f);
        pod_init(&p, &f);
        struct ask a = {.path = pod_path(&p, "/"), .token = "secret"};
        ask_start(&f, &a);
        pod_read(&p, "\r\n\r\n");
        pod_say(&p, ok_head);
        pod_say(&p, heads[i]);
        pod_hang_up(&p);
        ask_wait(&f, &a.done);
        assert_int_not_equal(a.err.code, ERR_NONE);
        assert_string_equal(str_c(&a.text), "half");
        ask_fini(&a);
        pod_fini(&p);
        tear_down(&f);
    }
}

static void test_a_pod_that_says_nothing_and_leaves(void **state)
{
    struct fixture f;
    struct pod p;
    (void)state;
    set_up(&f);
    pod_init(&p, &f);
    struct ask a = {.path = pod_path(&p, "/"), .token = "secret"};
    ask_start(&f, &a);
    pod_read(&p, "\r\n\r\n");
    pod_hang_up(&p);
    ask_wait(&f, &a.done);
    assert_int_equal(a.status, 503);
    has(&a.text, "\"reason\":\"ServiceUnavailable\"");
    has(&a.text, "error trying to reach service");
    ask_fini(&a);
    pod_fini(&p);
    tear_down(&f);
}

static void test_a_closed_port(void **state)
{
    struct fixture f;
    struct pod p;
    (void)state;
    set_up(&f);
    pod_init(&p, &f);
    close(p.listen_fd);
    p.listen_fd = -1;
    cleanup_free char *why =
        xasprintf("error trying to reach service: dial tcp 127.0.0.1:%d: connect: connection "
                  "refused",
                  p.port);
    expect(&f, (struct ask){.path = pod_path(&p, "/"), .token = "secret"}, 503, why);
    tear_down(&f);
}

static void serve_anew(struct fixture *f, struct http_opts opts)
{
    http_free(f->http);
    opts.cert_pem = f->server_cert.cert_pem;
    opts.key_pem = f->server_cert.key_pem;
    opts.ca_pem = f->ca.cert_pem;
    f->http = http_new(f->loop, f->api, f->auth, &opts);
    f->port = serve(f);
}

/* A frozen pod takes connections and says nothing; one that has begun may take its time. */
static void test_a_pod_that_hangs(void **state)
{
    struct fixture f;
    struct pod p;
    (void)state;
    set_up(&f);
    serve_anew(&f, (struct http_opts){.patience_ns = LOOP_MS(150)});
    pod_init(&p, &f);
    struct ask a = {.path = pod_path(&p, "/"), .token = "secret"};
    ask_start(&f, &a);
    pod_read(&p, "\r\n\r\n");
    ask_wait(&f, &a.done);
    assert_int_equal(a.status, 504);
    has(&a.text, "\"reason\":\"Timeout\"");
    has(&a.text, "did not answer within 0.");
    assert_true(pod_sees_the_end(&p));
    ask_fini(&a);
    pod_hang_up(&p);
    struct ask b = {.path = pod_path(&p, "/"), .token = "secret"};
    ask_start(&f, &b);
    pod_read(&p, "\r\n\r\n");
    pod_say(&p, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na");
    ask_wait(&f, &b.begun);
    for (uint64_t end = loop_mono_ns(f.loop) + LOOP_MS(300); loop_mono_ns(f.loop) < end;) {
        turn(&f);
    }
    pod_say(&p, "b");
    ask_wait(&f, &b.done);
    assert_int_equal(b.status, 200);
    assert_string_equal(str_c(&b.text), "ab");
    ask_fini(&b);
    pod_fini(&p);
    tear_down(&f);
}

static void test_pods_that_are_nowhere(void **state)
{
    struct fixture f;
    struct pod p;
    (void)state;
    set_up(&f);
    serve_anew(&f, (struct http_opts){.no_pods = "nobody is there"});
    pod_init(&p, &f);
    expect(&f, (struct ask){.path = pod_path(&p, "/"), .token = "secret"}, 503,
           "error trying to reach service: nobody is there");
    assert_int_equal(accept4(p.listen_fd, NULL, NULL, SOCK_NONBLOCK), -1); /* nobody came */
    pod_fini(&p);
    tear_down(&f);
}

/* The server goes while requests are under way in every state. */
static void test_freed_under_way(void **state)
{
    (void)state;
    for (int step = 0; step < 3; step++) {
        struct fixture f;
        struct pod p;
        set_up(&f);
        pod_init(&p, &f);
        struct ask a = {.path = pod_path(&p, "/"), .token = "secret"};
        ask_start(&f, &a);
        if (step > 0) {
            pod_read(&p, "\r\n\r\n");
        }
        if (step > 1) {
            pod_say(&p, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
            ask_wait(&f, &a.begun);
        }
        http_free(f.http);
        f.http = NULL;
        ask_wait(&f, &a.done);
        assert_true(a.err.code != ERR_NONE || a.status == 503);
        ask_fini(&a);
        pod_fini(&p);
        tear_down(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_goes_through),
        cmocka_unit_test(test_answer_goes_through),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_answers_without_a_body),
        cmocka_unit_test(test_chunks_come_as_they_are_said),
        cmocka_unit_test(test_locations),
        cmocka_unit_test(test_a_missing_slash),
        cmocka_unit_test(test_a_slow_reader_makes_the_pod_wait),
        cmocka_unit_test(test_the_caller_leaves),
        cmocka_unit_test(test_the_pod_leaves_half_way),
        cmocka_unit_test(test_a_pod_that_says_nothing_and_leaves),
        cmocka_unit_test(test_a_closed_port),
        cmocka_unit_test(test_a_pod_that_hangs),
        cmocka_unit_test(test_pods_that_are_nowhere),
        cmocka_unit_test(test_freed_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
