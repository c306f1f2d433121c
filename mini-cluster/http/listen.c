/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets, and sentences for what keeps one from listening. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "common/mem.h"
#include "http/http.h"

static int explain(int errnum, const char *address, int port, struct err *err)
{
    if (errnum == EADDRINUSE) {
        return err_set(err, ERR_CONFLICT,
                       "port %d of %s is in use by another program; choose another with --port, or "
                       "leave --port out to get a free one",
                       port, address);
    }
    if (errnum == EACCES) {
        return err_set(err, ERR_FORBIDDEN, "port %d of %s needs root; choose one above 1023", port,
                       address);
    }
    return err_errno(err, errnum, "listen on %s port %d", address, port);
}

int http_listen(const char *address, int port, const char *device, struct err *err)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, address, &to.sin_addr) != 1) {
        return err_set(err, ERR_INVALID, "\"%s\" is not an IPv4 address", address);
    }
    cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return err_errno(err, errno, "socket");
    }
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (device != NULL &&
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)) < 0) {
        return err_errno(err, errno, "bind the API's socket to the interface %s", device);
    }
    if (bind(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 || listen(fd, 1024) < 0) {
        return explain(errno, address, port, err);
    }
    int ret = fd;
    fd = -1;
    return ret;
}

int http_port(int fd)
{
    struct sockaddr_in at = {0};
    socklen_t n = sizeof(at);
    if (getsockname(fd, (struct sockaddr *)&at, &n) < 0) {
        return 0;
    }
    return ntohs(at.sin_port);
}
