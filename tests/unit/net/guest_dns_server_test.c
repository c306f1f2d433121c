/* SPDX-License-Identifier: Apache-2.0 */
/* The DNS server on its sockets: over UDP and TCP, and what it asks of other resolvers, which the
 * test plays. */
#include "guest_fixture.h"

#include <time.h>

#include "guest/dns.h"

enum { PORT = 15353 };

static struct guest *guest;
static int resolver, client;

/* The guest's front is the DNS server's address; the resolvers are beside it. */
static uint32_t resolver_address(unsigned i)
{
    return (front() & 0xffff) | 0x7f500000u | i << 16;
}

static int bind_udp(uint32_t addr)
{
    struct sockaddr_in a = loopback(addr, PORT);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static int dial_dns(int type)
{
    struct sockaddr_in a = loopback(front(), PORT);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static void configure(unsigned nresolvers)
{
    static const uint32_t addr[] = {0x0a4d8014};
    uint8_t bytes[1000];
    struct wire_out o = {.p = bytes, .cap = sizeof(bytes)};
    struct table_config c = {.domain = "cluster.local",
                             .dns = front(),
                             .subnet = 0x0a4d0000,
                             .bits = 16,
                             .nupstreams = (uint8_t)nresolvers};
    struct table_name a = {
        .kind = TABLE_A, .name = "web.default.svc.cluster.local", .n = 1, .addrs = addr};
    struct table_name cname = {.kind = TABLE_CNAME,
                               .name = "ext.default.svc.cluster.local",
                               .n = 1,
                               .target = "example.com"};
    for (unsigned i = 0; i < nresolvers; i++) {
        c.upstreams[i] = resolver_address(i);
    }
    table_put_config(&o, &c);
    table_put_name(&o, &a);
    table_put_name(&o, &cname);
    guest_snapshot(guest);
    guest_frame(guest, WIRE_RECORDS, o.p, o.len);
    guest_snapshot_end(guest);
}

static int setup(void **state)
{
    char port[16];
    snprintf(port, sizeof(port), "%d", PORT);
    setenv("PODLAB_DNS_PORT", port, 1);
    guest = guest_start(services_main);
    resolver = bind_udp(resolver_address(0));
    configure(1);
    client = dial_dns(SOCK_DGRAM);
    return 0;
}

static int teardown(void **state)
{
    close(client);
    if (resolver >= 0) {
        close(resolver);
    }
    guest_end(guest);
    return 0;
}

/* ---- asking ---- */

static uint8_t msg[4096];

static void send_query(int fd, uint16_t id, const char *name)
{
    size_t n = dns_ask(id, name, DNS_A, msg, sizeof(msg));
    assert_int_equal(send(fd, msg, n, 0), n);
}

static size_t receive(int fd)
{
    wait_readable(fd, "a message");
    ssize_t n = recv(fd, msg, sizeof(msg), 0);
    assert_true(n >= 12);
    return (size_t)n;
}

static void expect_answer(int fd, uint16_t id, unsigned rcode, unsigned answers)
{
    receive(fd);
    assert_int_equal(msg[0] << 8 | msg[1], id);
    assert_int_equal(msg[2] & 0x80, 0x80);
    assert_int_equal(msg[3] & 15, rcode);
    assert_int_equal(msg[7], answers);
}

/* What the guest asked the resolver, and from where. */
struct asked {
    struct sockaddr_in from;
    size_t len;
    struct dns_query q;
    uint8_t bytes[1500];
};

static void receive_asked(int fd, struct asked *a)
{
    socklen_t len = sizeof(a->from);
    wait_readable(fd, "a question to the resolver");
    ssize_t n = recvfrom(fd, a->bytes, sizeof(a->bytes), 0, (struct sockaddr *)&a->from, &len);
    assert_true(n > 0);
    a->len = (size_t)n;
    assert_int_equal(dns_parse(a->bytes, a->len, &a->q), 0);
}

static void resolve_to(int fd, const struct asked *a, uint8_t last)
{
    const uint8_t rr[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, last};
    uint8_t out[1600];
    size_t n = a->q.question_end;
    memcpy(out, a->bytes, n);
    out[2] |= 0x80;
    memset(out + 6, 0, 6);
    out[7] = 1;
    memcpy(out + n, rr, sizeof(rr));
    sendto(fd, out, n + sizeof(rr), 0, (const struct sockaddr *)&a->from, sizeof(a->from));
}

static void resolve(int fd, const struct asked *a)
{
    resolve_to(fd, a, 7);
}

static unsigned since(const struct timespec *t)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned)((now.tv_sec - t->tv_sec) * 1000 + (now.tv_nsec - t->tv_nsec) / 1000000);
}

/* How long a question takes that nobody answers. */
static unsigned time_to_fail(uint16_t id)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    send_query(client, id, "example.com");
    expect_answer(client, id, DNS_SERVFAIL, 0);
    return since(&t);
}

/* ---- tests ---- */

static void names_of_the_cluster_need_no_resolver(void **state)
{
    send_query(client, 7, "web.default.svc.cluster.local");
    expect_answer(client, 7, DNS_NOERROR, 1);
    send_query(client, 8, "wbe.default.svc.cluster.local");
    expect_answer(client, 8, DNS_NXDOMAIN, 0);
    struct pollfd p = {.fd = resolver, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 0);
}

static void tcp_takes_one_question_after_the_other(void **state)
{
    uint8_t both[600];
    size_t n = 0;
    int fd = dial_dns(SOCK_STREAM);
    for (unsigned i = 0; i < 2; i++) {
        size_t len =
            dns_ask((uint16_t)(20 + i), "web.default.svc.cluster.local", DNS_A, both + n + 2, 200);
        both[n] = 0;
        both[n + 1] = (uint8_t)len;
        n += len + 2;
    }
    assert_int_equal(send(fd, both, n, 0), n);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t head[4];
        wait_readable(fd, "an answer");
        assert_int_equal(recv(fd, head, sizeof(head), MSG_WAITALL), sizeof(head));
        size_t len = (size_t)head[0] << 8 | head[1];
        assert_int_equal(head[3], 20 + i);
        assert_int_equal(recv(fd, msg, len - 2, MSG_WAITALL), len - 2);
    }
    close(fd);
}

static void other_names_are_asked_elsewhere(void **state)
{
    struct asked a;
    send_query(client, 0x4711, "example.com");
    receive_asked(resolver, &a);
    assert_string_equal(a.q.name, "example.com");
    resolve(resolver, &a);
    expect_answer(client, 0x4711, DNS_NOERROR, 1);
}

static void an_alias_is_followed(void **state)
{
    struct asked a;
    send_query(client, 9, "ext.default.svc.cluster.local");
    receive_asked(resolver, &a);
    assert_string_equal(a.q.name, "example.com");
    resolve(resolver, &a);
    expect_answer(client, 9, DNS_NOERROR, 2);
}

static void replies_to_other_questions_are_ignored(void **state)
{
    struct asked a;
    struct asked forged;
    send_query(client, 10, "example.com");
    receive_asked(resolver, &a);
    forged = a;
    forged.bytes[1] ^= 1; /* another number */
    resolve_to(resolver, &forged, 66);
    forged = a;
    forged.bytes[13] ^= 1; /* another name */
    resolve_to(resolver, &forged, 66);
    resolve(resolver, &a);
    wait_readable(client, "the answer");
    ssize_t n = recv(client, msg, sizeof(msg), MSG_PEEK);
    assert_int_equal(msg[n - 1], 7);
    expect_answer(client, 10, DNS_NOERROR, 1);
    struct pollfd p = {.fd = client, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 0);
}

static void silence_is_not_waited_for_long_nor_twice(void **state)
{
    assert_in_range(time_to_fail(11), 1000, 4000);
    assert_in_range(time_to_fail(12), 0, 900); /* it was down a moment ago */
    struct asked a;
    for (int i = 0; i < 3; i++) {
        receive_asked(resolver, &a);
    }
    send_query(client, 13, "example.com");
    receive_asked(resolver, &a);
    resolve(resolver, &a); /* back again */
    expect_answer(client, 13, DNS_NOERROR, 1);
}

static void nobody_there_is_told_at_once(void **state)
{
    close(resolver);
    resolver = -1;
    assert_in_range(time_to_fail(14), 0, 700);
}

static void the_second_resolver_is_asked_when_the_first_is_silent(void **state)
{
    struct asked a;
    int second = bind_udp(resolver_address(1));
    configure(2);
    send_query(client, 15, "example.com");
    receive_asked(second, &a);
    resolve(second, &a);
    expect_answer(client, 15, DNS_NOERROR, 1);
    send_query(client, 16, "example.com"); /* and from now on first */
    receive_asked(second, &a);
    resolve(second, &a);
    expect_answer(client, 16, DNS_NOERROR, 1);
    close(second);
}

static void many_questions_at_once(void **state)
{
    enum { MANY = 100 };
    bool seen[MANY] = {false};
    for (uint16_t i = 0; i < MANY; i++) {
        struct asked a;
        send_query(client, i, "example.com");
        receive_asked(resolver, &a);
        resolve(resolver, &a);
    }
    for (unsigned i = 0; i < MANY; i++) {
        receive(client);
        unsigned id = (unsigned)(msg[0] << 8 | msg[1]);
        assert_true(id < MANY && !seen[id]);
        seen[id] = true;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_of_the_cluster_need_no_resolver),
        TEST(tcp_takes_one_question_after_the_other),
        TEST(other_names_are_asked_elsewhere),
        TEST(an_alias_is_followed),
        TEST(replies_to_other_questions_are_ignored),
        TEST(silence_is_not_waited_for_long_nor_twice),
        TEST(nobody_there_is_told_at_once),
        TEST(the_second_resolver_is_asked_when_the_first_is_silent),
        TEST(many_questions_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
