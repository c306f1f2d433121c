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
    struct sockaddr_in a = address(addr, port);
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

int sock_connect(int type, const struct table_target *to)
{
    struct sockaddr_in a = address(to->addr, to->port);
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
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
