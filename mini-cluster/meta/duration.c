/* SPDX-License-Identifier: Apache-2.0 */
/* Durations in Go's words, which is how every tool around Kubernetes writes them. */
#include "meta/duration.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"

#define SECOND 1000000000u
#define MAX_NS ((uint64_t)100 * 366 * 86400 * SECOND)

/* The unit that the text goes on with; its length to *ret_len. 0: none. */
static uint64_t unit_of(const char *p, size_t *ret_len)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {
        {"ns", 1},
        {"us", 1000},
        {"\u00b5s", 1000},
        {"ms", 1000000},
        {"s", SECOND},
        {"m", (uint64_t)60 * SECOND},
        {"h", (uint64_t)3600 * SECOND},
    };
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        *ret_len = strlen(units[i].name);
        if (strncmp(p, units[i].name, *ret_len) == 0) {
            return units[i].ns;
        }
    }
    return 0;
}

/* One part such as "1.5h"; moves *p behind it. */
static bool parse_part(const char **p, uint64_t *ret_ns)
{
    uint64_t whole = 0;
    uint64_t fraction = 0;
    uint64_t scale = 1;
    bool any = false;
    size_t len;
    for (; **p >= '0' && **p <= '9'; (*p)++, any = true) {
        whole = whole < MAX_NS ? whole * 10 + (uint64_t)(**p - '0') : whole;
    }
    if (**p == '.') {
        for ((*p)++; **p >= '0' && **p <= '9'; (*p)++, any = true) {
            if (scale < SECOND) { /* more digits say nothing */
                fraction = fraction * 10 + (uint64_t)(**p - '0');
                scale *= 10;
            }
        }
    }
    uint64_t unit = unit_of(*p, &len);
    if (!any || unit == 0 || whole > MAX_NS / unit) {
        return false;
    }
    *p += len;
    *ret_ns = whole * unit + (uint64_t)((long double)fraction / (long double)scale * unit + 0.5L);
    return true;
}

bool duration_parse(const char *text, uint64_t *ret_ns)
{
    uint64_t sum = 0;
    const char *p = text;
    if (strcmp(text, "0") == 0) {
        *ret_ns = 0;
        return true;
    }
    do {
        uint64_t part;
        if (!parse_part(&p, &part)) {
            return false;
        }
        sum += part;
        if (sum > MAX_NS) {
            return false;
        }
    } while (*p != '\0');
    *ret_ns = sum;
    return true;
}

/* "1.5" and the like: `ns` in a unit of `unit` ns, without zeros at the end. */
static int format_in(char *buf, size_t size, uint64_t ns, uint64_t unit, const char *name)
{
    char digits[16] = "";
    uint64_t rest = ns % unit;
    int n = 0;
    for (uint64_t scale = unit / 10; rest > 0 && scale > 0; scale /= 10) {
        digits[n++] = (char)('0' + rest / scale);
        rest %= scale;
    }
    return snprintf(buf, size, "%" PRIu64 "%s%s%s", ns / unit, n > 0 ? "." : "", digits, name);
}

void duration_format(char buf[32], uint64_t ns)
{
    uint64_t minutes = ns / SECOND / 60;
    int at = 0;
    if (ns == 0) {
        strcpy(buf, "0s");
    } else if (ns < 1000) {
        format_in(buf, 32, ns, 1, "ns");
    } else if (ns < 1000000) {
        format_in(buf, 32, ns, 1000, "\u00b5s");
    } else if (ns < SECOND) {
        format_in(buf, 32, ns, 1000000, "ms");
    } else {
        if (minutes >= 60) {
            at += snprintf(buf, 32, "%" PRIu64 "h", minutes / 60);
        }
        if (minutes > 0) {
            at += snprintf(buf + at, 32 - (size_t)at, "%" PRIu64 "m", minutes % 60);
        }
        format_in(buf + at, 32 - (size_t)at, ns % (60 * (uint64_t)SECOND), SECOND, "s");
    }
}
