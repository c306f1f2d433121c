/* SPDX-License-Identifier: Apache-2.0 */
/* exec, attach and port-forward as they are spoken on the wire: WebSockets, SPDY, and SPDY in a
 * WebSocket; below is a pipe that does what the test wants. */
#include "fixture.h"

#include "common/vec.h"

#include "spdy_client.h"

#define EXEC PODS "/p/exec?command=sh&command=-c&stdout=1&stderr=1"
#define WS_HEADERS(protocol)                                                                       \
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " protocol "\r\n"
#define SPDY_HEADERS(protocol)                                                                     \
    "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n"                            \
    "X-Stream-Protocol-Version: v9\r\nX-Stream-Protocol-Version: " protocol "\r\n"

/* ---- the host's agent ---- */

struct pipe {
    struct api_pipe api;
    struct agent *agent;
    const struct api_pipe_events *ev;
    void *arg;
    int port;
    struct str got; /* of the caller */
    bool ended, freed, full;
    unsigned width, height, resumed;
};

struct agent {
    VEC(struct pipe *) pipes; /* in the order of their opening; freed ones, too */
    struct err refuse_check, refuse_open;
    bool take_no_more; /* every write is the last for a while */
    char command[64];
    unsigned width, height;
    bool tty, in, out, err;
};

static struct pipe *of(struct api_pipe *api)
{
    return container_of(api, struct pipe, api);
}

static bool pipe_write(struct api_pipe *api, const char *bytes, size_t n)
{
    str_add_n(&of(api)->got, bytes, n);
    of(api)->full = of(api)->agent->take_no_more;
    return !of(api)->full;
}

static void pipe_end(struct api_pipe *api)
{
    of(api)->ended = true;
}

static void pipe_resize(struct api_pipe *api, unsigned width, unsigned height)
{
    of(api)->width = width;
    of(api)->height = height;
}

static void pipe_resume(struct api_pipe *api)
{
    of(api)->resumed++;
}

static void pipe_free(struct api_pipe *api)
{
    assert_false(of(api)->freed);
    of(api)->freed = true;
}

static void note_request(struct agent *a, const struct api_connect *c)
{
    a->command[0] = '\0';
    for (char **w = c->command; w != NULL && *w != NULL; w++) {
        size_t n = strlen(a->command);
        snprintf(a->command + n, sizeof(a->command) - n, "%s%s", n > 0 ? " " : "", *w);
    }
    a->width = c->width;
    a->height = c->height;
    a->tty = c->tty;
    a->in = c->stdin_open;
    a->out = c->stdout_open;
    a->err = c->stderr_open;
}

static int agent_connect(void *arg, const struct api_connect *c, const struct api_pipe_events *ev,
                         void *ev_arg, struct api_pipe **ret, struct err *err)
{
    struct agent *a = arg;
    const struct err *why = ret == NULL ? &a->refuse_check : &a->refuse_open;
    note_request(a, c);
    if (why->code != ERR_NONE) {
        *err = *why;
        return -1;
    }
    if (ret != NULL) {
        struct pipe *p = xnew(struct pipe);
        p->api = (struct api_pipe){pipe_write, pipe_end, pipe_resize, pipe_resume, pipe_free};
        p->agent = a;
        p->ev = ev;
        p->arg = ev_arg;
        p->port = c->port;
        vec_push(&a->pipes, p);
        *ret = &p->api;
    }
    return 0;
}

/* ---- a caller under TLS ---- */

struct peer {
    struct fixture *f;
    int fd;
    gnutls_session_t tls;
    gnutls_certificate_credentials_t cred;
    struct str got;
    bool ended;
};

static void peer_init(struct peer *p, struct fixture *f)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)f->port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    *p = (struct peer){.f = f, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(connect(p->fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    fcntl(p->fd, F_SETFL, fcntl(p->fd, F_GETFL) | O_NONBLOCK);
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
    gnutls_deinit(p->tls);
    gnutls_certificate_free_credentials(p->cred);
    close(p->fd);
    str_fini(&p->got);
}

static void peer_send(struct peer *p, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t rc = gnutls_record_send(p->tls, bytes, n);
        assert_true(rc > 0 || rc == GNUTLS_E_AGAIN);
        if (rc > 0) {
            bytes += rc;
            n -= (size_t)rc;
        } else {
            turn(p->f);
        }
    }
}

static void peer_recv(struct peer *p)
{
    static char buf[65536];
    ssize_t rc = gnutls_record_recv(p->tls, buf, sizeof(buf));
    if (rc > 0) {
        str_add_n(&p->got, buf, (size_t)rc);
    } else if (rc != GNUTLS_E_AGAIN && rc != GNUTLS_E_INTERRUPTED) {
        p->ended = true;
    }
}

/* What is left of a message, which is taken when the process takes more. */
static void peer_send_while_drained(struct fixture *f, struct peer *peer, struct pipe *p,
                                    const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t rc = gnutls_record_send(peer->tls, bytes, n < 16384 ? n : 16384);
        bytes += rc > 0 ? rc : 0;
        n -= rc > 0 ? (size_t)rc : 0;
        p->ev->on_drain(p->arg);
        turn(f);
    }
}

/* Lets both go on until `test` holds. */
#define UNTIL(p, test)                                                                             \
    do {                                                                                           \
        uint64_t end_ = loop_mono_ns((p)->f->loop) + DEADLINE;                                     \
        while (!(test)) {                                                                          \
            turn((p)->f);                                                                          \
            peer_recv(p);                                                                          \
            if (loop_mono_ns((p)->f->loop) > end_) {                                               \
                fail_msg("never: %s; got %zu bytes", #test, (p)->got.len);                         \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static bool has(const struct peer *p, const char *bytes, size_t n)
{
    return p->got.len >= n && memmem(p->got.p, p->got.len, bytes, n) != NULL;
}

static void ask_upgrade(struct peer *p, const char *method, const char *path, const char *headers)
{
    cleanup_free char *text =
        xasprintf("%s %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret\r\n%s\r\n", method,
                  path, headers);
    peer_send(p, text, strlen(text));
    UNTIL(p, has(p, "\r\n\r\n", 4));
}

static void expect_101(struct peer *p, const char *header)
{
    if (!str_has_prefix(p->got.p, "HTTP/1.1 101 ") || strstr(p->got.p, header) == NULL) {
        fail_msg("no 101 with %s: %s", header, p->got.p);
    }
    str_drop_front(&p->got, (size_t)(strstr(p->got.p, "\r\n\r\n") - p->got.p) + 4);
}

static void ws_say(struct peer *p, const char *bytes, size_t n)
{
    cleanup_str struct str frame = STR_INIT;
    str_add_c(&frame, (char)0x82);
    if (n < 126) {
        str_add_c(&frame, (char)(0x80 | n));
    } else {
        str_add_c(&frame, (char)(0x80 | 127));
        for (int i = 7; i >= 0; i--) {
            str_add_c(&frame, (char)((uint64_t)n >> (8 * i)));
        }
    }
    str_add_n(&frame, "\0\0\0\0", 4); /* a mask that changes nothing */
    str_add_n(&frame, bytes, n);
    peer_send(p, frame.p, frame.len);
}

/* ---- both ---- */

struct rig {
    struct fixture f;
    struct agent agent;
    struct peer peer;
};

static const struct api_node_ops node_ops = {.connect = agent_connect};

static void rig_set_up(struct rig *r)
{
    struct err err;
    set_up(&r->f);
    r->agent = (struct agent){0};
    json_t *pod = json_pack("{s:s, s:s, s:{s:s}, s:{s:s, s:[{s:s, s:s}]}}", "apiVersion", "v1",
                            "kind", "Pod", "metadata", "name", "p", "spec", "nodeName", "worker-1",
                            "containers", "name", "c", "image", "i");
    if (client_create(r->f.client, kinds_find_gr("pods"), "default", pod, NULL, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    api_set_node(r->f.api, "worker-1", &node_ops, &r->agent);
    peer_init(&r->peer, &r->f);
}

static void rig_tear_down(struct rig *r)
{
    peer_fini(&r->peer);
    tear_down(&r->f);
    for (size_t i = 0; i < r->agent.pipes.n; i++) {
        assert_true(r->agent.pipes.v[i]->freed);
        str_fini(&r->agent.pipes.v[i]->got);
        free(r->agent.pipes.v[i]);
    }
    vec_fini(&r->agent.pipes);
}

static struct pipe *wait_for_pipe(struct rig *r, size_t n)
{
    UNTIL(&r->peer, r->agent.pipes.n >= n);
    return r->agent.pipes.v[n - 1];
}

static struct pipe *open_exec(struct rig *r, const char *path)
{
    rig_set_up(r);
    ask_upgrade(&r->peer, "GET", path, WS_HEADERS("v9, v5.channel.k8s.io"));
    expect_101(&r->peer, "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n");
    return wait_for_pipe(r, 1);
}

static void end_pipe(struct pipe *p, int exit_code, const char *why)
{
    struct err err = {0};
    if (why != NULL) {
        err_set(&err, ERR_UNAVAILABLE, "%s", why);
    }
    p->ev->on_end(p->arg, exit_code, &err);
}

/* The goodbye after the Status; the peer answers it. */
static void expect_goodbye(struct rig *r)
{
    UNTIL(&r->peer, has(&r->peer, "\x88\x02\x03\xe8", 4));
    peer_send(&r->peer, "\x88\x82\0\0\0\0\x03\xe8", 8);
    UNTIL(&r->peer, r->peer.ended);
}

/* ---- WebSockets ---- */

static void output_and_exit_code(void **state)
{
    struct rig r;
    (void)state;
    struct pipe *p = open_exec(&r, EXEC);
    assert_string_equal(r.agent.command, "sh -c");
    assert_true(r.agent.out && r.agent.err && !r.agent.in && !r.agent.tty);
    assert_true(p->ev->on_output(p->arg, 1, "out", 3));
    assert_true(p->ev->on_output(p->arg, 2, "err", 3));
    UNTIL(&r.peer, has(&r.peer,
                       "\x82\x04\x01out\x82\x04\x02"
                       "err",
                       12));
    end_pipe(p, 7, NULL);
    UNTIL(&r.peer, has(&r.peer, "NonZeroExitCode", 15));
    assert_true(has(&r.peer, "\"reason\":\"ExitCode\",\"message\":\"7\"", 33));
    assert_true(has(&r.peer, "\"status\":\"Failure\"", 18));
    assert_true(p->freed);
    expect_goodbye(&r);
    rig_tear_down(&r);
}

static void success_and_failure(void **state)
{
    struct rig r;
    (void)state;
    struct pipe *p = open_exec(&r, EXEC);
    end_pipe(p, 0, NULL);
    UNTIL(&r.peer, has(&r.peer, "\x03{\"metadata\":{},\"status\":\"Success\"}", 35));
    expect_goodbye(&r);
    rig_tear_down(&r);

    p = open_exec(&r, EXEC);
    end_pipe(p, 0, "no such program");
    static const char said[] = "Internal error occurred: error executing command in container: no "
                               "such program";
    UNTIL(&r.peer, has(&r.peer, said, sizeof(said) - 1));
    assert_true(has(&r.peer, "\"reason\":\"InternalError\"", 24));
    expect_goodbye(&r);
    rig_tear_down(&r);
}

static void input_until_its_end(void **state)
{
    struct rig r;
    (void)state;
    struct pipe *p = open_exec(&r, EXEC "&stdin=true");
    assert_true(r.agent.in);
    ws_say(&r.peer, "\0hello ", 7);
    ws_say(&r.peer, "\0", 1);
    ws_say(&r.peer, "", 0);
    ws_say(&r.peer, "\x07what is this", 13);
    ws_say(&r.peer, "\0world", 6);
    ws_say(&r.peer, "\xff\0", 2);
    UNTIL(&r.peer, p->ended);
    assert_string_equal(str_c(&p->got), "hello world");
    ws_say(&r.peer, "\0late", 5);
    end_pipe(p, 0, NULL);
    expect_goodbye(&r);
    assert_string_equal(str_c(&p->got), "hello world");
    rig_tear_down(&r);
}

/* stdin was not asked for: what comes there is for nobody. */
static void input_that_was_not_asked_for(void **state)
{
    struct rig r;
    (void)state;
    struct pipe *p = open_exec(&r, EXEC);
    ws_say(&r.peer, "\0hello", 6);
    ws_say(&r.peer, "\xff\0", 2);
    UNTIL(&r.peer, p->ended);
    assert_int_equal(p->got.len, 0);
    rig_tear_down(&r);
}

static void a_terminal_knows_its_size(void **state)
{
    struct rig r;
    (void)state;
    rig_set_up(&r);
    ask_upgrade(&r.peer, "GET", EXEC "&stdin=1&tty=1", WS_HEADERS("v5.channel.k8s.io"));
    expect_101(&r.peer, "v5");
    ws_say(&r.peer, "\x04{\"Width\":80,\"Hei", 17);
    ws_say(&r.peer, "\x04ght\":24}\n", 10);
    struct pipe *p = wait_for_pipe(&r, 1);
    assert_true(r.agent.tty && !r.agent.err);
    assert_int_equal(r.agent.width, 80);
    assert_int_equal(r.agent.height, 24);
    ws_say(&r.peer, "\x04{\"Width\":0,\"Height\":1}{\"Width\":70000,\"Height\":1}junk}{]}", 57);
    ws_say(&r.peer, "\x04{\"Width\":132,\"Height\":43}", 26);
    UNTIL(&r.peer, p->width == 132);
    assert_int_equal(p->height, 43);
    rig_tear_down(&r);

    rig_set_up(&r); /* one that never says it is not waited for */
    ask_upgrade(&r.peer, "GET", EXEC "&stdin=1&tty=1", WS_HEADERS("v5.channel.k8s.io"));
    expect_101(&r.peer, "v5");
    ws_say(&r.peer, "\0early", 6);
    p = wait_for_pipe(&r, 1);
    assert_int_equal(r.agent.width, 0);
    assert_string_equal(str_c(&p->got), "early");
    rig_tear_down(&r);
}

static void version_four_has_no_end_of_input(void **state)
{
    struct rig r;
    (void)state;
    rig_set_up(&r);
    ask_upgrade(&r.peer, "GET", EXEC "&stdin=1",
                WS_HEADERS("v4.channel.k8s.io, v5.channel.k8s.io"));
    expect_101(&r.peer, "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n");
    struct pipe *p = wait_for_pipe(&r, 1);
    ws_say(&r.peer, "\xff\0", 2);
    ws_say(&r.peer, "\0more", 5);
    UNTIL(&r.peer, p->got.len == 4);
    assert_false(p->ended);
    rig_tear_down(&r);
}

static void who_leaves_takes_the_pipe_along(void **state)
{
    struct rig r;
    (void)state;
    struct pipe *p = open_exec(&r, EXEC "&stdin=1");
    shutdown(r.peer.fd, SHUT_RDWR);
    UNTIL(&r.peer, p->freed);
    rig_tear_down(&r);

    p = open_exec(&r, EXEC "&stdin=1"); /* also while its input waits */
    r.agent.take_no_more = true;
    ws_say(&r.peer, "\0x", 2);
    UNTIL(&r.peer, p->full);
    ws_say(&r.peer, "\0y", 2);
    shutdown(r.peer.fd, SHUT_RDWR);
    UNTIL(&r.peer, p->freed);
    assert_string_equal(p->got.p, "x");
    rig_tear_down(&r);
}

/* A caller that does not read: the process is made to wait, and what waits is bounded. */
static void a_slow_caller_stops_the_process(void **state)
{
    struct rig r;
    static char piece[32768];
    (void)state;
    struct pipe *p = open_exec(&r, EXEC);
    size_t given = 0;
    while (p->ev->on_output(p->arg, 1, piece, sizeof(piece))) {
        given += sizeof(piece);
        bool never = false;
        loop_run_until(r.f.loop, &never, LOOP_MS(1));
        assert_true(given < (size_t)64 << 20);
    }
    assert_int_equal(p->resumed, 0);
    UNTIL(&r.peer, p->resumed > 0);
    end_pipe(p, 0, NULL);
    expect_goodbye(&r);
    rig_tear_down(&r);
}

static void a_slow_process_stops_the_caller(void **state)
{
    struct rig r;
    static char piece[1 << 20];
    (void)state;
    struct pipe *p = open_exec(&r, EXEC "&stdin=1");
    r.agent.take_no_more = true;
    cleanup_str struct str message = STR_INIT;
    str_add_n(&message, "\x82\xff\0\0\0\0\0\x10\0\0\0\0\0\0", 14);
    str_add_n(&message, piece, sizeof(piece));
    size_t sent = 0;
    for (int quiet = 0; quiet < 50 && sent < message.len; quiet++) { /* until no more is taken */
        size_t n = message.len - sent < 16384 ? message.len - sent : 16384;
        ssize_t rc = gnutls_record_send(r.peer.tls, message.p + sent, n);
        sent += rc > 0 ? (size_t)rc : 0;
        quiet = rc > 0 ? 0 : quiet;
        turn(&r.f);
    }
    assert_true(p->full);
    assert_true(p->got.len <= (size_t)128 << 10);
    peer_send_while_drained(&r.f, &r.peer, p, message.p + sent, message.len - sent);
    for (int i = 0; i < 1000 && p->got.len < sizeof(piece) - 1; i++) {
        p->ev->on_drain(p->arg);
        turn(&r.f);
    }
    assert_int_equal(p->got.len, sizeof(piece) - 1);
    rig_tear_down(&r);
}

static void refusals(void **state)
{
    static const struct {
        const char *method, *path, *headers, *answer, *text;
    } rows[] = {
        {"GET", PODS "/p/exec?stdout=1", WS_HEADERS("v5.channel.k8s.io"), " 400 ",
         "at least one command"},
        {"GET", PODS "/p/exec?command=a", WS_HEADERS("v5.channel.k8s.io"), " 400 ",
         "at least 1 of stdin, stdout, stderr"},
        {"GET", PODS "/p/exec?command=a&stdout=1&container=x", WS_HEADERS("v5.channel.k8s.io"),
         " 400 ", "container x is not valid for pod p"},
        {"GET", PODS "/none/exec?command=a&stdout=1", WS_HEADERS("v5.channel.k8s.io"), " 404 ",
         "pods \\\"none\\\" not found"},
        {"GET", EXEC, WS_HEADERS("v1, channel.k8s.io"), " 400 ", "v5.channel.k8s.io"},
        {"GET", EXEC, "", " 400 ", "Upgrade request required"},
        {"POST", EXEC, SPDY_HEADERS("v1"), " 400 ", "v4.channel.k8s.io"},
        {"POST", EXEC, "Connection: Upgrade\r\nUpgrade: SPDY/2\r\nContent-Length: 0\r\n", " 400 ",
         "SPDY/3.1"},
        {"PUT", EXEC, "Content-Length: 0\r\n", " 405 ", "MethodNotAllowed"},
        {"GET", PODS "/p/portforward", WS_HEADERS("v5.channel.k8s.io"), " 400 ",
         "SPDY/3.1+portforward.k8s.io"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rig r;
        rig_set_up(&r);
        ask_upgrade(&r.peer, rows[i].method, rows[i].path, rows[i].headers);
        UNTIL(&r.peer, has(&r.peer, "}", 1));
        if (!has(&r.peer, rows[i].answer, 5) || !has(&r.peer, rows[i].text, strlen(rows[i].text))) {
            fail_msg("row %zu: %s", i, r.peer.got.p);
        }
        assert_int_equal(r.agent.pipes.n, 0);
        rig_tear_down(&r);
    }
}

static void what_the_agent_refuses(void **state)
{
    struct rig r;
    (void)state;
    rig_set_up(&r);
    err_set(&r.agent.refuse_check, ERR_INTERNAL, "container not found");
    ask_upgrade(&r.peer, "GET", EXEC, WS_HEADERS("v5.channel.k8s.io"));
    UNTIL(&r.peer, has(&r.peer, "container not found", 19));
    assert_true(has(&r.peer, " 500 ", 5));
    rig_tear_down(&r);

    rig_set_up(&r); /* between the check and the opening */
    err_set(&r.agent.refuse_open, ERR_NOT_FOUND, "pod does not exist");
    ask_upgrade(&r.peer, "GET", EXEC, WS_HEADERS("v5.channel.k8s.io"));
    expect_101(&r.peer, "v5");
    UNTIL(&r.peer, has(&r.peer, "pod does not exist", 18));
    assert_true(has(&r.peer, "\"reason\":\"NotFound\"", 19));
    expect_goodbye(&r);
    rig_tear_down(&r);

    rig_set_up(&r);
    api_set_node(r.f.api, "worker-1", NULL, NULL);
    ask_upgrade(&r.peer, "GET", EXEC, WS_HEADERS("v5.channel.k8s.io"));
    UNTIL(&r.peer, has(&r.peer, "error dialing backend: dial tcp", 31));
    assert_true(has(&r.peer, "no route to host", 16));
    rig_tear_down(&r);
}

static void the_server_may_stop_first(void **state)
{
    struct rig r;
    (void)state;
    open_exec(&r, EXEC "&stdin=1");
    rig_tear_down(&r);

    rig_set_up(&r); /* also between the request and the switch */
    static const char request[] = "GET " EXEC " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
                                  "secret\r\n" WS_HEADERS("v5.channel.k8s.io") "\r\n";
    peer_send(&r.peer, request, sizeof(request) - 1);
    rig_tear_down(&r);
}

/* ---- SPDY ---- */

static void spdy_flush(struct rig *r, struct spdy_client *c, const char *until)
{
    peer_send(&r->peer, str_c(&c->out), c->out.len);
    str_clear(&c->out);
    uint64_t end = loop_mono_ns(r->f.loop) + DEADLINE;
    while (strstr(str_c(&c->said), until) == NULL) {
        turn(&r->f);
        peer_recv(&r->peer);
        str_add_n(&c->in, r->peer.got.p, r->peer.got.len);
        str_clear(&r->peer.got);
        spdy_read(c);
        if (loop_mono_ns(r->f.loop) > end) {
            fail_msg("no \"%s\" in \"%s\"", until, str_c(&c->said));
        }
    }
}

static void exec_over_spdy(void **state)
{
    struct rig r;
    struct spdy_client c;
    (void)state;
    rig_set_up(&r);
    spdy_client_init(&c);
    ask_upgrade(&r.peer, "POST", EXEC "&stdin=1", SPDY_HEADERS("v4.channel.k8s.io"));
    expect_101(&r.peer, "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n");
    SPDY_OPEN(&c, 1, 0, "streamtype=error");
    SPDY_OPEN(&c, 3, 0, "streamtype=stdin");
    SPDY_OPEN(&c, 5, 0, "streamtype=stdout");
    spdy_flush(&r, &c, "reply1 reply3 reply5 ");
    assert_int_equal(r.agent.pipes.n, 0); /* one is missing */
    SPDY_OPEN(&c, 7, 0, "streamtype=stderr");
    spdy_flush(&r, &c, "reply7 ");
    struct pipe *p = wait_for_pipe(&r, 1);
    spdy_data(&c, 3, 0, "input", 5);
    spdy_data(&c, 3, 1, "", 0);
    SPDY_OPEN(&c, 9, 0, "streamtype=stdout");
    spdy_flush(&r, &c, "rst9:3 ");
    UNTIL(&r.peer, p->ended);
    assert_string_equal(str_c(&p->got), "input");
    p->ev->on_output(p->arg, 1, "out", 3);
    p->ev->on_output(p->arg, 2, "err", 3);
    spdy_flush(&r, &c, "data5=out data7=err ");
    end_pipe(p, 3, NULL);
    spdy_flush(&r, &c, "fin1 ");
    assert_non_null(strstr(c.said.p, "\"message\":\"3\""));
    assert_non_null(strstr(c.said.p, "fin5 "));
    peer_fini(&r.peer);
    peer_init(&r.peer, &r.f);
    UNTIL(&r.peer, p->freed);
    spdy_client_fini(&c);
    rig_tear_down(&r);
}

static void a_terminal_over_spdy(void **state)
{
    struct rig r;
    struct spdy_client c;
    (void)state;
    rig_set_up(&r);
    spdy_client_init(&c);
    ask_upgrade(&r.peer, "POST", EXEC "&stdin=1&tty=1", SPDY_HEADERS("v4.channel.k8s.io"));
    expect_101(&r.peer, "v4");
    SPDY_OPEN(&c, 1, 0, "streamtype=error");
    SPDY_OPEN(&c, 3, 0, "streamtype=stdin");
    SPDY_OPEN(&c, 5, 0, "streamtype=stdout");
    SPDY_OPEN(&c, 7, 0, "streamtype=resize");
    spdy_data(&c, 7, 0, "{\"Width\":90,\"Height\":30}\n", 25);
    spdy_flush(&r, &c, "reply7 ");
    struct pipe *p = wait_for_pipe(&r, 1);
    assert_int_equal(r.agent.width, 90);
    spdy_data(&c, 7, 0, "{\"Width\":91,\"Height\":31}\n", 25);
    spdy_flush(&r, &c, "");
    UNTIL(&r.peer, p->width == 91);
    spdy_words(&c, 3, 3, 5, 8); /* stdin is reset: no more comes */
    spdy_flush(&r, &c, "");
    UNTIL(&r.peer, p->ended);
    spdy_client_fini(&c);
    rig_tear_down(&r);
}

/* ---- ports ---- */

static void ws_flush(struct rig *r, struct spdy_client *c)
{
    for (size_t at = 0, n = 1; at < c->out.len; at += n, n = n % 7 + 1) { /* odd slices */
        n = c->out.len - at < n ? c->out.len - at : n;
        ws_say(&r->peer, c->out.p + at, n);
    }
    str_clear(&c->out);
}

/* Takes the frames of the server's messages out of its bytes. */
static void ws_read(struct rig *r, struct spdy_client *c)
{
    struct str *got = &r->peer.got;
    while (got->len >= 2 && (unsigned char)got->p[0] == 0x82) {
        size_t n = (unsigned char)got->p[1], head = 2;
        if (n == 126) {
            if (got->len < 4) {
                return;
            }
            n = spdy_get(got->p + 2, 2);
            head = 4;
        }
        if (got->len < head + n) {
            return;
        }
        str_add_n(&c->in, got->p + head, n);
        str_drop_front(got, head + n);
    }
    spdy_read(c);
}

#define UNTIL_SAID(r, c, text)                                                                     \
    UNTIL(&(r)->peer, (ws_read(r, c), strstr(str_c(&(c)->said), text) != NULL))

static void open_forward(struct rig *r, struct spdy_client *c)
{
    rig_set_up(r);
    spdy_client_init(c);
    ask_upgrade(&r->peer, "GET", PODS "/p/portforward", WS_HEADERS("SPDY/3.1+portforward.k8s.io"));
    expect_101(&r->peer, "Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io\r\n");
    struct pipe *watch = wait_for_pipe(r, 1);
    assert_int_equal(watch->port, 0);
}

static struct pipe *open_port(struct rig *r, struct spdy_client *c, uint32_t id, const char *port,
                              const char *request)
{
    cleanup_free char *p = xasprintf("port=%s", port), *q = xasprintf("requestid=%s", request);
    size_t before = r->agent.pipes.n;
    SPDY_OPEN(c, id, 1, "streamtype=error", p, q);
    SPDY_OPEN(c, id + 2, 0, "streamtype=data", p, q);
    ws_flush(r, c);
    return wait_for_pipe(r, before + 1);
}

static void connections_side_by_side(void **state)
{
    struct rig r;
    struct spdy_client c;
    (void)state;
    open_forward(&r, &c);
    struct pipe *a = open_port(&r, &c, 1, "80", "0");
    struct pipe *b = open_port(&r, &c, 5, "81", "1");
    assert_int_equal(a->port, 80);
    assert_int_equal(b->port, 81);
    spdy_data(&c, 3, 0, "to a", 4);
    spdy_data(&c, 7, 0, "to b", 4);
    spdy_data(&c, 3, 1, "", 0);
    ws_flush(&r, &c);
    UNTIL(&r.peer, a->ended && b->got.len == 4);
    assert_string_equal(a->got.p, "to a");
    assert_string_equal(b->got.p, "to b");
    assert_false(b->ended);
    a->ev->on_output(a->arg, 1, "from a", 6); /* after the caller's half has ended */
    end_pipe(a, 0, NULL);
    UNTIL_SAID(&r, &c, "data3=from a fin3 fin1 ");
    assert_true(a->freed);
    b->ev->on_output(b->arg, 1, "from b", 6);
    UNTIL_SAID(&r, &c, "data7=from b ");
    spdy_words(&c, 3, 7, 5, 8); /* the caller resets it */
    ws_flush(&r, &c);
    UNTIL(&r.peer, b->freed);
    spdy_client_fini(&c);
    rig_tear_down(&r);
}

/* A wrong port is explained; one that worked before may come back. */
static void refused_connections(void **state)
{
    struct rig r;
    struct spdy_client c;
    (void)state;
    open_forward(&r, &c);
    struct pipe *a = open_port(&r, &c, 1, "80", "0");
    end_pipe(a, 0, "dial tcp4 127.0.0.1:80: connect: connection refused");
    UNTIL_SAID(&r, &c, "fin1 ");
    assert_non_null(strstr(c.said.p, "data1=error forwarding port 80 to pod "));
    assert_non_null(strstr(c.said.p, "connection refused"));
    a = open_port(&r, &c, 5, "81", "1");
    a->ev->on_output(a->arg, 1, "x", 1);
    end_pipe(a, 0, NULL);
    UNTIL_SAID(&r, &c, "fin7 fin5 ");
    a = open_port(&r, &c, 9, "81", "2");
    end_pipe(a, 0, "dial tcp4 127.0.0.1:81: connect: connection refused");
    UNTIL_SAID(&r, &c, "fin11 fin9 ");
    assert_null(strstr(c.said.p, "data9="));
    spdy_client_fini(&c);
    rig_tear_down(&r);
}

static void streams_that_make_no_sense(void **state)
{
    struct rig r;
    struct spdy_client c;
    (void)state;
    open_forward(&r, &c);
    SPDY_OPEN(&c, 1, 0, "streamtype=data", "port=0", "requestid=1");
    SPDY_OPEN(&c, 3, 0, "streamtype=data", "port=70000", "requestid=1");
    SPDY_OPEN(&c, 5, 0, "streamtype=stdin", "port=80", "requestid=1");
    SPDY_OPEN(&c, 7, 0, "streamtype=data", "port=80", "requestid=1");
    SPDY_OPEN(&c, 9, 0, "streamtype=data", "port=80", "requestid=1");
    SPDY_OPEN(&c, 11, 0, "streamtype=error", "port=81", "requestid=1");
    ws_flush(&r, &c);
    UNTIL_SAID(&r, &c, "rst1:3 rst3:3 rst5:3 reply7 rst9:1 rst11:1 ");
    assert_int_equal(r.agent.pipes.n, 1);
    spdy_put(&c.out, 0x80020001, 4); /* and what is no SPDY ends it */
    spdy_put(&c.out, 0, 4);
    ws_flush(&r, &c);
    UNTIL_SAID(&r, &c, "goaway");
    UNTIL(&r.peer, has(&r.peer, "\x88\x02", 2));
    spdy_client_fini(&c);
    rig_tear_down(&r);
}

static void the_pods_end_is_the_sessions(void **state)
{
    struct rig r;
    struct spdy_client c;
    (void)state;
    open_forward(&r, &c);
    struct pipe *a = open_port(&r, &c, 1, "80", "0");
    end_pipe(r.agent.pipes.v[0], 0, "the pod ended");
    UNTIL_SAID(&r, &c, "goaway");
    assert_true(a->freed);
    UNTIL(&r.peer, has(&r.peer, "\x88\x02\x03\xe8", 4));
    peer_send(&r.peer, "\x88\x82\0\0\0\0\x03\xe8", 8);
    UNTIL(&r.peer, r.peer.ended);
    spdy_client_fini(&c);
    rig_tear_down(&r);
}

/* One connection whose program does not read makes the caller wait, until it does. */
static void a_full_connection_holds_the_caller(void **state)
{
    struct rig r;
    struct spdy_client c;
    (void)state;
    open_forward(&r, &c);
    struct pipe *a = open_port(&r, &c, 1, "80", "0");
    r.agent.take_no_more = true;
    spdy_data(&c, 3, 0, "x", 1);
    ws_flush(&r, &c);
    UNTIL(&r.peer, a->full);
    spdy_data(&c, 3, 0, "y", 1);
    ws_flush(&r, &c);
    for (int i = 0; i < 20; i++) {
        turn(&r.f);
    }
    assert_string_equal(a->got.p, "x");
    r.agent.take_no_more = false;
    a->ev->on_drain(a->arg);
    UNTIL(&r.peer, a->got.len == 2);
    spdy_client_fini(&c);
    rig_tear_down(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_and_exit_code),
        cmocka_unit_test(success_and_failure),
        cmocka_unit_test(input_until_its_end),
        cmocka_unit_test(input_that_was_not_asked_for),
        cmocka_unit_test(a_terminal_knows_its_size),
        cmocka_unit_test(version_four_has_no_end_of_input),
        cmocka_unit_test(who_leaves_takes_the_pipe_along),
        cmocka_unit_test(a_slow_caller_stops_the_process),
        cmocka_unit_test(a_slow_process_stops_the_caller),
        cmocka_unit_test(refusals),
        cmocka_unit_test(what_the_agent_refuses),
        cmocka_unit_test(the_server_may_stop_first),
        cmocka_unit_test(exec_over_spdy),
        cmocka_unit_test(a_terminal_over_spdy),
        cmocka_unit_test(connections_side_by_side),
        cmocka_unit_test(refused_connections),
        cmocka_unit_test(streams_that_make_no_sense),
        cmocka_unit_test(the_pods_end_is_the_sessions),
        cmocka_unit_test(a_full_connection_holds_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
