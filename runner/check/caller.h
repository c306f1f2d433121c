/* SPDX-License-Identifier: Apache-2.0 */
/* Requests from this machine to a port of a simulated host, as curl in the lab's shell makes them:
 * by the host's name, a connection for each. */
#ifndef CHECK_CALLER_H
#define CHECK_CALLER_H

#include <stdint.h>

#include "kube/kube.h"

struct caller;

/* The kube says which host has which address; nothing else is sent to it. */
struct caller *caller_new(struct kube *kube);
/* No answer comes after. NULL is fine. */
void caller_free(struct caller *c);

/* GET http://ADDRESS/PATH: "worker-1:8080" or "worker-1:8080/info" (then path is not used). The
 * answer is as of kube_get, but err says in few words what was in the way: "connection refused",
 * "connection reset", "no answer within 1 s" (ERR_TIMEOUT), "there is no host web"
 * (ERR_NOT_FOUND). */
void caller_get(struct caller *c, const char *address, const char *path, uint64_t timeout_ns,
                kube_done *done, void *arg);
/* Cancels every request with this arg. */
void caller_forget(struct caller *c, const void *arg);

#endif
