/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold, whatever happened, and what is told when it does not. */
#include <string.h>

#include "client/client.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "controllers/node_taints.h"
#include "kinds/kinds.h"
#include "meta/duration.h"
#include "meta/object.h"
#include "world.h"

const char *label_of(const struct runtime_status *st, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; st->labels != NULL && st->labels[i] != NULL; i++) {
        if (strncmp(st->labels[i], key, n) == 0 && st->labels[i][n] == '=') {
            return st->labels[i] + n + 1;
        }
    }
    return "";
}

bool is_alive(const struct runtime_status *st)
{
    return st->state == RUNTIME_RUNNING || st->state == RUNTIME_PAUSED;
}

/* ---- at every moment ---- */

struct moment {
    struct world *w;
    struct map *running; /* "pod/container" of what runs */
};

static void look(void *arg, const struct runtime_status *st)
{
    struct moment *m = arg;
    const struct sim_host *h = world_host(m->w, st->host);
    unsigned machines = 1 + (h != NULL ? h->removed : 0); /* a new one knows nothing of the old */
    if (fake_starts(m->w->fake, st->name) > machines) {
        world_break(m->w, "container %s was started %u times", st->name,
                    fake_starts(m->w->fake, st->name));
    }
    if (st->role != RUNTIME_APP || !is_alive(st)) {
        return;
    }
    cleanup_free char *key = xasprintf("%s/%s", label_of(st, POD_UID), label_of(st, CONTAINER));
    if (map_find(m->running, key) != NULL) {
        world_break(m->w, "two containers run for %s", key);
    }
    map_put(m->running, key, m);
}

void world_check_always(struct world *w)
{
    struct moment m = {.w = w, .running = map_new(NULL)};
    fake_each(w->fake, look, &m);
    map_free(m.running);
}

/* ---- a host that has been off for a while ---- */

struct absence {
    struct world *w;
    const char *host;
    size_t ready, not_ready; /* nodes */
};

static bool count_node(void *arg, const json_t *node)
{
    struct absence *a = arg;
    bool ready = object_condition_is(node, "Ready", "True");
    a->ready += ready;
    a->not_ready += !ready;
    return true;
}

static bool check_absent(void *arg, const json_t *pod)
{
    const struct absence *a = arg;
    if (object_pod_ready(pod)) {
        world_break(a->w, "pod %s is ready, and its host %s is off", object_name(pod), a->host);
    } else if (!object_deleting(pod)) {
        world_break(a->w, "pod %s has not been given up, and its host %s is off", object_name(pod),
                    a->host);
    }
    return true;
}

static void check_dark(void *arg, const struct runtime_status *st)
{
    const struct absence *a = arg;
    if (is_alive(st) && str_eq(st->host, a->host)) {
        world_break(a->w, "%s runs on %s, which is off", st->name, a->host);
    }
}

static bool count_pod(void *arg, const json_t *pod)
{
    int64_t *n = arg;
    *n += !object_deleting(pod) && !object_pod_terminal(pod);
    return true;
}

/* While it is changed, a deployment may stand one below what it wants. */
static bool check_made_up_for(void *arg, const json_t *rs)
{
    const struct absence *a = arg;
    struct client_filter f = {.owner_uid = object_uid(rs)};
    int64_t n = 0;
    client_each(a->w->eyes, kinds_find_gr("pods"), &f, count_pod, &n);
    if (n < jx_int(rs, "spec.replicas", 0)) {
        world_break(a->w, "%s has %d pods of %d after %s went off", object_name(rs), (int)n,
                    (int)jx_int(rs, "spec.replicas", 0), a->host);
    }
    return true;
}

static uint64_t delay(struct world *w, const char *field)
{
    struct err err;
    uint64_t ns;
    const json_t *clock =
        client_get(w->eyes, kinds_find_gr("clocks.podlab.dev"), NULL, "cluster", &err);
    const char *text = jx_get_str(jx_obj(clock, "status"), field, "");
    return duration_parse(text, &ns) ? ns : UINT64_MAX / 4;
}

void world_check_replaced(struct world *w, const struct sim_host *h)
{
    struct absence a = {.w = w, .host = h->name};
    uint64_t from = h->wished_ns > w->disturbed_ns ? h->wished_ns : w->disturbed_ns;
    uint64_t patience = delay(w, "eviction") > LOOP_S(3) ? delay(w, "eviction") : LOOP_S(3);
    uint64_t due = from + delay(w, "grace") + patience + LOOP_S(1);
    client_each(w->eyes, kinds_find_gr("nodes"), NULL, count_node, &a);
    if (world_now(w) < due || node_zone_of(a.ready, a.not_ready) != ZONE_NORMAL) {
        return; /* it is not time yet, or too many are away */
    }
    struct client_filter there = {.node = h->name};
    client_each(w->eyes, kinds_find_gr("pods"), &there, check_absent, &a);
    client_each(w->eyes, kinds_find_gr("replicasets.apps"), NULL, check_made_up_for, &a);
    fake_each(w->fake, check_dark, &a);
}

/* ---- the report of a failure ---- */

static bool tell_object(void *arg, const json_t *object)
{
    struct world *w = arg;
    cleanup_free char *text = jx_dump_text(object);
    str_add_f(&w->story, "            %s\n", text);
    return true;
}

static void tell_container(void *arg, const struct runtime_status *st)
{
    struct world *w = arg;
    str_add_f(&w->story, "            container %s of %s/%s on %s: state %d, epoch %d\n", st->name,
              label_of(st, POD_UID), label_of(st, CONTAINER), st->host, (int)st->state,
              (int)st->epoch);
}

void world_tell(struct world *w)
{
    static const char *const told[] = {"hosts.podlab.dev", "nodes", "deployments.apps",
                                       "replicasets.apps", "pods",  "events"};
    if (w->core != NULL) {
        struct client *c = client_new(core_api(w->core), "system:sim");
        for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
            client_each(c, kinds_find_gr(told[i]), NULL, tell_object, w);
        }
        client_free(c);
    }
    fake_each(w->fake, tell_container, w);
}
