/* SPDX-License-Identifier: Apache-2.0 */
/* Answers in pieces: pulled as fast as the peer reads, suspended between, ended when it leaves. */
#include "http_fixture.h"

/* A source that the test fills, and what became of its exchange. */
struct source {
    struct http_exchange *x;
    struct str waiting;
    size_t produced; /* of `total`, when it makes its own bytes */
    size_t total;
    bool finish; /* -1 when nothing waits */
    bool cut;    /* -2 when nothing waits */
    bool wake_in_pull;
    int64_t size;
    unsigned pulls;
    unsigned ended;
};

static struct source source;

static void on_ended(void *user)
{
    struct source *s = user;
    s->ended++;
    s->x = NULL;
}

static ptrdiff_t pull(void *arg, char *buf, size_t max)
{
    struct source *s = arg;
    s->pulls++;
    if (s->wake_in_pull) { /* what came between the look and the return must not get lost */
        s->wake_in_pull = false;
        str_add(&s->waiting, "woken ");
        http_exchange_wake(s->x);
        return 0;
    }
    if (s->waiting.len > 0) {
        size_t n = s->waiting.len < max ? s->waiting.len : max;
        memcpy(buf, s->waiting.p, n);
        str_drop_front(&s->waiting, n);
        return (ptrdiff_t)n;
    }
    if (s->produced < s->total) {
        size_t n = s->total - s->produced < max ? s->total - s->produced : max;
        for (size_t i = 0; i < n; i++) {
            buf[i] = (char)('a' + (s->produced + i) % 23);
        }
        s->produced += n;
        return (ptrdiff_t)n;
    }
    return s->cut ? -2 : s->finish ? -1 : 0;
}

static void stream_source(struct fixture *f, struct http_exchange *x)
{
    (void)f;
    source.x = x;
    http_exchange_set_user(x, &source, on_ended);
    http_exchange_stream(x, 200, "application/json;stream=watch", NULL, 0, source.size, pull,
                         &source);
}

static void init(struct fixture *f, enum kind kind)
{
    str_fini(&source.waiting);
    source = (struct source){.size = -1};
    fixture_init(f, kind, NULL);
    f->handler = stream_source;
}

/* The client's side of a stream. */
struct sink {
    struct result r;
    struct str got;
    int status;
    char type[64];
    bool stop;
};

static bool on_data(void *arg, const char *bytes, size_t n)
{
    struct sink *s = arg;
    assert_int_equal(s->status, 200); /* the headers came before */
    str_add_n(&s->got, bytes, n);
    return !s->stop;
}

static void on_headers(void *arg, int status, const char *type)
{
    struct sink *s = arg;
    assert_int_equal(s->status, 0);
    s->status = status;
    str_copy(s->type, sizeof(s->type), type);
}

static void on_done(void *arg, const struct http_response *res)
{
    struct sink *s = arg;
    on_result(&s->r, res);
}

static struct http_call *start_stream(struct fixture *f, struct sink *s)
{
    *s = (struct sink){0};
    cleanup_free char *url = url_of(f, "/watch");
    struct http_request req = {.method = "GET",
                               .url = url,
                               .on_data = on_data,
                               .on_headers = on_headers,
                               .done = on_done,
                               .arg = s};
    return http_client_call(f->client, &req);
}

static void sink_fini(struct sink *s)
{
    str_fini(&s->got);
    result_fini(&s->r);
}

static bool has_got(void *arg)
{
    struct sink *s = arg;
    return s->got.len > 0 && s->got.p[s->got.len - 1] == '\n';
}

static bool has_headers(void *arg)
{
    return ((struct sink *)arg)->status != 0;
}

static bool source_ended(void *arg)
{
    (void)arg;
    return source.ended > 0;
}

static bool has_produced(void *arg)
{
    (void)arg;
    return source.produced > 0;
}

/* Until the source makes no progress any more. */
static void until_stuck(struct fixture *f)
{
    bool never = false;
    size_t before = SIZE_MAX;
    until(f, has_produced, NULL);
    for (int i = 0; i < 1000 && before != source.produced; i++) {
        before = source.produced;
        loop_run_until(f->loop, &never, LOOP_MS(50));
    }
}

static void events_arrive_one_by_one(void **state)
{
    (void)state;
    for (int kind = PLAIN; kind <= UNIX; kind++) {
        struct fixture f;
        struct sink s;
        init(&f, (enum kind)kind);
        start_stream(&f, &s);
        until(&f, has_headers, &s); /* before there is any event */
        assert_string_equal(s.type, "application/json;stream=watch");
        for (int i = 0; i < 5; i++) {
            str_clear(&s.got);
            str_add_f(&source.waiting, "{\"event\":%d}\n", i);
            http_exchange_wake(source.x);
            until(&f, has_got, &s);
            cleanup_free char *want = xasprintf("{\"event\":%d}\n", i);
            assert_string_equal(s.got.p, want);
        }
        unsigned pulls = source.pulls;
        bool never = false;
        loop_run_until(f.loop, &never, LOOP_MS(10));
        assert_int_equal(source.pulls, pulls); /* nobody asks while nothing is there */
        source.finish = true;
        http_exchange_wake(source.x);
        wait_for(&f, &s.r.done);
        assert_int_equal(s.r.status, 200);
        assert_int_equal(s.r.body.len, 0); /* on_data took it */
        assert_int_equal(source.ended, 1);
        sink_fini(&s);
        fixture_fini(&f);
    }
}

static void a_wake_within_the_pull_is_not_lost(void **state)
{
    (void)state;
    struct fixture f;
    struct result r;
    init(&f, PLAIN);
    source.wake_in_pull = true;
    source.finish = true;
    call(&f, "GET", "/", NULL, &r);
    assert_string_equal(str_c(&r.body), "woken ");
    result_fini(&r);
    fixture_fini(&f);
}

static void a_large_stream_is_pulled_whole(void **state)
{
    (void)state;
    for (int kind = PLAIN; kind <= UNIX; kind++) {
        for (int sized = 0; sized < 2; sized++) {
            struct fixture f;
            struct result r;
            init(&f, (enum kind)kind);
            source.total = (size_t)6 << 20;
            source.size = sized ? (int64_t)source.total : -1;
            source.finish = true;
            call(&f, "GET", "/", NULL, &r);
            assert_int_equal(r.status, 200);
            assert_int_equal(r.body.len, source.total);
            for (size_t i = 0; i < r.body.len; i += 997) {
                assert_int_equal(r.body.p[i], 'a' + i % 23);
            }
            result_fini(&r);
            fixture_fini(&f);
        }
    }
}

static void framing_is_what_was_asked_for(void **state)
{
    (void)state;
    struct fixture f;
    init(&f, PLAIN);
    source.finish = true;
    str_add(&source.waiting, "abc");
    int fd = raw_connect(&f);
    cleanup_str struct str got = STR_INIT;
    raw_send(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(raw_read(&f, fd, &got, "0\r\n\r\n"));
    assert_non_null(strstr(got.p, "Transfer-Encoding: chunked\r\n"));
    assert_non_null(strstr(got.p, "\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
    str_clear(&got);
    source.size = 3;
    str_add(&source.waiting, "def");
    raw_send(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(raw_read(&f, fd, &got, "def"));
    assert_non_null(strstr(got.p, "Content-Length: 3\r\n"));
    str_clear(&got);
    source.size = -1;
    source.pulls = 0;
    raw_send(fd, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(raw_read(&f, fd, &got, "\r\n\r\n"));
    until(&f, source_ended, NULL);
    assert_int_equal(source.pulls, 0);
    close(fd);
    fixture_fini(&f);
}

static void a_cut_stream_is_an_error_for_the_client(void **state)
{
    (void)state;
    struct fixture f;
    struct result r;
    init(&f, PLAIN);
    source.cut = true;
    str_add(&source.waiting, "half of it");
    call(&f, "GET", "/", NULL, &r);
    assert_int_equal(r.status, 0);
    assert_int_equal(r.err.code, ERR_UNAVAILABLE);
    assert_int_equal(source.ended, 1);
    result_fini(&r);
    fixture_fini(&f);
}

static void a_peer_that_leaves_ends_its_suspended_stream(void **state)
{
    (void)state;
    for (int kind = PLAIN; kind <= UNIX; kind++) {
        struct fixture f;
        struct sink s;
        init(&f, (enum kind)kind);
        struct http_call *c = start_stream(&f, &s);
        until(&f, has_headers, &s);
        assert_int_equal(source.ended, 0);
        http_call_cancel(c);
        uint64_t start = loop_mono_ns(f.loop);
        until(&f, source_ended, NULL);
        assert_true(loop_mono_ns(f.loop) - start < LOOP_S(5));
        sink_fini(&s);
        fixture_fini(&f);
    }
}

static void many_suspended_peers_that_leave_at_once(void **state)
{
    (void)state;
    struct fixture f;
    init(&f, PLAIN);
    enum { N = 200 };
    int fds[N];
    for (int i = 0; i < N; i++) {
        fds[i] = raw_connect(&f);
        raw_send(fds[i], "GET /watch HTTP/1.1\r\nHost: a\r\n\r\n");
        cleanup_str struct str got = STR_INIT;
        assert_true(raw_read(&f, fds[i], &got, "\r\n\r\n"));
    }
    assert_int_equal(http_server_connections(f.server), N);
    for (int i = 0; i < N; i++) {
        close(fds[i]);
    }
    bool never = false;
    uint64_t end = loop_mono_ns(f.loop) + DEADLINE;
    while (http_server_connections(f.server) > 0 && loop_mono_ns(f.loop) < end) {
        loop_run_until(f.loop, &never, LOOP_MS(1));
    }
    assert_int_equal(http_server_connections(f.server), 0);
    assert_int_equal(source.ended, N);
    fixture_fini(&f);
}

static void stopping_ends_suspended_streams(void **state)
{
    (void)state;
    for (int kind = PLAIN; kind <= UNIX; kind++) {
        struct fixture f;
        struct sink s;
        init(&f, (enum kind)kind);
        start_stream(&f, &s);
        until(&f, has_headers, &s);
        http_server_free(f.server);
        f.server = NULL;
        assert_int_equal(source.ended, 1);
        wait_for(&f, &s.r.done);
        assert_int_equal(s.r.status, 0);
        sink_fini(&s);
        fixture_fini(&f);
    }
}

/* A peer that does not read holds its own connection, not the loop, and not the memory. */
static void a_slow_reader_is_not_read_ahead_for(void **state)
{
    (void)state;
    struct fixture f;
    init(&f, PLAIN);
    source.total = (size_t)256 << 20;
    int fd = raw_connect(&f);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    raw_send(fd, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    until_stuck(&f);
    assert_in_range(source.produced, 1, (size_t)64 << 20);
    close(fd);
    until(&f, source_ended, NULL);
    fixture_fini(&f);
}

/* ---- the client's side ---- */

static void refusing_more_data_ends_the_call(void **state)
{
    (void)state;
    struct fixture f;
    struct sink s;
    init(&f, PLAIN);
    source.total = 10000;
    start_stream(&f, &s);
    s.stop = true;
    wait_for(&f, &s.r.done);
    assert_int_equal(s.r.status, 0);
    assert_int_equal(s.r.err.code, ERR_TIMEOUT);
    assert_non_null(strstr(s.r.err.msg, "cancelled"));
    until(&f, source_ended, NULL);
    sink_fini(&s);
    fixture_fini(&f);
}

static struct http_call *the_call;
static struct fixture *the_fixture;

static bool cancel_in_data(void *arg, const char *bytes, size_t n)
{
    (void)arg;
    (void)bytes;
    (void)n;
    http_call_cancel(the_call);
    return true;
}

static bool free_client_in_data(void *arg, const char *bytes, size_t n)
{
    (void)arg;
    (void)bytes;
    (void)n;
    http_client_free(the_fixture->client);
    the_fixture->client = NULL;
    return true;
}

static void never_done(void *arg, const struct http_response *res)
{
    (void)arg;
    (void)res;
    fail_msg("done was called after the end");
}

static void ending_a_call_within_its_own_data(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct fixture f;
        init(&f, PLAIN);
        source.total = 10000;
        the_fixture = &f;
        cleanup_free char *url = url_of(&f, "/");
        struct http_request req = {.method = "GET",
                                   .url = url,
                                   .done = never_done,
                                   .on_data = how == 0 ? cancel_in_data : free_client_in_data};
        the_call = http_client_call(f.client, &req);
        until(&f, source_ended, NULL);
        fixture_fini(&f);
    }
}

static void a_paused_call_holds_its_peer_back(void **state)
{
    (void)state;
    struct fixture f;
    struct sink s;
    init(&f, TLS);
    source.total = (size_t)32 << 20;
    source.finish = true;
    struct http_call *c = start_stream(&f, &s);
    http_call_pause(c, true);
    until_stuck(&f);
    assert_int_equal(s.got.len, 0);
    assert_in_range(source.produced, 1, source.total - 1);
    http_call_pause(c, false);
    wait_for(&f, &s.r.done);
    assert_int_equal(s.r.status, 200);
    assert_int_equal(s.got.len, source.total);
    sink_fini(&s);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_arrive_one_by_one),
        cmocka_unit_test(a_wake_within_the_pull_is_not_lost),
        cmocka_unit_test(a_large_stream_is_pulled_whole),
        cmocka_unit_test(framing_is_what_was_asked_for),
        cmocka_unit_test(a_cut_stream_is_an_error_for_the_client),
        cmocka_unit_test(a_peer_that_leaves_ends_its_suspended_stream),
        cmocka_unit_test(many_suspended_peers_that_leave_at_once),
        cmocka_unit_test(stopping_ends_suspended_streams),
        cmocka_unit_test(a_slow_reader_is_not_read_ahead_for),
        cmocka_unit_test(refusing_more_data_ends_the_call),
        cmocka_unit_test(ending_a_call_within_its_own_data),
        cmocka_unit_test(a_paused_call_holds_its_peer_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
