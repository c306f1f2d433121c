/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster in a process of its own. */
#ifndef CMD_DETACH_H
#define CMD_DETACH_H

#include "cmd/state.h"

/* The descriptors that the background process finds. */
enum { DETACH_READY_FD = 3, DETACH_LOCK_FD = 4 };

/* Starts `mini-cluster up` for `s`, whose lock it gets, and waits until it is ready. What it said
 * when it could not come up is the error; ERR_UNAVAILABLE: it died without a word. */
int detach_start(struct state *s, const char *data, struct err *err) WARN_UNUSED;

#endif
