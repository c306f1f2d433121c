/* SPDX-License-Identifier: Apache-2.0 */
/* What follows a 101: bytes both ways over plain, TLS and Unix connections, to the last one. */
#include "http_fixture.h"

#include <gnutls/gnutls.h>
#include <poll.h>

#define MIB ((size_t)1 << 20)

/* ---- the server's end ---- */

struct end {
    struct http_tunnel *t;
    struct str got;
    bool echo;
    bool close_at_open; /* after saying `greeting` */
    size_t greeting;    /* so many bytes are said at open */
    size_t refused_at;  /* what had been queued when a write was refused */
    unsigned opened, closed, peer_ended, drained, exchange_ended;
};

static struct end end;

static char pattern(size_t i)
{
    return (char)('A' + i * 31 % 61);
}

static void on_open(void *arg, struct http_tunnel *t)
{
    struct end *e = arg;
    e->t = t;
    e->opened++;
    assert_int_equal(e->exchange_ended, e->opened - 1);
    cleanup_free char *bytes = xmalloc(e->greeting + 1);
    for (size_t i = 0; i < e->greeting; i++) {
        bytes[i] = pattern(i);
    }
    assert_true(http_tunnel_write(t, bytes, e->greeting));
    if (e->close_at_open) {
        http_tunnel_close(t);
    }
}

static void on_data(void *arg, const char *bytes, size_t n)
{
    struct end *e = arg;
    assert_true(n > 0);
    assert_int_equal(e->opened, 1);
    assert_int_equal(e->closed, 0);
    str_add_n(&e->got, bytes, n);
    if (e->echo) {
        assert_true(http_tunnel_write(e->t, bytes, n));
    }
}

static void on_close(void *arg)
{
    struct end *e = arg;
    e->closed++;
    e->t = NULL;
    assert_int_equal(e->exchange_ended, e->opened);
}

static void on_end(void *arg)
{
    ((struct end *)arg)->peer_ended++;
}

static void on_drain(void *arg)
{
    ((struct end *)arg)->drained++;
}

static const struct http_tunnel_ops closes = {on_open, on_data, on_close, NULL, on_drain};
static const struct http_tunnel_ops stays = {on_open, on_data, on_close, on_end, on_drain};
static const struct http_tunnel_ops *ops;

static void on_exchange_ended(void *user)
{
    ((struct end *)user)->exchange_ended++;
}

static void upgrade(struct fixture *f, struct http_exchange *x)
{
    (void)f;
    static const struct http_header headers[] = {{"X-Stream-Protocol-Version", "v4"}};
    assert_string_equal(http_exchange_header(x, "Upgrade"), "tcp");
    http_exchange_set_user(x, &end, on_exchange_ended);
    http_exchange_upgrade(x, "tcp", headers, 1, ops, &end);
}

static void init(struct fixture *f, enum kind kind, const struct http_tunnel_ops *with)
{
    str_fini(&end.got);
    end = (struct end){0};
    ops = with;
    fixture_init(f, kind, NULL);
    f->handler = upgrade;
}

static bool is_closed(void *arg)
{
    (void)arg;
    return end.closed > 0;
}

static bool is_open(void *arg)
{
    (void)arg;
    return end.opened > 0;
}

static bool peer_has_ended(void *arg)
{
    (void)arg;
    return end.peer_ended > 0;
}

static void fini(struct fixture *f)
{
    fixture_fini(f);
    str_fini(&end.got);
    if (end.opened > 0) {
        assert_int_equal(end.opened, 1);
        assert_int_equal(end.closed, 1);
    }
    assert_int_equal(end.exchange_ended, 1);
}

/* ---- a raw peer, perhaps under TLS ---- */

struct peer {
    struct fixture *f;
    int fd;
    gnutls_session_t tls;
    gnutls_certificate_credentials_t cred;
    bool ended;
    bool clean; /* ended with a goodbye */
};

static void turn(struct fixture *f)
{
    bool never = false;
    loop_run_until(f->loop, &never, LOOP_MS(1));
}

static void peer_init(struct peer *p, struct fixture *f)
{
    *p = (struct peer){.f = f, .fd = raw_connect(f)};
    fcntl(p->fd, F_SETFL, fcntl(p->fd, F_GETFL) | O_NONBLOCK);
    if (f->kind != TLS) {
        return;
    }
    gnutls_certificate_allocate_credentials(&p->cred);
    gnutls_init(&p->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
    gnutls_set_default_priority(p->tls);
    gnutls_credentials_set(p->tls, GNUTLS_CRD_CERTIFICATE, p->cred);
    gnutls_transport_set_int(p->tls, p->fd);
    int rc;
    while ((rc = gnutls_handshake(p->tls)) == GNUTLS_E_AGAIN) {
        turn(f);
    }
    assert_int_equal(rc, 0);
}

static void peer_fini(struct peer *p)
{
    if (p->tls != NULL) {
        gnutls_deinit(p->tls);
        gnutls_certificate_free_credentials(p->cred);
    }
    close(p->fd);
}

/* -1: not now. 0 from peer_recv: the other side ended. */
static ssize_t peer_send(struct peer *p, const char *bytes, size_t n)
{
    ssize_t rc =
        p->tls != NULL ? gnutls_record_send(p->tls, bytes, n) : send(p->fd, bytes, n, MSG_NOSIGNAL);
    return rc >= 0 ? rc : -1;
}

static ssize_t peer_recv(struct peer *p, char *bytes, size_t n)
{
    if (p->tls == NULL) {
        ssize_t rc = recv(p->fd, bytes, n, 0);
        p->clean = rc == 0;
        return rc >= 0 ? rc : errno == EAGAIN ? -1 : 0;
    }
    ssize_t rc = gnutls_record_recv(p->tls, bytes, n);
    p->clean = rc == 0;
    return rc >= 0 ? rc : rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED ? -1 : 0;
}

/* Sends all of it while it reads until `want` bytes are there (or the end, with want 0). */
static void peer_talk(struct peer *p, const char *bytes, size_t n, struct str *got, size_t want)
{
    static char buf[65536];
    uint64_t deadline = loop_mono_ns(p->f->loop) + DEADLINE;
    size_t sent = 0;
    while ((sent < n || (want > 0 ? got->len < want : true)) && !p->ended) {
        ssize_t out =
            sent < n ? peer_send(p, bytes + sent, n - sent > 16384 ? 16384 : n - sent) : -1;
        sent += out > 0 ? (size_t)out : 0;
        ssize_t in = peer_recv(p, buf, sizeof(buf));
        if (in > 0) {
            str_add_n(got, buf, (size_t)in);
        }
        p->ended = in == 0;
        if (in < 0 && out < 0) {
            turn(p->f);
        }
        if (loop_mono_ns(p->f->loop) > deadline) {
            fail_msg("kind %d: sent %zu of %zu, got %zu of %zu", p->f->kind, sent, n, got->len,
                     want);
        }
    }
}

static const char request[] = "POST /attach HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                              "Upgrade: tcp\r\nContent-Length: 0\r\n\r\n";

/* Opens the tunnel and leaves in *got what came behind the headers. */
static void peer_open(struct peer *p, struct fixture *f, struct str *got)
{
    peer_init(p, f);
    peer_talk(p, request, sizeof(request) - 1, got, 1);
    while (strstr(got->p, "\r\n\r\n") == NULL) {
        peer_talk(p, "", 0, got, got->len + 1);
    }
    assert_true(str_has_prefix(got->p, "HTTP/1.1 101 "));
    assert_non_null(strstr(got->p, "\r\nUpgrade: tcp\r\n"));
    assert_non_null(strstr(got->p, "\r\nX-Stream-Protocol-Version: v4\r\n"));
    assert_non_null(strcasestr(got->p, "\r\nConnection: Upgrade\r\n"));
    str_drop_front(got, (size_t)(strstr(got->p, "\r\n\r\n") - got->p) + 4);
}

static char *make_bytes(size_t n)
{
    char *bytes = xmalloc(n);
    for (size_t i = 0; i < n; i++) {
        bytes[i] = pattern(i);
    }
    return bytes;
}

/* ---- tests ---- */

static void a_mebibyte_both_ways(void **state)
{
    (void)state;
    for (int kind = PLAIN; kind <= UNIX; kind++) {
        struct fixture f;
        struct peer p;
        cleanup_str struct str got = STR_INIT;
        init(&f, (enum kind)kind, &closes);
        end.echo = true;
        peer_open(&p, &f, &got);
        cleanup_free char *bytes = make_bytes(MIB);
        peer_talk(&p, bytes, MIB, &got, MIB);
        assert_int_equal(got.len, MIB);
        assert_memory_equal(got.p, bytes, MIB);
        assert_int_equal(end.got.len, MIB);
        for (int i = 0; i < 50; i++) { /* then in small pieces, one answer at a time */
            char piece[16];
            snprintf(piece, sizeof(piece), "<%03d>", i);
            str_clear(&got);
            peer_talk(&p, piece, 5, &got, 5);
            assert_string_equal(got.p, piece);
        }
        assert_int_equal(end.closed, 0);
        peer_fini(&p);
        until(&f, is_closed, NULL);
        assert_int_equal(end.exchange_ended, 1);
        fini(&f);
    }
}

static void everything_queued_arrives_before_the_close(void **state)
{
    (void)state;
    for (int kind = PLAIN; kind <= UNIX; kind++) {
        struct fixture f;
        struct peer p;
        cleanup_str struct str got = STR_INIT;
        init(&f, (enum kind)kind, &closes);
        end.greeting = 3 * MIB;
        end.close_at_open = true;
        peer_open(&p, &f, &got);
        peer_talk(&p, "", 0, &got, 0);
        assert_true(p.clean);
        assert_int_equal(got.len, 3 * MIB);
        for (size_t i = 0; i < got.len; i += 101) {
            assert_int_equal(got.p[i], pattern(i));
        }
        until(&f, is_closed, NULL);
        peer_fini(&p);
        fini(&f);
    }
}

static void bytes_right_behind_the_request_are_the_tunnels(void **state)
{
    (void)state;
    struct fixture f;
    init(&f, PLAIN, &closes);
    end.echo = true;
    int fd = raw_connect(&f);
    cleanup_free char *both = xasprintf("%searly bird", request);
    raw_send(fd, both);
    cleanup_str struct str got = STR_INIT;
    assert_true(raw_read(&f, fd, &got, "\r\n\r\nearly bird"));
    close(fd);
    until(&f, is_closed, NULL);
    fini(&f);
}

static void a_half_closed_peer_may_still_be_told(void **state)
{
    (void)state;
    for (int kind = PLAIN; kind <= UNIX; kind++) {
        struct fixture f;
        struct peer p;
        cleanup_str struct str got = STR_INIT;
        init(&f, (enum kind)kind, &stays);
        peer_open(&p, &f, &got);
        assert_int_equal(peer_send(&p, "last words", 10), 10);
        if (p.tls != NULL) {
            gnutls_bye(p.tls, GNUTLS_SHUT_WR);
        } else {
            shutdown(p.fd, SHUT_WR);
        }
        until(&f, peer_has_ended, NULL);
        assert_string_equal(end.got.p, "last words");
        assert_int_equal(end.closed, 0);
        assert_true(http_tunnel_write(end.t, "answer", 6));
        http_tunnel_close(end.t);
        peer_talk(&p, "", 0, &got, 0);
        assert_string_equal(got.p, "answer");
        peer_fini(&p);
        until(&f, is_closed, NULL);
        fini(&f);
    }
}

static void a_peer_that_does_not_read_fills_the_queue(void **state)
{
    (void)state;
    for (int kind = PLAIN; kind <= UNIX; kind++) {
        struct fixture f;
        struct peer p;
        cleanup_str struct str got = STR_INIT;
        init(&f, (enum kind)kind, &closes);
        peer_open(&p, &f, &got);
        cleanup_free char *bytes = make_bytes(MIB);
        size_t taken = 0;
        while (taken < 256 * MIB && http_tunnel_write(end.t, bytes, MIB)) {
            taken += MIB;
            turn(&f);
        }
        assert_in_range(http_tunnel_queued(end.t), 3 * MIB, 4 * MIB);
        assert_true(taken < 256 * MIB);
        assert_int_equal(end.drained, 0);
        peer_talk(&p, "", 0, &got, taken); /* now it reads */
        assert_int_equal(got.len, taken);
        assert_int_equal(end.drained, 1);
        assert_int_equal(http_tunnel_queued(end.t), 0);
        peer_fini(&p);
        until(&f, is_closed, NULL);
        fini(&f);
    }
}

static void a_paused_tunnel_holds_its_peer_back(void **state)
{
    (void)state;
    for (int kind = PLAIN; kind <= UNIX; kind++) {
        struct fixture f;
        struct peer p;
        cleanup_str struct str got = STR_INIT;
        init(&f, (enum kind)kind, &closes);
        peer_open(&p, &f, &got);
        http_tunnel_pause(end.t, true);
        cleanup_free char *bytes = make_bytes(MIB);
        size_t sent = 0;
        for (int idle = 0; idle < 20;) {
            ssize_t n = sent < 64 * MIB ? peer_send(&p, bytes, 16384) : -1;
            sent += n > 0 ? (size_t)n : 0;
            idle = n > 0 ? 0 : idle + 1;
            turn(&f);
        }
        assert_true(sent < 64 * MIB);
        assert_int_equal(end.got.len, 0);
        http_tunnel_pause(end.t, false);
        for (uint64_t stop = loop_mono_ns(f.loop) + DEADLINE; end.got.len < sent;) {
            assert_true(loop_mono_ns(f.loop) < stop);
            turn(&f);
        }
        assert_int_equal(end.got.len, sent);
        peer_fini(&p);
        until(&f, is_closed, NULL);
        fini(&f);
    }
}

static void stopping_the_server_closes_tunnels(void **state)
{
    (void)state;
    for (int kind = PLAIN; kind <= UNIX; kind++) {
        struct fixture f;
        struct peer p;
        cleanup_str struct str got = STR_INIT;
        init(&f, (enum kind)kind, &closes);
        peer_open(&p, &f, &got);
        http_server_free(f.server);
        f.server = NULL;
        assert_int_equal(end.closed, 1);
        peer_talk(&p, "", 0, &got, 0);
        assert_true(p.ended);
        peer_fini(&p);
        fini(&f);
    }
}

static void many_tunnels_at_once(void **state)
{
    (void)state;
    struct fixture f;
    enum { N = 20 };
    struct peer p[N];
    init(&f, TLS, &closes);
    end.echo = false;
    for (int i = 0; i < N; i++) {
        cleanup_str struct str got = STR_INIT;
        peer_open(&p[i], &f, &got);
    }
    assert_int_equal(http_server_connections(f.server), N);
    for (int i = 0; i < N; i++) {
        peer_fini(&p[i]);
    }
    for (uint64_t stop = loop_mono_ns(f.loop) + DEADLINE; http_server_connections(f.server) > 0;) {
        assert_true(loop_mono_ns(f.loop) < stop);
        turn(&f);
    }
    assert_int_equal(end.closed, N);
    end.closed = end.opened = end.exchange_ended = 1;
    fini(&f);
}

/* ---- the client's end: http_upgrade ---- */

struct client {
    struct http_upgrade *u;
    struct str got;
    struct err err;
    unsigned opened, ended, drained;
    bool closed;
    bool free_at_open;
};

static void c_open(void *arg)
{
    struct client *c = arg;
    c->opened++;
    if (c->free_at_open) {
        http_upgrade_free(steal(c->u));
        c->closed = true;
    }
}

static void c_data(void *arg, const char *bytes, size_t n)
{
    struct client *c = arg;
    assert_int_equal(c->opened, 1);
    c->ended += n == 0;
    str_add_n(&c->got, bytes, n);
}

static void c_close(void *arg, const struct err *err)
{
    struct client *c = arg;
    assert_false(c->closed);
    c->closed = true;
    c->err = *err;
}

static void c_drain(void *arg)
{
    ((struct client *)arg)->drained++;
}

static void client_open(struct client *c, struct fixture *f)
{
    struct http_upgrade_opts opts = {.unix_path = f->unix_path,
                                     .method = "POST",
                                     .target = "/v1.41/exec/1/start",
                                     .protocol = "tcp",
                                     .content_type = "application/json",
                                     .body = "{}",
                                     .len = 2,
                                     .on_open = c_open,
                                     .on_data = c_data,
                                     .on_close = c_close,
                                     .on_drain = c_drain,
                                     .arg = c};
    c->u = http_upgrade_new(f->loop, &opts);
}

static void client_fini(struct client *c)
{
    http_upgrade_free(c->u);
    str_fini(&c->got);
}

static void the_client_talks_both_ways(void **state)
{
    (void)state;
    struct fixture f;
    struct client c = {0};
    init(&f, UNIX, &stays);
    end.echo = true;
    client_open(&c, &f);
    assert_true(http_upgrade_write(c.u, "before it is open;", 18));
    cleanup_free char *bytes = make_bytes(MIB);
    assert_true(http_upgrade_write(c.u, bytes, MIB));
    http_upgrade_end(c.u);
    until(&f, peer_has_ended, NULL);
    assert_int_equal(end.got.len, MIB + 18);
    http_tunnel_close(end.t);
    wait_for(&f, &c.closed);
    assert_string_equal(c.err.msg, "");
    assert_int_equal(c.err.code, ERR_NONE);
    assert_int_equal(c.opened, 1);
    assert_int_equal(c.ended, 1);
    assert_int_equal(c.got.len, MIB + 18);
    assert_memory_equal(c.got.p + 18, bytes, MIB);
    client_fini(&c);
    fini(&f);
}

static void the_client_may_free_itself_at_open(void **state)
{
    (void)state;
    struct fixture f;
    struct client c = {.free_at_open = true};
    init(&f, UNIX, &closes);
    end.greeting = 100;
    client_open(&c, &f);
    wait_for(&f, &c.closed);
    until(&f, is_closed, NULL);
    assert_int_equal(c.got.len, 0);
    client_fini(&c);
    fini(&f);
}

static void the_clients_queue_is_bounded_and_drains(void **state)
{
    (void)state;
    struct fixture f;
    struct client c = {0};
    init(&f, UNIX, &closes);
    client_open(&c, &f);
    until(&f, is_open, NULL);
    http_tunnel_pause(end.t, true);
    cleanup_free char *bytes = make_bytes(MIB);
    size_t sent = 0;
    while (http_upgrade_write(c.u, bytes, MIB)) {
        sent += MIB;
        assert_true(sent < 64 * MIB);
        turn(&f);
    }
    assert_in_range(http_upgrade_queued(c.u), 3 * MIB, 4 * MIB);
    http_tunnel_pause(end.t, false);
    for (uint64_t stop = loop_mono_ns(f.loop) + DEADLINE; end.got.len < sent;) {
        assert_true(loop_mono_ns(f.loop) < stop);
        turn(&f);
    }
    assert_int_equal(c.drained, 1);
    assert_int_equal(http_upgrade_queued(c.u), 0);
    client_fini(&c);
    until(&f, is_closed, NULL);
    fini(&f);
}

/* A command that failed at once has still said why: what is read counts, not what is written. */
static void the_last_words_are_heard_while_writing(void **state)
{
    (void)state;
    struct fixture f;
    struct client c = {0};
    init(&f, UNIX, &closes);
    end.greeting = 100000;
    end.close_at_open = true;
    client_open(&c, &f);
    cleanup_free char *bytes = make_bytes(MIB);
    http_upgrade_pause(c.u, true);
    until(&f, is_closed, NULL);
    for (int i = 0; i < 3; i++) {
        http_upgrade_write(c.u, bytes, MIB); /* into a closed socket */
        turn(&f);
    }
    http_upgrade_pause(c.u, false);
    wait_for(&f, &c.closed);
    assert_int_equal(c.got.len, 100000);
    client_fini(&c);
    fini(&f);
}

static void refuse(struct fixture *f, struct http_exchange *x)
{
    (void)f;
    const char *path = http_exchange_query(x);
    (void)path;
    http_exchange_answer(x, 404, "application/json", NULL, 0,
                         xstrdup("{\"message\":\"No such \\\"exec\\\": 1\"}\n"), 35, true);
}

static void a_refusal_carries_the_peers_words(void **state)
{
    (void)state;
    struct fixture f;
    struct client c = {0};
    fixture_init(&f, UNIX, NULL);
    f.handler = refuse;
    client_open(&c, &f);
    wait_for(&f, &c.closed);
    assert_int_equal(c.opened, 0);
    assert_int_equal(c.err.code, ERR_NOT_FOUND);
    assert_string_equal(c.err.msg, "POST /v1.41/exec/1/start: No such \"exec\": 1");
    client_fini(&c);
    fixture_fini(&f);
}

/* A peer that answers with whatever bytes it likes, then closes. */
static void answers_of_all_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        const char *message; /* NULL: it opens */
        const char *data;
    } rows[] = {
        {"HTTP/1.1 101 UPGRADED\r\nA: b\r\n\r\nhello", NULL, "hello"},
        {"HTTP/1.1 200 OK\r\n\r\n", NULL, ""},
        {"HTTP/1.0 200\r\n\r\nx", NULL, "x"},
        {"HTTP/1.1 500 Oops\r\n\r\nplain words\r\n", "plain words", NULL},
        {"HTTP/1.1 409 Conflict\r\ncontent-length:  0\r\n\r\n", "status 409", NULL},
        {"HTTP/1.1 400 Bad\r\nContent-Length: banana\r\n\r\n{\"message\":\"cut", "cut", NULL},
        {"SSH-2.0-OpenSSH\r\n\r\n", "not HTTP", NULL},
        {"HTTP/1.1 abc\r\n\r\n", "not HTTP", NULL},
        {"HTTP/1.1 1", "without an answer", NULL},
        {"", "without an answer", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f = {.loop = loop_new(), .kind = UNIX};
        struct client c = {0};
        int listener = listen_on(&f);
        client_open(&c, &f);
        turn(&f);
        int fd = accept(listener, NULL, NULL);
        cleanup_str struct str got = STR_INIT;
        assert_true(raw_read(&f, fd, &got, "\r\n\r\n{}"));
        assert_non_null(strstr(got.p, "POST /v1.41/exec/1/start HTTP/1.1\r\n"));
        assert_non_null(strstr(got.p, "\r\nContent-Length: 2\r\n"));
        for (const char *b = rows[i].answer; *b != '\0'; b++) { /* byte by byte */
            assert_int_equal(send(fd, b, 1, MSG_NOSIGNAL), 1);
            turn(&f);
        }
        close(fd);
        wait_for(&f, &c.closed);
        assert_int_equal(c.opened, rows[i].message == NULL);
        if (rows[i].message != NULL && strstr(c.err.msg, rows[i].message) == NULL) {
            fail_msg("row %zu: %s", i, c.err.msg);
        }
        assert_string_equal(str_c(&c.got), rows[i].data != NULL ? rows[i].data : "");
        client_fini(&c);
        close(listener);
        unlink(f.unix_path);
        loop_free(f.loop);
    }
}

static void endless_headers_are_refused(void **state)
{
    (void)state;
    struct fixture f = {.loop = loop_new(), .kind = UNIX};
    struct client c = {0};
    int listener = listen_on(&f);
    client_open(&c, &f);
    turn(&f);
    int fd = accept(listener, NULL, NULL);
    raw_send(fd, "HTTP/1.1 101 OK\r\n");
    for (int i = 0; i < 1000 && !c.closed; i++) {
        send(fd, "X-Filler: 0123456789012345678901234567890123456789\r\n", 52, MSG_NOSIGNAL);
        turn(&f);
    }
    assert_true(c.closed);
    assert_non_null(strstr(c.err.msg, "longer than"));
    close(fd);
    client_fini(&c);
    close(listener);
    unlink(f.unix_path);
    loop_free(f.loop);
}

static void nobody_listens(void **state)
{
    (void)state;
    struct fixture f = {.loop = loop_new(), .kind = UNIX};
    struct client c = {0};
    str_copy(f.unix_path, sizeof(f.unix_path), "/nonexistent/podlab.sock");
    client_open(&c, &f);
    assert_false(c.closed); /* not under the caller's feet */
    wait_for(&f, &c.closed);
    assert_int_equal(c.err.code, ERR_UNAVAILABLE);
    assert_string_equal(c.err.msg, "POST /v1.41/exec/1/start: connect to /nonexistent/podlab.sock: "
                                   "No such file or directory");
    client_fini(&c);
    client_open(&c, &f); /* and freeing it before it began tells nobody */
    c.closed = false;
    client_fini(&c);
    loop_run(f.loop);
    assert_false(c.closed);
    loop_free(f.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mebibyte_both_ways),
        cmocka_unit_test(everything_queued_arrives_before_the_close),
        cmocka_unit_test(bytes_right_behind_the_request_are_the_tunnels),
        cmocka_unit_test(a_half_closed_peer_may_still_be_told),
        cmocka_unit_test(a_peer_that_does_not_read_fills_the_queue),
        cmocka_unit_test(a_paused_tunnel_holds_its_peer_back),
        cmocka_unit_test(stopping_the_server_closes_tunnels),
        cmocka_unit_test(many_tunnels_at_once),
        cmocka_unit_test(the_client_talks_both_ways),
        cmocka_unit_test(the_client_may_free_itself_at_open),
        cmocka_unit_test(the_clients_queue_is_bounded_and_drains),
        cmocka_unit_test(the_last_words_are_heard_while_writing),
        cmocka_unit_test(a_refusal_carries_the_peers_words),
        cmocka_unit_test(answers_of_all_kinds),
        cmocka_unit_test(endless_headers_are_refused),
        cmocka_unit_test(nobody_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
