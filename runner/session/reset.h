/* SPDX-License-Identifier: Apache-2.0 */
/* Takes away what was made in the cluster, so that a step can begin from a known state. */
#ifndef SESSION_RESET_H
#define SESSION_RESET_H

#include "common/err.h"

struct kube;
struct reset;

typedef void reset_done(void *arg, const struct err *err);

/* Deletes workloads, services, configuration and pods in `ns` and every namespace that is not the
 * system's, those namespaces too, and waits until the pods are gone (at most 60 s). `done` comes
 * once. */
struct reset *reset_start(struct kube *kube, const char *ns, reset_done *done, void *arg);
void reset_cancel(struct reset *r); /* no `done`; NULL is fine */

#endif
