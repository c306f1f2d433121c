/* SPDX-License-Identifier: Apache-2.0 */
/* The growing string, and the small helpers on plain ones. */
#include "common/str.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"

void str_fini(struct str *s)
{
    free(s->p);
    *s = (struct str)STR_INIT;
}

void str_clear(struct str *s)
{
    s->len = 0;
    if (s->p != NULL) {
        s->p[0] = '\0';
    }
}

void str_reserve(struct str *s, size_t extra)
{
    if (extra < s->cap - s->len) { /* cap is 0 or > len, so this is `extra + 1 <= free` */
        return;
    }
    if (extra > SIZE_MAX / 2 - s->len) {
        xmalloc(SIZE_MAX); /* says "out of memory" and ends the program */
    }
    size_t cap = s->cap > 0 ? s->cap : 32;
    while (cap < s->len + extra + 1) {
        cap *= 2;
    }
    s->p = xrealloc(s->p, cap);
    s->cap = cap;
    s->p[s->len] = '\0';
}

void str_add(struct str *s, const char *text)
{
    str_add_n(s, text, strlen(text));
}

void str_add_n(struct str *s, const void *bytes, size_t n)
{
    str_reserve(s, n);
    if (n > 0) {
        memcpy(s->p + s->len, bytes, n);
    }
    s->len += n;
    s->p[s->len] = '\0';
}

void str_add_c(struct str *s, char c)
{
    str_add_n(s, &c, 1);
}

void str_add_f(struct str *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    str_add_vf(s, fmt, ap);
    va_end(ap);
}

void str_add_vf(struct str *s, const char *fmt, va_list ap)
{
    str_reserve(s, 64);
    va_list again;
    va_copy(again, ap);
    size_t room = s->cap - s->len;
    int n = vsnprintf(s->p + s->len, room, fmt, ap);
    if (n >= 0 && (size_t)n >= room) {
        str_reserve(s, (size_t)n);
        n = vsnprintf(s->p + s->len, s->cap - s->len, fmt, again);
    }
    va_end(again);
    s->len += n > 0 ? (size_t)n : 0;
    s->p[s->len] = '\0';
}

void str_drop_front(struct str *s, size_t n)
{
    if (n >= s->len) {
        str_clear(s);
    } else if (n > 0) {
        memmove(s->p, s->p + n, s->len - n + 1);
        s->len -= n;
    }
}

char *str_take(struct str *s)
{
    char *p = s->p != NULL ? s->p : xstrdup("");
    *s = (struct str)STR_INIT;
    return p;
}

const char *str_c(const struct str *s)
{
    return s->p != NULL ? s->p : "";
}

bool str_eq(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool str_has_prefix(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_has_suffix(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return m <= n && memcmp(s + n - m, suffix, m) == 0;
}

size_t str_copy(char *dst, size_t size, const char *src)
{
    size_t n = strlen(src);
    if (size > 0) {
        size_t fits = n < size ? n : size - 1;
        memcpy(dst, src, fits);
        dst[fits] = '\0';
    }
    return n;
}

bool str_to_i64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
    bool negative = s[0] == '-';
    const char *p = s + negative;
    if (*p == '\0') {
        return false;
    }
    int64_t value = 0; /* counted downwards: INT64_MIN has no positive twin */
    for (; *p != '\0'; p++) {
        if (*p < '0' || *p > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, *p - '0', &value)) {
            return false;
        }
    }
    if (!negative && __builtin_sub_overflow((int64_t)0, value, &value)) {
        return false;
    }
    if (value < min || value > max) {
        return false;
    }
    *ret = value;
    return true;
}

uint64_t str_hash(const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ p[i]) * 0x100000001b3u;
    }
    return h;
}

uint32_t str_hash32(const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint32_t h = 0x811c9dc5u;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ p[i]) * 0x01000193u;
    }
    return h;
}

void str_hex(char *dst, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++) {
        dst[2 * i] = "0123456789abcdef"[p[i] >> 4];
        dst[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
    }
    dst[2 * n] = '\0';
}

static unsigned min_u(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Row i of the table of distances, where `prev` is row i-1 and `prev2` row i-2; returns its least
 * value. A swap of two neighbours costs one, since that is how people mistype. */
static unsigned distance_row(const char *a, const char *b, size_t i, size_t m, unsigned *row,
                             const unsigned *prev, const unsigned *prev2)
{
    unsigned least = row[0] = (unsigned)i;
    for (size_t j = 1; j <= m; j++) {
        unsigned d = min_u(prev[j] + 1, row[j - 1] + 1);
        d = min_u(d, prev[j - 1] + (a[i - 1] != b[j - 1]));
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
            d = min_u(d, prev2[j - 2] + 1);
        }
        row[j] = d;
        least = min_u(least, d);
    }
    return least;
}

unsigned str_distance(const char *a, const char *b, unsigned max)
{
    size_t n = strlen(a), m = strlen(b);
    unsigned far = max < UINT32_MAX ? max + 1 : max;
    if ((n > m ? n - m : m - n) > max) {
        return far;
    }
    cleanup_free unsigned *rows = xcalloc(3 * (m + 1), sizeof(unsigned));
    unsigned *prev2 = rows, *prev = rows + m + 1, *row = rows + 2 * (m + 1);
    for (size_t j = 0; j <= m; j++) {
        row[j] = (unsigned)j;
    }
    unsigned above = 0; /* the least value of the row before: a swap reaches back over one row */
    for (size_t i = 1; i <= n; i++) {
        unsigned *oldest = prev2;
        prev2 = prev;
        prev = row;
        row = oldest;
        unsigned least = distance_row(a, b, i, m, row, prev, prev2);
        if (least > max && above > max) {
            return far;
        }
        above = least;
    }
    return row[m] > max ? far : row[m];
}
