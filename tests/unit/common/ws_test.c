/* SPDX-License-Identifier: Apache-2.0 */
/* WebSockets by the rules: what a peer may send, what it is told, what it cannot do to us. */
#include "http_fixture.h"

#include "common/ws.h"

/* ---- the rules alone ---- */

struct end {
    struct ws *ws;
    struct str sent;  /* frames to the peer */
    struct str notes; /* what was handed on: "[text" begins, "]" ends a message */
    int code;         /* of on_close; 0: not yet */
    unsigned drained, opened;
    bool free_at_data, close_at_data, refuse;
    bool gone;
};

static bool out(void *to, const void *bytes, size_t n)
{
    struct end *e = to;
    str_add_n(&e->sent, bytes, n);
    return !e->refuse;
}

static void on_open(void *arg)
{
    ((struct end *)arg)->opened++;
}

static void on_data(void *arg, const char *bytes, size_t n, bool first, bool last, bool text)
{
    struct end *e = arg;
    assert_false(e->gone);
    assert_int_equal(e->code, 0);
    str_add(&e->notes, first ? text ? "t[" : "b[" : "");
    str_add_n(&e->notes, bytes, n);
    str_add(&e->notes, last ? "]" : "");
    if (e->close_at_data) {
        ws_close(e->ws, WS_NORMAL, "enough");
    }
    if (e->free_at_data) {
        e->gone = true;
        ws_free(steal(e->ws));
    }
}

static void on_drain(void *arg)
{
    ((struct end *)arg)->drained++;
}

static void on_close(void *arg, int code)
{
    struct end *e = arg;
    assert_int_equal(e->code, 0);
    e->code = code;
}

static const struct ws_ops ops = {
    .on_open = on_open, .on_data = on_data, .on_drain = on_drain, .on_close = on_close};

/* A client's frame, masked unless `bare`. */
static void add_frame(struct str *to, unsigned first, const char *bytes, size_t n, bool bare)
{
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    str_add_c(to, (char)first);
    unsigned bit = bare ? 0 : 0x80;
    if (n < 126) {
        str_add_c(to, (char)(bit | n));
    } else if (n < 65536) {
        str_add_c(to, (char)(bit | 126));
        str_add_c(to, (char)(n >> 8));
        str_add_c(to, (char)n);
    } else {
        str_add_c(to, (char)(bit | 127));
        for (int i = 7; i >= 0; i--) {
            str_add_c(to, (char)((uint64_t)n >> (8 * i)));
        }
    }
    if (!bare) {
        str_add_n(to, mask, 4);
    }
    for (size_t i = 0; i < n; i++) {
        str_add_c(to, (char)((unsigned char)bytes[i] ^ (bare ? 0 : mask[i % 4])));
    }
}

static struct loop *begin(struct end *e)
{
    struct loop *loop = loop_sim_new(1);
    *e = (struct end){0};
    e->ws = ws_new_raw(loop, out, e, &ops, e);
    return loop;
}

static void finish(struct loop *loop, struct end *e)
{
    ws_free(e->ws);
    loop_sim_advance(loop, LOOP_S(1));
    str_fini(&e->sent);
    str_fini(&e->notes);
    loop_free(loop);
}

static void feed(struct end *e, unsigned first, const char *bytes, size_t n)
{
    cleanup_str struct str frame = STR_INIT;
    add_frame(&frame, first, bytes, n, false);
    ws_feed(e->ws, frame.p, frame.len);
}

/* The close frame that was sent; 0: none. */
static int sent_close(const struct end *e)
{
    const unsigned char *p = (const unsigned char *)e->sent.p;
    size_t at = 0;
    while (at + 2 <= e->sent.len) {
        size_t n = p[at + 1] & 127;
        if (p[at] == 0x88) {
            return n >= 2 ? p[at + 2] << 8 | p[at + 3] : 1005;
        }
        at += 2 + n;
    }
    return 0;
}

static void messages_come_in_pieces(void **state)
{
    struct end e;
    (void)state;
    struct loop *loop = begin(&e);
    feed(&e, 0x82, "abc", 3);
    feed(&e, 0x81, "text", 4);
    feed(&e, 0x82, "", 0);
    feed(&e, 0x02, "one", 3); /* three fragments, a ping between them */
    feed(&e, 0x89, "?", 1);
    feed(&e, 0x00, "", 0);
    feed(&e, 0x80, "two", 3);
    assert_string_equal(str_c(&e.notes), "b[abc]t[text]b[]b[onetwo]");
    assert_memory_equal(e.sent.p, "\x8a\x01?", 3);
    finish(loop, &e);
}

static void bytes_may_come_one_by_one(void **state)
{
    struct end e;
    (void)state;
    struct loop *loop = begin(&e);
    cleanup_str struct str frames = STR_INIT;
    add_frame(&frames, 0x82, "hello", 5, false);
    add_frame(&frames, 0x82, "again", 5, false);
    for (size_t i = 0; i < frames.len; i++) {
        ws_feed(e.ws, frames.p + i, 1);
    }
    assert_string_equal(str_c(&e.notes), "b[hello]b[again]");
    finish(loop, &e);
}

static void a_large_message_is_not_kept(void **state)
{
    struct end e;
    (void)state;
    struct loop *loop = begin(&e);
    size_t n = (size_t)3 << 20;
    cleanup_free char *bytes = xcalloc(1, n);
    memset(bytes, 'x', n);
    feed(&e, 0x82, bytes, n);
    assert_int_equal(e.notes.len, n + 3);
    assert_int_equal(e.code, 0);
    finish(loop, &e);
}

static void what_we_send(void **state)
{
    struct end e;
    (void)state;
    struct loop *loop = begin(&e);
    assert_true(ws_send(e.ws, false, "\x01", 1, "out", 3));
    assert_true(ws_send(e.ws, true, NULL, 0, "text", 4));
    assert_memory_equal(e.sent.p, "\x82\x04\x01out\x81\x04text", 12);
    finish(loop, &e);
}

static void ping_and_goodbye(void **state)
{
    struct end e;
    (void)state;
    struct loop *loop = begin(&e);
    feed(&e, 0x89, "hi", 2);
    feed(&e, 0x89, "", 0);
    assert_memory_equal(e.sent.p, "\x8a\x02hi\x8a\x00", 6);
    feed(&e, 0x88,
         "\x03\xe9"
         "bye",
         5);
    assert_int_equal(sent_close(&e), WS_GOING_AWAY);
    assert_int_equal(e.code, 0); /* not from within a call */
    loop_sim_tick(loop);
    assert_int_equal(e.code, WS_GOING_AWAY);
    feed(&e, 0x82, "late", 4);
    assert_string_equal(str_c(&e.notes), "");
    finish(loop, &e);
}

static void we_say_goodbye(void **state)
{
    struct end e;
    (void)state;
    struct loop *loop = begin(&e);
    ws_close(e.ws, WS_NORMAL, "done");
    ws_close(e.ws, WS_NORMAL, "twice");
    assert_int_equal(sent_close(&e), WS_NORMAL);
    size_t sent = e.sent.len;
    assert_true(ws_send(e.ws, false, NULL, 0, "x", 1));
    assert_int_equal(e.sent.len, sent);
    feed(&e, 0x82, "what was under way", 18); /* dropped */
    assert_string_equal(str_c(&e.notes), "");
    loop_sim_advance(loop, LOOP_S(1));
    assert_int_equal(e.code, 0);
    feed(&e, 0x88, "\x03\xe8", 2);
    loop_sim_tick(loop);
    assert_int_equal(e.code, WS_NORMAL);
    finish(loop, &e);

    loop = begin(&e); /* a peer that never answers is not waited for long */
    ws_close(e.ws, WS_NORMAL, NULL);
    loop_sim_advance(loop, LOOP_S(6));
    assert_int_equal(e.code, WS_NORMAL);
    finish(loop, &e);
}

static const struct {
    const char *what;
    unsigned first;
    const char *bytes;
    size_t n;
    bool bare;
    int code;
} broken[] = {
    {"a frame that is not masked", 0x82, "abc", 3, true, WS_PROTOCOL_ERROR},
    {"a reserved bit", 0xc2, "abc", 3, false, WS_PROTOCOL_ERROR},
    {"an opcode that is none", 0x83, "abc", 3, false, WS_PROTOCOL_ERROR},
    {"a control opcode that is none", 0x8b, "", 0, false, WS_PROTOCOL_ERROR},
    {"a continuation of nothing", 0x80, "abc", 3, false, WS_PROTOCOL_ERROR},
    {"a ping in pieces", 0x09, "abc", 3, false, 1005},
    {"text that is not UTF-8", 0x81, "a\xff\xfe", 3, false, WS_BAD_DATA},
    {"a goodbye of one byte", 0x88, "\x03", 1, false, 1005},
    {"a goodbye with a forbidden code", 0x88, "\x03\xee", 2, false, WS_PROTOCOL_ERROR},
};

static void who_breaks_the_rules_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        struct end e;
        struct loop *loop = begin(&e);
        cleanup_str struct str frame = STR_INIT;
        add_frame(&frame, broken[i].first, broken[i].bytes, broken[i].n, broken[i].bare);
        ws_feed(e.ws, frame.p, frame.len);
        if (sent_close(&e) != broken[i].code) {
            fail_msg("%s: %d, not %d", broken[i].what, sent_close(&e), broken[i].code);
        }
        feed(&e, 0x82, "more", 4);
        assert_null(strstr(str_c(&e.notes), "more"));
        loop_sim_advance(loop, LOOP_S(6));
        assert_true(e.code != 0);
        finish(loop, &e);
    }
}

/* Headers that announce more than anybody has memory for. */
static void announced_sizes_cost_nothing(void **state)
{
    static const struct {
        const char *head;
        int code;
    } rows[] = {
        {"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", WS_TOO_BIG},
        {"\x82\xff\x00\x00\x00\x00\x7f\xff\xff\xff\x00\x00\x00\x00", 0}, /* is not kept */
        {"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", 1005},
        {"\x89\xff\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00", 1005},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct end e;
        struct loop *loop = begin(&e);
        ws_feed(e.ws, rows[i].head, 14);
        ws_feed(e.ws, "abc", 3);
        assert_int_equal(sent_close(&e), rows[i].code);
        assert_string_equal(str_c(&e.notes), rows[i].code == 0 ? "b[abc" : "");
        finish(loop, &e);
    }
}

static void it_may_be_freed_or_closed_in_the_middle(void **state)
{
    struct end e;
    (void)state;
    struct loop *loop = begin(&e);
    cleanup_str struct str frames = STR_INIT;
    add_frame(&frames, 0x82, "one", 3, false);
    add_frame(&frames, 0x82, "two", 3, false);
    e.free_at_data = true;
    ws_feed(e.ws, frames.p, frames.len);
    assert_string_equal(str_c(&e.notes), "b[one]");
    finish(loop, &e);

    loop = begin(&e);
    e.close_at_data = true;
    ws_feed(e.ws, frames.p, frames.len);
    assert_string_equal(str_c(&e.notes), "b[one]");
    assert_int_equal(sent_close(&e), WS_NORMAL);
    finish(loop, &e);
}

/* Its pings wait behind data that we do not read. */
static void a_paused_peer_sees_life(void **state)
{
    struct end e;
    (void)state;
    struct loop *loop = begin(&e);
    ws_pause(e.ws, true);
    loop_sim_advance(loop, LOOP_S(16));
    assert_int_equal(e.sent.len, 3 * 2);
    assert_memory_equal(e.sent.p, "\x8a\x00\x8a\x00\x8a\x00", 6);
    ws_pause(e.ws, false);
    loop_sim_advance(loop, LOOP_S(50));
    assert_int_equal(e.sent.len, 3 * 2);
    finish(loop, &e);
}

static void a_peer_that_does_not_read_is_given_up(void **state)
{
    struct end e;
    (void)state;
    struct loop *loop = begin(&e);
    e.refuse = true;
    assert_false(ws_send(e.ws, false, NULL, 0, "x", 1));
    loop_sim_tick(loop);
    assert_int_equal(e.code, WS_ABNORMAL);
    finish(loop, &e);
}

/* ---- the handshake ---- */

static struct end server;
static unsigned exchange_ended;
static const char *const known[] = {"v2", "v1", NULL};

static void on_ended(void *user)
{
    struct end *e = user;
    exchange_ended++;
    if (e->opened == 0) { /* the peer left before */
        ws_free(steal(e->ws));
    }
}

static void handle(struct fixture *f, struct http_exchange *x)
{
    struct err err;
    if (!ws_is_asked(x)) {
        http_exchange_answer(x, 426, "text/plain", NULL, 0, "no", 2, false);
        return;
    }
    http_exchange_set_user(x, &server, on_ended);
    if (ws_accept(f->loop, x, ws_choose(x, known), &ops, &server, &server.ws, &err) < 0) {
        http_exchange_answer(x, err_http(err.code), "text/plain", NULL, 0, err.msg, strlen(err.msg),
                             false);
    }
}

static void set_up_server(struct fixture *f)
{
    server = (struct end){0};
    exchange_ended = 0;
    fixture_init(f, PLAIN, NULL);
    f->handler = handle;
}

static void tear_down_server(struct fixture *f)
{
    ws_free(server.ws);
    fixture_fini(f);
    str_fini(&server.notes);
}

static void the_key_of_the_standard(void **state)
{
    char accept[29];
    (void)state;
    ws_accept_key(accept, "dGhlIHNhbXBsZSBub25jZQ==");
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#define HELLO(more)                                                                                \
    "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: "                  \
    "websocket\r\n" more "\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"

static void handshakes(void **state)
{
    static const struct {
        const char *request, *answer;
    } rows[] = {
        {HELLO(KEY VERSION), " 101 "},
        {HELLO(KEY VERSION "Sec-WebSocket-Protocol: v3\r\n"), " 101 "},
        {HELLO(KEY VERSION "Sec-WebSocket-Protocol: v3, v1,v2\r\n"),
         "Sec-WebSocket-Protocol: v1\r\n"},
        {HELLO(KEY VERSION "Sec-WebSocket-Protocol: v3\r\nSec-WebSocket-Protocol: v2\r\n"),
         "Sec-WebSocket-Protocol: v2\r\n"},
        {HELLO(VERSION), " 400 "},
        {HELLO(KEY), " 400 "},
        {HELLO(KEY "Sec-WebSocket-Version: 8\r\n"), " 400 "},
        {HELLO(VERSION "Sec-WebSocket-Key: c2hvcnQ=\r\n"), " 400 "},
        {HELLO(VERSION "Sec-WebSocket-Key: not base64 at all....\r\n"), " 400 "},
        {"POST /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" KEY VERSION
         "Content-Length: 0\r\n\r\n",
         " 400 "},
        {"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n" KEY VERSION "\r\n", " 400 "},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;
        cleanup_str struct str got = STR_INIT;
        set_up_server(&f);
        int fd = raw_connect(&f);
        raw_send(fd, rows[i].request);
        if (!raw_read(&f, fd, &got, "\r\n\r\n") || strstr(got.p, rows[i].answer) == NULL) {
            fail_msg("row %zu: no \"%s\" in \"%s\"", i, rows[i].answer, str_c(&got));
        }
        if (strstr(got.p, " 101 ") != NULL) {
            assert_non_null(
                strstr(got.p, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        }
        close(fd);
        tear_down_server(&f);
    }
}

static bool is_closed(void *arg)
{
    (void)arg;
    return server.code != 0;
}

static int open_socket(struct fixture *f)
{
    cleanup_str struct str got = STR_INIT;
    set_up_server(f);
    int fd = raw_connect(f);
    raw_send(fd, HELLO(KEY VERSION));
    assert_true(raw_read(f, fd, &got, "\r\n\r\n"));
    assert_int_equal(server.opened, 1);
    assert_int_equal(exchange_ended, 1);
    return fd;
}

static void over_a_socket(void **state)
{
    struct fixture f;
    cleanup_str struct str got = STR_INIT, frame = STR_INIT;
    (void)state;
    int fd = open_socket(&f);
    ws_send(server.ws, true, NULL, 0, "welcome", 7);
    assert_true(raw_read(&f, fd, &got, "\x81\x07welcome"));
    add_frame(&frame, 0x82, "thanks", 6, false);
    add_frame(&frame, 0x88, "\x03\xe8", 2, false);
    assert_int_equal(send(fd, frame.p, frame.len, MSG_NOSIGNAL), frame.len);
    assert_false(raw_read(&f, fd, &got, "never")); /* until the end of the connection */
    until(&f, is_closed, NULL);
    assert_int_equal(server.code, WS_NORMAL);
    assert_string_equal(str_c(&server.notes), "b[thanks]");
    close(fd);
    tear_down_server(&f);
}

static void a_peer_that_leaves_is_noticed(void **state)
{
    (void)state;
    for (int paused = 0; paused < 2; paused++) {
        struct fixture f;
        cleanup_str struct str frame = STR_INIT;
        int fd = open_socket(&f);
        ws_pause(server.ws, paused);
        add_frame(&frame, 0x82, "last words", 10, false);
        assert_int_equal(send(fd, frame.p, frame.len, MSG_NOSIGNAL), frame.len);
        close(fd);
        until(&f, is_closed, NULL);
        assert_int_equal(server.code, WS_ABNORMAL);
        assert_string_equal(str_c(&server.notes), paused ? "" : "b[last words]");
        tear_down_server(&f);
    }
}

static void freed_while_open(void **state)
{
    struct fixture f;
    cleanup_str struct str got = STR_INIT;
    (void)state;
    int fd = open_socket(&f);
    ws_free(steal(server.ws));
    assert_false(raw_read(&f, fd, &got, "never"));
    assert_int_equal(server.code, 0);
    close(fd);
    tear_down_server(&f);

    fd = open_socket(&f); /* and with its server */
    close(fd);
    tear_down_server(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_in_pieces),
        cmocka_unit_test(bytes_may_come_one_by_one),
        cmocka_unit_test(a_large_message_is_not_kept),
        cmocka_unit_test(what_we_send),
        cmocka_unit_test(ping_and_goodbye),
        cmocka_unit_test(we_say_goodbye),
        cmocka_unit_test(who_breaks_the_rules_is_told),
        cmocka_unit_test(announced_sizes_cost_nothing),
        cmocka_unit_test(it_may_be_freed_or_closed_in_the_middle),
        cmocka_unit_test(a_paused_peer_sees_life),
        cmocka_unit_test(a_peer_that_does_not_read_is_given_up),
        cmocka_unit_test(the_key_of_the_standard),
        cmocka_unit_test(handshakes),
        cmocka_unit_test(over_a_socket),
        cmocka_unit_test(a_peer_that_leaves_is_noticed),
        cmocka_unit_test(freed_while_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
