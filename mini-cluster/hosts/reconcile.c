/* SPDX-License-Identifier: Apache-2.0 */
/* What is wished for a machine, against what it is: one step from the one to the other. */
#include <string.h>

#include "client/client.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "hosts/hosts_impl.h"
#include "meta/object.h"

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
    str_copy(h->why, sizeof(h->why), why);
    log_warn("hosts", "%s %s: %s; it is tried again", h->name, what, why);
    host_say(h, "Warning", "FailedPower", "Host %s %s: %s", h->name, what, why);
}

void host_forget_failures(struct host *h)
{
    h->failures = 0;
    h->retry_ns = 0;
    h->why[0] = '\0';
}

static bool is_at_rest(const struct host *h)
{
    return !h->dirty && !h->killing && !h->ending && !h->asked && h->step == FAULT_REST;
}

/* Somebody may have switched it on with Docker while it was dying. */
static void look_again(struct host *h)
{
    if (h->look && is_at_rest(h)) {
        h->look = false;
        host_inspect(h, "start");
    }
}

static int reconcile_on(struct host *h, const json_t *obj, struct err *err)
{
    if (h->state == HOST_ON) {
        if (!host_fault_step(h, obj)) {
            return 0;
        }
        host_tell_guest(h);
        return host_write_status(h, obj, h->is.paused ? "Paused" : "On", h->is.cut, true, err);
    }
    bool may = h->state == HOST_OFF && is_at_rest(h);
    return may && (h->hosts->ready || !h->told) ? host_power_on(h, obj, err) : 0;
}

static int reconcile_off(struct host *h, const json_t *obj, struct err *err)
{
    if (h->told || h->fresh || h->revived) {
        h->revived = false;
        host_cut_power(h);
        return 0;
    }
    bool reached = h->state == HOST_OFF && is_at_rest(h);
    return reached ? host_write_status(h, obj, "Off", host_wished_fault(obj).cut, true, err) : 0;
}

/* Nobody knows yet why it died, but dead it is. */
static int reconcile_dead(struct host *h, const json_t *obj, struct err *err)
{
    host_clear(h);
    look_again(h);
    return is_at_rest(h) ? host_write_status(h, obj, "Off", h->is.cut, false, err) : 0;
}

static bool waits(struct host *h, bool off)
{
    uint64_t now = now_of(h);
    if (now >= h->retry_ns || (off && h->told)) {
        return false;
    }
    workqueue_add_after(h->hosts->queue, h->name, h->retry_ns - now);
    return true;
}

static int follow(struct host *h, const json_t *obj, struct err *err)
{
    bool off = str_eq(jx_str(obj, "spec.power", "On"), "Off");
    if (h->state == HOST_DEAD && off) {
        h->state = HOST_OFF; /* it is what is asked for, whoever did it */
        h->turn++;
    }
    if (h->state == HOST_COMMIT || waits(h, off)) {
        return 0;
    }
    if (h->state == HOST_DEAD) {
        return reconcile_dead(h, obj, err);
    }
    if (h->state == HOST_OFF) {
        host_clear(h);
    }
    look_again(h);
    return off ? reconcile_off(h, obj, err) : reconcile_on(h, obj, err);
}

int host_reconcile(void *arg, const char *key, struct err *err)
{
    struct hosts *hs = arg;
    struct err missing;
    struct host *h = map_find(hs->by_name, key);
    const json_t *obj = client_get(hs->client, hs->kind, NULL, key, &missing);
    bool going = obj == NULL || object_deleting(obj);
    if (h == NULL) {
        h = going ? NULL : host_add(hs, obj);
    }
    if (h == NULL) {
        return 0;
    }
    if (h->control_plane && obj == NULL) {
        return host_make_object(h, err);
    }
    if (h->leaving || (going && !h->control_plane)) {
        return h->leaving && waits(h, false) ? 0 : host_leave(h, obj, err);
    }
    json_decref(h->spec);
    h->spec = jx_get(obj, "spec") != NULL ? jx_edit(jx_get(obj, "spec")) : NULL;
    host_read_capacity(h, obj);
    if (host_hold_object(h, obj, err) < 0) {
        return -1;
    }
    obj = client_get(hs->client, hs->kind, NULL, key, &missing);
    return follow(h, obj, err);
}
