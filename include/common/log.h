/* SPDX-License-Identifier: Apache-2.0 */
/* One line per thing worth knowing: RFC 3339 time, level, room, text. Secrets never go in. */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Where lines go: stderr until log_to_fd says otherwise. The descriptor stays the caller's. */
void log_to_fd(int fd);
void log_set_level(enum log_level level);
/* Where the time of a line comes from (the loop's wall clock, in microseconds); NULL: the system's. */
void log_set_clock(int64_t (*wall_us)(void *), void *arg);

void log_write(enum log_level level, const char *room, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(room, ...) log_write(LOG_DEBUG, room, __VA_ARGS__)
#define log_info(room, ...) log_write(LOG_INFO, room, __VA_ARGS__)
#define log_warn(room, ...) log_write(LOG_WARN, room, __VA_ARGS__)
#define log_error(room, ...) log_write(LOG_ERROR, room, __VA_ARGS__)

#endif
