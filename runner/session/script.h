/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a lab's own shell: setups, solutions, near-misses. */
#ifndef SESSION_SCRIPT_H
#define SESSION_SCRIPT_H

#include <stdint.h>

struct loop;
struct script;

/* exit: the status, 128 + n when signal n ended it, -1 when it did not start or ran out of time.
 * `output` is what it printed on both channels, the last 16 KiB, borrowed. */
typedef void script_done(void *arg, int exit, const char *output);

struct script_opts {
    struct loop *loop;
    const char *path; /* a file for bash, or NULL: */
    const char *text; /* what bash -c is given */
    const char *workdir;
    const char *const *env; /* "A=b", NULL-terminated, on top of our own environment */
    uint64_t timeout_ns;    /* 0: 60 s; the whole process group is killed then */
};

/* Everything is copied. `done` comes once, from the loop. */
struct script *script_run(const struct script_opts *opts, script_done *done, void *arg);
/* Kills it; no `done`. Not after `done`. NULL is fine. */
void script_cancel(struct script *s);

#endif
