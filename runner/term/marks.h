/* SPDX-License-Identifier: Apache-2.0 */
/* Tells what a shell prints from the marks in it that say where its prompts and commands are. */
#ifndef TERM_MARKS_H
#define TERM_MARKS_H

#include <stddef.h>

/* A mark is ESC ] 133 ; KIND [; STATUS] ; NONCE BEL. */
enum marks_kind {
    MARKS_PROMPT = 'A', /* a command may come now */
    MARKS_START = 'C',  /* it begins */
    MARKS_END = 'D',    /* it has ended, with a status */
    MARKS_MORE = 'P',   /* the command is not complete: another line */
    MARKS_AHEAD = 'T',  /* up to the next mark: what was typed while the command ran */
};

enum { MARKS_MAX = 96 }; /* bytes of one mark */

struct marks {
    char nonce[33];
    char held[MARKS_MAX]; /* the beginning of what may become a mark */
    size_t nheld;
};

struct marks_ops {
    void (*text)(void *arg, const char *bytes, size_t n);
    void (*mark)(void *arg, enum marks_kind kind, int status);
};

/* Only marks with this nonce count: a program that prints marks of its own fools nobody. */
void marks_init(struct marks *m, const char *nonce);
/* Everything that is no mark of ours goes to `text`, unchanged and in order. */
void marks_feed(struct marks *m, const char *bytes, size_t n, const struct marks_ops *ops,
                void *arg);

#endif
