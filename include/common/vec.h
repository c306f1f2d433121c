/* SPDX-License-Identifier: Apache-2.0 */
/* A growing array of any one type: `VEC(struct foo *) foos = {0};`. */
#ifndef COMMON_VEC_H
#define COMMON_VEC_H

#include <stddef.h>

#include "common/mem.h"

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *v;                                                                                   \
        size_t n;                                                                                  \
        size_t cap;                                                                                \
    }

/* Grows *v to hold n items of `size` bytes; used through vec_push. */
void vec_grow(void **v, size_t *cap, size_t n, size_t size);

#define vec_push(vec, item)                                                                        \
    do {                                                                                           \
        if ((vec)->n == (vec)->cap) {                                                              \
            void *vec_p_ = (vec)->v;                                                               \
            vec_grow(&vec_p_, &(vec)->cap, (vec)->n + 1, sizeof(*(vec)->v));                       \
            (vec)->v = vec_p_;                                                                     \
        }                                                                                          \
        (vec)->v[(vec)->n++] = (item);                                                             \
    } while (0)

/* Removes item i; the order of the others stays. */
#define vec_remove(vec, i)                                                                         \
    do {                                                                                           \
        size_t vec_i_ = (i);                                                                       \
        for ((vec)->n--; vec_i_ < (vec)->n; vec_i_++) {                                            \
            (vec)->v[vec_i_] = (vec)->v[vec_i_ + 1];                                               \
        }                                                                                          \
    } while (0)

/* Frees the array, not what its items point to. */
#define vec_fini(vec)                                                                              \
    do {                                                                                           \
        free((vec)->v);                                                                            \
        (vec)->v = NULL;                                                                           \
        (vec)->n = (vec)->cap = 0;                                                                 \
    } while (0)

#endif
