/* SPDX-License-Identifier: Apache-2.0 */
/* Switches hosts on and off: the epoch is committed first, then the guest is started under it; what
 * is switched off is remembered as ended first, then killed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "hosts/hosts_impl.h"

/* The name says the epoch, so that a new life is a new container. */
static void name_container(struct host *h)
{
    char identity[128];
    snprintf(identity, sizeof(identity), "host/%s/%" PRIu64, h->name, h->epoch);
    runtime_name(h->container, h->hosts->key, h->name, identity);
}

/* ---- on ---- */

static void tell_power_on(struct host *h)
{
    if (!h->told) {
        struct hosts_machine m = host_machine(h);
        h->told = true;
        h->hosts->ops.on_power(h->hosts->arg, &m, true);
        host_show_away(h);
    }
}

void host_tell_guest(struct host *h)
{
    if (!h->guest_told && h->state == HOST_ON) {
        h->guest_told = true;
        h->hosts->ops.on_guest(h->hosts->arg, h->name, h->container);
    }
}

static void begin_again(struct host *h, const char *why)
{
    h->state = HOST_OFF;
    h->turn++;
    h->over = true;
    if (h->failures++ > 0) {
        host_retry(h, "does not stay up", why);
        return;
    }
    log_info("hosts", "%s begins a new life: %s", h->name, why);
    host_requeue(h);
}

/* What it is found with; it may be paused or cut off from an earlier life of ours. */
static void is_on(struct host *h, const struct runtime_status *st)
{
    h->state = HOST_ON;
    h->turn++;
    h->lost_daemon = false;
    h->started_us = st->started_us;
    h->is = (struct fault){.paused = st->state == RUNTIME_PAUSED, .cut = st->cut};
    host_forget_failures(h);
    host_sweep(h);
    host_requeue(h); /* which tells of the guest, once it is as it should be */
}

static void on_started(void *arg, enum runtime_result result, const struct runtime_status *st,
                       const struct err *err)
{
    struct host *h = arg;
    h->asked = false;
    if (h->state != HOST_STARTING) { /* switched off meanwhile: it must not stay */
        h->dirty = h->late = true;
        host_requeue(h);
    } else if (result == RUNTIME_OK && st->state == RUNTIME_EXITED) {
        begin_again(h, "its container has ended"); /* ... and what has ended stays so */
    } else if (result == RUNTIME_FAILED && err->code == ERR_CONFLICT) {
        begin_again(h, err->msg);
    } else if (result != RUNTIME_OK) {
        h->state = HOST_OFF;
        h->turn++;
        host_sweep(h); /* perhaps an earlier life has its address */
        host_retry(h, "does not start", err->msg);
    } else {
        is_on(h, st);
    }
}

static void start_guest(struct host *h)
{
    struct hosts *hs = h->hosts;
    cleanup_free char *dns = xasprintf("PODLAB_DNS=%s", hs->dns);
    cleanup_free char *name = xasprintf("NODE_NAME=%s", h->name);
    const char *const env[] = {dns, name, NULL};
    struct runtime_spec spec = {
        .name = h->container,
        .role = h->control_plane ? RUNTIME_SERVICES : RUNTIME_HOST,
        .host = h->control_plane ? "" : h->name,
        .hash = "host-1",
        .env = env,
        .hostname = h->name,
        .address = h->address,
    };
    h->state = HOST_STARTING;
    h->turn++;
    h->asked = true;
    hs->rt.ops->ensure(hs->rt.self, &spec, h->epoch, on_started, h);
}

static void on_epoch_committed(void *arg, bool ok)
{
    struct host *h = arg;
    if (h->state != HOST_COMMIT) {
        return;
    }
    h->state = HOST_OFF;
    h->turn++;
    if (!ok) {
        host_retry(h, "cannot be switched on", "its epoch could not be committed");
        return;
    }
    tell_power_on(h);
    if (h->hosts->ready) {
        start_guest(h);
        host_requeue(h); /* the wish may have changed */
    }
}

/* What its agent begins with: of a life that goes on, what it was last said to be is not over
 * before its containers were seen to. */
static void begin_fault(struct host *h, const json_t *obj, bool next)
{
    struct fault f = host_wished_fault(obj);
    if (h->told) {
        return; /* its start failed, and is tried again: the agent knows what it was told */
    }
    if (!next) {
        f.paused |= str_eq(jx_str(obj, "status.power", ""), "Paused");
        f.cut |= str_eq(jx_str(obj, "status.network", ""), "Partitioned");
    }
    h->told_fault = f;
    h->stray |= !next && (f.paused || f.cut);
    if (!f.cut) {
        h->cut_us = 0;
    } else if (next || h->cut_us == 0) {
        h->cut_us = loop_wall_us(client_loop(h->hosts->client));
    }
}

static void begin_life(struct host *h)
{
    h->epoch++;
    h->over = false;
    h->told = false;
    h->stray = false;
    if (!h->revived) {
        name_container(h);
    }
}

/* The first life, the same life again after a restart of ours, or the next one. */
int host_power_on(struct host *h, const json_t *obj, struct err *err)
{
    bool next = h->epoch == 0 || h->over;
    if (next) {
        begin_life(h);
    } else if (h->container[0] == '\0') {
        name_container(h); /* it is not remembered by an earlier version */
    }
    h->revived = false;
    begin_fault(h, obj, next);
    bool was_cut = str_eq(jx_str(obj, "status.network", ""), "Partitioned");
    bool was_on = str_eq(jx_str(obj, "status.power", "Off"), "On");
    const char *power = next ? (was_on ? "On" : "Off") : jx_str(obj, "status.power", "Off");
    if (host_write_status(h, obj, power, was_cut, false, err) < 0) {
        h->over = h->over || next;
        return -1;
    }
    if (next) {
        host_say(h, "Normal", "SwitchedOn",
                 "%s was switched on: its life number %" PRIu64 " begins", h->name, h->epoch);
    }
    host_remember(h);
    h->fresh = false;
    h->state = HOST_COMMIT;
    h->turn++;
    client_on_commit(h->hosts->client, on_epoch_committed, h);
    return 0;
}

/* ---- off ---- */

static void on_end_committed(void *arg, bool ok)
{
    struct host *h = arg;
    h->ending = false;
    h->ended = ok;
    if (ok) {
        host_kill(h);
    } else {
        host_retry(h, "is not switched off yet", "its end could not be committed");
    }
}

static void commit_end(struct host *h)
{
    h->ending = true;
    h->ended = false;
    host_remember(h);
    client_on_commit(h->hosts->client, on_end_committed, h);
}

void host_clear(struct host *h)
{
    bool in_vain = h->asked && !h->late && !h->kill_failed; /* that is not there yet */
    if (!h->dirty || h->killing || h->ending) {
        return;
    }
    if (h->ended && !in_vain) {
        host_kill(h);
    } else if (!h->ended) {
        commit_end(h);
    }
}

void host_cut_power(struct host *h)
{
    struct hosts *hs = h->hosts;
    client_off_commit(hs->client, h);
    h->state = HOST_OFF;
    h->turn++;
    h->fresh = false;
    h->dirty = true;
    h->late |= h->killing;
    h->over = h->epoch > 0;
    h->stray = h->guest_told = false;
    h->step = h->step == FAULT_COMMIT ? FAULT_REST : h->step;
    host_forget_failures(h);
    if (h->told) { /* first: a machine without power cannot say that its guest is gone */
        struct hosts_machine m = host_machine(h);
        h->told = false;
        hs->ops.on_power(hs->arg, &m, false);
    }
    hs->ops.on_guest(hs->arg, h->name, NULL);
    commit_end(h);
}
