/* SPDX-License-Identifier: Apache-2.0 */
/* What may stand in a JSON string, and what its escapes mean. */
#ifndef COMMON_JSON_JX_STRING_H
#define COMMON_JSON_JX_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/str.h"

/* Whether the eight bytes at p are ASCII without control characters, quotes and backslashes. Nearly
 * all text is, and looked at so it costs a fifth of a byte at a time. */
static inline bool jx_string_plain8(const char *p)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    uint64_t quote = w ^ ones * '"';
    uint64_t slash = w ^ ones * '\\';
    /* the top bit of a byte: it is below 0x20, or 0 after the xor, or has that bit itself */
    return (((w - ones * 0x20) | (quote - ones) | (slash - ones) | w) & ones << 7) == 0;
}

/* The length of the UTF-8 sequence at p, 0 when it is none (overlong forms and surrogates too). */
size_t jx_string_utf8(const char *p, const char *end);
/* Appends the unescaped text of [p, end), in which every backslash has a byte behind it. NULL when
 * all is well, else where it is not, and *ret_what says why. */
const char *jx_string_unescape(struct str *out, const char *p, const char *end,
                               const char **ret_what);

#endif
