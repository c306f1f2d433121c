/* SPDX-License-Identifier: Apache-2.0 */
/* What a Deployment says of itself: counts, Available, Progressing and its deadline. */
#include <inttypes.h>
#include <string.h>

#include "client/client.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "controllers/deployment.h"
#include "controllers/rollout.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "meta/time.h"

struct totals {
    int64_t replicas, updated, ready, available, terminating;
};

static struct totals add_up(const struct rollout *r)
{
    struct totals t = {0};
    for (size_t i = 0; i <= r->old.n; i++) {
        const json_t *set = i < r->old.n ? r->old.v[i] : r->new_set;
        t.replicas += jx_int(set, "status.replicas", 0);
        t.ready += jx_int(set, "status.readyReplicas", 0);
        t.available += jx_int(set, "status.availableReplicas", 0);
        t.terminating += jx_int(set, "status.terminatingReplicas", 0);
    }
    t.updated = jx_int(r->new_set, "status.replicas", 0);
    return t;
}

bool rollout_is_complete(const struct rollout *r)
{
    struct totals t = add_up(r);
    int64_t wanted = jx_int(r->d, "spec.replicas", 1);
    return t.updated == wanted && t.replicas == wanted && t.available == wanted;
}

static void put_count(json_t *status, const char *field, int64_t n)
{
    if (n > 0) {
        jx_put_int(status, field, n);
    } else {
        jx_del(status, field);
    }
}

static void put_counts(const struct rollout *r, json_t *status, const struct totals *t)
{
    int64_t wanted = jx_int(r->d, "spec.replicas", 1);
    put_count(status, "replicas", t->replicas);
    put_count(status, "updatedReplicas", t->updated);
    put_count(status, "readyReplicas", t->ready);
    put_count(status, "availableReplicas", t->available);
    put_count(status, "unavailableReplicas", wanted > t->available ? wanted - t->available : 0);
    put_count(status, "terminatingReplicas", t->terminating);
    jx_put_int(status, "observedGeneration", object_generation(r->d));
}

static void set_available(const struct rollout *r, json_t *d, const struct totals *t, int64_t now)
{
    struct rollout_limits l = rollout_limits(r->d);
    bool recreate = str_eq(jx_str(r->d, "spec.strategy.type", ""), "Recreate");
    bool enough = t->available >= l.replicas - (recreate ? 0 : l.max_unavailable);
    object_set_condition(d, "Available", enough ? "True" : "False",
                         enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                         enough ? "Deployment has minimum availability."
                                : "Deployment does not have minimum availability.",
                         now, true);
}

/* Did more of the new come up, or more of the old go, than when the status was last written? */
static bool made_progress(const struct rollout *r, const struct totals *t)
{
    const json_t *status = jx_obj(r->d, "status");
    int64_t old_then = jx_int(status, "replicas", 0) - jx_int(status, "updatedReplicas", 0);
    return t->updated > jx_int(status, "updatedReplicas", 0) ||
           t->replicas - t->updated < old_then || t->ready > jx_int(status, "readyReplicas", 0) ||
           t->available > jx_int(status, "availableReplicas", 0);
}

/* Progress is as old as lastUpdateTime: every sign of it moves that on. */
static void touch_progressing(json_t *d, const char *reason, const char *message, int64_t now)
{
    object_set_condition(d, "Progressing", "True", reason, message, now, true);
    char text[21];
    time_format(text, now);
    json_t *conditions = json_object_get(json_object_get(d, "status"), "conditions");
    size_t i = jx_find_index(conditions, "type", "Progressing");
    if (i != (size_t)-1) {
        jx_put_str(json_array_get(conditions, i), "lastUpdateTime", text);
    }
}

static void check_deadline(const struct rollout *r, json_t *d, const char *what, int64_t now)
{
    int64_t deadline_s = jx_int(r->d, "spec.progressDeadlineSeconds", 600);
    const json_t *progressing = object_condition(r->d, "Progressing");
    const char *reason = jx_get_str(progressing, "reason", "");
    int64_t since;
    if (progressing == NULL || str_eq(reason, "NewReplicaSetAvailable") ||
        str_eq(reason, "DeploymentPaused") || deadline_s >= INT32_MAX ||
        !time_parse(jx_get_str(progressing, "lastUpdateTime", ""), &since)) {
        return;
    }
    int64_t left_us = since + deadline_s * 1000000 - now;
    if (left_us > 0) {
        workqueue_add_after(r->c->queue, r->key, (uint64_t)left_us * 1000u);
        return;
    }
    cleanup_free char *message = xasprintf("ReplicaSet \"%s\" has timed out progressing.", what);
    object_set_condition(d, "Progressing", "False", "ProgressDeadlineExceeded", message, now, true);
}

static void set_progressing(const struct rollout *r, json_t *d, const struct totals *t, int64_t now)
{
    const char *name = r->new_set != NULL ? object_name(r->new_set) : object_name(r->d);
    const char *was = jx_get_str(object_condition(r->d, "Progressing"), "reason", "");
    if (jx_bool(r->d, "spec.paused", false)) {
        object_set_condition(d, "Progressing", "Unknown", "DeploymentPaused",
                             "Deployment is paused", now, true);
    } else if (r->reason != NULL) {
        touch_progressing(d, r->reason, r->message, now);
    } else if (rollout_is_complete(r) && r->new_set != NULL) {
        cleanup_free char *message =
            xasprintf("ReplicaSet \"%s\" has successfully progressed.", name);
        if (!str_eq(was, "NewReplicaSetAvailable")) {
            touch_progressing(d, "NewReplicaSetAvailable", message, now);
        }
    } else if (str_eq(was, "DeploymentPaused")) {
        touch_progressing(d, "DeploymentResumed", "Deployment is resumed", now);
    } else if (str_eq(was, "NewReplicaSetAvailable") && t->replicas == t->updated) {
        return; /* a change of size alone is no rollout */
    } else if (made_progress(r, t)) {
        cleanup_free char *message = xasprintf("ReplicaSet \"%s\" is progressing.", name);
        touch_progressing(d, "ReplicaSetUpdated", message, now);
    } else {
        check_deadline(r, d, name, now);
    }
}

int rollout_write_status(struct rollout *r, struct err *err)
{
    json_auto_t *d = jx_edit(r->d);
    int64_t now = loop_wall_us(r->c->loop);
    struct totals t = add_up(r);
    put_counts(r, jx_make(d, "status"), &t);
    set_available(r, d, &t, now);
    set_progressing(r, d, &t, now);
    if (jx_equal(jx_path(r->d, "status"), jx_path(d, "status"))) {
        return 0;
    }
    return client_update_status(r->c->client, r->c->kind, steal(d), NULL, err);
}
