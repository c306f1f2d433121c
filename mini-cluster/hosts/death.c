/* SPDX-License-Identifier: Apache-2.0 */
/* Something happened to a guest's container without our doing. It died: finds out whether somebody
 * pulled the plug of one host or the daemon went down with all of them. It was started, paused or
 * disconnected: that becomes what is asked of the host, so that we do not fight the learner. */
#include <string.h>

#include "client/client.h"
#include "client/workqueue.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/str.h"
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
    h->turn++;
    h->verdict_ns = loop_mono_ns(client_loop(hs->client)) + wait;
    if (killed || !loop_timer_active(hs->verdict)) {
        loop_timer_start(hs->verdict, wait);
    }
}

/* ---- what somebody did with Docker ---- */

/* Its container runs again: as it is, it is the machine's next life. */
static void revived(struct host *h)
{
    if (!h->over || h->asked || h->leaving) {
        return; /* that was ours, or is about to end */
    }
    if (h->dirty || h->killing) {
        h->look = true; /* when everything else is dead, does it still run? */
        return;
    }
    bool restart = h->state == HOST_DEAD;
    h->revived = true;
    h->state = HOST_OFF;
    h->turn++;
    if (restart) {
        host_say(h, "Normal", "Restarted",
                 "%s was restarted: somebody restarted its container "
                 "with Docker; all that ran on it is dead",
                 h->name);
        host_requeue(h);
        return;
    }
    host_say(h, "Normal", "PowerChanged",
             "somebody started the container of %s with Docker: its power is On", h->name);
    host_write_wish(h, "power", "Off", "On");
}

/* It ended and began so quickly that nobody saw it dead. */
static void restarted(struct host *h)
{
    host_say(h, "Normal", "Restarted",
             "%s was restarted: somebody restarted its container with Docker; all that ran on it "
             "is dead",
             h->name);
    host_cut_power(h);
    h->revived = true;
    host_requeue(h);
}

static void compare(struct host *h, const struct runtime_status *st)
{
    bool paused = st->state == RUNTIME_PAUSED;
    if (paused != h->is.paused) {
        host_say(h, "Normal", "PowerChanged",
                 "somebody %s the container of %s with Docker: its power is %s",
                 paused ? "paused" : "unpaused", h->name, paused ? "Paused" : "On");
        host_write_wish(h, "power", paused ? "On" : "Paused", paused ? "Paused" : "On");
    }
    if (st->cut != h->is.cut) {
        host_say(h, "Normal", "NetworkChanged",
                 "somebody %s the container of %s with Docker: its network is %s",
                 st->cut ? "disconnected" : "connected", h->name,
                 st->cut ? "Partitioned" : "Connected");
        host_write_wish(h, "network", st->cut ? "Connected" : "Partitioned",
                        st->cut ? "Partitioned" : "Connected");
    }
}

static void look_at(struct host *h, const struct runtime_status *st)
{
    if (h->started_us != 0 && st->started_us > h->started_us) {
        restarted(h);
        return;
    }
    h->lost_daemon = false; /* it outlived the daemon */
    if (h->step == FAULT_REST && !h->stray) {
        compare(h, st);
    } else {
        h->inspect_again = true; /* when that is done */
    }
}

static void judge(struct host *h, enum runtime_result result, const struct runtime_status *st,
                  const struct err *err)
{
    bool gone = result == RUNTIME_FAILED && err->code == ERR_NOT_FOUND;
    bool ended = result == RUNTIME_OK && st->state == RUNTIME_EXITED;
    bool runs = result == RUNTIME_OK && !ended && st->state != RUNTIME_CREATED;
    if (h->state == HOST_ON && (gone || ended)) {
        died(h, gone || st->exit_code != 0);
    } else if (h->state == HOST_ON && runs) {
        look_at(h, st);
    } else if ((h->state == HOST_DEAD || h->state == HOST_OFF) && runs) {
        revived(h);
    }
}

static void on_inspected(void *arg, enum runtime_result result, const struct runtime_status *st,
                         const struct err *err)
{
    struct host *h = arg;
    bool again = h->inspect_again;
    h->inspecting = h->inspect_again = false;
    if (h->inspected == h->turn) {
        judge(h, result, st, err);
    } else {
        again = true; /* it was on its way to another state when that was asked */
    }
    if (again) {
        host_inspect(h, "start");
    }
    if (h->leaving) {
        host_requeue(h);
    }
}

/* A machine that is off is looked at only when its container was started. */
void host_inspect(struct host *h, const char *why)
{
    struct runtime *rt = &h->hosts->rt;
    bool off = h->state == HOST_DEAD || h->state == HOST_OFF;
    if (h->inspecting) {
        h->inspect_again = true;
    } else if (h->state == HOST_ON || (off && h->epoch > 0 && str_eq(why, "start"))) {
        h->inspecting = true;
        h->inspected = h->turn;
        rt->ops->inspect(rt->self, h->container, on_inspected, h);
    }
}

/* ---- the verdict ---- */

static void decide(struct host *h, bool daemon)
{
    h->state = HOST_OFF;
    h->turn++;
    if (!daemon && !h->lost_daemon && !h->leaving) {
        host_say(h, "Warning", "PowerLost",
                 "The container of %s was killed or stopped with Docker: its power is Off until it "
                 "is switched on",
                 h->name);
        host_write_wish(h, "power", h->is.paused ? "Paused" : "On", "Off");
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
