/* SPDX-License-Identifier: Apache-2.0 */
/* Eight colours and UTF-8 widths; nothing that a terminal of the last decades does not know. */
#include "repl/style.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

struct style style_make(bool terminal, bool plain, unsigned columns)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool dumb = term == NULL || strcmp(term, "dumb") == 0;
    struct style st = {.plain = plain};
    st.color = terminal && !plain && !dumb && (no_color == NULL || no_color[0] == '\0');
    st.width = columns >= 20 && columns < STYLE_WIDTH + 2 ? columns - 2 : STYLE_WIDTH;
    return st;
}

const char *style_on(const struct style *st, enum style_kind kind)
{
    static const char *const sequences[] = {
        [STYLE_NONE] = "",           [STYLE_BOLD] = "\033[1m",    [STYLE_DIM] = "\033[2m",
        [STYLE_CODE] = "\033[36m",   [STYLE_GOOD] = "\033[1;32m", [STYLE_BAD] = "\033[1;31m",
        [STYLE_MOVING] = "\033[33m",
    };
    return st->color ? sequences[kind] : "";
}

const char *style_off(const struct style *st)
{
    return st->color ? "\033[0m" : "";
}

void style_add(const struct style *st, struct str *out, enum style_kind kind, const char *text)
{
    str_add(out, style_on(st, kind));
    str_add(out, text);
    str_add(out, style_off(st));
}

/* One code point of what may be broken UTF-8; returns how many bytes it took. */
static size_t decode(const char *p, size_t n, uint32_t *ret)
{
    unsigned char c = (unsigned char)p[0];
    size_t len = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
    uint32_t point = len == 1 ? c : c & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (i >= n || ((unsigned char)p[i] & 0xc0) != 0x80) {
            *ret = 0xfffd;
            return i;
        }
        point = point << 6 | ((unsigned char)p[i] & 0x3f);
    }
    *ret = len == 1 && c >= 0x80 ? 0xfffd : point;
    return len;
}

size_t style_columns(const char *text, size_t n)
{
    size_t columns = 0;
    for (size_t i = 0; i < n;) {
        uint32_t point;
        if (text[i] == '\033') {
            const char *end = memchr(text + i, 'm', n - i);
            i = end != NULL ? (size_t)(end - text) + 1 : n;
            continue;
        }
        i += decode(text + i, n - i, &point);
        int width = wcwidth((wchar_t)point);
        columns += width > 0 ? (size_t)width : width < 0 && point >= ' ' ? 1 : 0;
    }
    return columns;
}
