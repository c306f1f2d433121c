/* SPDX-License-Identifier: Apache-2.0 */
/* Writes one line in one write(), so that lines of several programs do not mix in one file. */
#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/str.h"

static int log_fd = STDERR_FILENO;
static enum log_level log_least = LOG_INFO;
static int64_t (*log_clock)(void *);
static void *log_clock_arg;

void log_to_fd(int fd)
{
    log_fd = fd;
}

void log_set_level(enum log_level level)
{
    log_least = level;
}

void log_set_clock(int64_t (*wall_us)(void *), void *arg)
{
    log_clock = wall_us;
    log_clock_arg = arg;
}

static int64_t now_us(void)
{
    if (log_clock != NULL) {
        return log_clock(log_clock_arg);
    }
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void add_time(struct str *line, int64_t us)
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char text[32];
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    str_add_f(line, "%s.%03dZ", text, (int)(us / 1000 % 1000));
}

/* Text from the wire must neither begin a line of its own nor steer a terminal. */
static void add_escaped(struct str *line, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '\n') {
            str_add(line, "\\n");
        } else if ((c < 0x20 && c != '\t') || c == 0x7f) {
            str_add_f(line, "\\x%02x", c);
        } else {
            str_add_c(line, (char)c);
        }
    }
}

void log_write(enum log_level level, const char *room, const char *fmt, ...)
{
    static const char *const names[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    if (level < log_least || log_fd < 0) {
        return;
    }
    cleanup_str struct str text = STR_INIT;
    va_list ap;
    va_start(ap, fmt);
    str_add_vf(&text, fmt, ap);
    va_end(ap);
    cleanup_str struct str line = STR_INIT;
    add_time(&line, now_us());
    str_add_f(&line, " %-5s %s: ", names[level], room);
    add_escaped(&line, str_c(&text));
    str_add_c(&line, '\n');
    ssize_t ignored = write(log_fd, line.p, line.len); /* nobody is left to tell */
    (void)ignored;
}
