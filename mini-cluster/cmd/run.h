/* SPDX-License-Identifier: Apache-2.0 */
/* One running cluster, in this process. */
#ifndef CMD_RUN_H
#define CMD_RUN_H

#include "cmd/settings.h"

/* Runs the cluster of `s` (locked, loaded) until a signal ends it. Once it is ready: writes "ok\n"
 * to ready_fd and closes it, or prints what to do next when that is -1. An error means that it did
 * not come up, and that nothing was made outside the folder. */
int run_cluster(struct state *s, int ready_fd, struct err *err) WARN_UNUSED;

/* Prints where it answers and what to type next. */
void run_print_hints(const struct state *s, const struct settings *set);

#endif
