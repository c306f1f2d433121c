/* SPDX-License-Identifier: Apache-2.0 */
/* What Tab offers. */
#ifndef REPL_COMPLETE_H
#define REPL_COMPLETE_H

#include <stddef.h>

struct complete_opts {
    const char *const *words; /* that may begin a line: the lab's, NULL-terminated */
    const char *folder;       /* the shell's; NULL: unknown */
    const char *const *env;   /* of the shell, on top of ours: where kubectl and docker look */
};

/* The words that may stand at `word`, which begins at `line + start`; malloc'ed, NULL-terminated.
 * NULL: file names. Asks kubectl and docker for their own words, for at most 2 s. */
char **complete_line(const struct complete_opts *opts, const char *line, size_t start,
                     const char *word);

#endif
