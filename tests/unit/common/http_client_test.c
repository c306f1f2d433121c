/* SPDX-License-Identifier: Apache-2.0 */
/* The client keeps its promises when all goes well, and says what went wrong when not. */
#include "http_fixture.h"

static void answer_text(struct http_exchange *x, int status, const char *text)
{
    http_exchange_answer(x, status, "text/plain", NULL, 0, xstrdup(text), strlen(text), true);
}

/* The request's method, type, length and authorization. */
static void describe(struct fixture *f, struct http_exchange *x)
{
    (void)f;
    const char *type = http_exchange_header(x, "Content-Type");
    const char *length = http_exchange_header(x, "Content-Length");
    const char *auth = http_exchange_header(x, "Authorization");
    const char *expect = http_exchange_header(x, "Expect");
    size_t n;
    const char *body = http_exchange_body(x, &n);
    cleanup_free char *text =
        xasprintf("%s type=%s length=%s auth=%s expect=%s body=%.*s", http_exchange_method(x),
                  type != NULL ? type : "-", length != NULL ? length : "-",
                  auth != NULL ? auth : "-", expect != NULL ? expect : "-", (int)n, body);
    answer_text(x, 200, text);
}

static void requests_are_what_was_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *method, *body, *want;
    } rows[] = {
        {"GET", NULL, "GET type=- length=- auth=- expect=- body="},
        {"POST", NULL, "POST type=- length=0 auth=- expect=- body="},
        {"PUT", NULL, "PUT type=- length=0 auth=- expect=- body="},
        {"DELETE", NULL, "DELETE type=- length=- auth=- expect=- body="},
        {"POST", "x", "POST type=text/plain length=1 auth=- expect=- body=x"},
        {"PATCH", "[]", "PATCH type=text/plain length=2 auth=- expect=- body=[]"},
        {"DELETE", "{}", "DELETE type=text/plain length=2 auth=- expect=- body={}"},
        {"GET", "odd", "GET type=text/plain length=3 auth=- expect=- body=odd"},
    };
    struct fixture f;
    fixture_init(&f, UNIX, NULL);
    f.handler = describe;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct result r;
        call(&f, rows[i].method, "/", rows[i].body, &r);
        assert_int_equal(r.status, 200);
        assert_string_equal(str_c(&r.body), rows[i].want);
        result_fini(&r);
    }
    struct result r;
    call(&f, "HEAD", "/", NULL, &r); /* waits for no body */
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body.len, 0);
    result_fini(&r);
    assert_int_equal(http_server_connections(f.server), 1); /* one connection served them all */
    fixture_fini(&f);
}

static void large_bodies_do_not_wait_for_permission(void **state)
{
    (void)state;
    struct fixture f;
    struct result r;
    fixture_init(&f, PLAIN, NULL);
    f.handler = describe;
    size_t n = (size_t)5 << 18;
    cleanup_free char *body = xmalloc(n + 1);
    memset(body, 'x', n);
    body[n] = '\0';
    call(&f, "POST", "/", body, &r);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(str_c(&r.body), " length=1310720 auth=- expect=- "));
    result_fini(&r);
    fixture_fini(&f);
}

static void a_bearer_goes_with_every_request(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, NULL);
    f.handler = describe;
    http_client_free(f.client);
    f.client = http_client_new(f.loop, &(struct http_client_opts){.bearer = "s3cret"});
    struct result r;
    call(&f, "GET", "/", NULL, &r);
    assert_non_null(strstr(str_c(&r.body), " auth=Bearer s3cret "));
    result_fini(&r);
    fixture_fini(&f);
}

static bool no_connections(void *arg)
{
    return http_server_connections(arg) == 0;
}

static void fresh_connections_are_closed_after(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, NULL);
    f.handler = describe;
    struct result r = {0};
    cleanup_free char *url = url_of(&f, "/");
    struct http_request req = {
        .method = "GET", .url = url, .fresh = true, .done = on_result, .arg = &r};
    http_client_call(f.client, &req);
    wait_for(&f, &r.done);
    assert_int_equal(r.status, 200);
    until(&f, no_connections, f.server);
    result_fini(&r);
    fixture_fini(&f);
}

/* ---- what goes wrong ---- */

static void nobody_listens(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, NULL);
    http_server_free(f.server);
    f.server = NULL;
    struct result r;
    call(&f, "GET", "/x", NULL, &r);
    assert_int_equal(r.status, 0);
    assert_int_equal(r.err.code, ERR_UNAVAILABLE);
    cleanup_free char *front = xasprintf("GET %s/x: ", f.base);
    assert_true(str_has_prefix(r.err.msg, front));
    result_fini(&r);
    fixture_fini(&f);
}

static void a_missing_socket_is_named(void **state)
{
    (void)state;
    struct fixture f = {.loop = loop_new(), .base = "http://docker"};
    f.client =
        http_client_new(f.loop, &(struct http_client_opts){.unix_path = "/nonexistent/d.sock"});
    struct result r;
    call(&f, "GET", "/_ping", NULL, &r);
    assert_int_equal(r.err.code, ERR_UNAVAILABLE);
    assert_string_equal(r.err.msg, "GET http://docker/_ping: connect to /nonexistent/d.sock: "
                                   "No such file or directory");
    result_fini(&r);
    fixture_fini(&f);
}

static void a_bad_url_is_an_error(void **state)
{
    (void)state;
    struct fixture f = {.loop = loop_new()};
    f.client = http_client_new(f.loop, &(struct http_client_opts){0});
    static const char *const urls[] = {"", "file:///etc/passwd", "http://", "ht tp://x/"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct result r = {0};
        struct http_request req = {.method = "GET", .url = urls[i], .done = on_result, .arg = &r};
        http_client_call(f.client, &req);
        wait_for(&f, &r.done);
        if (r.status != 0 || r.err.code != ERR_BAD_REQUEST) {
            fail_msg("\"%s\": %d %s", urls[i], r.status, r.err.msg);
        }
        result_fini(&r);
    }
    fixture_fini(&f);
}

static struct http_exchange *held;
static unsigned held_ended;

static void on_held_ended(void *user)
{
    (void)user;
    held = NULL;
    held_ended++;
}

static void hold(struct fixture *f, struct http_exchange *x)
{
    held = x;
    http_exchange_set_user(x, f, on_held_ended);
}

static bool is_held(void *arg)
{
    (void)arg;
    return held != NULL;
}

static bool held_is_gone(void *arg)
{
    (void)arg;
    return held_ended > 0;
}

static void reads_time_out_not_only_connects(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, UNIX, NULL);
    f.handler = hold;
    held_ended = 0;
    struct result r = {0};
    cleanup_free char *url = url_of(&f, "/slow");
    struct http_request req = {
        .method = "GET", .url = url, .timeout_ns = LOOP_MS(50), .done = on_result, .arg = &r};
    uint64_t start = loop_mono_ns(f.loop);
    http_client_call(f.client, &req);
    wait_for(&f, &r.done);
    assert_true(loop_mono_ns(f.loop) - start >= LOOP_MS(45));
    assert_int_equal(r.status, 0);
    assert_int_equal(r.err.code, ERR_TIMEOUT);
    until(&f, held_is_gone, NULL); /* and the server notices */
    result_fini(&r);
    fixture_fini(&f);
}

static void answer_big(struct fixture *f, struct http_exchange *x)
{
    (void)f;
    http_exchange_answer(x, 200, "text/plain", NULL, 0, xcalloc(1, 5000), 5000, true);
}

static void answers_are_bounded(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, NULL);
    f.handler = answer_big;
    cleanup_free char *url = url_of(&f, "/");
    for (size_t max = 4999; max <= 5000; max++) {
        struct result r = {0};
        struct http_request req = {
            .method = "GET", .url = url, .max_body = max, .done = on_result, .arg = &r};
        http_client_call(f.client, &req);
        wait_for(&f, &r.done);
        assert_int_equal(r.status, max == 5000 ? 200 : 0);
        assert_int_equal(r.err.code, max == 5000 ? ERR_NONE : ERR_TOO_LARGE);
        assert_int_equal(r.body.len, max == 5000 ? 5000 : 0);
        result_fini(&r);
    }
    fixture_fini(&f);
}

static bool no_data(void *arg, const char *bytes, size_t n)
{
    (void)arg;
    fail_msg("an error's body is no data: %.*s", (int)n, bytes);
    return false;
}

static void answer_404(struct fixture *f, struct http_exchange *x)
{
    (void)f;
    answer_text(x, 404, "no such pod");
}

static void an_errors_body_is_collected_even_for_streams(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, NULL);
    f.handler = answer_404;
    struct result r = {0};
    cleanup_free char *url = url_of(&f, "/");
    struct http_request req = {
        .method = "GET", .url = url, .on_data = no_data, .done = on_result, .arg = &r};
    http_client_call(f.client, &req);
    wait_for(&f, &r.done);
    assert_int_equal(r.status, 404);
    assert_string_equal(str_c(&r.body), "no such pod");
    assert_int_equal(r.err.code, ERR_NONE);
    result_fini(&r);
    fixture_fini(&f);
}

/* A server of ours that is not http_server: says what the test wants, then closes. */
static void wire_answer(const char *answer, struct result *r)
{
    struct fixture f = {.loop = loop_new(), .kind = PLAIN};
    int listener = listen_on(&f);
    snprintf(f.base, sizeof(f.base), "http://127.0.0.1:%d", f.port);
    f.client = http_client_new(f.loop, &(struct http_client_opts){0});
    *r = (struct result){0};
    start_call(&f, "GET", "/", NULL, r);
    bool never = false;
    loop_run_until(f.loop, &never, LOOP_MS(2)); /* connect */
    int fd = accept(listener, NULL, NULL);
    cleanup_str struct str got = STR_INIT;
    assert_true(raw_read(&f, fd, &got, "\r\n\r\n"));
    raw_send(fd, answer);
    close(fd);
    close(listener); /* so that a retry finds nobody */
    wait_for(&f, &r->done);
    fixture_fini(&f);
}

static void broken_answers_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        int status;
        const char *body;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok"},
        {"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, "until the end"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx", 201,
         "x"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut", 0, ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", 0, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: x\r\n\r\nhello", 0, ""},
        {"SSH-2.0-OpenSSH_9\r\n", 0, ""},
        {"", 0, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct result r;
        wire_answer(rows[i].answer, &r);
        if (r.status != rows[i].status || (r.err.code == ERR_NONE) != (rows[i].status != 0) ||
            strcmp(str_c(&r.body), rows[i].body) != 0) {
            fail_msg("row %zu: %d \"%s\" %s", i, r.status, str_c(&r.body), r.err.msg);
        }
        result_fini(&r);
    }
}

/* ---- ending things at awkward moments ---- */

static void never_done(void *arg, const struct http_response *res)
{
    (void)arg;
    (void)res;
    fail_msg("done was called after the end");
}

static void cancelled_calls_are_not_done(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, NULL);
    f.handler = hold;
    held = NULL;
    held_ended = 0;
    cleanup_free char *url = url_of(&f, "/");
    struct http_request req = {.method = "GET", .url = url, .done = never_done};
    http_call_cancel(http_client_call(f.client, &req)); /* before it began */
    struct http_call *c = http_client_call(f.client, &req);
    until(&f, is_held, NULL);
    http_call_cancel(c); /* on its way */
    until(&f, held_is_gone, NULL);
    http_client_call(f.client, &req);
    until(&f, is_held, NULL);
    http_client_free(f.client); /* with one on its way, and one not begun */
    f.client = http_client_new(f.loop, &(struct http_client_opts){0});
    http_client_call(f.client, &req);
    http_client_free(f.client);
    f.client = NULL;
    fixture_fini(&f);
}

struct ending {
    struct fixture *f;
    struct http_call *call;
    bool done;
};

static void free_all_in_done(void *arg, const struct http_response *res)
{
    struct ending *e = arg;
    assert_int_equal(res->status, 404);
    http_call_cancel(e->call); /* it ends anyway */
    http_client_free(e->f->client);
    e->f->client = NULL;
    assert_string_equal(res->body, "no such pod"); /* still there */
    e->done = true;
}

static void the_client_may_be_freed_in_done(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, TLS, NULL);
    f.handler = answer_404;
    struct ending e = {.f = &f};
    cleanup_free char *url = url_of(&f, "/");
    struct http_request req = {.method = "GET", .url = url, .done = free_all_in_done, .arg = &e};
    e.call = http_client_call(f.client, &req);
    req.done = never_done;
    cleanup_free char *slow = url_of(&f, "/other"); /* ends in the same tick or later */
    req.url = slow;
    http_client_call(f.client, &req);
    wait_for(&f, &e.done);
    fixture_fini(&f);
}

struct chain {
    struct fixture *f;
    struct result r;
    int left;
    bool done;
};

static void call_again(void *arg, const struct http_response *res)
{
    struct chain *c = arg;
    assert_int_equal(res->status, 404);
    if (--c->left == 0) {
        c->done = true;
        return;
    }
    cleanup_free char *url = url_of(c->f, "/");
    struct http_request req = {.method = "GET", .url = url, .done = call_again, .arg = c};
    http_client_call(c->f->client, &req);
}

static void calls_made_in_done_reuse_the_connection(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, TLS, NULL);
    f.handler = answer_404;
    struct chain c = {.f = &f, .left = 100};
    cleanup_free char *url = url_of(&f, "/");
    struct http_request req = {.method = "GET", .url = url, .done = call_again, .arg = &c};
    http_client_call(f.client, &req);
    wait_for(&f, &c.done);
    assert_int_equal(http_server_connections(f.server), 1);
    assert_int_equal(f.handled, 100);
    fixture_fini(&f);
}

static void more_calls_than_connections_wait_their_turn(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, PLAIN, NULL);
    f.handler = answer_404;
    http_client_free(f.client);
    f.client = http_client_new(f.loop, &(struct http_client_opts){.max_connections = 2});
    static struct result r[50];
    memset(r, 0, sizeof(r));
    for (size_t i = 0; i < ARRAY_LEN(r); i++) {
        start_call(&f, "GET", "/", NULL, &r[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(r); i++) {
        wait_for(&f, &r[i].done);
        assert_int_equal(r[i].status, 404);
        result_fini(&r[i]);
    }
    assert_true(http_server_connections(f.server) <= 2);
    fixture_fini(&f);
}

/* The idle connection died with its server: the next call makes another and succeeds. */
static void a_restarted_server_is_found_again(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, UNIX, NULL);
    f.handler = answer_404;
    struct result r;
    call(&f, "GET", "/", NULL, &r);
    result_fini(&r);
    http_server_free(f.server);
    struct http_server_opts opts = {
        .listen_fd = listen_on(&f), .handler = fixture_handle, .arg = &f};
    struct err err;
    assert_int_equal(http_server_new(f.loop, &opts, &f.server, &err), 0);
    call(&f, "POST", "/", "body", &r);
    assert_int_equal(r.status, 404);
    result_fini(&r);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_what_was_asked_for),
        cmocka_unit_test(large_bodies_do_not_wait_for_permission),
        cmocka_unit_test(a_bearer_goes_with_every_request),
        cmocka_unit_test(fresh_connections_are_closed_after),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(a_missing_socket_is_named),
        cmocka_unit_test(a_bad_url_is_an_error),
        cmocka_unit_test(reads_time_out_not_only_connects),
        cmocka_unit_test(answers_are_bounded),
        cmocka_unit_test(an_errors_body_is_collected_even_for_streams),
        cmocka_unit_test(broken_answers_are_errors),
        cmocka_unit_test(cancelled_calls_are_not_done),
        cmocka_unit_test(the_client_may_be_freed_in_done),
        cmocka_unit_test(calls_made_in_done_reuse_the_connection),
        cmocka_unit_test(more_calls_than_connections_wait_their_turn),
        cmocka_unit_test(a_restarted_server_is_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
