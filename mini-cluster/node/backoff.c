/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic of waiting, apart from what is waited for. */
#include "node/backoff.h"

#include <inttypes.h>
#include <stdio.h>

void backoff_next(struct backoff *b, uint64_t now_ns)
{
    b->steps++;
    b->since_ns = now_ns;
}

uint64_t backoff_delay(const struct backoff *b, uint64_t first, uint64_t max)
{
    uint64_t delay = b->steps > 0 ? first : 0;
    for (unsigned i = 1; i < b->steps && delay < max; i++) {
        delay *= 2;
    }
    return delay < max ? delay : max;
}

uint64_t backoff_left(const struct backoff *b, uint64_t now_ns, uint64_t first, uint64_t max)
{
    uint64_t due = b->since_ns + backoff_delay(b, first, max);
    return b->steps > 0 && due > now_ns ? due - now_ns : 0;
}

void backoff_format(char *buf, size_t size, uint64_t ns)
{
    uint64_t ms = ns / 1000000;
    uint64_t s = ms / 1000;
    if (ms < 1000) {
        snprintf(buf, size, "%" PRIu64 "ms", ms);
    } else if (ms % 1000 != 0) {
        snprintf(buf, size, "%.3gs", (double)ms / 1000);
    } else if (s < 60) {
        snprintf(buf, size, "%" PRIu64 "s", s);
    } else if (s < 3600) {
        snprintf(buf, size, "%" PRIu64 "m%" PRIu64 "s", s / 60, s % 60);
    } else {
        snprintf(buf, size, "%" PRIu64 "h%" PRIu64 "m%" PRIu64 "s", s / 3600, s / 60 % 60, s % 60);
    }
}
