/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities as exact integers: a value is held in billionths, which is as fine as Kubernetes goes,
 * in 128 bits, which is as far as it goes. Finer is rounded away from zero, bigger is capped. */
#include "meta/quantity.h"

#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"

typedef __int128 nano_t;

#define NANO ((nano_t)1000000000)
#define MAX_NANO ((nano_t)INT64_MAX * NANO)

enum { MAX_EXPONENT = 1000000 }; /* far past what is capped or rounded up anyway */

enum family { DECIMAL, EXPONENT, BINARY };

struct quantity {
    nano_t nano;
    enum family family;
};

/* The digits before and after the point, and what the suffix multiplies them by. */
struct parts {
    const char *whole;
    size_t nwhole;
    const char *fraction;
    size_t nfraction;
    int power2;
    int64_t power10;
};

/* ---- reading ---- */

static size_t count_digits(const char *p)
{
    return strspn(p, "0123456789");
}

/* "e3", "E-6", "e+2": false when it is no exponent. */
static bool parse_exponent(const char *s, int64_t *ret)
{
    const char *p = s + 1;
    bool negative = *p == '-';
    p += *p == '-' || *p == '+';
    size_t n = count_digits(p);
    if ((*s != 'e' && *s != 'E') || n == 0 || p[n] != '\0') {
        return false;
    }
    int64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = v > MAX_EXPONENT ? v : v * 10 + (p[i] - '0');
    }
    *ret = negative ? -v : v;
    return true;
}

static bool parse_suffix(const char *s, struct parts *parts, enum family *ret)
{
    static const struct {
        const char *suffix;
        int power2, power10;
    } table[] = {{"", 0, 0},    {"E", 0, 18},  {"Ei", 60, 0}, {"G", 0, 9},
                 {"Gi", 30, 0}, {"Ki", 10, 0}, {"M", 0, 6},   {"Mi", 20, 0},
                 {"P", 0, 15},  {"Pi", 50, 0}, {"T", 0, 12},  {"Ti", 40, 0},
                 {"k", 0, 3},   {"m", 0, -3},  {"n", 0, -9},  {"u", 0, -6}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(s, table[i].suffix) == 0) {
            parts->power2 = table[i].power2;
            parts->power10 = table[i].power10;
            *ret = table[i].power2 > 0 ? BINARY : DECIMAL;
            return true;
        }
    }
    *ret = EXPONENT;
    return parse_exponent(s, &parts->power10);
}

/* The i-th digit of whole and fraction written one after the other; zeros beyond. */
static int digit(const struct parts *p, int64_t i)
{
    if (i < 0 || (uint64_t)i >= p->nwhole + p->nfraction) {
        return 0;
    }
    size_t at = (size_t)i;
    return (at < p->nwhole ? p->whole[at] : p->fraction[at - p->nwhole]) - '0';
}

/* The digits behind the point (which stands before digit `point`) times `unit`, rounded up. Works
 * from the last digit to the first, so that nothing is lost however many there are. */
static nano_t scale_fraction(const struct parts *p, int64_t point, nano_t unit)
{
    int64_t last = (int64_t)(p->nwhole + p->nfraction) - 1;
    nano_t acc = 0;
    bool more = false;
    for (int64_t i = last; i >= point && (i >= 0 || acc > 0); i--) {
        acc += digit(p, i) * unit;
        more = more || acc % 10 != 0;
        acc /= 10;
    }
    return acc + more;
}

/* Digits of the number without its leading zeros: INT64_MAX at most. */
static nano_t whole_part(const struct parts *p, int64_t point)
{
    nano_t v = 0;
    int64_t digits = (int64_t)(p->nwhole + p->nfraction);
    for (int64_t i = 0; i < point && v <= INT64_MAX && (i < digits || v > 0); i++) {
        v = v * 10 + digit(p, i);
    }
    return v > INT64_MAX ? INT64_MAX : v;
}

static nano_t evaluate(const struct parts *p)
{
    nano_t unit = NANO << p->power2;
    int64_t point = (int64_t)p->nwhole + p->power10;
    nano_t whole = whole_part(p, point);
    if (whole > MAX_NANO / unit) {
        return MAX_NANO;
    }
    nano_t v = whole * unit + scale_fraction(p, point, unit);
    return v > MAX_NANO ? MAX_NANO : v;
}

static bool parse(const char *text, struct quantity *ret)
{
    struct parts parts = {0};
    if (text == NULL) {
        return false;
    }
    const char *p = text;
    bool negative = *p == '-';
    p += *p == '-' || *p == '+';
    parts.whole = p;
    parts.nwhole = count_digits(p);
    p += parts.nwhole;
    if (*p == '.') {
        parts.fraction = ++p;
        parts.nfraction = count_digits(p);
        p += parts.nfraction;
    }
    if (parts.nwhole + parts.nfraction == 0 || !parse_suffix(p, &parts, &ret->family)) {
        return false;
    }
    ret->nano = negative ? -evaluate(&parts) : evaluate(&parts);
    return true;
}

/* A JSON number's text is a quantity too; `buf` holds it. */
static const char *json_text(const json_t *v, char *buf, size_t size)
{
    if (json_is_string(v)) {
        return json_string_value(v);
    }
    if (json_is_integer(v)) {
        snprintf(buf, size, "%lld", (long long)json_integer_value(v));
        return buf;
    }
    if (json_is_real(v)) {
        struct str text = STR_INIT;
        jx_dump(&text, v);
        str_copy(buf, size, str_c(&text));
        str_fini(&text);
        return buf;
    }
    return NULL;
}

/* ---- as integers ---- */

/* Away from zero, as Kubernetes rounds. */
static nano_t divide_up(nano_t v, nano_t by)
{
    nano_t rest = v % by;
    return v / by + (rest > 0) - (rest < 0);
}

static bool to_scale(const char *text, nano_t scale, int64_t *ret)
{
    struct quantity q;
    if (!parse(text, &q)) {
        return false;
    }
    nano_t v = divide_up(q.nano, scale);
    *ret = v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
    return true;
}

bool quantity_milli(const char *text, int64_t *ret)
{
    return to_scale(text, NANO / 1000, ret);
}

bool quantity_units(const char *text, int64_t *ret)
{
    return to_scale(text, NANO, ret);
}

bool quantity_json_milli(const json_t *v, int64_t *ret)
{
    char buf[64];
    return quantity_milli(json_text(v, buf, sizeof(buf)), ret);
}

bool quantity_json_units(const json_t *v, int64_t *ret)
{
    char buf[64];
    return quantity_units(json_text(v, buf, sizeof(buf)), ret);
}

int quantity_compare(const char *a, const char *b)
{
    struct quantity qa = {0};
    struct quantity qb = {0};
    bool both = parse(a, &qa) && parse(b, &qb);
    return !both ? 0 : (qa.nano > qb.nano) - (qa.nano < qb.nano);
}

/* ---- as text ---- */

/* mantissa, suffix; false when it does not fit. */
static bool print(char *buf, size_t size, nano_t mantissa, const char *suffix)
{
    char digits[48];
    size_t at = sizeof(digits);
    bool negative = mantissa < 0;
    nano_t v = negative ? -mantissa : mantissa;
    digits[--at] = '\0';
    do {
        digits[--at] = (char)('0' + (int)(v % 10));
        v /= 10;
    } while (v > 0);
    int n = snprintf(buf, size, "%s%s%s", negative ? "-" : "", digits + at, suffix);
    return n >= 0 && (size_t)n < size;
}

/* The biggest power of 1000 that leaves no fraction. */
static bool print_decimal(char *buf, size_t size, nano_t nano, bool as_exponent)
{
    static const char *const suffixes[] = {"n", "u", "m", "", "k", "M", "G", "T", "P", "E"};
    int step = 0;
    while (nano != 0 && nano % 1000 == 0 && step < 9) {
        nano /= 1000;
        step++;
    }
    if (nano == 0) {
        step = 3;
    }
    char exponent[8] = "";
    if (as_exponent && step != 3) {
        snprintf(exponent, sizeof(exponent), "e%d", step * 3 - 9);
    }
    return print(buf, size, nano, as_exponent ? exponent : suffixes[step]);
}

static bool print_binary(char *buf, size_t size, nano_t nano)
{
    static const char *const suffixes[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    nano_t v = nano / NANO;
    if (nano % NANO != 0 || (v > -1024 && v < 1024)) {
        return print_decimal(buf, size, nano, false); /* what binary suffixes cannot say */
    }
    int step = 0;
    while (v % 1024 == 0 && step < 6) {
        v /= 1024;
        step++;
    }
    return print(buf, size, v, suffixes[step]);
}

bool quantity_canonical(const char *text, char *buf, size_t size)
{
    struct quantity q;
    if (!parse(text, &q)) {
        return false;
    }
    return q.family == BINARY ? print_binary(buf, size, q.nano)
                              : print_decimal(buf, size, q.nano, q.family == EXPONENT);
}

void quantity_format_milli(int64_t milli, char *buf, size_t size)
{
    if (milli % 1000 == 0) {
        snprintf(buf, size, "%lld", (long long)(milli / 1000));
    } else {
        snprintf(buf, size, "%lldm", (long long)milli);
    }
}

void quantity_format_bytes(int64_t bytes, char *buf, size_t size)
{
    static const char *const suffixes[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    uint64_t v = bytes < 0 ? -(uint64_t)bytes : (uint64_t)bytes;
    const char *sign = bytes < 0 ? "-" : "";
    int step = 0;
    while (step < 6 && v >> (10 * (step + 1)) > 0) {
        step++;
    }
    uint64_t unit = 1ULL << (10 * step);
    uint64_t whole = v / unit;
    uint64_t tenths = (uint64_t)(((unsigned __int128)(v % unit) * 10 + unit / 2) / unit);
    if (tenths == 10) {
        whole++;
        tenths = 0;
    }
    if (whole == 1024 && step < 6) {
        whole = 1;
        step++;
    }
    if (tenths == 0) {
        snprintf(buf, size, "%s%llu%s", sign, (unsigned long long)whole, suffixes[step]);
    } else {
        snprintf(buf, size, "%s%llu.%llu%s", sign, (unsigned long long)whole,
                 (unsigned long long)tenths, suffixes[step]);
    }
}
