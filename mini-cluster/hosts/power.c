/* SPDX-License-Identifier: Apache-2.0 */
/* Switches hosts on and off: the epoch is committed first, then the guest is started under it; what
 * is switched off is remembered as ended first, then killed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "client/recorder.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hosts/hosts_impl.h"

#define RETRY_FIRST LOOP_MS(500)
#define RETRY_MAX LOOP_S(15)

void host_requeue(struct host *h)
{
    workqueue_add(h->hosts->queue, h->name);
}

static uint64_t now_of(const struct host *h)
{
    return loop_mono_ns(client_loop(h->hosts->client));
}

void host_retry(struct host *h, const char *what, const char *why)
{
    struct hosts *hs = h->hosts;
    unsigned doublings = h->failures < 5 ? h->failures : 5;
    uint64_t delay = RETRY_FIRST << doublings;
    delay = delay < RETRY_MAX ? delay : RETRY_MAX;
    h->failures++;
    h->retry_ns = now_of(h) + delay;
    workqueue_add_after(hs->queue, h->name, delay);
    if (strncmp(h->why, why, sizeof(h->why) - 1) == 0) {
        return;
    }
    struct err err;
    str_copy(h->why, sizeof(h->why), why);
    log_warn("hosts", "%s %s: %s; it is tried again", h->name, what, why);
    const json_t *obj = client_get(hs->client, hs->kind, NULL, h->name, &err);
    if (obj != NULL) {
        recorder_event(hs->client, "podlab-hosts", NULL, obj, "Warning", "FailedPower",
                       "Host %s %s: %s", h->name, what, why);
    }
}

static void forget_failures(struct host *h)
{
    h->failures = 0;
    h->retry_ns = 0;
    h->why[0] = '\0';
}

/* ---- what is remembered ---- */

static void remember(struct host *h)
{
    client_record_put(h->hosts->client, "hosts", h->name,
                      json_pack("{s:I, s:b}", "epoch", (json_int_t)h->epoch, "over", h->over));
}

/* Writes the status where it says something else; somebody's edit of it does not last. */
static int write_status(struct host *h, const json_t *obj, const char *power, struct err *err)
{
    if (str_eq(jx_str(obj, "status.power", ""), power) &&
        str_eq(jx_str(obj, "status.network", ""), "Connected") &&
        str_eq(jx_str(obj, "status.address", ""), h->address) &&
        jx_int(obj, "status.epoch", 0) == (int64_t)h->epoch) {
        return 0;
    }
    json_t *patch = json_pack("{s:{s:s, s:s, s:s, s:I}}", "status", "power", power, "network",
                              "Connected", "address", h->address, "epoch", (json_int_t)h->epoch);
    return client_patch(h->hosts->client, h->hosts->kind, NULL, h->name, "status", patch, NULL,
                        err);
}

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
        h->told = true;
        h->hosts->ops.on_power(h->hosts->arg, h->name, h->address, h->epoch, true);
        host_show_away(h);
    }
}

static void begin_again(struct host *h, const char *why)
{
    h->state = HOST_OFF;
    h->over = true;
    if (h->failures++ > 0) {
        host_retry(h, "does not stay up", why);
        return;
    }
    log_info("hosts", "%s begins a new life: %s", h->name, why);
    host_requeue(h);
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
        host_sweep(h); /* perhaps an earlier life has its address */
        host_retry(h, "does not start", err->msg);
    } else {
        h->state = HOST_ON;
        h->lost_daemon = false;
        forget_failures(h);
        h->hosts->ops.on_guest(h->hosts->arg, h->name, h->container);
        host_sweep(h);
        host_requeue(h);
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

/* The first life, the same life again after a restart of ours, or the next one. */
static int power_on(struct host *h, const json_t *obj, struct err *err)
{
    bool next = h->epoch == 0 || h->over;
    if (next) {
        h->epoch++;
        h->over = false;
        h->told = false;
    }
    name_container(h);
    if (write_status(h, obj, jx_str(obj, "status.power", "Off"), err) < 0) {
        h->over = h->over || next;
        return -1;
    }
    remember(h);
    h->fresh = false;
    h->state = HOST_COMMIT;
    client_on_commit(h->hosts->client, on_epoch_committed, h);
    return 0;
}

/* ---- off ---- */

static void on_end_committed(void *arg, bool ok)
{
    struct host *h = arg;
    if (ok) {
        host_kill(h);
    } else {
        host_retry(h, "is not switched off yet", "its end could not be committed");
    }
}

void host_cut_power(struct host *h)
{
    struct hosts *hs = h->hosts;
    client_off_commit(hs->client, h);
    h->state = HOST_OFF;
    h->fresh = false;
    h->dirty = true;
    h->over = h->epoch > 0;
    forget_failures(h);
    if (h->told) { /* first: a machine without power cannot say that its guest is gone */
        h->told = false;
        hs->ops.on_power(hs->arg, h->name, h->address, h->epoch, false);
    }
    hs->ops.on_guest(hs->arg, h->name, NULL);
    remember(h);
    client_on_commit(hs->client, on_end_committed, h);
}

/* ---- what is wished, against what is ---- */

static int reconcile_on(struct host *h, const json_t *obj, struct err *err)
{
    if (h->state == HOST_ON) {
        return write_status(h, obj, "On", err);
    }
    bool may = h->state == HOST_OFF && !h->dirty && !h->killing && !h->asked;
    return may && (h->hosts->ready || !h->told) ? power_on(h, obj, err) : 0;
}

static int reconcile_off(struct host *h, const json_t *obj, struct err *err)
{
    if (h->told || h->fresh) {
        host_cut_power(h);
        return 0;
    }
    bool reached = h->state == HOST_OFF && !h->dirty && !h->killing && !h->asked;
    return reached ? write_status(h, obj, "Off", err) : 0;
}

int host_reconcile(void *arg, const char *key, struct err *err)
{
    struct hosts *hs = arg;
    struct host *h = map_find(hs->by_name, key);
    if (h == NULL) {
        return 0;
    }
    struct err missing;
    const json_t *obj = client_get(hs->client, hs->kind, NULL, key, &missing);
    if (obj == NULL) {
        return host_make_object(h, err);
    }
    json_decref(h->spec);
    h->spec = jx_get(obj, "spec") != NULL ? jx_edit(jx_get(obj, "spec")) : NULL;
    host_say_unsupported(h, obj);
    if (h->state == HOST_COMMIT || h->state == HOST_DEAD) {
        return 0; /* whoever ends that looks again */
    }
    bool off = str_eq(jx_str(obj, "spec.power", "On"), "Off");
    uint64_t now = now_of(h);
    if (now < h->retry_ns && !(off && h->told)) {
        workqueue_add_after(hs->queue, key, h->retry_ns - now);
        return 0;
    }
    if (h->dirty && !h->killing && hs->ready && h->state == HOST_OFF) {
        host_kill(h);
    }
    return off ? reconcile_off(h, obj, err) : reconcile_on(h, obj, err);
}
