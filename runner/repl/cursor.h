/* SPDX-License-Identifier: Apache-2.0 */
/* Where a program's output leaves the cursor, as far as a prompt needs to know. */
#ifndef REPL_CURSOR_H
#define REPL_CURSOR_H

#include <stdbool.h>
#include <stddef.h>

struct cursor {
    bool dirty;      /* something stands on its line */
    bool alternate;  /* a full-screen program has the screen */
    bool dirty_main; /* `dirty` of the screen below it */
    enum { CURSOR_TEXT, CURSOR_ESC, CURSOR_CSI, CURSOR_STRING } state;
    char params[16];
    size_t nparams;
};

void cursor_feed(struct cursor *c, const char *bytes, size_t n);

#endif
