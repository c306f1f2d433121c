/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as Go writes them: "500ms", "1.5s", "1m30s", "0s". */
#ifndef META_DURATION_H
#define META_DURATION_H

#include <stdbool.h>
#include <stdint.h>

/* False when it is none, has no unit, is negative, or longer than 100 years. */
bool duration_parse(const char *text, uint64_t *ret_ns);
void duration_format(char buf[32], uint64_t ns);

#endif
