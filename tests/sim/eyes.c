/* SPDX-License-Identifier: Apache-2.0 */
/* Watches what the cluster begins to believe, and knows what was done to its hosts: a node is
 * doubted only when it was silent for a grace period, and pods are given up only after the time
 * they have. */
#include <string.h>

#include "client/client.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "meta/clock.h"
#include "meta/duration.h"
#include "meta/object.h"
#include "world.h"

/* How much sooner than the clock says something may be seen: looks are rounded, and both ends of a
 * time are seen from outside. */
#define SLACK LOOP_MS(60)
/* A host is well when nothing was done to it for so long and its node is Ready. */
#define CONVALESCENCE LOOP_S(3)

/* ---- what is asked of the cluster ---- */

static uint64_t delay(struct world *w, const char *field)
{
    struct err err;
    uint64_t ns;
    const json_t *clock =
        client_get(w->eyes, kinds_find_gr("clocks.podlab.dev"), NULL, "cluster", &err);
    const char *text = jx_get_str(jx_obj(clock, "status"), field, "");
    return duration_parse(text, &ns) ? ns : clock_get(&clock_lab, field);
}

struct sim_host *world_host(struct world *w, const char *name)
{
    for (size_t i = 0; i < HOSTS; i++) {
        if (strcmp(w->hosts[i].name, name) == 0) {
            return &w->hosts[i];
        }
    }
    return NULL;
}

void world_host_fails(struct world *w, struct sim_host *h)
{
    h->wished_ns = world_now(w);
    if (h->fault_ns == 0) {
        h->fault_ns = h->wished_ns;
        h->beat_ns = w->eyes != NULL ? delay(w, "heartbeat") : 0;
    }
}

static uint64_t latest(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- nodes ---- */

/* Whoever has just been heard of is not silent; nor is anybody whose waiting has just begun anew.
 */
static void judge_doubt(struct world *w, struct sim_host *h)
{
    uint64_t now = world_now(w);
    uint64_t heard = h->fault_ns > h->beat_ns ? h->fault_ns - h->beat_ns : 0;
    uint64_t from = latest(heard, w->calm_ns);
    if (h->fault_ns == 0) {
        world_break(w, "node %s is doubted, and its host is well", h->name);
    } else if (now + SLACK < from + delay(w, "grace")) {
        world_break(w, "node %s is doubted after %llu ms", h->name,
                    (unsigned long long)((now - from) / 1000000));
    }
}

static void see_condition(struct world *w, struct sim_host *h, const char *status)
{
    uint64_t now = world_now(w);
    bool silent = strcmp(status, "Unknown") == 0;
    if (silent && !h->silent) {
        judge_doubt(w, h);
    }
    h->silent = silent;
    if (strcmp(status, "True") != 0) {
        h->unready_ns = h->unready_ns != 0 ? h->unready_ns : now;
        return;
    }
    h->unready_ns = 0;
}

static void on_node(void *arg, enum client_event type, const json_t *node, const json_t *prev)
{
    struct world *w = arg;
    struct sim_host *h = type == CLIENT_SYNCED ? NULL : world_host(w, object_name(node));
    (void)prev;
    if (h == NULL) {
        return;
    }
    if (type == CLIENT_DELETED) {
        h->silent = false;
        h->unready_ns = h->unready_ns != 0 ? h->unready_ns : world_now(w);
        return;
    }
    const char *status = jx_get_str(object_condition(node, "Ready"), "status", "False");
    if (type == CLIENT_ADDED) { /* believed by an earlier life */
        h->silent = strcmp(status, "Unknown") == 0;
    }
    see_condition(w, h, status);
}

/* ---- hosts ---- */

static bool is_on(const json_t *host)
{
    return str_eq(jx_str(host, "spec.power", ""), "On") &&
           str_eq(jx_str(host, "spec.network", ""), "Connected") &&
           str_eq(jx_str(host, "status.power", ""), "On") &&
           str_eq(jx_str(host, "status.network", ""), "Connected");
}

/* Somebody killed its container, and only now that is known. */
static void on_host(void *arg, enum client_event type, const json_t *host, const json_t *prev)
{
    struct world *w = arg;
    struct sim_host *h = type == CLIENT_SYNCED ? NULL : world_host(w, object_name(host));
    (void)prev;
    if (h != NULL && !is_on(host)) {
        world_host_fails(w, h);
    }
}

/* It is heard of again: after a while it is well. */
static void on_lease(void *arg, enum client_event type, const json_t *lease, const json_t *prev)
{
    struct world *w = arg;
    struct sim_host *h = type == CLIENT_MODIFIED ? world_host(w, object_name(lease)) : NULL;
    struct err err;
    (void)prev;
    if (h == NULL || h->fault_ns == 0 || !h->there || h->off || h->paused || h->cut ||
        world_now(w) < h->wished_ns + CONVALESCENCE) {
        return;
    }
    const json_t *node = client_get(w->eyes, kinds_find_gr("nodes"), NULL, h->name, &err);
    const json_t *host =
        client_get(w->eyes, kinds_find_gr("hosts.podlab.dev"), NULL, h->name, &err);
    if (is_on(host) && object_condition_is(node, "Ready", "True")) {
        h->fault_ns = 0;
    }
}

/* ---- pods ---- */

/* What it tolerates; the pods of one deployment say so themselves. */
static uint64_t patience(struct world *w, const json_t *pod)
{
    int64_t s = jx_int(pod, "spec.tolerations[0].tolerationSeconds", 300);
    return s == 300 ? delay(w, "eviction") : LOOP_S(s);
}

static void judge_eviction(struct world *w, const json_t *pod)
{
    struct sim_host *h = world_host(w, jx_str(pod, "spec.nodeName", ""));
    uint64_t now = world_now(w);
    w->evictions++;
    if (h == NULL) {
        return;
    }
    uint64_t from = latest(h->unready_ns, w->calm_ns);
    if (h->fault_ns == 0) {
        world_break(w, "pod %s is given up, and its host %s is well", object_name(pod), h->name);
    } else if (h->unready_ns == 0) {
        world_break(w, "pod %s is given up, and node %s is Ready", object_name(pod), h->name);
    } else if (now + SLACK < from + patience(w, pod)) {
        world_break(w, "pod %s is given up %llu ms after node %s was not Ready", object_name(pod),
                    (unsigned long long)((now - from) / 1000000), h->name);
    }
}

static void on_pod(void *arg, enum client_event type, const json_t *pod, const json_t *prev)
{
    struct world *w = arg;
    const json_t *why = type == CLIENT_MODIFIED ? object_condition(pod, "DisruptionTarget") : NULL;
    if (why != NULL && object_deleting(pod) && !object_deleting(prev) &&
        strcmp(jx_get_str(why, "reason", ""), "DeletionByTaintManager") == 0) {
        judge_eviction(w, pod);
    }
}

/* ---- lives ---- */

void eyes_open(struct world *w)
{
    w->eyes = client_new(core_api(w->core), "system:sim");
    for (size_t i = 0; i < HOSTS; i++) {
        w->hosts[i].unready_ns = 0;
        w->hosts[i].silent = false;
    }
    client_watch(w->eyes, kinds_find_gr("nodes"), on_node, w);
    client_watch(w->eyes, kinds_find_gr("hosts.podlab.dev"), on_host, w);
    client_watch(w->eyes, kinds_find_gr("leases.coordination.k8s.io"), on_lease, w);
    client_watch(w->eyes, kinds_find_gr("pods"), on_pod, w);
}

void eyes_close(struct world *w)
{
    client_free(w->eyes);
    w->eyes = NULL;
}
