/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a Probe of the API into what the agent makes of it. */
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "node/handler.h"
#include "node/probe_impl.h"

const char *probe_kind_name(int kind)
{
    static const char *const names[] = {"Startup", "Liveness", "Readiness"};
    return names[kind];
}

/* Seconds, at least one. */
static uint64_t seconds(const json_t *spec, const char *key, int64_t dflt)
{
    int64_t s = jx_int(spec, key, dflt);
    return LOOP_S(s > 0 ? s : dflt);
}

struct probe *probe_new(struct container *c, int kind, const json_t *spec, const json_t *container)
{
    struct probe *p = xnew(struct probe);
    int64_t successes = jx_int(spec, "successThreshold", 1);
    int64_t failures = jx_int(spec, "failureThreshold", 3);
    p->container = c;
    p->kind = kind;
    p->delay_ns = LOOP_S(jx_int(spec, "initialDelaySeconds", 0));
    p->period_ns = seconds(spec, "periodSeconds", 10);
    p->timeout_ns = seconds(spec, "timeoutSeconds", 1);
    p->successes_needed = successes > 0 ? (unsigned)successes : 1;
    p->failures_needed = failures > 0 ? (unsigned)failures : 3;
    p->grace_s = jx_int(spec, "terminationGracePeriodSeconds", -1);
    p->handler = handler_new(c, spec, container);
    return p;
}

void probe_free(struct probe *p)
{
    if (p == NULL) {
        return;
    }
    handler_free(p->handler);
    loop_timer_free(p->timer);
    free(p);
}
