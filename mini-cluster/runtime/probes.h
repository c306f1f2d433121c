/* SPDX-License-Identifier: Apache-2.0 */
/* Probes as a kubelet makes them, for every driver whose containers have addresses that this
 * process can reach. */
#ifndef RUNTIME_PROBES_H
#define RUNTIME_PROBES_H

#include "runtime/runtime.h"

struct loop;
struct probes;

struct probes *probes_new(struct loop *loop);
void probes_free(struct probes *all); /* what is under way is never answered; NULL is fine */
/* As runtime_ops.probe; `port` instead of the probe's. */
void probes_start(struct probes *all, const struct runtime_probe *probe, int port,
                  runtime_probe_done *done, void *arg);

#endif
