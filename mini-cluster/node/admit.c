/* SPDX-License-Identifier: Apache-2.0 */
/* The host's own look at whether a pod fits: one that was bound by hand may not. */
#include <inttypes.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "meta/quantity.h"
#include "node/pod.h"

enum { MAX_PARTS = 256 }; /* containers and volumes: what a record can hold */

static int64_t request(const json_t *container, bool cpu)
{
    int64_t v = 0;
    const json_t *requests = jx_path(container, "resources.requests");
    bool ok = cpu ? quantity_json_milli(jx_get(requests, "cpu"), &v)
                  : quantity_json_units(jx_get(requests, "memory"), &v);
    return ok && v > 0 ? v : 0;
}

/* What runs together, or what an init container needs on its way, whichever is more. */
static int64_t demand(const json_t *tree, bool cpu)
{
    int64_t together = 0;
    int64_t sidecars = 0;
    int64_t peak = 0;
    size_t i;
    const json_t *c;
    jx_each(i, c, jx_arr(tree, "spec.initContainers"))
    {
        bool sidecar = str_eq(jx_get_str(c, "restartPolicy", NULL), "Always");
        int64_t v = request(c, cpu);
        peak = sidecars + v > peak ? sidecars + v : peak;
        sidecars += sidecar ? v : 0;
    }
    jx_each(i, c, jx_arr(tree, "spec.containers"))
    {
        together += request(c, cpu);
    }
    together += sidecars;
    return together > peak ? together : peak;
}

void admit_demand(const json_t *tree, int64_t *ret_cpu_milli, int64_t *ret_memory)
{
    *ret_cpu_milli = demand(tree, true);
    *ret_memory = demand(tree, false);
}

static char *no_room(const char *resource, int64_t requested, int64_t used, int64_t capacity)
{
    return xasprintf("Pod was rejected: Node didn't have enough resource: %s, requested: %" PRId64
                     ", used: %" PRId64 ", capacity: %" PRId64,
                     resource, requested, used, capacity);
}

const char *admit_refuse(const struct pod *p, const json_t *tree, char **ret_message)
{
    const struct agent *a = p->agent;
    size_t parts = jx_len(tree, "spec.containers") + jx_len(tree, "spec.initContainers") +
                   jx_len(tree, "spec.volumes");
    if (parts > MAX_PARTS) {
        *ret_message =
            xasprintf("Pod was rejected: it has more than %d containers and volumes", MAX_PARTS);
        return "UnexpectedAdmissionError";
    }
    if (a->pods + 1 > a->opts.pods) {
        *ret_message = no_room("pods", 1, a->pods, a->opts.pods);
        return "OutOfpods";
    }
    if (p->cpu_milli > 0 && a->cpu_milli + p->cpu_milli > a->opts.cpu_milli) {
        *ret_message = no_room("cpu", p->cpu_milli, a->cpu_milli, a->opts.cpu_milli);
        return "OutOfcpu";
    }
    if (p->memory > 0 && a->memory + p->memory > a->opts.memory) {
        *ret_message = no_room("memory", p->memory, a->memory, a->opts.memory);
        return "OutOfmemory";
    }
    return NULL;
}
