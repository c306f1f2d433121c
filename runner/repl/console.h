/* SPDX-License-Identifier: Apache-2.0 */
/* The learner's terminal: lines are read with readline, or keys handed on to a program. */
#ifndef REPL_CONSOLE_H
#define REPL_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct console;
struct loop;

/* All from the loop. */
struct console_ops {
    /* A line, without its newline. It is held from then on, until console_read or console_pass. */
    void (*on_line)(void *arg, const char *line);
    /* Keys, while console_pass holds. */
    void (*on_keys)(void *arg, const char *bytes, size_t n);
    /* Ctrl-C while a line is read (what was typed is gone), or while nothing is. */
    void (*on_interrupt)(void *arg);
    /* Ctrl-D on an empty line (`gone` false), the end of the input, a hangup or SIGTERM. */
    void (*on_end)(void *arg, bool gone);
    void (*on_resize)(void *arg, unsigned rows, unsigned columns);
    /* The words that may stand at `word` (line + start), malloc'ed, NULL-terminated; NULL: file
     * names of the process's folder. */
    char **(*complete)(void *arg, const char *line, size_t start, const char *word);
};

struct console_opts {
    struct loop *loop;
    bool plain;          /* no readline, nothing redrawn; stdin need not be a terminal */
    const char *history; /* the file that lines are kept in; NULL: none */
    const struct console_ops *ops;
    void *arg;
};

/* There is one terminal, so there is one console at a time. ERR_INVALID when stdin is no terminal
 * and `plain` is false. */
int console_new(const struct console_opts *opts, struct console **ret, struct err *err) WARN_UNUSED;
/* Gives the terminal back as it was. NULL is fine. */
void console_free(struct console *c);

/* Shows the prompt (escape sequences allowed) and reads a line. Again: another prompt. */
void console_read(struct console *c, const char *prompt);
/* Keys go to on_keys, unchanged. */
void console_pass(struct console *c);
/* Keys are kept until one of the other two. */
void console_hold(struct console *c);
/* Keys that nobody has used: they come first in what is read next. */
void console_give_back(struct console *c, const char *bytes, size_t n);
/* Remembers a line in the history. */
void console_remember(struct console *c, const char *line);

/* Text of ours, lines ended with \n: above the prompt when there is one, on a line of its own. */
void console_print(struct console *c, const char *text);
/* What a program prints, unchanged; above the prompt when there is one. */
void console_write(struct console *c, const char *bytes, size_t n);
/* True while a full-screen program has the screen. */
bool console_is_full_screen(const struct console *c);

void console_size(const struct console *c, unsigned *ret_rows, unsigned *ret_columns);
bool console_is_terminal(const struct console *c); /* both sides are */

#endif
