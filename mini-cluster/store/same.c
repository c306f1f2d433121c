/* SPDX-License-Identifier: Apache-2.0 */
/* Reordered members hold the same bytes in another order, and numbers written in two ways differ in
 * their points and exponents. An update that does neither is settled by adding up weights. */
#include "store/same.h"

#include <stdint.h>

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

bool store_same_maybe(const char *a, size_t na, const char *b, size_t nb)
{
    /* What both begin and end with adds the same to both; an update mostly changes little. */
    while (na > 0 && nb > 0 && *a == *b) {
        a++, na--;
        b++, nb--;
    }
    while (na > 0 && nb > 0 && a[na - 1] == b[nb - 1]) {
        na--;
        nb--;
    }
    struct sums sa = add_up(a, na), sb = add_up(b, nb);
    if (sa.text != sb.text) {
        return false;
    }
    return sa.points != sb.points || (na == nb && sa.numbers == sb.numbers);
}
