/* SPDX-License-Identifier: Apache-2.0 */
/* Base64, as Secrets and WebSocket keys need it. */
#include <string.h>

#include "common/str.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void str_base64(struct str *out, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    str_reserve(out, (n + 2) / 3 * 4);
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16;
        v |= i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0;
        v |= i + 2 < n ? p[i + 2] : 0;
        char quad[4] = {alphabet[v >> 18], alphabet[v >> 12 & 63], alphabet[v >> 6 & 63],
                        alphabet[v & 63]};
        if (i + 2 >= n) {
            quad[3] = '=';
        }
        if (i + 1 >= n) {
            quad[2] = '=';
        }
        str_add_n(out, quad, sizeof(quad));
    }
}

static int value_of(char c)
{
    const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
    return at != NULL ? (int)(at - alphabet) : -1;
}

/* What is between and behind the digits: line ends, as block scalars in manifests have them. */
static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

static bool decode(struct str *out, const char *text, size_t n)
{
    uint32_t bits = 0;
    size_t digits = 0, pads = 0;
    for (size_t i = 0; i < n; i++) {
        if (is_line_end(text[i])) {
            continue;
        }
        if (text[i] == '=') {
            pads++;
            continue;
        }
        int v = value_of(text[i]);
        if (v < 0 || pads > 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)v;
        if (++digits % 4 == 0) {
            char three[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
            str_add_n(out, three, 3);
        }
    }
    size_t rest = digits % 4;
    if (rest == 1 || pads != (4 - rest) % 4) {
        return false;
    }
    bits <<= 6 * (4 - rest);
    char three[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
    str_add_n(out, three, rest > 0 ? rest - 1 : 0);
    return true;
}

bool str_unbase64(struct str *out, const char *text, size_t n)
{
    size_t before = out->len;
    str_reserve(out, n / 4 * 3 + 3);
    if (!decode(out, text, n)) {
        out->len = before;
        out->p[before] = '\0';
        return false;
    }
    return true;
}
