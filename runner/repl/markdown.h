/* SPDX-License-Identifier: Apache-2.0 */
/* A lab's Markdown as text for a terminal. */
#ifndef REPL_MARKDOWN_H
#define REPL_MARKDOWN_H

#include "common/str.h"
#include "repl/style.h"

/* Wrapped at st->width behind a margin of one column; blocks are parted by empty lines, and the
 * last ends with a newline. */
void markdown_render(const char *text, const struct style *st, struct str *out);

/* Words wrapped at st->width, the first line behind `first`, the others behind `rest`. Breaks at
 * spaces; '\1' is a space that holds together. */
void markdown_wrap(const char *text, const char *first, const char *rest, const struct style *st,
                   struct str *out);

#endif
