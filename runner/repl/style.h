/* SPDX-License-Identifier: Apache-2.0 */
/* How text may look on the learner's terminal. */
#ifndef REPL_STYLE_H
#define REPL_STYLE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/str.h"

enum style_kind {
    STYLE_NONE,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_CODE,
    STYLE_GOOD,
    STYLE_BAD,
    STYLE_MOVING
};

struct style {
    bool color; /* escape sequences may be used */
    bool plain; /* for screen readers: no drawing */
    unsigned width;
};

/* The columns of text: the terminal's, but no more than is good to read. */
enum { STYLE_WIDTH = 78 };

/* Colours unless NO_COLOR is set, TERM is dumb, or it is no terminal. `columns` 0: unknown. */
struct style style_make(bool terminal, bool plain, unsigned columns);

/* The sequence that begins a style, the one that ends any; "" without colours. */
const char *style_on(const struct style *st, enum style_kind kind);
const char *style_off(const struct style *st);
/* text between the two. */
void style_add(const struct style *st, struct str *out, enum style_kind kind, const char *text);

/* Columns that the first n bytes of UTF-8 take; escape sequences (ESC [ ... m) take none. */
size_t style_columns(const char *text, size_t n);

#endif
