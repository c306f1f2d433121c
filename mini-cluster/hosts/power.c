/* SPDX-License-Identifier: Apache-2.0 */
/* Switches hosts on and off: the epoch is committed first, then the guest is started under it. */
#include <inttypes.h>
#include <stdio.h>
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
#include "kinds/kinds.h"

int host_write_status(struct host *h, const char *power, struct err *err)
{
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

static void tell_power_on(struct host *h)
{
    if (!h->told) {
        h->told = true;
        h->hosts->ops.on_power(h->hosts->arg, h->name, h->address, h->epoch, true);
    }
}

static void on_swept(void *arg, enum runtime_result result, const struct runtime_status *st,
                     const struct err *err)
{
    (void)arg, (void)result, (void)st, (void)err; /* what is left is swept with the next life */
}

/* The guests of this host's earlier lives. */
static void sweep(void *arg, enum runtime_result result, const struct runtime_status *list,
                  size_t n, const struct err *err)
{
    struct host *h = arg;
    struct runtime *rt = &h->hosts->rt;
    enum runtime_role role = h->control_plane ? RUNTIME_SERVICES : RUNTIME_HOST;
    for (size_t i = 0; i < n; i++) {
        bool ours = list[i].role == role && (h->control_plane || str_eq(list[i].host, h->name));
        if (ours && !str_eq(list[i].name, h->container)) {
            rt->ops->remove(rt->self, list[i].name, on_swept, NULL);
        }
    }
}

static void on_started(void *arg, enum runtime_result result, const struct runtime_status *st,
                       const struct err *err)
{
    struct host *h = arg;
    struct err failed;
    if (h->state != HOST_STARTING) {
        return; /* switched off meanwhile */
    }
    if (result != RUNTIME_OK || st->state != RUNTIME_RUNNING) {
        bool ended = result == RUNTIME_OK;
        log_warn("hosts", "%s does not start: %s", h->name,
                 ended ? "its container has ended" : err->msg);
        h->state = HOST_OFF;
        h->started = ended; /* what has ended stays so: the next try is a new life */
        workqueue_add_after(h->hosts->queue, h->name, ended ? LOOP_MS(10) : LOOP_S(1));
        return;
    }
    h->state = HOST_ON;
    h->lost_daemon = false;
    if (host_write_status(h, "On", &failed) < 0) {
        log_warn("hosts", "status of %s: %s", h->name, failed.msg);
    }
    h->hosts->ops.on_guest(h->hosts->arg, h->name, h->container);
    if (h->epoch > 1) {
        h->hosts->rt.ops->list(h->hosts->rt.self, sweep, h);
    }
}

void host_start_guest(struct host *h)
{
    struct hosts *hs = h->hosts;
    cleanup_free char *dns = xasprintf("PODLAB_DNS=%s", hs->dns);
    cleanup_free char *name = xasprintf("NODE_NAME=%s", h->name);
    const char *const env[] = {dns, name, NULL};
    char hash[24];
    snprintf(hash, sizeof(hash), "host-1");
    struct runtime_spec spec = {
        .name = h->container,
        .role = h->control_plane ? RUNTIME_SERVICES : RUNTIME_HOST,
        .host = h->control_plane ? "" : h->name,
        .hash = hash,
        .env = env,
        .hostname = h->name,
        .address = h->address,
    };
    h->state = HOST_STARTING;
    h->started = true;
    hs->rt.ops->ensure(hs->rt.self, &spec, h->epoch, on_started, h);
}

static void on_epoch_committed(void *arg, bool ok)
{
    struct host *h = arg;
    if (h->state != HOST_COMMIT) {
        return;
    }
    if (!ok) {
        h->state = HOST_OFF;
        workqueue_add_after(h->hosts->queue, h->name, LOOP_S(1));
        return;
    }
    tell_power_on(h);
    if (h->hosts->ready) {
        host_start_guest(h);
    } else {
        h->state = HOST_OFF; /* hosts_runtime_ready looks again */
    }
}

/* The first life, the same life again after a restart of ours, or a new life: the container of an
 * epoch is started once, so a second start within our own life needs the next epoch. */
static int power_on(struct host *h, const json_t *obj, struct err *err)
{
    uint64_t known = (uint64_t)jx_int(obj, "status.epoch", 0);
    if (h->epoch == 0) {
        h->epoch = known > 0 ? known : 1;
    } else if (h->started) {
        h->epoch++;
        h->started = false;
        h->told = false;
    }
    name_container(h);
    if (host_write_status(h, jx_str(obj, "status.power", "Off"), err) < 0) {
        return -1;
    }
    h->state = HOST_COMMIT;
    client_on_commit(h->hosts->client, on_epoch_committed, h);
    return 0;
}

/* ---- off ---- */

static void on_removed(void *arg, enum runtime_result result, const struct runtime_status *st,
                       const struct err *err)
{
    struct host *h = arg;
    struct err failed;
    if (--h->removing > 0) {
        return;
    }
    h->state = HOST_OFF;
    if (host_write_status(h, "Off", &failed) < 0) {
        log_warn("hosts", "status of %s: %s", h->name, failed.msg);
    }
    host_requeue(h);
}

static void on_listed(void *arg, enum runtime_result result, const struct runtime_status *list,
                      size_t n, const struct err *err)
{
    struct host *h = arg;
    struct runtime *rt = &h->hosts->rt;
    if (result != RUNTIME_OK) {
        h->state = HOST_ON; /* tried again when the daemon answers */
        workqueue_add_after(h->hosts->queue, h->name, LOOP_S(1));
        return;
    }
    h->removing = 1;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].host, h->name) == 0) {
            h->removing++;
            rt->ops->remove(rt->self, list[i].name, on_removed, h);
        }
    }
    on_removed(h, RUNTIME_OK, NULL, err);
}

void host_stop_all(struct host *h)
{
    struct hosts *hs = h->hosts;
    if (h->told) {
        h->told = false;
        hs->ops.on_power(hs->arg, h->name, h->address, h->epoch, false);
    }
    hs->ops.on_guest(hs->arg, h->name, NULL);
    h->state = HOST_STOPPING;
    h->epoch++; /* late completions belong to the past */
    h->started = false;
    hs->rt.ops->list(hs->rt.self, on_listed, h);
}

int host_reconcile(void *arg, const char *key, struct err *err)
{
    struct hosts *hs = arg;
    struct host *h = map_find(hs->by_name, key);
    const json_t *obj = client_get(hs->client, hs->kind, NULL, key, err);
    if (h == NULL || obj == NULL) {
        return 0; /* hosts come and go with the cluster's settings, not with their objects */
    }
    bool on = !str_eq(jx_str(obj, "spec.power", "On"), "Off");
    if (on && h->state == HOST_OFF && (hs->ready || !h->told)) {
        return power_on(h, obj, err);
    }
    if (!on && h->state == HOST_ON) {
        host_stop_all(h);
    }
    if (!on && h->state == HOST_OFF && !str_eq(jx_str(obj, "status.power", ""), "Off")) {
        return host_write_status(h, "Off", err);
    }
    return 0;
}
