/* SPDX-License-Identifier: Apache-2.0 */
/* Events about pods and nodes. When thousands of pods start at once nobody reads "Pulled" thousands
 * of times: beyond a burst the everyday ones are left out, as a kubelet does; warnings are not. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/recorder.h"
#include "common/loop.h"
#include "common/mem.h"
#include "node/agent.h"
#include "node/pod.h"

#define PER_EVENT LOOP_MS(10) /* 100 a second ... */
#define BURST LOOP_S(5)       /* ... and 500 at once */

/* Whether one more everyday event is paid for. */
static bool may_say(struct nodes *n)
{
    uint64_t now = loop_mono_ns(n->loop);
    if (n->events_ns + BURST < now) {
        n->events_ns = now - BURST;
    }
    if (n->events_ns + PER_EVENT > now) {
        return false;
    }
    n->events_ns += PER_EVENT;
    return true;
}

static void say(struct agent *a, const json_t *about, const char *type, const char *reason,
                const char *message)
{
    recorder_event(a->nodes->client, "kubelet", a->name, about, type, reason, "%s", message);
}

void say_pod(struct pod *p, const char *type, const char *reason, const char *fmt, ...)
{
    if (p->seen == NULL || !agent_speaks(p->agent) ||
        (strcmp(type, "Normal") == 0 && !may_say(p->nodes))) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *message = xvasprintf(fmt, ap);
    va_end(ap);
    json_auto_t *about =
        json_pack("{s:s, s:s, s:{s:s, s:s, s:s}}", "apiVersion", "v1", "kind", "Pod", "metadata",
                  "name", p->name, "namespace", p->ns, "uid", p->uid);
    say(p->agent, about, type, reason, message);
}

void say_node(struct agent *a, const char *type, const char *reason, const char *fmt, ...)
{
    if (!agent_speaks(a)) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *message = xvasprintf(fmt, ap);
    va_end(ap);
    json_auto_t *about = json_pack("{s:s, s:s, s:{s:s, s:s}}", "apiVersion", "v1", "kind", "Node",
                                   "metadata", "name", a->name, "uid", a->name);
    say(a, about, type, reason, message);
}
