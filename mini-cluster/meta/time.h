/* SPDX-License-Identifier: Apache-2.0 */
/* Times as the API writes them, and ages as kubectl prints them. */
#ifndef META_TIME_H
#define META_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 3339, UTC, whole seconds ("2026-01-01T00:00:00Z"): metav1.Time. buf holds 21 bytes. */
void time_format(char buf[21], int64_t wall_us);
/* The same with microseconds: metav1.MicroTime. buf holds 28 bytes. */
void time_format_micro(char buf[28], int64_t wall_us);
/* Either form, with any offset. False when it is not one. */
bool time_parse(const char *text, int64_t *ret_wall_us);
/* "5s", "2m10s", "3h", "2d4h" ... as kubectl's AGE column; "<unknown>" for a NULL or bad text. */
void time_age(char *buf, size_t size, const char *since, int64_t now_us);
void time_duration(char *buf, size_t size, int64_t us);

#endif
