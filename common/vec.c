/* SPDX-License-Identifier: Apache-2.0 */
/* The one part of a growing array that is no macro. */
#include "common/vec.h"

#include <stdint.h>

void vec_grow(void **v, size_t *cap, size_t n, size_t size)
{
    size_t want = *cap > 0 ? *cap : 8;
    while (want < n) {
        want = want > SIZE_MAX / 2 ? n : want * 2;
    }
    if (want == *cap) {
        return;
    }
    *v = xrealloc(*v, want > SIZE_MAX / size ? SIZE_MAX : want * size);
    *cap = want;
}
