/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps what a container says: whole lines with their times, in two files that take turns. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guest/shim.h"

enum { MAX_FILE = 5 << 20, MAX_LINE = 16 * 1024 };

static int log_fd = -1;
static size_t written;
/* A line per channel, until it is whole. */
static struct line {
    char text[MAX_LINE];
    size_t n;
} lines[2];

long long shim_log_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void shim_log_open(void)
{
    struct stat st;
    log_fd = open("log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    written = log_fd >= 0 && fstat(log_fd, &st) == 0 ? (size_t)st.st_size : 0;
}

static void turn_over(void)
{
    close(log_fd);
    rename("log", "log.1");
    shim_log_open();
}

/* One write for each line: a reader sees all of it or nothing. */
static void put(int fd, struct line *l, char how)
{
    char out[MAX_LINE + 64];
    int n = snprintf(out, sizeof(out), "%lld %d%c ", shim_log_now(), fd, how);
    memcpy(out + n, l->text, l->n);
    size_t len = (size_t)n + l->n;
    out[len++] = '\n';
    l->n = 0;
    if (log_fd < 0) {
        return;
    }
    if (written + len > MAX_FILE) {
        turn_over();
    }
    if (write(log_fd, out, len) == (ssize_t)len) {
        written += len;
    }
}

void shim_log_add(int fd, const char *bytes, size_t n)
{
    struct line *l = &lines[fd == 2];
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n') {
            put(fd, l, 'F');
            continue;
        }
        l->text[l->n++] = bytes[i];
        if (l->n == MAX_LINE) {
            put(fd, l, 'P');
        }
    }
}

void shim_log_end(void)
{
    for (int fd = 1; fd <= 2; fd++) {
        if (lines[fd - 1].n > 0) {
            put(fd, &lines[fd - 1], 'P');
        }
    }
}
