/* SPDX-License-Identifier: Apache-2.0 */
/* What may stand in a JSON string, and what its escapes mean. */
#include "jx_string.h"

#include <string.h>

size_t jx_string_utf8(const char *p, const char *end)
{
    const unsigned char *u = (const unsigned char *)p;
    size_t n = u[0] < 0x80   ? 1
               : u[0] < 0xc2 ? 0
               : u[0] < 0xe0 ? 2
               : u[0] < 0xf0 ? 3
               : u[0] < 0xf5 ? 4
                             : 0;
    if (n == 0 || (size_t)(end - p) < n) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) ||
        (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f)) {
        return 0;
    }
    return n;
}

static void add_utf8(struct str *s, unsigned c)
{
    if (c < 0x80) {
        str_add_c(s, (char)c);
    } else if (c < 0x800) {
        str_add_c(s, (char)(0xc0 | c >> 6));
        str_add_c(s, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        str_add_c(s, (char)(0xe0 | c >> 12));
        str_add_c(s, (char)(0x80 | (c >> 6 & 0x3f)));
        str_add_c(s, (char)(0x80 | (c & 0x3f)));
    } else {
        str_add_c(s, (char)(0xf0 | c >> 18));
        str_add_c(s, (char)(0x80 | (c >> 12 & 0x3f)));
        str_add_c(s, (char)(0x80 | (c >> 6 & 0x3f)));
        str_add_c(s, (char)(0x80 | (c & 0x3f)));
    }
}

/* Four hex digits at p, or -1. */
static int hex4(const char *p, const char *end)
{
    int v = 0;
    if (end - p < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0) {
            return -1;
        }
        v = v << 4 | d;
    }
    return v;
}

/* p is behind "\u". Returns how many bytes were used, 0 when it is no character we take. */
static size_t unescape_u(struct str *out, const char *p, const char *end, const char **ret_what)
{
    int high = hex4(p, end);
    if (high < 0) {
        *ret_what = "\\u needs four hexadecimal digits";
        return 0;
    }
    if (high == 0) {
        *ret_what = "a string may not contain \\u0000";
        return 0;
    }
    if (high < 0xd800 || high > 0xdfff) {
        add_utf8(out, (unsigned)high);
        return 4;
    }
    int low = high < 0xdc00 && end - p >= 6 && p[4] == '\\' && p[5] == 'u' ? hex4(p + 6, end) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
        *ret_what = "half of a surrogate pair";
        return 0;
    }
    add_utf8(out, 0x10000u + (((unsigned)high - 0xd800u) << 10) + ((unsigned)low - 0xdc00u));
    return 10;
}

const char *jx_string_unescape(struct str *out, const char *p, const char *end,
                               const char **ret_what)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        const char *stop = slash != NULL ? slash : end;
        str_add_n(out, p, (size_t)(stop - p));
        if (slash == NULL) {
            return NULL;
        }
        p = slash + 1; /* the scan has seen that a byte follows */
        const char *hit = *p != '\0' ? strchr(from, *p) : NULL;
        if (hit != NULL) {
            str_add_c(out, to[hit - from]);
            p++;
        } else if (*p == 'u') {
            size_t used = unescape_u(out, p + 1, end, ret_what);
            if (used == 0) {
                return slash;
            }
            p += 1 + used;
        } else {
            *ret_what = "unknown escape in a string";
            return slash;
        }
    }
    return NULL;
}
