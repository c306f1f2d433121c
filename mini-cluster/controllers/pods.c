/* SPDX-License-Identifier: Apache-2.0 */
/* What several controllers ask of pods and their owners. */
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "controllers/controller.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "meta/time.h"

static bool push(void *arg, const json_t *obj)
{
    object_list *list = arg;
    vec_push(list, obj);
    return true;
}

void pods_list_owned(struct client *c, const struct kind *k, const json_t *owner, object_list *ret)
{
    struct client_filter f = {.ns = object_namespace(owner), .owner_uid = object_uid(owner)};
    client_each(c, k, &f, push, ret);
}

int pods_adopt(struct client *c, const struct kind *k, const json_t *obj, const json_t *owner,
               const struct kind *owner_kind, struct err *err)
{
    if (object_deleting(owner) || object_deleting(obj)) {
        return 0;
    }
    json_t *refs = jx_edit(jx_arr(obj, "metadata.ownerReferences"));
    refs = refs != NULL ? refs : json_array();
    json_array_append_new(refs,
                          object_controller_ref(owner, owner_kind->api_version, owner_kind->kind));
    json_t *patch =
        json_pack("{s:{s:s, s:o}}", "metadata", "uid", object_uid(obj), "ownerReferences", refs);
    return client_patch(c, k, object_namespace(obj), object_name(obj), NULL, patch, NULL, err);
}

int pods_release(struct client *c, const struct kind *k, const json_t *obj, const char *owner_uid,
                 struct err *err)
{
    json_t *refs = json_array();
    size_t i;
    json_t *ref;
    const json_t *old = jx_arr(obj, "metadata.ownerReferences");
    jx_each(i, ref, old)
    {
        if (!str_eq(jx_get_str(ref, "uid", ""), owner_uid)) {
            json_array_append_new(refs, jx_edit(ref));
        }
    }
    json_t *patch =
        json_pack("{s:{s:s, s:o}}", "metadata", "uid", object_uid(obj), "ownerReferences", refs);
    return client_patch(c, k, object_namespace(obj), object_name(obj), NULL, patch, NULL, err);
}

static int64_t ready_since(const json_t *pod)
{
    int64_t at = 0;
    const json_t *ready = object_condition(pod, "Ready");
    return time_parse(jx_get_str(ready, "lastTransitionTime", ""), &at) ? at : 0;
}

/* ---- who goes first ---- */

struct victim {
    const json_t *pod;
    bool assigned, ready;
    int phase;    /* Pending, Unknown, Running: the less it does, the sooner it goes */
    int64_t cost; /* the annotation controller.kubernetes.io/pod-deletion-cost */
    int crowd;    /* pods of this list on its node */
    int64_t ready_at, created_at, restarts;
    const char *name;
};

static int phase_rank(const json_t *pod)
{
    const char *phase = jx_str(pod, "status.phase", "");
    return str_eq(phase, "Running") ? 2 : str_eq(phase, "Unknown") ? 1 : 0;
}

static int64_t restarts(const json_t *pod)
{
    int64_t sum = 0;
    size_t i;
    json_t *status;
    const json_t *list = jx_arr(pod, "status.containerStatuses");
    jx_each(i, status, list)
    {
        sum += jx_int(status, "restartCount", 0);
    }
    return sum;
}

static struct victim describe(const json_t *pod)
{
    struct victim v = {
        .pod = pod,
        .assigned = jx_str(pod, "spec.nodeName", "")[0] != '\0',
        .ready = object_pod_ready(pod),
        .phase = phase_rank(pod),
        .ready_at = ready_since(pod),
        .restarts = restarts(pod),
        .name = object_name(pod),
    };
    const char *cost = object_annotation(pod, "controller.kubernetes.io/pod-deletion-cost");
    if (cost != NULL && !str_to_i64(cost, INT32_MIN, INT32_MAX, &v.cost)) {
        v.cost = 0;
    }
    if (!time_parse(jx_str(pod, "metadata.creationTimestamp", ""), &v.created_at)) {
        v.created_at = 0;
    }
    return v;
}

static int before(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* The order of Kubernetes' ActivePodsWithRanks. */
static int compare(const void *pa, const void *pb)
{
    const struct victim *a = pa;
    const struct victim *b = pb;
    int by[] = {
        before(a->assigned, b->assigned),
        before(a->phase, b->phase),
        before(a->ready, b->ready),
        before(a->cost, b->cost),
        before(b->crowd, a->crowd),
        a->ready && b->ready ? before(b->ready_at, a->ready_at) : 0,
        before(b->restarts, a->restarts),
        before(b->created_at, a->created_at),
        strcmp(a->name, b->name),
    };
    for (size_t i = 0; i < ARRAY_LEN(by); i++) {
        if (by[i] != 0) {
            return by[i];
        }
    }
    return 0;
}

void pods_rank_victims(const json_t **pods, size_t n)
{
    struct map *crowd = map_new(NULL);
    struct victim *v = xcalloc(n > 0 ? n : 1, sizeof(*v));
    for (size_t i = 0; i < n; i++) {
        v[i] = describe(pods[i]);
        const char *node = jx_str(pods[i], "spec.nodeName", "");
        map_put(crowd, node, (void *)((size_t)map_find(crowd, node) + 1));
    }
    for (size_t i = 0; i < n; i++) {
        v[i].crowd = (int)(size_t)map_find(crowd, jx_str(pods[i], "spec.nodeName", ""));
    }
    if (n > 1) {
        qsort(v, n, sizeof(*v), compare);
    }
    for (size_t i = 0; i < n; i++) {
        pods[i] = v[i].pod;
    }
    free(v);
    map_free(crowd);
}
