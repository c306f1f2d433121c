/* SPDX-License-Identifier: Apache-2.0 */
/* Given a pod and the nodes, name one, and keep the reasons; the choice is a pure function over
 * integers. */
#ifndef SCHEDULER_SCHEDULER_H
#define SCHEDULER_SCHEDULER_H

struct api;
struct scheduler;

struct scheduler *scheduler_new(struct api *api);
void scheduler_free(struct scheduler *s);

#endif
