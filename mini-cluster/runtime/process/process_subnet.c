/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of 127.0.0.0/8 is a cluster's. Every address of it works without set-up, so nothing is
 * made; a name that only one process of the machine can have says whose it is. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "runtime/process/process_impl.h"

enum { FIRST = 77, NETS = 256 };

int process_claim(const char *name, struct err *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t n = str_copy(at.sun_path + 1, sizeof(at.sun_path) - 1, name);
    cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
    if (fd < 0) {
        return err_errno(err, errno, "a socket");
    }
    if (bind(fd, (const struct sockaddr *)(const void *)&at, len) != 0) {
        return errno == EADDRINUSE
                   ? err_set(err, ERR_ALREADY_EXISTS, "%s is used by another cluster",
                             name + strlen(PROCESS_CLAIM))
                   : err_errno(err, errno, "claim %s", name);
    }
    int claim = fd;
    fd = -1;
    return claim;
}

/* Whoever has a claim within 127.N is listed by name. */
static void see_claims(bool used[NETS])
{
    FILE *f = fopen("/proc/net/unix", "re");
    char line[512];
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        const char *at = strstr(line, "@" PROCESS_CLAIM "127.");
        int n = at != NULL ? atoi(at + strlen("@" PROCESS_CLAIM "127.")) : -1;
        if (n >= 0 && n < NETS) {
            used[n] = true;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
}

/* Other programs: "0: 0100007F:1F90 ...", the address in the machine's order of bytes. */
static void see_sockets(const char *path, bool used[NETS])
{
    FILE *f = fopen(path, "re");
    char line[512];
    unsigned raw;
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, " %*u: %8X:", &raw) == 1) {
            unsigned char bytes[4];
            memcpy(bytes, &raw, sizeof(bytes));
            used[bytes[1]] |= bytes[0] == 127;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
}

int process_free_subnet(const char *taken, char subnet[24], struct err *err)
{
    bool used[NETS] = {[0] = true, [NETS - 1] = true}; /* the machine's own; 127.255.255.255 */
    see_claims(used);
    see_sockets("/proc/net/tcp", used);
    see_sockets("/proc/net/udp", used);
    for (int i = 0; i < NETS; i++) {
        int n = (FIRST + i) % NETS;
        snprintf(subnet, 24, "127.%d.0.0/16", n);
        if (!used[n] && (taken == NULL || strstr(taken, subnet) == NULL)) {
            return 0;
        }
    }
    return err_set(err, ERR_UNAVAILABLE,
                   "no part of 127.0.0.0/8 is free for one more cluster; end one with "
                   "mini-cluster down");
}

int process_reserve(const char *subnet, struct err *err)
{
    cleanup_free char *name = xasprintf(PROCESS_CLAIM "%s", subnet);
    return process_claim(name, err) < 0 ? -1 : 0; /* it stays open: that is the claim */
}
