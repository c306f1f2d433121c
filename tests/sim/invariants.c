/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold, whatever happened. */
#include <string.h>

#include "client/client.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "world.h"

/* The value of "key=value" among a container's labels; "" when there is none. */
static const char *label(const struct runtime_status *st, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; st->labels != NULL && st->labels[i] != NULL; i++) {
        if (strncmp(st->labels[i], key, n) == 0 && st->labels[i][n] == '=') {
            return st->labels[i] + n + 1;
        }
    }
    return "";
}

#define POD_UID "dev.podlab.pod-uid"
#define CONTAINER "dev.podlab.container"

/* ---- at every moment ---- */

struct moment {
    struct world *w;
    struct map *running; /* "pod/container" of what runs */
};

static void look(void *arg, const struct runtime_status *st)
{
    struct moment *m = arg;
    if (fake_starts(m->w->fake, st->name) > 1) {
        world_break(m->w, "container %s was started %u times", st->name,
                    fake_starts(m->w->fake, st->name));
    }
    if (st->role != RUNTIME_APP || st->state != RUNTIME_RUNNING) {
        return;
    }
    cleanup_free char *key = xasprintf("%s/%s", label(st, POD_UID), label(st, CONTAINER));
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

/* ---- once it is quiet ---- */

static const struct kind *pods(void)
{
    return kinds_find_gr("pods");
}

static bool count_ready(void *arg, const json_t *pod)
{
    int64_t *n = arg;
    *n += object_pod_ready(pod) && !object_deleting(pod);
    return true;
}

static void check_deployment(struct world *w, struct client *c, const char *name,
                             const struct promise *p)
{
    struct err err;
    const json_t *d = client_get(c, kinds_find_gr("deployments.apps"), "default", name, &err);
    if (!p->uncertain && p->exists != (d != NULL)) {
        world_break(w, "%s: an acknowledged %s was lost", name, p->exists ? "write" : "deletion");
        return;
    }
    if (d == NULL) {
        return;
    }
    int64_t wanted = jx_int(d, "spec.replicas", -1);
    if (!p->uncertain && p->replicas >= 0 && wanted != p->replicas) {
        world_break(w, "%s: replicas are %d, acknowledged were %d", name, (int)wanted,
                    (int)p->replicas);
    }
    if (jx_int(d, "status.readyReplicas", 0) != wanted ||
        jx_int(d, "status.updatedReplicas", 0) != wanted ||
        jx_int(d, "status.replicas", 0) != wanted) {
        cleanup_free char *status = jx_dump_text(jx_path(d, "status"));
        world_break(w, "%s: wants %d and stands at %s", name, (int)wanted, status);
    }
}

static bool check_pod(void *arg, const json_t *pod)
{
    struct moment *m = arg;
    cleanup_free char *key = xasprintf("%s/web", object_uid(pod));
    if (object_deleting(pod)) {
        world_break(m->w, "pod %s is still Terminating", object_name(pod));
    } else if (!object_pod_ready(pod)) {
        cleanup_free char *status = jx_dump_text(jx_path(pod, "status"));
        world_break(m->w, "pod %s is not ready: %s", object_name(pod), status);
    } else if (map_find(m->running, key) == NULL) {
        world_break(m->w, "pod %s says it is ready, and nothing runs for it", object_name(pod));
    }
    map_remove(m->running, key);
    return true;
}

static void note_running(void *arg, const struct runtime_status *st)
{
    struct moment *m = arg;
    if (st->role == RUNTIME_APP && st->state == RUNTIME_RUNNING) {
        cleanup_free char *key = xasprintf("%s/%s", label(st, POD_UID), label(st, CONTAINER));
        map_put(m->running, key, m);
    }
}

struct sandboxes {
    struct world *w;
    size_t n;
};

static void count_sandboxes(void *arg, const struct runtime_status *st)
{
    struct sandboxes *s = arg;
    s->n += st->role == RUNTIME_SANDBOX;
}

void world_check_settled(struct world *w)
{
    struct client *c = client_new(core_api(w->core), "system:sim");
    struct moment m = {.w = w, .running = map_new(NULL)};
    struct sandboxes boxes = {.w = w};
    size_t it = 0;
    const char *key;
    void *promise;
    while (map_next(w->promises, &it, &key, &promise)) {
        check_deployment(w, c, key, promise);
    }
    fake_each(w->fake, note_running, &m);
    client_each(c, pods(), NULL, check_pod, &m);
    it = 0;
    if (map_next(m.running, &it, &key, NULL)) {
        world_break(w, "container %s runs and belongs to no pod", key);
    }
    int64_t ready = 0;
    client_each(c, pods(), NULL, count_ready, &ready);
    fake_each(w->fake, count_sandboxes, &boxes);
    if (boxes.n != (size_t)ready) {
        world_break(w, "%zu sandboxes for %d pods", boxes.n, (int)ready);
    }
    map_free(m.running);
    client_free(c);
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
    str_add_f(&w->story, "            container %s of %s/%s: state %d\n", st->name,
              label(st, POD_UID), label(st, CONTAINER), (int)st->state);
}

void world_tell(struct world *w)
{
    static const char *const told[] = {"deployments.apps", "replicasets.apps", "pods", "events"};
    if (w->core != NULL) {
        struct client *c = client_new(core_api(w->core), "system:sim");
        for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
            client_each(c, kinds_find_gr(told[i]), NULL, tell_object, w);
        }
        client_free(c);
    }
    fake_each(w->fake, tell_container, w);
}
