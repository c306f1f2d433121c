/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes the few quantities and times that explanations need. */
#include "kube/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/json/jx.h"
#include "common/mem.h"

#define DIGITS "0123456789"

/* ---- quantities: digits, a fraction, a suffix; kept as a number and a power of ten ---- */

struct decimal {
    __int128 digits;
    int exponent; /* of ten */
    int64_t times;
};

static const struct {
    const char *text;
    int exponent;
    int shift; /* of two */
} suffixes[] = {
    {"", 0, 0},    {"n", -9, 0},  {"u", -6, 0},  {"m", -3, 0},  {"k", 3, 0},   {"M", 6, 0},
    {"G", 9, 0},   {"T", 12, 0},  {"P", 15, 0},  {"E", 18, 0},  {"Ki", 0, 10}, {"Mi", 0, 20},
    {"Gi", 0, 30}, {"Ti", 0, 40}, {"Pi", 0, 50}, {"Ei", 0, 60},
};

static bool read_suffix(const char *p, struct decimal *d)
{
    if ((*p == 'e' || *p == 'E') && p[1] != '\0' && strspn(p + 1, "+-" DIGITS) == strlen(p + 1)) {
        int64_t n;
        if (!str_to_i64(p + 1 + (p[1] == '+'), -18, 18, &n)) {
            return false;
        }
        d->exponent += (int)n;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        if (strcmp(p, suffixes[i].text) == 0) {
            d->exponent += suffixes[i].exponent;
            d->times = INT64_C(1) << suffixes[i].shift;
            return true;
        }
    }
    return false;
}

static bool read_decimal(const char *text, struct decimal *ret)
{
    struct decimal d = {.times = 1};
    bool any = false, fraction = false;
    const char *p = text;
    for (; (*p >= '0' && *p <= '9') || (*p == '.' && !fraction); p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        if (d.digits > INT64_MAX / 10) {
            return false;
        }
        d.digits = d.digits * 10 + (*p - '0');
        d.exponent -= fraction;
        any = true;
    }
    if (!any || !read_suffix(p, &d)) {
        return false;
    }
    *ret = d;
    return true;
}

/* Scaled by ten to the `scale`, rounded up. */
static bool to_units(const char *text, int scale, int64_t *ret)
{
    struct decimal d;
    if (text == NULL || !read_decimal(text, &d)) {
        return false;
    }
    __int128 n = d.digits * d.times; /* below 2^63 * 2^60 */
    const __int128 max = (__int128)1 << 123;
    for (d.exponent += scale; d.exponent > 0; d.exponent--) {
        if (n > max / 10) {
            return false;
        }
        n *= 10;
    }
    bool rest = false;
    for (; d.exponent < 0; d.exponent++) {
        rest |= n % 10 != 0;
        n /= 10;
    }
    n += rest;
    if (n > INT64_MAX) {
        return false;
    }
    *ret = (int64_t)n;
    return true;
}

bool kube_milli(const char *text, int64_t *ret)
{
    return to_units(text, 3, ret);
}

bool kube_bytes(const char *text, int64_t *ret)
{
    return to_units(text, 0, ret);
}

static int64_t member(const json_t *obj, const char *key, int scale)
{
    const json_t *v = jx_get(obj, key);
    int64_t n = 0;
    cleanup_free char *number = json_is_number(v) ? jx_dump_text(v) : NULL;
    const char *text = number != NULL ? number : json_string_value(v);
    return to_units(text, scale, &n) ? n : 0;
}

int64_t kube_milli_of(const json_t *obj, const char *key)
{
    return member(obj, key, 3);
}

int64_t kube_bytes_of(const json_t *obj, const char *key)
{
    return member(obj, key, 0);
}

/* ---- times ---- */

bool kube_time(const char *text, int64_t *ret_us)
{
    struct tm tm = {0};
    int64_t us = 0;
    if (text == NULL || strspn(text, DIGITS) != 4) {
        return false;
    }
    const char *p = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (p != NULL && *p == '.') {
        int64_t unit = 100000;
        for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10) {
            us += (*p - '0') * unit;
        }
    }
    if (p == NULL || strcmp(p, "Z") != 0) {
        return false;
    }
    *ret_us = (int64_t)timegm(&tm) * 1000000 + us;
    return true;
}

void kube_time_format(int64_t us, char buf[KUBE_TIME_SIZE])
{
    int64_t fraction = us % 1000000;
    time_t s = (time_t)(us / 1000000);
    struct tm tm;
    if (fraction < 0) {
        fraction += 1000000;
        s--;
    }
    gmtime_r(&s, &tm);
    size_t n = strftime(buf, KUBE_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(buf + n, KUBE_TIME_SIZE - n, ".%06dZ", (int)fraction);
}

/* ---- words ---- */

/* At most one digit behind the point, and none that says nothing. */
static const char *tenths(int64_t n10, const char *unit, char buf[KUBE_WORDS_SIZE])
{
    if (n10 % 10 == 0 || n10 >= 100) {
        snprintf(buf, KUBE_WORDS_SIZE, "%" PRId64 "%s", (n10 + 5) / 10, unit);
    } else {
        snprintf(buf, KUBE_WORDS_SIZE, "%" PRId64 ".%d%s", n10 / 10, (int)(n10 % 10), unit);
    }
    return buf;
}

const char *kube_cpu_words(int64_t milli, char buf[KUBE_WORDS_SIZE])
{
    if (milli < 1000 && milli != 0) {
        snprintf(buf, KUBE_WORDS_SIZE, "%" PRId64 "m", milli);
        return buf;
    }
    return tenths(milli / 100, "", buf);
}

const char *kube_bytes_words(int64_t bytes, char buf[KUBE_WORDS_SIZE])
{
    static const char *const units[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi"};
    size_t u = 0;
    double n = (double)bytes;
    while (n >= 1024 && u + 1 < ARRAY_LEN(units)) {
        n /= 1024;
        u++;
    }
    return tenths(u == 0 ? bytes * 10 : (int64_t)(n * 10), units[u], buf);
}

const char *kube_span_words(int64_t us, char buf[KUBE_WORDS_SIZE])
{
    int64_t s = us / 1000000;
    if (s < 2) {
        return tenths(us > 0 ? us / 100000 : 0, " s", buf);
    }
    int64_t n = s < 120 ? s : s < 7200 ? s / 60 : s < 172800 ? s / 3600 : s / 86400;
    const char *unit = s < 120 ? "s" : s < 7200 ? "min" : s < 172800 ? "h" : "d";
    snprintf(buf, KUBE_WORDS_SIZE, "%" PRId64 " %s", n, unit);
    return buf;
}

bool kube_duration(const char *text, int64_t *ret_us)
{
    static const struct {
        const char *unit;
        int64_t us;
    } units[] = {{"ms", 1000}, {"us", 1}, {"h", 3600000000}, {"m", 60000000}, {"s", 1000000}};
    int64_t sum = 0;
    if (text[0] == '\0') {
        return false;
    }
    while (*text != '\0') {
        char *end;
        double n = strtod(text, &end);
        size_t i = 0;
        while (i < ARRAY_LEN(units) && !str_has_prefix(end, units[i].unit)) {
            i++;
        }
        if (strchr("." DIGITS, text[0]) == NULL || i == ARRAY_LEN(units) || n > 1e6) {
            return false;
        }
        sum += (int64_t)(n * (double)units[i].us);
        text = end + strlen(units[i].unit);
    }
    *ret_us = sum;
    return true;
}
