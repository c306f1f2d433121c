/* SPDX-License-Identifier: Apache-2.0 */
/* A connection that we make: its bytes, its ends, and why there was none. */
#include "testing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tcp.h"

struct rig {
    struct loop *loop;
    struct tcp *tcp;
    int listener, peer, port;
    struct str got;
    bool opened, peer_ended, closed, refused, drained, free_at_data;
    struct err err;
};

static void on_open(void *arg)
{
    ((struct rig *)arg)->opened = true;
}

static void on_data(void *arg, const char *bytes, size_t n)
{
    struct rig *r = arg;
    assert_false(r->closed);
    str_add_n(&r->got, bytes, n);
    r->peer_ended |= n == 0;
    if (r->free_at_data) {
        tcp_free(steal(r->tcp));
    }
}

static void on_drain(void *arg)
{
    ((struct rig *)arg)->drained = true;
}

static void on_close(void *arg, const struct err *err, bool refused)
{
    struct rig *r = arg;
    assert_false(r->closed);
    r->closed = true;
    r->refused = refused;
    r->err = *err;
}

static void dial(struct rig *r, const char *address, int port)
{
    const struct tcp_opts opts = {.address = address,
                                  .port = port,
                                  .timeout_ns = LOOP_MS(300),
                                  .on_open = on_open,
                                  .on_data = on_data,
                                  .on_drain = on_drain,
                                  .on_close = on_close,
                                  .arg = r};
    r->tcp = tcp_dial(r->loop, &opts);
    assert_false(r->opened || r->closed); /* never from within the call */
}

static void set_up(struct rig *r)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(sa);
    *r = (struct rig){.loop = loop_new(), .peer = -1};
    r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(r->listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(getsockname(r->listener, (struct sockaddr *)&sa, &n), 0);
    assert_int_equal(listen(r->listener, 8), 0);
    r->port = ntohs(sa.sin_port);
}

static void tear_down(struct rig *r)
{
    tcp_free(r->tcp);
    loop_free(r->loop);
    str_fini(&r->got);
    close(r->listener);
    if (r->peer >= 0) {
        close(r->peer);
    }
}

static void until(struct rig *r, const bool *what)
{
    if (!loop_run_until(r->loop, what, LOOP_S(20))) {
        fail_msg("nothing happened: opened %d, closed %d (%s), got %zu", r->opened, r->closed,
                 r->err.msg, r->got.len);
    }
}

static void connect_both(struct rig *r)
{
    set_up(r);
    dial(r, "127.0.0.1", r->port);
    until(r, &r->opened);
    r->peer = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(r->peer >= 0);
}

static void bytes_both_ways(void **state)
{
    struct rig r;
    char buf[16];
    (void)state;
    set_up(&r);
    dial(&r, "127.0.0.1", r.port);
    assert_true(tcp_write(r.tcp, "early ", 6)); /* before it is open */
    until(&r, &r.opened);
    assert_true(tcp_write(r.tcp, "late", 4));
    r.peer = accept4(r.listener, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(recv(r.peer, buf, 10, MSG_WAITALL), 10);
    assert_memory_equal(buf, "early late", 10);
    assert_int_equal(send(r.peer, "answer", 6, 0), 6);
    shutdown(r.peer, SHUT_WR);
    until(&r, &r.peer_ended);
    assert_string_equal(str_c(&r.got), "answer");
    assert_false(r.closed); /* our half is still open */
    tcp_write(r.tcp, "more", 4);
    tcp_end(r.tcp);
    until(&r, &r.closed);
    assert_int_equal(r.err.code, ERR_NONE);
    assert_int_equal(recv(r.peer, buf, sizeof(buf), MSG_WAITALL), 4);
    tear_down(&r);
}

static void our_half_may_end_first(void **state)
{
    struct rig r;
    char buf[16];
    (void)state;
    set_up(&r);
    dial(&r, "127.0.0.1", r.port);
    tcp_write(r.tcp, "ask", 3);
    tcp_end(r.tcp); /* all before it is open */
    until(&r, &r.opened);
    r.peer = accept4(r.listener, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(recv(r.peer, buf, sizeof(buf), MSG_WAITALL), 3);
    assert_int_equal(send(r.peer, "told", 4, 0), 4);
    close(r.peer);
    r.peer = -1;
    until(&r, &r.closed);
    assert_int_equal(r.err.code, ERR_NONE);
    assert_string_equal(str_c(&r.got), "told");
    tear_down(&r);
}

static void nobody_listens(void **state)
{
    struct rig r;
    char want[80];
    (void)state;
    set_up(&r);
    close(r.listener);
    dial(&r, "127.0.0.1", r.port);
    until(&r, &r.closed);
    assert_true(r.refused);
    snprintf(want, sizeof(want), "dial tcp 127.0.0.1:%d: connect: connection refused", r.port);
    assert_string_equal(r.err.msg, want);
    r.listener = dup(0);
    tear_down(&r);
}

static void no_address(void **state)
{
    struct rig r;
    (void)state;
    set_up(&r);
    dial(&r, "not an address", 80);
    until(&r, &r.closed);
    assert_false(r.refused);
    assert_int_equal(r.err.code, ERR_UNAVAILABLE);
    tear_down(&r);
}

/* A listener whose queue is full takes no more, and says nothing. */
static void nobody_answers(void **state)
{
    struct rig r;
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int others[4];
    (void)state;
    set_up(&r);
    assert_int_equal(listen(r.listener, 0), 0);
    sa.sin_port = htons((uint16_t)r.port);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        others[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(others[i], (struct sockaddr *)&sa, sizeof(sa));
    }
    dial(&r, "127.0.0.1", r.port);
    until(&r, &r.closed);
    assert_false(r.refused);
    assert_non_null(strstr(r.err.msg, "i/o timeout"));
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        close(others[i]);
    }
    tear_down(&r);
}

static void a_slow_peer_makes_us_wait(void **state)
{
    struct rig r;
    static char piece[64 * 1024];
    size_t sent = 0, got = 0;
    (void)state;
    connect_both(&r);
    while (tcp_queued(r.tcp) <= (size_t)256 << 10) {
        assert_true(tcp_write(r.tcp, piece, sizeof(piece)));
        sent += sizeof(piece);
    }
    assert_false(r.drained);
    for (ssize_t n = 1; !r.drained && n > 0; got += (size_t)n) {
        n = recv(r.peer, piece, sizeof(piece), 0);
        bool never = false;
        loop_run_until(r.loop, &never, LOOP_MS(1));
    }
    assert_true(got <= sent);
    assert_true(tcp_queued(r.tcp) <= (size_t)64 << 10);
    static char huge[32 << 20];
    assert_false(tcp_write(r.tcp, huge, sizeof(huge))); /* more than may wait */
    tear_down(&r);
}

static void paused_reads_nothing(void **state)
{
    struct rig r;
    bool never = false;
    (void)state;
    connect_both(&r);
    tcp_pause(r.tcp, true);
    assert_int_equal(send(r.peer, "x", 1, 0), 1);
    loop_run_until(r.loop, &never, LOOP_MS(30));
    assert_int_equal(r.got.len, 0);
    tcp_pause(r.tcp, false);
    shutdown(r.peer, SHUT_WR);
    until(&r, &r.peer_ended);
    assert_int_equal(r.got.len, 1);
    tear_down(&r);
}

static void a_reset_is_told(void **state)
{
    struct rig r;
    (void)state;
    connect_both(&r);
    struct linger now = {.l_onoff = 1};
    setsockopt(r.peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(r.peer);
    r.peer = -1;
    until(&r, &r.closed);
    assert_int_equal(r.err.code, ERR_UNAVAILABLE);
    tear_down(&r);
}

static void it_may_be_freed_by_a_callback(void **state)
{
    struct rig r;
    bool never = false;
    (void)state;
    connect_both(&r);
    r.free_at_data = true;
    assert_int_equal(send(r.peer, "x", 1, 0), 1);
    for (int i = 0; i < 1000 && r.got.len == 0; i++) {
        loop_run_until(r.loop, &never, LOOP_MS(1));
    }
    assert_null(r.tcp);
    loop_run_until(r.loop, &never, LOOP_MS(5));
    assert_false(r.closed);
    tear_down(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_both_ways),
        cmocka_unit_test(our_half_may_end_first),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(no_address),
        cmocka_unit_test(nobody_answers),
        cmocka_unit_test(a_slow_peer_makes_us_wait),
        cmocka_unit_test(paused_reads_nothing),
        cmocka_unit_test(a_reset_is_told),
        cmocka_unit_test(it_may_be_freed_by_a_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
