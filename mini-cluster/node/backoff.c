/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic of waiting, apart from what is waited for. */
#include "node/backoff.h"

#include "common/str.h"
#include "meta/duration.h"

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
    char text[32];
    duration_format(text, ns);
    str_copy(buf, size, text);
}
