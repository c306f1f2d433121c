/* SPDX-License-Identifier: Apache-2.0 */
/* A stub resolver: libc's would be a fifth of this program. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/dns.h"
#include "guest/guest.h"

enum { SERVERS = 3, SEARCH = 6, WAIT_MS = 1000 };

static struct conf {
    uint32_t servers[SERVERS];
    unsigned nservers, nsearch, ndots;
    char search[SEARCH][256];
} conf;

static bool read_line(void *arg, char *line)
{
    char *words[1 + SEARCH];
    unsigned n = guest_words(line, words, LEN(words));
    if (n >= 2 && strcmp(words[0], "nameserver") == 0 && conf.nservers < SERVERS) {
        conf.nservers += sock_parse_ip(words[1], &conf.servers[conf.nservers]);
    } else if (n >= 2 && strcmp(words[0], "search") == 0) {
        conf.nsearch = n - 1;
        for (unsigned i = 1; i < n; i++) {
            snprintf(conf.search[i - 1], sizeof(conf.search[0]), "%s", words[i]);
        }
    } else if (n >= 2 && strcmp(words[0], "options") == 0) {
        for (unsigned i = 1; i < n; i++) {
            if (strncmp(words[i], "ndots:", 6) == 0) {
                conf.ndots = (unsigned)atoi(words[i] + 6);
            }
        }
    }
    return true;
}

struct wanted {
    const char *name;
    uint32_t *ret;
    bool found;
};

static bool read_host(void *arg, char *line)
{
    struct wanted *w = arg;
    char *words[16];
    unsigned n = guest_words(line, words, LEN(words));
    for (unsigned i = 1; i < n && !w->found; i++) {
        w->found = strcmp(words[i], w->name) == 0 && sock_parse_ip(words[0], w->ret);
    }
    return !w->found;
}

static bool in_hosts(const char *name, uint32_t *ret)
{
    struct wanted w = {.name = name, .ret = ret};
    guest_each_line("/etc/hosts", read_host, &w);
    return w.found;
}

static bool ask(uint32_t server, const char *name, uint32_t *ret)
{
    static uint16_t id = 1;
    uint8_t msg[1500];
    struct table_target at = {.addr = server, .port = 53};
    size_t n = dns_ask(++id, name, DNS_A, msg, sizeof(msg));
    int fd = n > 0 ? sock_connect(SOCK_DGRAM, &at) : -1;
    bool found = false;
    if (fd < 0) {
        return false;
    }
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (send(fd, msg, n, MSG_NOSIGNAL) == (ssize_t)n && poll(&p, 1, WAIT_MS) > 0) {
        ssize_t got = recv(fd, msg, sizeof(msg), 0);
        found = got > 0 && dns_first_address(msg, (size_t)got, id, ret);
    }
    close(fd);
    return found;
}

static bool ask_all(const char *name, uint32_t *ret)
{
    for (unsigned i = 0; i < conf.nservers; i++) {
        if (ask(conf.servers[i], name, ret)) {
            return true;
        }
    }
    return false;
}

static unsigned dots(const char *name)
{
    unsigned n = 0;
    for (; *name != '\0'; name++) {
        n += *name == '.';
    }
    return n;
}

bool sock_resolve(const char *name, uint32_t *ret)
{
    char full[600];
    if (sock_parse_ip(name, ret) || in_hosts(name, ret)) {
        return true;
    }
    conf = (struct conf){.ndots = 1};
    guest_each_line("/etc/resolv.conf", read_line, NULL);
    bool as_it_is = dots(name) >= conf.ndots;
    if (as_it_is && ask_all(name, ret)) {
        return true;
    }
    for (unsigned i = 0; i < conf.nsearch; i++) {
        snprintf(full, sizeof(full), "%.253s.%s", name, conf.search[i]);
        if (ask_all(full, ret)) {
            return true;
        }
    }
    return !as_it_is && ask_all(name, ret);
}
