/* SPDX-License-Identifier: Apache-2.0 */
/* How many pods may be made at once. */
#ifndef CONTROLLERS_PACE_H
#define CONTROLLERS_PACE_H

#include <stdbool.h>
#include <stddef.h>

struct loop;
struct pace;

/* Pods are made a few at a time, and more of them when those run: whoever places and starts a pod
 * then finds it still parsed, instead of ten thousand being made first, placed next and started in
 * the end. Half a second after it was made a pod counts no more, so that pods which nobody can
 * place or start hold up no others for long. Makers stand in a line; `go` tells the one whose turn
 * it is that there is room. It is called from where room appears: it may only take note. */
struct pace *pace_new(struct loop *loop, void (*go)(void *arg, const char *maker), void *arg);
void pace_free(struct pace *p); /* NULL is fine */

/* How many of the `wanted` pods this maker may make now; when fewer, it stands in the line. */
size_t pace_ask(struct pace *p, const char *maker, size_t wanted);
/* It wants no more, for now. */
void pace_leave(struct pace *p, const char *maker);

void pace_made(struct pace *p, const char *pod_uid);
/* It runs, ended, or is gone. Any pod, also one that nobody paces. */
void pace_settled(struct pace *p, const char *pod_uid);

#endif
