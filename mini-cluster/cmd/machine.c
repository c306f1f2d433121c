/* SPDX-License-Identifier: Apache-2.0 */
/* Reads /proc/meminfo. */
#include "cmd/machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"

int64_t machine_memory(void)
{
    cleanup_close int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
    char text[2048];
    long long kib = 0;
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    text[n > 0 ? n : 0] = '\0';
    const char *line = strstr(text, "MemAvailable:");
    if (line == NULL || sscanf(line, "MemAvailable: %19lld", &kib) != 1) {
        return INT64_MAX;
    }
    return (int64_t)kib * 1024;
}
