/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's container died without our doing: finds out whether somebody pulled the plug of one
 * host or the daemon went down with all of them. */
#include <string.h>

#include "client/client.h"
#include "client/recorder.h"
#include "client/workqueue.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "hosts/hosts_impl.h"

/* How long a death waits for others that tell of the daemon's end. A guest that was killed is the
 * plug of one host; one that ended politely was stopped, by somebody or by a daemon that goes down
 * and may take its time with the others. */
#define VERDICT_KILLED LOOP_MS(1500)
#define VERDICT_STOPPED LOOP_S(6)

/* The machine is off, whoever did it: its agent and its containers are gone at once. */
static void died(struct host *h, bool killed)
{
    struct hosts *hs = h->hosts;
    uint64_t wait = killed ? VERDICT_KILLED : VERDICT_STOPPED;
    host_cut_power(h);
    h->state = HOST_DEAD;
    h->verdict_ns = loop_mono_ns(client_loop(hs->client)) + wait;
    if (killed || !loop_timer_active(hs->verdict)) {
        loop_timer_start(hs->verdict, wait);
    }
}

static void on_inspected(void *arg, enum runtime_result result, const struct runtime_status *st,
                         const struct err *err)
{
    struct host *h = arg;
    h->inspecting = false;
    if (h->state == HOST_ON && h->inspected == h->epoch) {
        bool gone = result == RUNTIME_FAILED && err->code == ERR_NOT_FOUND;
        if (gone || (result == RUNTIME_OK && st->state == RUNTIME_EXITED)) {
            died(h, gone || st->exit_code != 0);
        } else if (result == RUNTIME_OK) {
            h->lost_daemon = false; /* it outlived the daemon */
        }
    }
    if (h->inspect_again) {
        h->inspect_again = false;
        host_inspect(h);
    }
}

void host_inspect(struct host *h)
{
    struct runtime *rt = &h->hosts->rt;
    if (h->inspecting) {
        h->inspect_again = true;
    } else if (h->state == HOST_ON) {
        h->inspecting = true;
        h->inspected = h->epoch;
        rt->ops->inspect(rt->self, h->container, on_inspected, h);
    }
}

/* ---- the verdict ---- */

static int switch_off(struct host *h, struct err *err)
{
    struct hosts *hs = h->hosts;
    const json_t *obj = client_get(hs->client, hs->kind, NULL, h->name, err);
    if (obj == NULL) {
        return -1;
    }
    recorder_event(hs->client, "podlab-hosts", NULL, obj, "Warning", "PowerLost",
                   "The container of host %s was killed: the host is off until its power is "
                   "switched on",
                   h->name);
    return client_patch(hs->client, hs->kind, NULL, h->name, NULL,
                        json_pack("{s:{s:s}}", "spec", "power", "Off"), NULL, err);
}

static void decide(struct host *h, bool daemon)
{
    struct err err;
    h->state = HOST_OFF;
    if (!daemon && !h->lost_daemon && switch_off(h, &err) < 0) {
        log_error("hosts", "switch %s off: %s", h->name, err.msg);
    }
    host_requeue(h);
}

/* Somebody pulled the plug with `docker kill`: that is what the Host asks for from now on, so that
 * we do not fight the learner. When the daemon goes down it takes the control plane with it, and
 * nobody asked for that: then everything comes back, under a new epoch. */
void hosts_verdict(void *arg)
{
    struct hosts *hs = arg;
    const struct host *control = map_find(hs->by_name, "control-plane");
    bool daemon = control->state == HOST_DEAD;
    uint64_t now = loop_mono_ns(client_loop(hs->client));
    uint64_t next = 0;
    size_t it = 0;
    void *value;
    while (map_next(hs->by_name, &it, NULL, &value)) {
        struct host *h = value;
        if (h->state != HOST_DEAD) {
            continue;
        }
        if (daemon || h->lost_daemon || h->verdict_ns <= now) {
            decide(h, daemon);
        } else {
            next = next == 0 || h->verdict_ns < next ? h->verdict_ns : next;
        }
    }
    if (next > 0) {
        loop_timer_start(hs->verdict, next - now);
    }
}
