/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting longer each time something fails again. The delays come from the clock at every use, so
 * that another clock counts at once. */
#ifndef NODE_BACKOFF_H
#define NODE_BACKOFF_H

#include <stddef.h>
#include <stdint.h>

struct backoff {
    unsigned steps;    /* failures that count; 0: no waiting */
    uint64_t since_ns; /* the last of them */
};

/* One more failure, now. */
void backoff_next(struct backoff *b, uint64_t now_ns);
/* first, doubled with every further failure, at most max; 0 before the first. */
uint64_t backoff_delay(const struct backoff *b, uint64_t first, uint64_t max);
/* How much of that is left; 0: it is over. */
uint64_t backoff_left(const struct backoff *b, uint64_t now_ns, uint64_t first, uint64_t max);
/* As Go prints a duration: "10s", "1m20s", "500ms". */
void backoff_format(char *buf, size_t size, uint64_t ns);

#endif
