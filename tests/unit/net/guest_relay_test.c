/* SPDX-License-Identifier: Apache-2.0 */
/* Connections reach ready endpoints, in turn; ends, resets and bulk arrive as they were sent;
 * tables change under running connections without harm. */
#include "guest_fixture.h"

static struct guest *guest;
static int a, b; /* two endpoints */
static uint16_t port_a, port_b;

static int setup(void **state)
{
    guest = guest_start(host_main);
    a = endpoint(SOCK_STREAM, &port_a);
    b = endpoint(SOCK_STREAM, &port_b);
    guest_snapshot(guest);
    guest_snapshot_end(guest);
    return 0;
}

static int teardown(void **state)
{
    guest_end(guest);
    close(a);
    close(b);
    return 0;
}

static void forward_to(uint16_t first, uint16_t second)
{
    const uint16_t to[] = {first, second, 0};
    guest_forward(guest, "web", TABLE_TCP, 0, to);
}

struct pair {
    int client, server;
};

static struct pair open_pair(int listener)
{
    struct pair p = {.client = dial(SOCK_STREAM)};
    assert_true(p.client >= 0);
    p.server = take_connection(listener);
    return p;
}

static void close_pair(struct pair p)
{
    close(p.client);
    close(p.server);
}

static void exchange(struct pair p)
{
    say_text(p.client, "ping");
    expect_text(p.server, "ping");
    say_text(p.server, "pong");
    expect_text(p.client, "pong");
}

static void bytes_go_both_ways(void **state)
{
    forward_to(port_a, 0);
    struct pair p = open_pair(a);
    exchange(p);
    exchange(p);
    close_pair(p);
}

static void endpoints_take_turns(void **state)
{
    int got[2] = {0, 0};
    forward_to(port_a, port_b);
    for (int i = 0; i < 10; i++) {
        int which;
        int client = dial(SOCK_STREAM);
        int server = take_either(a, b, &which);
        got[which]++;
        close(client);
        close(server);
    }
    assert_int_equal(got[0], 5);
    assert_int_equal(got[1], 5);
}

static void a_client_keeps_its_endpoint(void **state)
{
    const uint16_t to[] = {port_a, port_b, 0};
    int first = -1;
    guest_forward(guest, "web", TABLE_TCP, 100, to);
    for (int i = 0; i < 6; i++) {
        int which;
        int client = dial(SOCK_STREAM);
        int server = take_either(a, b, &which);
        first = first < 0 ? which : first;
        assert_int_equal(which, first);
        close(client);
        close(server);
    }
    forward_to(first == 0 ? port_b : port_a, 0); /* its endpoint goes: another one */
    close_pair(open_pair(first == 0 ? b : a));
}

static void nobody_ready_is_refused_at_once(void **state)
{
    forward_to(0, 0);
    assert_int_equal(dial(SOCK_STREAM), -1);
    assert_int_equal(errno, ECONNREFUSED);
    forward_to(port_a, 0);
    close_pair(open_pair(a));
    forward_to(0, 0);
    assert_int_equal(dial(SOCK_STREAM), -1);
    assert_int_equal(errno, ECONNREFUSED);
}

static void a_dead_endpoint_is_passed_over(void **state)
{
    forward_to(DEAD_PORT, port_a);
    for (int i = 0; i < 4; i++) {
        struct pair p = open_pair(a);
        exchange(p);
        close_pair(p);
    }
}

static void all_dead_is_a_reset(void **state)
{
    forward_to(DEAD_PORT, 0);
    int client = dial(SOCK_STREAM);
    assert_true(client >= 0);
    expect_reset(client);
    close(client);
}

static void running_connections_outlive_their_endpoint_s_removal(void **state)
{
    forward_to(port_a, 0);
    struct pair old = open_pair(a);
    forward_to(port_b, 0);
    struct pair new = open_pair(b); /* new ones stop at once */
    exchange(old);
    exchange(new);
    guest_unforward(guest, "web");
    exchange(old);
    assert_int_equal(dial(SOCK_STREAM), -1);
    close_pair(old);
    close_pair(new);
}

/* ---- ends ---- */

static void half_a_close_is_half_a_close(void **state)
{
    forward_to(port_a, 0);
    struct pair p = open_pair(a);
    say_text(p.client, "question");
    shutdown(p.client, SHUT_WR);
    expect_text(p.server, "question");
    expect_end(p.server);
    say_text(p.server, "answer");
    close(p.server);
    expect_text(p.client, "answer");
    expect_end(p.client);
    close(p.client);
}

static void a_reset_of_the_server_reaches_the_client(void **state)
{
    forward_to(port_a, 0);
    struct pair p = open_pair(a);
    exchange(p);
    close_with_reset(p.server);
    expect_reset(p.client);
    close(p.client);
}

static void a_reset_of_the_client_reaches_the_server(void **state)
{
    forward_to(port_a, 0);
    struct pair p = open_pair(a);
    exchange(p);
    close_with_reset(p.client);
    expect_reset(p.server);
    close(p.server);
}

static void a_client_may_leave_before_its_endpoint_answers(void **state)
{
    forward_to(port_a, port_b);
    for (int i = 0; i < 50; i++) {
        close_with_reset(dial(SOCK_STREAM));
    }
    int which;
    int client = dial(SOCK_STREAM);
    for (;;) { /* behind those that left */
        struct pair p = {client, take_either(a, b, &which)};
        char c;
        send(p.client, "x", 1, MSG_NOSIGNAL);
        if (recv(p.server, &c, 1, 0) == 1) {
            close_pair(p);
            return;
        }
        close(p.server);
    }
}

/* ---- bulk ---- */

enum { BULK = 24 << 20 };

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 31 + (i >> 12));
}

/* Sends and receives BULK bytes at once; the receiver takes small sips at first, so that everything
 * in between fills up. With `end` the stream ends with the last byte. */
static void stream(int from, int to, bool end)
{
    static uint8_t out[65536];
    static uint8_t in[65536];
    size_t sent = 0;
    size_t got = 0;
    fcntl(from, F_SETFL, O_NONBLOCK);
    while (got < BULK) {
        struct pollfd p[2] = {{.fd = from, .events = sent < BULK ? POLLOUT : 0},
                              {.fd = to, .events = POLLIN}};
        assert_true(poll(p, 2, PATIENCE_MS) > 0);
        bool stuffed = sent == BULK || !(p[0].revents & POLLOUT);
        if (!stuffed) {
            size_t n = BULK - sent < sizeof(out) ? BULK - sent : sizeof(out);
            for (size_t i = 0; i < n; i++) {
                out[i] = byte_at(sent + i);
            }
            ssize_t w = send(from, out, n, MSG_NOSIGNAL);
            sent += w > 0 ? (size_t)w : 0;
            if (sent == BULK && end) {
                shutdown(from, SHUT_WR);
            }
        } else if (p[1].revents & POLLIN) {
            ssize_t r = recv(to, in, got < 1 << 20 ? 1000 : sizeof(in), 0);
            assert_true(r > 0);
            for (ssize_t i = 0; i < r; i++) {
                if (in[i] != byte_at(got + (size_t)i)) {
                    fail_msg("byte %zu differs", got + (size_t)i);
                }
            }
            got += (size_t)r;
        }
    }
    fcntl(from, F_SETFL, 0);
}

static void bulk_arrives_whole_past_a_slow_reader(void **state)
{
    forward_to(port_a, 0);
    struct pair p = open_pair(a);
    stream(p.client, p.server, false);
    stream(p.server, p.client, false);
    exchange(p);
    stream(p.server, p.client, true);
    expect_end(p.client);
    stream(p.client, p.server, true);
    expect_end(p.server);
    close_pair(p);
}

static void a_stuck_reader_holds_up_nobody_else(void **state)
{
    static uint8_t junk[65536];
    forward_to(port_a, 0);
    struct pair stuck = open_pair(a);
    fcntl(stuck.client, F_SETFL, O_NONBLOCK);
    while (send(stuck.client, junk, sizeof(junk), MSG_NOSIGNAL) > 0) {
    }
    struct pair p = open_pair(a);
    exchange(p);
    close_pair(p);
    close_pair(stuck);
}

static void many_connections_at_once(void **state)
{
    enum { MANY = 400 };
    struct pair pairs[MANY];
    forward_to(port_a, 0);
    for (int i = 0; i < MANY; i++) {
        pairs[i] = open_pair(a);
    }
    for (int i = 0; i < MANY; i++) {
        exchange(pairs[i]);
        close_pair(pairs[i]);
    }
}

/* ---- datagrams ---- */

static void datagrams_find_their_way_back(void **state)
{
    uint16_t to[] = {0, 0};
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    char text[16] = "";
    int server = endpoint(SOCK_DGRAM, &to[0]);
    guest_forward(guest, "udp", TABLE_UDP, 0, to);
    int client = dial(SOCK_DGRAM);
    for (int i = 0; i < 3; i++) {
        say_text(client, "hello");
        wait_readable(server, "a datagram");
        assert_int_equal(recvfrom(server, text, sizeof(text), 0, (struct sockaddr *)&from, &len),
                         5);
        sendto(server, "world", 5, 0, (struct sockaddr *)&from, len);
        expect_text(client, "world");
    }
    close(client);
    close(server);
}

/* ---- the stream ---- */

static void half_a_frame_and_a_new_writer(void **state)
{
    static uint8_t frame[WIRE_HEADER + 5000];
    static uint8_t payload[5000];
    forward_to(port_a, 0);
    struct wire_frame f = {.type = WIRE_RECORDS,
                           .epoch = guest->epoch,
                           .seq = guest->seq + 1,
                           .payload = payload,
                           .len = sizeof(payload)};
    wire_encode(frame, &f);
    guest_write(guest, frame, 3000);
    guest_snapshot(guest);
    guest_snapshot_end(guest);
    assert_int_equal(dial(SOCK_STREAM), -1); /* the new writer knows of no forward */
    forward_to(port_b, 0);
    close_pair(open_pair(b));
}

static void a_gap_is_said(void **state)
{
    forward_to(port_a, 0);
    guest->seq++;
    guest_frame(guest, WIRE_SNAPSHOT_END, NULL, 0);
    guest_wait_ack(guest, guest->epoch, guest->seq - 2);
    struct wire_in in = {.p = guest->ack.payload, .len = guest->ack.len};
    wire_get(&in, 4);
    assert_int_equal(wire_get(&in, 1), 1);
    close_pair(open_pair(a)); /* and nothing was applied */
}

static void an_ask_is_answered_with_its_number(void **state)
{
    uint8_t out[WIRE_HEADER];
    struct wire_frame f = {.type = WIRE_ASK, .epoch = guest->epoch, .seq = 4711};
    guest_write(guest, out, wire_encode(out, &f));
    guest_wait_ack(guest, guest->epoch, guest->seq);
    struct wire_in in = {.p = guest->ack.payload, .len = guest->ack.len};
    assert_int_equal(wire_get(&in, 4), 4711);
}

static void the_table_outlives_the_stream(void **state)
{
    forward_to(port_a, 0);
    close(guest->in);
    guest->in = -1;
    for (int i = 0; i < 3; i++) {
        struct pair p = open_pair(a);
        exchange(p);
        close_pair(p);
    }
}

static void connections_are_counted(void **state)
{
    forward_to(port_a, DEAD_PORT);
    struct pair held = open_pair(a);
    exchange(held);
    struct pair second = open_pair(a); /* the dead one first, then a */
    exchange(second);
    close_pair(second);
    for (int i = 0; i < 4; i++) { /* it is not tried again just now */
        close_pair(open_pair(a));
    }
    struct table_count c;
    uint64_t connections = 0;
    uint64_t failed = 0;
    while (connections != 6 || failed == 0) {
        struct wire_frame f = guest_hear(guest);
        struct wire_in in = {.p = f.payload, .len = f.type == WIRE_COUNTS ? f.len : 0};
        while (table_next_count(&in, &c)) {
            assert_string_equal(c.key, "web");
            connections = c.target.port == port_a ? c.connections : connections;
            failed = c.target.port == DEAD_PORT ? c.failed : failed;
        }
        assert_false(in.bad);
    }
    assert_int_equal(failed, 1);
    close_pair(held);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_go_both_ways),
        TEST(endpoints_take_turns),
        TEST(a_client_keeps_its_endpoint),
        TEST(nobody_ready_is_refused_at_once),
        TEST(a_dead_endpoint_is_passed_over),
        TEST(all_dead_is_a_reset),
        TEST(running_connections_outlive_their_endpoint_s_removal),
        TEST(half_a_close_is_half_a_close),
        TEST(a_reset_of_the_server_reaches_the_client),
        TEST(a_reset_of_the_client_reaches_the_server),
        TEST(a_client_may_leave_before_its_endpoint_answers),
        TEST(bulk_arrives_whole_past_a_slow_reader),
        TEST(a_stuck_reader_holds_up_nobody_else),
        TEST(many_connections_at_once),
        TEST(datagrams_find_their_way_back),
        TEST(half_a_frame_and_a_new_writer),
        TEST(a_gap_is_said),
        TEST(an_ask_is_answered_with_its_number),
        TEST(the_table_outlives_the_stream),
        TEST(connections_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
