/* SPDX-License-Identifier: Apache-2.0 */
/* Reads nameserver lines as libc does: the first word of the line, the address behind it. */
#include "net/resolv_conf.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

size_t resolv_conf_servers(const char *text, uint32_t *ret, size_t max)
{
    size_t n = 0;
    for (const char *line = text; *line != '\0' && n < max;) {
        char address[64];
        struct in_addr a;
        if (strncmp(line, "nameserver", 10) == 0 &&
            sscanf(line + 10, "%*[ \t]%63[^ \t\r\n]", address) == 1 &&
            inet_pton(AF_INET, address, &a) == 1 && ntohl(a.s_addr) >> 24 != 127 && a.s_addr != 0) {
            ret[n++] = ntohl(a.s_addr);
        }
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return n;
}
