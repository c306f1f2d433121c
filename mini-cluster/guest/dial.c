/* SPDX-License-Identifier: Apache-2.0 */
/* Connections from within: to a port of this pod for whoever speaks on standard input and output,
 * and one HTTP request for people. */
#include "guest/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/table.h"

enum { LOCALHOST = 0x7f000001, PATIENCE_MS = 10000 };

static bool put(int fd, const char *bytes, ssize_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, bytes, (size_t)n);
        if (put < 0) {
            return false;
        }
        bytes += put;
        n -= put;
    }
    return true;
}

/* One piece; 0: from is at its end, or to is gone. */
static ssize_t pass(int from, int to)
{
    char bytes[16 * 1024];
    ssize_t n = read(from, bytes, sizeof(bytes));
    return n > 0 && put(to, bytes, n) ? n : 0;
}

/* A connection that blocks from now on; -1 with errno. */
static int call(uint32_t addr, unsigned port)
{
    struct table_target to = {.addr = addr, .port = (uint16_t)port};
    int fd = sock_connect(SOCK_STREAM, &to);
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    if (fd >= 0) {
        errno = poll(&p, 1, PATIENCE_MS) > 0 ? sock_error(fd) : ETIMEDOUT;
        if (errno != 0) {
            int saved = errno;
            close(fd);
            errno = saved;
            return -1;
        }
        fcntl(fd, F_SETFL, 0);
    }
    return fd;
}

/* Until the other side has ended its half; ours may end before. */
static void join(int fd)
{
    struct pollfd p[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    while (poll(p, LEN(p), -1) > 0 || errno == EINTR) {
        if (p[0].revents != 0 && pass(STDIN_FILENO, fd) == 0) {
            p[0].fd = -1;
            shutdown(fd, SHUT_WR);
        }
        if (p[1].revents != 0 && pass(fd, STDOUT_FILENO) == 0) {
            return;
        }
    }
}

int dial_main(int argc, char **argv)
{
    int port = argc > 0 ? atoi(argv[0]) : 0;
    int fd = call(LOCALHOST, (unsigned)port);
    if (fd < 0) {
        guest_log("dial tcp4 127.0.0.1:%d: connect: %s", port,
                  errno == ECONNREFUSED ? "connection refused" : strerror(errno));
        return 1;
    }
    join(fd);
    return 0;
}

/* ---- HTTP ---- */

/* "http://host:port/path": what it names, in place; false when it is not one. */
static bool cut_url(char *url, char **ret_host, unsigned *ret_port, const char **ret_path)
{
    static const char scheme[] = "http://";
    char *host = strncmp(url, scheme, sizeof(scheme) - 1) == 0 ? url + sizeof(scheme) - 1 : url;
    char *slash = strchr(host, '/');
    *ret_path = slash != NULL ? guest_copy(slash) : "/";
    if (slash != NULL) {
        *slash = '\0';
    }
    char *colon = strchr(host, ':');
    const char *digits = colon != NULL ? colon + 1 : "80";
    if (colon != NULL) {
        *colon = '\0';
    }
    *ret_host = host;
    return host[0] != '\0' && guest_take_num(&digits, 65535, ret_port) && *digits == '\0';
}

/* Prints what comes behind the headers; the status line decides how it ends. */
static int print_answer(int fd)
{
    char head[8 * 1024];
    size_t len = 0;
    char *body = NULL;
    while (body == NULL && len < sizeof(head)) {
        ssize_t n = read(fd, head + len, sizeof(head) - len);
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
        body = guest_find(head, len, "\r\n\r\n");
    }
    if (body == NULL || len < 12) {
        guest_log("get: no answer");
        return 1;
    }
    put(STDOUT_FILENO, body + 4, (ssize_t)(len - (size_t)(body + 4 - head)));
    while (pass(fd, STDOUT_FILENO) > 0) {
    }
    if (head[9] != '2') {
        guest_log("get: %.*s", (int)(strchr(head, '\r') - head), head);
        return 1;
    }
    return 0;
}

int get_main(int argc, char **argv)
{
    char *host, request[2048];
    const char *path;
    unsigned port;
    uint32_t addr;
    if (argc == 0 || !cut_url(argv[0], &host, &port, &path)) {
        fprintf(stderr, "usage: get http://HOST[:PORT][/PATH]\n");
        return 2;
    }
    if (!sock_parse_ip(host, &addr) && !sock_resolve(host, &addr)) {
        guest_log("get: %s: no such host", host);
        return 1;
    }
    int fd = call(addr, port);
    int n = snprintf(request, sizeof(request), "GET %.1500s HTTP/1.0\r\nHost: %.400s\r\n\r\n", path,
                     host);
    if (fd < 0 || !put(fd, request, n)) {
        guest_log("get: %s:%u: %s", host, port, strerror(errno));
        return 1;
    }
    return print_answer(fd);
}
