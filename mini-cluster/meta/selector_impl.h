/* SPDX-License-Identifier: Apache-2.0 */
/* What a selector is made of, for the file that reads its text and the file that matches. */
#ifndef META_SELECTOR_IMPL_H
#define META_SELECTOR_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/vec.h"

enum selector_op {
    SELECTOR_EXISTS,
    SELECTOR_NOT_EXISTS,
    SELECTOR_EQUALS,
    SELECTOR_DOUBLE_EQUALS,
    SELECTOR_NOT_EQUALS,
    SELECTOR_IN,
    SELECTOR_NOT_IN,
    SELECTOR_GREATER,
    SELECTOR_LESS,
};

struct selector_values {
    char **v;
    size_t n;
    size_t cap;
};

struct requirement {
    char *key;
    enum selector_op op;
    struct selector_values values; /* sorted, each once */
    int64_t bound;                 /* of GREATER and LESS */
};

struct selector {
    struct requirement *v; /* a VEC */
    size_t n;
    size_t cap;
    bool nothing; /* matches no labels at all */
};

void selector_values_fini(struct selector_values *values);
#define cleanup_values __attribute__((cleanup(selector_values_fini)))

/* Adds a requirement after checking it; takes the values out of `values`. ERR_BAD_REQUEST. */
int selector_add(struct selector *s, const char *key, enum selector_op op,
                 struct selector_values *values, struct err *err) WARN_UNUSED;
/* Sorts the requirements by key, keeping those of one key in order. */
void selector_sort(struct selector *s);

void selector_cleanup(struct selector **s);
#define cleanup_selector __attribute__((cleanup(selector_cleanup)))

#endif
