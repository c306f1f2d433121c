/* SPDX-License-Identifier: Apache-2.0 */
/* Rolls a Deployment from one template to the next, by resizing ReplicaSets. */
#include "controllers/deployment.h"

#include <string.h>

#include "api/api.h"
#include "client/client.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "controllers/rollout.h"
#include "kinds/kinds.h"
#include "meta/object.h"

static struct rollout_set as_set(const json_t *set)
{
    return (struct rollout_set){
        .replicas = jx_int(set, "spec.replicas", 0),
        .available = jx_int(set, "status.availableReplicas", 0),
    };
}

static int64_t total_replicas(const struct rollout *r)
{
    int64_t total = jx_int(r->new_set, "spec.replicas", 0);
    for (size_t i = 0; i < r->old.n; i++) {
        total += jx_int(r->old.v[i], "spec.replicas", 0);
    }
    return total;
}

/* ---- a change of size ---- */

/* One set alone takes the whole change; in mid-rollout all of them share it. */
static int scale(struct rollout *r, struct err *err)
{
    struct rollout_limits l = rollout_limits(r->d);
    VEC(const json_t *) active = {0};
    VEC(struct rollout_set) sizes = {0};
    for (size_t i = 0; i <= r->old.n; i++) {
        const json_t *set = i < r->old.n ? r->old.v[i] : r->new_set;
        if (set != NULL && jx_int(set, "spec.replicas", 0) > 0) {
            vec_push(&active, set);
            vec_push(&sizes, as_set(set));
        }
    }
    int rc = 0;
    if (active.n == 0 && r->new_set != NULL) {
        rc = rollout_resize(r, r->new_set, l.replicas, err);
    } else if (active.n == 1) {
        rc = rollout_resize(r, active.v[0], l.replicas, err);
    } else if (active.n > 1) {
        int64_t total = 0;
        for (size_t i = 0; i < sizes.n; i++) {
            total += sizes.v[i].replicas;
        }
        int64_t allowed = l.replicas > 0 ? l.replicas + l.max_surge : 0;
        rollout_scale(allowed, sizes.v, sizes.n, total);
        for (size_t i = 0; i < active.n && rc == 0; i++) {
            rc = rollout_resize(r, active.v[i], sizes.v[i].replicas, err);
        }
    }
    vec_fini(&active);
    vec_fini(&sizes);
    return rc;
}

/* ---- strategies ---- */

static int shrink_old(struct rollout *r, struct err *err)
{
    struct rollout_limits l = rollout_limits(r->d);
    struct rollout_set new_set = as_set(r->new_set);
    VEC(struct rollout_set) old = {0};
    for (size_t i = 0; i < r->old.n; i++) {
        vec_push(&old, as_set(r->old.v[i]));
    }
    rollout_shrink_old(&l, &new_set, old.v, old.n);
    int rc = 0;
    for (size_t i = 0; i < old.n && rc == 0; i++) {
        if (old.v[i].replicas != jx_int(r->old.v[i], "spec.replicas", 0)) {
            rc = rollout_resize(r, r->old.v[i], old.v[i].replicas, err);
        }
    }
    vec_fini(&old);
    return rc;
}

static int roll(struct rollout *r, struct err *err)
{
    struct rollout_limits l = rollout_limits(r->d);
    struct rollout_set fresh = {0};
    if (r->new_set == NULL) {
        /* The first size is computed before the set is there, so that it begins with it. */
        if (rollout_ensure_new(r, rollout_new_size(&l, &fresh, total_replicas(r)), err) < 0) {
            return -1;
        }
        return 0; /* its own events bring us back */
    }
    if (rollout_ensure_new(r, 0, err) < 0) {
        return -1;
    }
    struct rollout_set new_set = as_set(r->new_set);
    int64_t size = rollout_new_size(&l, &new_set, total_replicas(r));
    if (size != new_set.replicas) {
        return rollout_resize(r, r->new_set, size, err);
    }
    return shrink_old(r, err);
}

static bool old_pods_left(const struct rollout *r)
{
    for (size_t i = 0; i < r->old.n; i++) {
        if (jx_int(r->old.v[i], "status.replicas", 0) > 0 ||
            jx_int(r->old.v[i], "status.terminatingReplicas", 0) > 0) {
            return true;
        }
    }
    return false;
}

static int recreate(struct rollout *r, struct err *err)
{
    bool shrunk = false;
    for (size_t i = 0; i < r->old.n; i++) {
        if (jx_int(r->old.v[i], "spec.replicas", 0) > 0) {
            shrunk = true;
            if (rollout_resize(r, r->old.v[i], 0, err) < 0) {
                return -1;
            }
        }
    }
    if (shrunk || old_pods_left(r)) {
        return 0; /* the new ones wait until the old ones are gone */
    }
    int64_t replicas = jx_int(r->d, "spec.replicas", 1);
    if (rollout_ensure_new(r, replicas, err) < 0) {
        return -1;
    }
    return rollout_resize(r, r->new_set, replicas, err);
}

/* ---- one step ---- */

static int step(struct rollout *r, struct err *err)
{
    if (object_deleting(r->d)) {
        return 0;
    }
    if (jx_bool(r->d, "spec.paused", false) || rollout_is_scaling(r)) {
        return scale(r, err);
    }
    int rc = str_eq(jx_str(r->d, "spec.strategy.type", ""), "Recreate") ? recreate(r, err)
                                                                        : roll(r, err);
    if (rc == 0 && !r->moved && rollout_is_complete(r)) {
        rc = rollout_clean_up(r, err);
    }
    return rc;
}

static int reconcile(void *arg, const char *key, struct err *err)
{
    struct deployment_controller *c = arg;
    char ns[254];
    char name[254];
    struct err gone;
    workqueue_split(key, ns, name);
    struct rollout r = {.c = c, .key = key, .d = client_get(c->client, c->kind, ns, name, &gone)};
    if (r.d == NULL) {
        return 0;
    }
    struct err failed = {0};
    int rc = rollout_find_sets(&r, &failed);
    if (rc == 0) {
        rc = step(&r, &failed);
    }
    if (rollout_write_status(&r, err) < 0) {
        rc = -1;
    } else if (rc < 0) {
        *err = failed;
    }
    vec_fini(&r.old);
    free(r.message);
    return rc;
}

/* ---- what changes ---- */

static void on_deployment(void *arg, enum client_event type, const json_t *d, const json_t *prev)
{
    struct deployment_controller *c = arg;
    if (type == CLIENT_ADDED || type == CLIENT_MODIFIED) {
        workqueue_add_object(c->queue, object_namespace(d), object_name(d));
    }
}

static bool match_deployment(void *arg, const json_t *d)
{
    struct deployment_controller *c = arg;
    workqueue_add_object(c->queue, object_namespace(d), object_name(d));
    return true;
}

static void on_set(void *arg, enum client_event type, const json_t *set, const json_t *prev)
{
    struct deployment_controller *c = arg;
    if (type == CLIENT_SYNCED) {
        return;
    }
    const json_t *ref = object_controller(set);
    const json_t *before = object_controller(prev);
    if (before != NULL && ref == NULL) {
        workqueue_add_object(c->queue, object_namespace(set), jx_get_str(before, "name", ""));
    }
    if (ref != NULL && str_eq(jx_get_str(ref, "kind", ""), "Deployment")) {
        workqueue_add_object(c->queue, object_namespace(set), jx_get_str(ref, "name", ""));
    } else if (ref == NULL && type != CLIENT_DELETED) {
        struct client_filter f = {.ns = object_namespace(set)}; /* somebody may want to adopt it */
        client_each(c->client, c->kind, &f, match_deployment, c);
    }
}

static void *create(struct api *api, const struct clock *const *clock)
{
    struct deployment_controller *c = xnew(struct deployment_controller);
    c->client = client_new(api, "system:serviceaccount:kube-system:deployment-controller");
    c->loop = api_loop(api);
    c->kind = kinds_find_gr("deployments.apps");
    c->sets = kinds_find_gr("replicasets.apps");
    c->pods = kinds_find_gr("pods");
    c->queue = workqueue_new(c->loop, "deployment", reconcile, c);
    c->watch = client_watch(c->client, c->kind, on_deployment, c);
    c->set_watch = client_watch(c->client, c->sets, on_set, c);
    return c;
}

static void destroy(void *self)
{
    struct deployment_controller *c = self;
    client_watch_free(c->watch);
    client_watch_free(c->set_watch);
    workqueue_free(c->queue);
    client_free(c->client);
    free(c);
}

const struct controller_ops deployment_controller = {
    .name = "deployment", .create = create, .destroy = destroy};
