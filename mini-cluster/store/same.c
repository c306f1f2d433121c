/* SPDX-License-Identifier: Apache-2.0 */
/* Reordered members hold the same bytes in another order, and numbers written in two ways differ in
 * their points and exponents. An update that does neither is settled by adding up weights. */
#include "store/same.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sums {
    uint64_t text;    /* of all bytes that no number has */
    uint64_t numbers; /* of the others */
    size_t points;    /* bytes that make a real number one */
};

/* Every byte a weight of its own, without a table to keep. */
static inline uint64_t weight(unsigned char c)
{
    uint64_t z = (c + 1u) * 0x9e3779b97f4a7c15u;
    return z ^ z >> 29;
}

static struct sums add_up(const char *p, size_t n)
{
    struct sums sums = {0, 0, 0};
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        bool point = c == '.' || c == 'e' || c == 'E';
        bool number = point || (c >= '0' && c <= '9') || c == '+' || c == '-';
        uint64_t w = weight(c);
        sums.points += point;
        sums.numbers += number ? w : 0;
        sums.text += number ? 0 : w;
    }
    return sums;
}

static uint64_t word_at(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    return w;
}

/* What both begin with, and what both end with, adds the same to both. Eight bytes at a time: this
 * runs over two versions of every object that is written. */
static size_t same_begin(const char *a, const char *b, size_t n)
{
    size_t i = 0;
    while (n - i >= 8 && word_at(a + i) == word_at(b + i)) {
        i += 8;
    }
    while (i < n && a[i] == b[i]) {
        i++;
    }
    return i;
}

static size_t same_end(const char *a_end, const char *b_end, size_t n)
{
    size_t i = 0;
    while (n - i >= 8 && word_at(a_end - i - 8) == word_at(b_end - i - 8)) {
        i += 8;
    }
    while (i < n && a_end[-1 - (ptrdiff_t)i] == b_end[-1 - (ptrdiff_t)i]) {
        i++;
    }
    return i;
}

static size_t count_quotes(const char *p, size_t n)
{
    const uint64_t low = 0x7f7f7f7f7f7f7f7fu;
    size_t quotes = 0;
    size_t i = 0;
    for (; n - i >= 8; i += 8) {
        uint64_t x = word_at(p + i) ^ 0x2222222222222222u; /* a quote becomes 0 */
        quotes += (size_t)__builtin_popcountll(~(((x & low) + low) | x | low));
    }
    for (; i < n; i++) {
        quotes += p[i] == '"';
    }
    return quotes;
}

bool store_same_maybe(const char *a, size_t na, const char *b, size_t nb)
{
    size_t begin = same_begin(a, b, na < nb ? na : nb);
    a += begin, na -= begin;
    b += begin, nb -= begin;
    size_t end = same_end(a + na, b + nb, na < nb ? na : nb);
    na -= end;
    nb -= end;
    /* Nearly every change adds or takes away a string, and that is seen at a tenth of the cost. */
    if (count_quotes(a, na) != count_quotes(b, nb)) {
        return false;
    }
    struct sums sa = add_up(a, na), sb = add_up(b, nb);
    if (sa.text != sb.text) {
        return false;
    }
    return sa.points != sb.points || (na == nb && sa.numbers == sb.numbers);
}
