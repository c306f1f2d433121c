/* SPDX-License-Identifier: Apache-2.0 */
/* Ports that a program may not have here: below 1024 for who is not root, and those that another
 * program of the machine has taken on every address. They are the ones 10000 above, everywhere in
 * the cluster, and the guest knows that, too. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime/process/process_impl.h"

enum { UP = 10000, MAX_TAKEN = 32, LISTENING = 10, LAST_LOW = 1023 };

static bool may_bind(const char *address, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, address, &at.sin_addr);
    return fd >= 0 && (bind(fd, (const struct sockaddr *)(const void *)&at, sizeof(at)) == 0 ||
                       errno == EADDRINUSE);
}

/* The last port that this user may not have; 0: all may be had. */
static int last_low(const char *address)
{
    FILE *f = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
    int start = LAST_LOW + 1;
    if (f != NULL) {
        if (fscanf(f, "%d", &start) != 1) {
            start = LAST_LOW + 1;
        }
        fclose(f);
    }
    bool all = start <= 1 || (geteuid() == 0 && may_bind(address, 1));
    return all ? 0 : start - 1;
}

/* Who listens on every address, IPv6's included, has the port on ours, too. */
static void add_taken(const char *path, int low, struct str *out, unsigned *n)
{
    FILE *f = fopen(path, "re");
    char line[512];
    char address[40];
    unsigned port;
    unsigned state;
    while (f != NULL && fgets(line, sizeof(line), f) != NULL && *n < MAX_TAKEN) {
        if (sscanf(line, " %*u: %39[0-9A-F]:%4X %*s %2X", address, &port, &state) == 3 &&
            state == LISTENING && strspn(address, "0") == strlen(address) && (int)port > low) {
            char word[8];
            snprintf(word, sizeof(word), " %u ", port);
            cleanup_free char *all = xasprintf("%s ", str_c(out));
            if (strstr(all, word) == NULL) {
                str_add_f(out, " %u", port);
                (*n)++;
            }
        }
    }
    if (f != NULL) {
        fclose(f);
    }
}

void process_ports_look(const char *address, struct str *out)
{
    int low = last_low(address);
    unsigned n = 0;
    str_add_f(out, "%d", low);
    add_taken("/proc/net/tcp", low, out, &n);
    add_taken("/proc/net/tcp6", low, out, &n);
}

/* "127.77." of "127.77.0.0/16". */
static bool is_within(const char *address, const char *subnet)
{
    const char *second = strchr(subnet, '.');
    const char *end = second != NULL ? strchr(second + 1, '.') : NULL;
    return end != NULL && strncmp(address, subnet, (size_t)(end + 1 - subnet)) == 0;
}

int process_ports_real(const char *up, const char *subnet, const char *address, int port)
{
    char *at = NULL;
    long number = strtol(up, &at, 10);
    bool moved = port <= number;
    while (!moved && *at != '\0') {
        number = strtol(at, &at, 10);
        moved = number == port;
    }
    return moved && port > 0 && port <= UINT16_MAX - UP && is_within(address, subnet) ? port + UP
                                                                                      : port;
}
