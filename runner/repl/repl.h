/* SPDX-License-Identifier: Apache-2.0 */
/* A session by keyboard. */
#ifndef REPL_REPL_H
#define REPL_REPL_H

#include <stdbool.h>

#include "common/err.h"

struct kube;
struct loop;
struct session;

/* Borrowed until repl_run returns. */
struct repl_opts {
    struct loop *loop;
    struct session *session;
    struct kube *kube;      /* for the map */
    const char *home;       /* a folder for the shell's rc file and the history */
    const char *workdir;    /* where the shell begins */
    const char *const *env; /* of the shell: "A=b", NULL-terminated; an empty value removes */
    bool plain;
    bool newcomer;          /* says where one is and how to get out */
    const char *stop_words; /* how to free the memory: "podlab stop"; NULL: nothing to free */
};

/* Until the learner leaves. An error: the terminal or the shell could not be had. */
int repl_run(const struct repl_opts *opts, struct err *err) WARN_UNUSED;

#endif
