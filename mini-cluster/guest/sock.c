/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 sockets as every role needs them: non-blocking, closed on exec. */
#include "guest/guest.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/table.h"

enum { PORTS_UP = 10000, MAX_TAKEN = 32 };

/* What the environment says of a machine whose addresses are shared with others. */
static struct {
    bool known;
    uint32_t own;              /* 0: nothing is shared */
    uint16_t low;              /* up to here no port may be had */
    uint16_t taken[MAX_TAKEN]; /* nor these */
    unsigned ntaken;
} shared;

/* PODLAB_PORTS_UP: "1023 8080 9000". */
static void read_ports(const char *at)
{
    unsigned port;
    bool first = true;
    while (guest_take_num(&at, 65535, &port)) {
        if (first) {
            shared.low = (uint16_t)port;
        } else if (shared.ntaken < MAX_TAKEN) {
            shared.taken[shared.ntaken++] = (uint16_t)port;
        }
        first = false;
        at += *at == ' ';
    }
}

static uint32_t shared_own(void)
{
    if (!shared.known) {
        shared.known = true;
        if (!sock_parse_ip(guest_env("PODLAB_ADDRESS", ""), &shared.own)) {
            shared.own = 0;
        }
        read_ports(guest_env("PODLAB_PORTS_UP", "0"));
    }
    return shared.own;
}

/* Where this port of the cluster really is. */
static uint16_t real_port(uint32_t addr, uint16_t port)
{
    if (shared_own() == 0 || addr >> 16 != shared.own >> 16) {
        return port;
    }
    bool up = port > 0 && port <= shared.low;
    for (unsigned i = 0; i < shared.ntaken && !up; i++) {
        up = shared.taken[i] == port;
    }
    return up && port <= UINT16_MAX - PORTS_UP ? (uint16_t)(port + PORTS_UP) : port;
}

static struct sockaddr_in address(uint32_t addr, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(addr);
    return a;
}

static void set(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof(value));
}

/* A service's address may come a moment after its port. */
static int bound(int type, uint32_t addr, uint16_t port)
{
    addr = addr != 0 ? addr : shared_own();
    struct sockaddr_in a = address(addr, real_port(addr, port));
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    set(fd, IPPROTO_IP, IP_FREEBIND, 1);
    if (type == SOCK_STREAM) {
        set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    }
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
        (type == SOCK_STREAM && listen(fd, 4096) < 0)) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    if (type == SOCK_STREAM && cut_is_on()) {
        cut_deafen(fd);
    }
    return fd;
}

int sock_listen(uint32_t addr, uint16_t port)
{
    return bound(SOCK_STREAM, addr, port);
}

int sock_udp(uint32_t addr, uint16_t port)
{
    return bound(SOCK_DGRAM, addr, port);
}

/* Others on a shared machine see whose connection it is. */
static void bind_own(int fd, uint32_t to)
{
    if (shared_own() != 0 && to >> 24 == shared.own >> 24) {
        struct sockaddr_in a = address(shared.own, 0);
        set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
        if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
            return; /* then they do not see it */
        }
    }
}

int sock_connect(int type, const struct table_target *to)
{
    struct sockaddr_in a = address(to->addr, real_port(to->addr, to->port));
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (cut_is_on()) {
        return cut_connect(fd, type);
    }
    bind_own(fd, to->addr);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 && errno != EINPROGRESS) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

int sock_error(int fd)
{
    int error = 0;
    socklen_t n = sizeof(error);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 ? errno : error;
}

void sock_reset_on_close(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

uint32_t sock_own_address(void)
{
    if (shared_own() != 0) {
        return shared.own;
    }
    struct ifreq reqs[32];
    struct ifconf conf = {.ifc_len = sizeof(reqs), .ifc_req = reqs};
    uint32_t found = 0;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCGIFCONF, &conf) < 0) {
        conf.ifc_len = 0;
    }
    for (size_t i = 0; i < (size_t)conf.ifc_len / sizeof(reqs[0]) && found == 0; i++) {
        struct sockaddr_in a;
        memcpy(&a, &reqs[i].ifr_addr, sizeof(a));
        uint32_t addr = ntohl(a.sin_addr.s_addr);
        found = strcmp(reqs[i].ifr_name, "lo") != 0 ? addr : 0;
    }
    if (fd >= 0) {
        close(fd);
    }
    return found;
}

bool sock_parse_ip(const char *s, uint32_t *ret)
{
    unsigned b = 0;
    uint32_t addr = 0;
    for (int i = 0; i < 4; i++) {
        if (!guest_take_num(&s, 255, &b) || *s != (i < 3 ? '.' : '\0')) {
            return false;
        }
        s += i < 3;
        addr = addr << 8 | b;
    }
    *ret = addr;
    return true;
}

const char *sock_ip(uint32_t addr)
{
    static char text[INET_ADDRSTRLEN];
    snprintf(text, sizeof(text), "%u.%u.%u.%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255,
             addr & 255);
    return text;
}
