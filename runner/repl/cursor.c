/* SPDX-License-Identifier: Apache-2.0 */
/* Follows newlines and the switch to the alternate screen; everything else is only skipped. */
#include "repl/cursor.h"

#include <string.h>

static void switch_screen(struct cursor *c, bool alternate)
{
    if (alternate == c->alternate) {
        return;
    }
    c->alternate = alternate;
    if (alternate) {
        c->dirty_main = c->dirty;
    } else {
        c->dirty = c->dirty_main;
    }
}

static void end_csi(struct cursor *c, char final)
{
    c->params[c->nparams] = '\0';
    if (final != 'h' && final != 'l') {
        return;
    }
    if (strcmp(c->params, "?1049") == 0 || strcmp(c->params, "?1047") == 0 ||
        strcmp(c->params, "?47") == 0) {
        switch_screen(c, final == 'h');
    }
}

static void text(struct cursor *c, char byte)
{
    if (byte == '\033') {
        c->state = CURSOR_ESC;
    } else if (byte == '\n') {
        c->dirty = false;
    } else if ((unsigned char)byte >= ' ') {
        c->dirty = true;
    }
}

static void escape(struct cursor *c, char byte)
{
    c->nparams = 0;
    if (byte == '[') {
        c->state = CURSOR_CSI;
    } else if (byte == ']' || byte == 'P' || byte == '_' || byte == '^') {
        c->state = CURSOR_STRING;
    } else if ((unsigned char)byte < ' ' || (unsigned char)byte > '/') {
        c->state = CURSOR_TEXT; /* else: an intermediate, as in ESC ( B */
    }
}

static void csi(struct cursor *c, char byte)
{
    if (byte >= '@' && byte <= '~') {
        end_csi(c, byte);
        c->state = CURSOR_TEXT;
    } else if (c->nparams < sizeof(c->params) - 1) {
        c->params[c->nparams++] = byte;
    }
}

void cursor_feed(struct cursor *c, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        switch (c->state) {
        case CURSOR_TEXT:
            text(c, bytes[i]);
            break;
        case CURSOR_ESC:
            escape(c, bytes[i]);
            break;
        case CURSOR_CSI:
            csi(c, bytes[i]);
            break;
        case CURSOR_STRING: /* a title and the like: up to BEL or ESC \ */
            c->state = bytes[i] == '\a'     ? CURSOR_TEXT
                       : bytes[i] == '\033' ? CURSOR_ESC
                                            : CURSOR_STRING;
            break;
        }
    }
}
