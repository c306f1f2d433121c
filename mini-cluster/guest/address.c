/* SPDX-License-Identifier: Apache-2.0 */
/* Puts service addresses on this machine, through netlink.
 *
 * They sit on the loopback interface: the kernel answers ARP for them on every other one, and they
 * survive when the container's own interface is taken away and given back (a network partition). */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "guest/forward.h"

static struct held {
    uint32_t addr;
    unsigned refs;
} * held; /* sorted by address */
static size_t held_n, held_cap;

struct request {
    struct nlmsghdr head;
    struct ifaddrmsg msg;
    struct rtattr attr;
    uint32_t addr;
};

static int ask_kernel(int fd, struct request *req)
{
    union {
        struct nlmsghdr head;
        char bytes[512];
    } answer;
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct nlmsgerr error = {.error = 0};
    if (sendto(fd, req, req->head.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0) {
        return errno;
    }
    ssize_t n = recv(fd, &answer, sizeof(answer), 0);
    if (n < (ssize_t)NLMSG_LENGTH(sizeof(error)) || answer.head.nlmsg_type != NLMSG_ERROR) {
        return n < 0 ? errno : EPROTO;
    }
    memcpy(&error, NLMSG_DATA(&answer.head), sizeof(error));
    return -error.error;
}

static void change(uint32_t addr, bool add)
{
    struct request req = {
        .head = {.nlmsg_len = sizeof(req),
                 .nlmsg_type = add ? RTM_NEWADDR : RTM_DELADDR,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (add ? NLM_F_CREATE : 0)},
        .msg = {.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = if_nametoindex("lo")},
        .attr = {.rta_len = RTA_LENGTH(4), .rta_type = IFA_LOCAL},
        .addr = htonl(addr),
    };
    if (addr >> 24 == 127) {
        return; /* is everywhere already */
    }
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int error = fd < 0 ? errno : ask_kernel(fd, &req);
    if (error != 0 && error != EEXIST && error != EADDRNOTAVAIL) {
        guest_log("cannot %s address %s: %s", add ? "add" : "remove", sock_ip(addr),
                  strerror(error));
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* Where addr is, or belongs. */
static size_t find(uint32_t addr)
{
    size_t lo = 0;
    size_t hi = held_n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (held[mid].addr < addr) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

void address_add(uint32_t addr)
{
    size_t i = find(addr);
    if (i < held_n && held[i].addr == addr) {
        held[i].refs++;
        return;
    }
    if (held_n == held_cap) {
        held_cap = held_cap > 0 ? 2 * held_cap : 64;
        held = guest_grow(held, held_cap * sizeof(*held));
    }
    memmove(held + i + 1, held + i, (held_n - i) * sizeof(*held));
    held_n++;
    held[i] = (struct held){.addr = addr, .refs = 1};
    change(addr, true);
}

void address_remove(uint32_t addr)
{
    size_t i = find(addr);
    if (i == held_n || held[i].addr != addr || --held[i].refs > 0) {
        return;
    }
    memmove(held + i, held + i + 1, (held_n - i - 1) * sizeof(*held));
    held_n--;
    change(addr, false);
}
