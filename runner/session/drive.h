/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the steps of a lab come true by their own solutions, one after the other. */
#ifndef SESSION_DRIVE_H
#define SESSION_DRIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "session/attempt.h"
#include "session/reset.h"

struct drive;

struct drive_opts {
    struct attempt_place place;
    const struct reset_opts *reset; /* takes away what is there first; NULL: does not */
    const size_t *steps;            /* whose solutions, in order; copied */
    size_t nsteps;
    size_t to;        /* where the cluster stands after them */
    bool fresh_files; /* solutions are written for the lab's own files: copies them */
    /* The n-th of `of` begins; may be NULL. */
    void (*on_progress)(void *arg, bool resetting, size_t n, size_t of);
    /* Once; it is freed already. `reached` is the step that the cluster stands before now: `to`, or
     * the one that did not come true: err says why. */
    void (*on_end)(void *arg, size_t reached, const struct err *err);
    void *arg;
};

struct drive *drive_new(const struct drive_opts *opts);
void drive_free(struct drive *d); /* on_end does not come; NULL is fine */

#endif
