/* SPDX-License-Identifier: Apache-2.0 */
/* What the Host object says of its Docker: containers, ports and what was refused, written once in
 * a while and only when it is different. */
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "client/recorder.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "hosts/dock/dock_impl.h"
#include "kinds/kinds.h"
#include "meta/time.h"

#define SOON LOOP_MS(200)

enum { MAX_REFUSALS = 10, MAX_SHOWN = 500, TIME_SIZE = 21 };

/* Whoever tries all doors fills no store with it. */
#define EVENTS_IN LOOP_S(60)
#define EVENTS_MAX 60

void dock_status_changed(struct dock *d)
{
    if (!loop_timer_active(d->status_timer)) {
        loop_timer_start(d->status_timer, SOON);
    }
}

static bool may_say(struct dock *d)
{
    uint64_t now = loop_mono_ns(d->all->loop);
    if (now - d->said_since_ns > EVENTS_IN) {
        d->said_since_ns = now;
        d->said = 0;
    }
    return d->said++ < EVENTS_MAX;
}

void dock_status_refused(struct dock *d, const char *request, const char *reason)
{
    struct docks *all = d->all;
    char now[TIME_SIZE];
    struct err err;
    time_format(now, loop_wall_us(all->loop));
    json_array_append_new(d->refusals, json_pack("{s:s, s:s, s:s}", "time", now, "request", request,
                                                 "reason", reason));
    while (json_array_size(d->refusals) > MAX_REFUSALS) {
        json_array_remove(d->refusals, 0);
    }
    const json_t *host = client_get(all->client, all->kind, NULL, d->host, &err);
    if (host != NULL && may_say(d)) {
        recorder_event(all->client, "podlab-docker", d->host, host, "Warning", "DockerRefused",
                       "%s: %s", request, reason);
    }
    dock_status_changed(d);
}

/* ---- containers ---- */

static json_t *describe_box(const struct dock_box *b)
{
    char started[TIME_SIZE];
    const char *state = dock_box_restarting(b) ? "restarting" : b->state;
    json_t *c = json_pack("{s:s, s:s, s:s, s:s}", "id", b->id, "name", b->shown, "image",
                          b->image != NULL ? b->image : "", "state", state);
    if (strcmp(b->state, "exited") == 0 || strcmp(b->state, "dead") == 0) {
        json_object_set_new(c, "exitCode", json_integer(b->exit_code));
    }
    if (b->pod != NULL) {
        json_object_set_new(c, "pod", json_string(b->pod));
    }
    if (b->started_us > 0) {
        time_format(started, b->started_us / 1000000 * 1000000);
        json_object_set_new(c, "startedAt", json_string(started));
    }
    return c;
}

static int by_name(const void *a, const void *b)
{
    const struct dock_box *x = *(const struct dock_box *const *)a;
    const struct dock_box *y = *(const struct dock_box *const *)b;
    return strcmp(x->shown, y->shown);
}

/* Those of pods behind those made by hand, each by name: the same boxes look the same. */
static void add_containers(const struct dock *d, bool by_hand, json_t *ret)
{
    VEC(const struct dock_box *) some = {0};
    void *value;
    for (size_t it = 0; map_next(d->boxes, &it, NULL, &value);) {
        if (((struct dock_box *)value)->by_hand == by_hand) {
            vec_push(&some, value);
        }
    }
    if (some.n > 0) {
        qsort(some.v, some.n, sizeof(some.v[0]), by_name);
    }
    for (size_t i = 0; i < some.n && json_array_size(ret) < MAX_SHOWN; i++) {
        json_array_append_new(ret, describe_box(some.v[i]));
    }
    vec_fini(&some);
}

/* ---- ports ---- */

static void add_ports(const struct dock *d, json_t *ret)
{
    void *value;
    for (size_t it = 0; map_next(d->boxes, &it, NULL, &value);) {
        const struct dock_box *b = value;
        for (size_t i = 0; b->forwarded && i < b->ports.all.n; i++) {
            const struct dock_published *p = &b->ports.all.v[i];
            json_array_append_new(ret, json_pack("{s:i, s:s, s:s, s:i}", "port", p->port,
                                                 "protocol", p->udp ? "UDP" : "TCP", "owner",
                                                 b->shown, "targetPort", p->target));
        }
    }
}

/* ---- writing ---- */

void dock_status_write(void *dock)
{
    struct dock *d = dock;
    struct docks *all = d->all;
    struct err err;
    if (d->paused || d->cut || (d->up && !d->loaded)) {
        return; /* nobody hears from it; or it is not known yet */
    }
    const json_t *host = client_get(all->client, all->kind, NULL, d->host, &err);
    json_t *containers = json_array(), *ports = json_array();
    json_auto_t *patch = json_pack("{s:{s:o, s:o, s:O}}", "status", "containers", containers,
                                   "ports", ports, "refusals", d->refusals);
    add_containers(d, true, containers);
    add_containers(d, false, containers);
    add_ports(d, ports);
    const char *key;
    json_t *value;
    bool same = host != NULL;
    json_object_foreach(json_object_get(patch, "status"), key, value)
    {
        const json_t *old = jx_get(jx_obj(host, "status"), key);
        bool none = old == NULL && json_array_size(value) == 0;
        same = same && (none || (old != NULL && jx_equal(old, value)));
    }
    if (host != NULL && !same &&
        client_patch(all->client, all->kind, NULL, d->host, "status", jx_edit(patch), NULL, &err) !=
            0) {
        log_warn("hosts", "status of %s: %s", d->host, err.msg);
    }
}
