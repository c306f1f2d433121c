/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the console share. */
#ifndef REPL_CONSOLE_IMPL_H
#define REPL_CONSOLE_IMPL_H

#include <stdbool.h>
#include <termios.h>

#include <uv.h>

#include "common/str.h"
#include "repl/console.h"
#include "repl/cursor.h"

enum console_mode { CONSOLE_HELD, CONSOLE_READING, CONSOLE_PASSING };
enum { CONSOLE_SIGNALS = 4 };

struct console {
    struct console_opts o;
    char *history;
    enum console_mode mode;
    bool tty_in, tty_out;
    bool installed; /* readline has the terminal */
    bool pollable;  /* stdin: a plain file is not */
    bool at_end;    /* of the input */
    bool pumping;
    struct termios cooked;
    struct str in; /* read, used by nobody yet */
    char *prompt;
    char *line; /* from readline's handler, until it is back from its call */
    bool has_line, has_eof;
    struct cursor cursor;
    uv_poll_t poll;
    uv_signal_t signals[CONSOLE_SIGNALS];
    unsigned open; /* handles that are not closed yet */
};

/* ---- console.c ---- */
void console_set_cooked(struct console *c);
void console_set_raw(struct console *c);
void console_put(struct console *c, const char *bytes, size_t n);

/* ---- console_input.c ---- */
/* What was read and used by nobody goes where the mode says, from the loop. */
void console_watch_input(struct console *c);
/* One read of stdin into `in`; the end is noted. */
void console_read_more(struct console *c);

/* ---- console_readline.c ---- */
void console_readline_init(struct console *c);
void console_readline_fini(struct console *c);
/* Gives readline the terminal, with the prompt. */
void console_readline_install(struct console *c);
void console_readline_uninstall(struct console *c);
/* Lets it have what is in `in`; then has_line or has_eof may be set. */
void console_readline_feed(struct console *c);
/* Throws away what was typed. */
void console_readline_drop(struct console *c);

#endif
