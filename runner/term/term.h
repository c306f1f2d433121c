/* SPDX-License-Identifier: Apache-2.0 */
/* A shell on a pty. */
#ifndef TERM_TERM_H
#define TERM_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"

struct loop;
struct term;

enum { TERM_MAX_LINE = 4000 }; /* longer ones go through a file: a tty cuts lines at 4,095 */

/* All from the loop. None may free the term but on_exit. */
struct term_ops {
    /* What commands print, and what the shell says; the echo of what was sent is left out. */
    void (*on_output)(void *arg, const char *bytes, size_t n);
    /* A command began to run. It may be one that nobody sent: typed while another one ran. */
    void (*on_start)(void *arg);
    /* The shell waits for a command. `status` is that of the last one. */
    void (*on_prompt)(void *arg, int status);
    /* The shell waits for the rest of an incomplete command. */
    void (*on_more)(void *arg);
    /* What was typed while a command ran and no program has read; before on_prompt. */
    void (*on_ahead)(void *arg, const char *bytes, size_t n);
    /* The shell ended; nothing comes after. */
    void (*on_exit)(void *arg, int status);
};

/* Borrowed until term_new returns, `ops` until term_free. */
struct term_opts {
    struct loop *loop;
    const char *home;       /* a folder of ours: rc file, history */
    const char *workdir;    /* where it begins */
    const char *const *env; /* "A=b", NULL-terminated, on top of our own; "A=" removes A */
    const char *rc;         /* more lines of bash for the rc file; may be NULL */
    unsigned rows, columns;
    const struct term_ops *ops;
    void *arg;
};

/* Starts a bash of its own session and terminal. */
int term_new(const struct term_opts *opts, struct term **ret, struct err *err) WARN_UNUSED;
/* Hangs up: the shell and what runs in its foreground end. No callback after. NULL is fine. */
void term_free(struct term *t);

/* One line without its newline, at on_prompt or on_more only. ERR_TOO_LARGE: a continuation of more
 * than TERM_MAX_LINE bytes; interrupt, and use a file. */
int term_send_line(struct term *t, const char *line, struct err *err) WARN_UNUSED;
/* Keys for the program that runs. */
void term_write(struct term *t, const char *bytes, size_t n);
/* As Ctrl-C does. */
void term_interrupt(struct term *t);
void term_resize(struct term *t, unsigned rows, unsigned columns);

pid_t term_pid(const struct term *t);
/* The shell's present folder; false when it cannot be told. */
bool term_folder(const struct term *t, char *buf, size_t size);
/* Whether the program that runs reads whole lines, as cat and kubectl do; editors do not. */
bool term_line_mode(const struct term *t);

#endif
