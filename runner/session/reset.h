/* SPDX-License-Identifier: Apache-2.0 */
/* Takes away what was made in the cluster, so that a step can begin from a known state. */
#ifndef SESSION_RESET_H
#define SESSION_RESET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct kube;
struct reset;

struct reset_opts {
    struct kube *kube;
    const char *ns; /* the lab's */
    /* The cluster is not ours alone: nothing outside `ns`, and nothing made before `since_us`, is
     * touched. */
    bool foreign;
    int64_t since_us;
    /* Where docker reaches each host by a context of its name: containers that were made by hand
     * go, too. NULL: they stay. */
    const char *const *env;
    /* The lab works with docker: every host is asked for containers, whatever its object says (one
     * that was just switched on says nothing yet). */
    bool docker;
};

typedef void reset_done(void *arg, const struct err *err);

/* Switches hosts on, deletes workloads, services, configuration and pods in `ns` and every
 * namespace that is not the system's, and those namespaces; lets nodes be scheduled to again;
 * removes what docker made on hosts; waits until all of it is so (at most 60 s). `done` comes once.
 * opts is copied, what it names is borrowed.
 */
struct reset *reset_start(const struct reset_opts *opts, reset_done *done, void *arg);
void reset_cancel(struct reset *r); /* no `done`; NULL is fine */

#endif
