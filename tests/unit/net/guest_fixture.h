/* SPDX-License-Identifier: Apache-2.0 */
/* A role of the guest in a child process, told its table over pipes; the test plays the clients
 * and the endpoints itself, on loopback sockets. */
#ifndef TESTS_UNIT_NET_GUEST_FIXTURE_H
#define TESTS_UNIT_NET_GUEST_FIXTURE_H

#include "testing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/guest.h"
#include "guest/table.h"

enum { PATIENCE_MS = 10000, FRONT_PORT = 8080, DEAD_PORT = 1 /* nobody listens there */ };

/* Where the guest listens: a loopback address of this test's own, so that no other process is in
 * the way. */
static inline uint32_t front(void)
{
    return 0x7f400000u | ((uint32_t)getpid() & 0xffff);
}

static inline struct sockaddr_in loopback(uint32_t addr, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(addr);
    return a;
}

struct guest {
    pid_t pid;
    int in, out; /* its stdin and stdout */
    uint64_t epoch;
    uint32_t seq;
    struct wire_reader reader;
    struct wire_frame ack;
};

static inline struct guest *guest_start(int (*role)(int argc, char **argv))
{
    int in[2];
    int out[2];
    struct guest *g = calloc(1, sizeof(*g));
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    g->pid = fork();
    if (g->pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        close(out[0]);
        _exit(role(0, NULL));
    }
    close(in[0]);
    close(out[1]);
    g->in = in[1];
    g->out = out[0];
    return g;
}

static inline void guest_end(struct guest *g)
{
    int status = 0;
    kill(g->pid, SIGTERM);
    waitpid(g->pid, &status, 0);
    close(g->in);
    close(g->out);
    free(g);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static inline void wait_readable(int fd, const char *what)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, PATIENCE_MS) != 1) {
        fail_msg("waited in vain for %s", what);
    }
}

/* The next frame from the guest. */
static inline struct wire_frame guest_hear(struct guest *g)
{
    struct wire_frame f;
    while (!wire_frame_next(&g->reader, &f)) {
        uint8_t bytes[4096];
        wait_readable(g->out, "a frame from the guest");
        ssize_t n = read(g->out, bytes, sizeof(bytes));
        assert_true(n > 0);
        assert_int_equal(wire_feed(&g->reader, bytes, (size_t)n), n);
    }
    return f;
}

static inline void guest_wait_ack(struct guest *g, uint64_t epoch, uint32_t seq)
{
    for (;;) {
        g->ack = guest_hear(g);
        if (g->ack.type == WIRE_ACK && g->ack.epoch == epoch && g->ack.seq == seq) {
            return;
        }
    }
}

static inline void guest_write(struct guest *g, const void *bytes, size_t n)
{
    assert_int_equal(write(g->in, bytes, n), n);
}

static inline void guest_frame(struct guest *g, uint8_t type, const uint8_t *payload, size_t n)
{
    static uint8_t out[WIRE_HEADER + WIRE_MAX];
    struct wire_frame f = {
        .type = type, .epoch = g->epoch, .seq = ++g->seq, .payload = payload, .len = (uint32_t)n};
    guest_write(g, out, wire_encode(out, &f));
}

static inline void guest_snapshot(struct guest *g)
{
    g->epoch++;
    g->seq = 0;
    guest_frame(g, WIRE_SNAPSHOT, NULL, 0);
}

static inline void guest_snapshot_end(struct guest *g)
{
    guest_frame(g, WIRE_SNAPSHOT_END, NULL, 0);
    guest_wait_ack(g, g->epoch, g->seq);
}

/* One forward from the front to ports of this machine (ends with 0). Returns when it is in force.
 */
static inline void guest_forward(struct guest *g, const char *key, uint8_t proto,
                                 uint32_t affinity_s, const uint16_t *to)
{
    uint8_t bytes[1000];
    struct table_target targets[16];
    struct table_forward f = {.proto = proto,
                              .addr = front(),
                              .port = FRONT_PORT,
                              .affinity_s = affinity_s,
                              .targets = targets};
    struct wire_out o = {.p = bytes, .cap = sizeof(bytes)};
    snprintf(f.key, sizeof(f.key), "%s", key);
    for (; to[f.ntargets] != 0; f.ntargets++) {
        targets[f.ntargets] = (struct table_target){0x7f000001, to[f.ntargets]};
    }
    table_put_forward(&o, &f);
    guest_frame(g, WIRE_RECORDS, o.p, o.len);
    guest_wait_ack(g, g->epoch, g->seq);
}

static inline void guest_unforward(struct guest *g, const char *key)
{
    uint8_t bytes[300];
    struct wire_out o = {.p = bytes, .cap = sizeof(bytes)};
    table_delete_forward(&o, key);
    guest_frame(g, WIRE_RECORDS, o.p, o.len);
    guest_wait_ack(g, g->epoch, g->seq);
}

/* ---- sockets ---- */

/* An endpoint: listening (or bound, for datagrams) on a free port. */
static inline int endpoint(int type, uint16_t *ret_port)
{
    struct sockaddr_in a = loopback(INADDR_LOOPBACK, 0);
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    if (type == SOCK_STREAM) {
        assert_int_equal(listen(fd, 4096), 0);
    }
    *ret_port = ntohs(a.sin_port);
    return fd;
}

/* To the front; -1 with errno when it is refused. */
static inline int dial(int type)
{
    struct sockaddr_in a = loopback(front(), FRONT_PORT);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static inline int take_connection(int listener)
{
    wait_readable(listener, "a connection");
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* Which of two listeners got the connection; takes it. */
static inline int take_either(int a, int b, int *ret_which)
{
    struct pollfd p[2] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
    assert_true(poll(p, 2, PATIENCE_MS) > 0);
    *ret_which = p[0].revents ? 0 : 1;
    return take_connection(*ret_which == 0 ? a : b);
}

static inline void expect_text(int fd, const char *text)
{
    char got[256] = "";
    size_t n = 0;
    while (n < strlen(text)) {
        wait_readable(fd, text);
        ssize_t more = recv(fd, got + n, strlen(text) - n, 0);
        assert_true(more > 0);
        n += (size_t)more;
    }
    assert_string_equal(got, text);
}

static inline void say_text(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static inline void expect_end(int fd)
{
    char c;
    wait_readable(fd, "the end");
    assert_int_equal(recv(fd, &c, 1, 0), 0);
}

static inline void expect_reset(int fd)
{
    char c;
    wait_readable(fd, "a reset");
    assert_int_equal(recv(fd, &c, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
}

static inline void close_with_reset(int fd)
{
    struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
}

#endif
