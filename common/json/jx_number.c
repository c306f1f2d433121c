/* SPDX-License-Identifier: Apache-2.0 */
/* Reals as text and back, whatever locale the program has set. */
#include "jx_number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"

static locale_t c_locale(void)
{
    static locale_t made; /* for "C" libc hands out a constant: nothing to free */
    if (made == (locale_t)0) {
        made = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    }
    return made;
}

bool jx_number_parse(const char *text, size_t n, double *ret)
{
    char small[64];
    cleanup_free char *big = NULL;
    char *copy = n < sizeof(small) ? small : (big = xmalloc(n + 1));
    memcpy(copy, text, n);
    copy[n] = '\0';
    double v = strtod_l(copy, NULL, c_locale());
    if (!isfinite(v)) {
        return false;
    }
    *ret = v;
    return true;
}

/* printf writes the locale's decimal point; there is no snprintf_l. */
static size_t restore_point(char *buf)
{
    char *to = buf;
    for (const char *p = buf; *p != '\0'; p++) {
        bool plain = (*p >= '0' && *p <= '9') || *p == '-' || *p == '+' || *p == 'e';
        if (plain) {
            *to++ = *p;
        } else if (to == buf || to[-1] != '.') {
            *to++ = '.';
        }
    }
    *to = '\0';
    return (size_t)(to - buf);
}

size_t jx_number_format(char buf[JX_NUMBER_SIZE], double v)
{
    double back = 0;
    size_t n = 0;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buf, JX_NUMBER_SIZE - 2, "%.*g", digits, v);
        n = restore_point(buf);
        if (jx_number_parse(buf, n, &back) && back == v) {
            break;
        }
    }
    if (strpbrk(buf, ".e") == NULL) {
        memcpy(buf + n, ".0", 3);
        n += 2;
    }
    return n;
}
