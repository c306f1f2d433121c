/* SPDX-License-Identifier: Apache-2.0 */
/* Containers have addresses that this machine reaches: probes are made from here. */
#include "runtime/docker/docker_impl.h"
#include "runtime/probes.h"

void docker_probe(void *self, const struct runtime_probe *probe, runtime_probe_done *done,
                  void *arg)
{
    struct docker *d = self;
    probes_start(d->probes, probe, probe->port, done, arg);
}
