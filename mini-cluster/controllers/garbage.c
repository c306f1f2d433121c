/* SPDX-License-Identifier: Apache-2.0 */
/* Deletes what nobody owns any more, and serves the deletions that wait for their dependents. */
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "client/client.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "controllers/controller.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "store/store.h"

#define FOREGROUND "foregroundDeletion"
#define ORPHAN "orphan"
#define LOOK_AGAIN LOOP_MS(200)

struct garbage {
    struct client *client;
    struct workqueue *queue; /* uids of objects to look at */
    struct map *dependents;  /* owner uid -> struct map of dependents' uids */
    VEC(struct client_watch *) watches;
};

static void free_set(void *arg)
{
    map_free(arg);
}

/* ---- who depends on whom ---- */

static void each_owner(struct garbage *g, const json_t *obj, bool add)
{
    size_t i;
    json_t *ref;
    const json_t *refs = jx_arr(obj, "metadata.ownerReferences");
    jx_each(i, ref, refs)
    {
        const char *owner = jx_get_str(ref, "uid", "");
        struct map *set = map_find(g->dependents, owner);
        if (set == NULL && add) {
            set = map_new(NULL);
            map_put(g->dependents, owner, set);
        }
        if (add) {
            map_put(set, object_uid(obj), g);
        } else if (set != NULL) {
            map_remove(set, object_uid(obj));
            if (map_count(set) == 0) {
                map_remove(g->dependents, owner);
            }
        }
    }
}

static void queue_dependents(struct garbage *g, const char *owner)
{
    const struct map *set = map_find(g->dependents, owner);
    size_t it = 0;
    const char *uid;
    while (set != NULL && map_next(set, &it, &uid, NULL)) {
        workqueue_add(g->queue, uid);
    }
}

static bool has_owners(const struct store_entry *e)
{
    return e->owner_uid[0] != '\0' ||
           memmem(e->bytes, e->len, "\"ownerReferences\":[{", 20) != NULL;
}

static void on_object(void *arg, enum client_event type, const struct store_entry *e,
                      const struct store_entry *prev)
{
    struct garbage *g = arg;
    if (type == CLIENT_SYNCED) {
        return;
    }
    if (type == CLIENT_DELETED) {
        if (has_owners(e)) {
            each_owner(g, client_tree(g->client, e), false);
        }
        queue_dependents(g, e->uid);
        if (e->owner_uid[0] != '\0') {
            workqueue_add(g->queue, e->owner_uid); /* it may wait for its dependents to go */
        }
        return;
    }
    bool same_owner =
        prev != NULL && e->owner_uid[0] != '\0' && strcmp(prev->owner_uid, e->owner_uid) == 0;
    if (!same_owner && prev != NULL && has_owners(prev)) {
        each_owner(g, client_tree(g->client, prev), false);
    }
    if (!same_owner && has_owners(e)) {
        each_owner(g, client_tree(g->client, e), true);
        workqueue_add(g->queue, e->uid);
    }
    if (e->deleting) {
        workqueue_add(g->queue, e->uid);
    }
}

/* ---- one step ---- */

/* The owners that still exist. *ret_waiting: one of them is being deleted in the foreground. */
static json_t *living_owners(struct garbage *g, const json_t *obj, bool *ret_waiting)
{
    json_t *living = json_array();
    size_t i;
    json_t *ref;
    const json_t *refs = jx_arr(obj, "metadata.ownerReferences");
    *ret_waiting = false;
    jx_each(i, ref, refs)
    {
        const json_t *owner = client_find_uid(g->client, jx_get_str(ref, "uid", ""));
        bool foreground =
            owner != NULL && object_deleting(owner) && object_has_finalizer(owner, FOREGROUND);
        *ret_waiting = *ret_waiting || foreground;
        if (owner != NULL && !foreground) {
            json_array_append(living, ref);
        }
    }
    return living;
}

static int delete_dependent(struct garbage *g, const struct kind *k, const json_t *obj,
                            bool waiting, struct err *err)
{
    struct client_delete_opts opts = {
        .grace_s = -1, .policy = waiting ? "Foreground" : "Background", .uid = object_uid(obj)};
    int rc = client_delete(g->client, k, object_namespace(obj), object_name(obj), &opts, err);
    return rc < 0 && err->code != ERR_NOT_FOUND ? -1 : 0;
}

static int check_owners(struct garbage *g, const struct kind *k, const json_t *obj, struct err *err)
{
    size_t all = jx_len(obj, "metadata.ownerReferences");
    bool waiting;
    if (all == 0 || object_deleting(obj)) {
        return 0;
    }
    json_auto_t *living = living_owners(g, obj, &waiting);
    if (json_array_size(living) == all) {
        return 0;
    }
    if (json_array_size(living) == 0) {
        return delete_dependent(g, k, obj, waiting, err);
    }
    json_t *patch =
        json_pack("{s:{s:s, s:O}}", "metadata", "uid", object_uid(obj), "ownerReferences", living);
    return client_patch(g->client, k, object_namespace(obj), object_name(obj), NULL, patch, NULL,
                        err);
}

static int drop_finalizer(struct garbage *g, const struct kind *k, const json_t *obj,
                          const char *name, struct err *err)
{
    json_auto_t *edited = jx_edit(obj);
    if (!object_remove_finalizer(edited, name)) {
        return 0;
    }
    const json_t *list = jx_arr(edited, "metadata.finalizers");
    json_t *patch = json_pack("{s:{s:s, s:o}}", "metadata", "resourceVersion",
                              jx_str(obj, "metadata.resourceVersion", ""), "finalizers",
                              list != NULL ? jx_edit(list) : json_array());
    return client_patch(g->client, k, object_namespace(obj), object_name(obj), NULL, patch, NULL,
                        err);
}

/* Takes the owner's reference out of a dependent, which then belongs to nobody. */
static int orphan_one(struct garbage *g, const char *uid, const char *owner_uid, struct err *err)
{
    const json_t *obj = client_find_uid(g->client, uid);
    const struct kind *k = obj != NULL ? kinds_of(obj) : NULL;
    return k != NULL ? pods_release(g->client, k, obj, owner_uid, err) : 0;
}

static int finish_orphan(struct garbage *g, const struct kind *k, const json_t *obj,
                         struct err *err)
{
    const struct map *set = map_find(g->dependents, object_uid(obj));
    VEC(char *) uids = {0};
    size_t it = 0;
    const char *uid;
    int rc = 0;
    while (set != NULL && map_next(set, &it, &uid, NULL)) {
        vec_push(&uids, xstrdup(uid));
    }
    for (size_t i = 0; i < uids.n; i++) {
        rc = rc == 0 ? orphan_one(g, uids.v[i], object_uid(obj), err) : rc;
        free(uids.v[i]);
    }
    vec_fini(&uids);
    return rc == 0 ? drop_finalizer(g, k, obj, ORPHAN, err) : rc;
}

static bool blocks(const json_t *dependent, const char *owner_uid)
{
    const json_t *ref = jx_find(jx_arr(dependent, "metadata.ownerReferences"), "uid", owner_uid);
    return jx_bool(ref, "blockOwnerDeletion", false);
}

static int finish_foreground(struct garbage *g, const struct kind *k, const json_t *obj,
                             struct err *err)
{
    const struct map *set = map_find(g->dependents, object_uid(obj));
    size_t it = 0;
    const char *uid;
    size_t left = 0;
    while (set != NULL && map_next(set, &it, &uid, NULL)) {
        const json_t *dependent = client_find_uid(g->client, uid);
        left += dependent != NULL && blocks(dependent, object_uid(obj));
        workqueue_add(g->queue, uid);
    }
    if (left == 0) {
        return drop_finalizer(g, k, obj, FOREGROUND, err);
    }
    workqueue_add_after(g->queue, object_uid(obj), LOOK_AGAIN);
    return 0;
}

static int reconcile(void *arg, const char *uid, struct err *err)
{
    struct garbage *g = arg;
    const json_t *obj = client_find_uid(g->client, uid);
    const struct kind *k = obj != NULL ? kinds_of(obj) : NULL;
    if (k == NULL) {
        return 0;
    }
    if (object_deleting(obj) && object_has_finalizer(obj, ORPHAN)) {
        return finish_orphan(g, k, obj, err);
    }
    if (object_deleting(obj) && object_has_finalizer(obj, FOREGROUND)) {
        return finish_foreground(g, k, obj, err);
    }
    return check_owners(g, k, obj, err);
}

static bool can_own(const struct kind *k)
{
    return k->served && !str_eq(k->gr, "events") && !str_eq(k->gr, "events.events.k8s.io") &&
           !str_eq(k->gr, "leases.coordination.k8s.io");
}

static void *create(struct api *api, const struct clock *const *clock)
{
    struct garbage *g = xnew(struct garbage);
    g->client = client_new(api, "system:serviceaccount:kube-system:generic-garbage-collector");
    g->queue = workqueue_new(api_loop(api), "garbage", reconcile, g);
    g->dependents = map_new(free_set);
    for (size_t i = 0; kinds_all[i] != NULL; i++) {
        if (can_own(kinds_all[i])) {
            vec_push(&g->watches, client_watch_entries(g->client, kinds_all[i], on_object, g));
        }
    }
    return g;
}

static void destroy(void *self)
{
    struct garbage *g = self;
    for (size_t i = 0; i < g->watches.n; i++) {
        client_watch_free(g->watches.v[i]);
    }
    vec_fini(&g->watches);
    workqueue_free(g->queue);
    map_free(g->dependents);
    client_free(g->client);
    free(g);
}

const struct controller_ops garbage_controller = {
    .name = "garbage", .create = create, .destroy = destroy};
