/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps as many pods as a ReplicaSet asks for: adopts, makes and deletes. */
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "client/client.h"
#include "client/pod_names.h"
#include "client/recorder.h"
#include "client/workqueue.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "controllers/controller.h"
#include "controllers/pace.h"
#include "controllers/replicaset_names.h"
#include "kinds/kinds.h"
#include "meta/object.h"
#include "meta/selector.h"
#include "meta/time.h"
#include "store/store.h"

/* A set may have thousands of pods, and each of them changes several times: so a step walks the
 * index and parses no pod, except those from which victims are chosen; and a large set is not
 * looked at for every change of every pod, but once in a while. */

enum { BURST = 500 }; /* pods deleted in one step, as kube-controller-manager does */
enum { SMALL = 16 };  /* sets up to this size are looked at at once */
enum { NAME_TRIES = 16 };

#define PAUSE_PER_POD LOOP_MS(1)
#define PAUSE_MAX LOOP_MS(100)

struct set {
    struct selector *selector; /* who could adopt an orphan */
    bool look_for_orphans;     /* the next step searches the namespace */
    size_t pods;               /* how many it had when it was looked at last, */
    uint64_t looked_ns;        /* and when that was */
};

struct replicaset {
    struct client *client;
    struct loop *loop;
    const struct kind *kind, *pods;
    struct workqueue *queue;
    struct map *sets;  /* "ns/name" -> struct set */
    struct map *ready; /* uids of Ready pods -> struct readiness */
    struct pace *pace;
    struct client_watch *watch, *pod_watch;
};

struct readiness {
    int64_t since_us;
};

/* One pod of a set, from the index. */
struct member {
    const struct store_entry *pod; /* borrowed for the time of the step */
    const struct readiness *ready; /* NULL: it is not Ready */
};

typedef VEC(struct member) members;

static bool is_terminal(const struct store_entry *e)
{
    return strcmp(e->phase, "Succeeded") == 0 || strcmp(e->phase, "Failed") == 0;
}

static bool is_active(const struct store_entry *e)
{
    return !e->deleting && !is_terminal(e);
}

/* ---- adoption ---- */

struct orphans {
    object_list found;
    const struct selector *selector;
    struct replicaset *r;
};

static bool see_orphan(void *arg, const struct store_entry *e)
{
    struct orphans *o = arg;
    if (e->owner_uid[0] == '\0' && !e->deleting && selector_match(o->selector, e->labels)) {
        vec_push(&o->found, client_tree(o->r->client, e));
    }
    return true;
}

static int adopt_orphans(struct replicaset *r, const json_t *rs, const struct selector *selector,
                         struct err *err)
{
    struct orphans o = {.selector = selector, .r = r};
    struct client_filter f = {.ns = object_namespace(rs)};
    client_each_entry(r->client, r->pods, &f, see_orphan, &o);
    int rc = 0;
    for (size_t i = 0; i < o.found.n && rc == 0; i++) {
        if (!object_pod_terminal(o.found.v[i])) {
            rc = pods_adopt(r->client, r->pods, o.found.v[i], rs, r->kind, err);
        }
    }
    vec_fini(&o.found);
    return rc;
}

struct membership {
    struct replicaset *r;
    const struct selector *selector;
    bool keep_all; /* it is going itself: nobody is let go any more */
    members *found;
    object_list strangers;
};

static bool see_member(void *arg, const struct store_entry *e)
{
    struct membership *m = arg;
    if (m->keep_all || selector_match(m->selector, e->labels)) {
        struct member one = {.pod = e, .ready = map_find(m->r->ready, e->uid)};
        vec_push(m->found, one);
    } else {
        vec_push(&m->strangers, client_tree(m->r->client, e));
    }
    return true;
}

/* The pods it owns and still selects; those it no longer selects are let go. */
static int list_pods(struct replicaset *r, const json_t *rs, const struct selector *selector,
                     members *ret, struct err *err)
{
    struct membership m = {
        .r = r, .selector = selector, .keep_all = object_deleting(rs), .found = ret};
    struct client_filter f = {.ns = object_namespace(rs), .owner_uid = object_uid(rs)};
    int rc = 0;
    client_each_entry(r->client, r->pods, &f, see_member, &m);
    for (size_t i = 0; i < m.strangers.n && rc == 0; i++) {
        rc = pods_release(r->client, r->pods, m.strangers.v[i], object_uid(rs), err);
    }
    vec_fini(&m.strangers);
    return rc;
}

/* ---- more and fewer ---- */

static json_t *pod_from_template(const struct replicaset *r, const json_t *rs, const char *name)
{
    const json_t *template = jx_obj(rs, "spec.template");
    json_t *pod = json_pack("{s:s, s:s}", "apiVersion", "v1", "kind", "Pod");
    json_t *meta = jx_make(pod, "metadata");
    cleanup_free char *prefix = xasprintf("%s-", object_name(rs));
    jx_put_str(meta, "generateName", prefix);
    jx_put_str(meta, "name", name);
    if (jx_obj(template, "metadata.labels") != NULL) {
        jx_put(meta, "labels", jx_edit(jx_obj(template, "metadata.labels")));
    }
    if (jx_obj(template, "metadata.annotations") != NULL) {
        jx_put(meta, "annotations", jx_edit(jx_obj(template, "metadata.annotations")));
    }
    if (jx_arr(template, "metadata.finalizers") != NULL) {
        jx_put(meta, "finalizers", jx_edit(jx_arr(template, "metadata.finalizers")));
    }
    json_t *ref = object_controller_ref(rs, r->kind->api_version, r->kind->kind);
    jx_put(meta, "ownerReferences", json_pack("[o]", ref));
    jx_put(pod, "spec", jx_edit(jx_obj(template, "spec")));
    return pod;
}

/* A name that somebody else has is left to them. */
static int make_pod(struct replicaset *r, const json_t *rs, struct replicaset_names *names,
                    struct err *err)
{
    const json_t *made;
    for (int tries = 0; tries < NAME_TRIES; tries++) {
        cleanup_free char *name = replicaset_names_next(names);
        if (client_create(r->client, r->pods, object_namespace(rs), pod_from_template(r, rs, name),
                          &made, err) == 0) {
            replicaset_names_take(names);
            pace_made(r->pace, object_uid(made));
            recorder_event(r->client, "replicaset-controller", NULL, rs, "Normal",
                           "SuccessfulCreate", "Created pod: %s", object_name(made));
            return 0;
        }
        if (err->code != ERR_ALREADY_EXISTS) {
            break;
        }
        replicaset_names_take(names);
    }
    recorder_event(r->client, "replicaset-controller", NULL, rs, "Warning", "FailedCreate",
                   "Error creating: %s", err->msg);
    return -1;
}

static int make_pods(struct replicaset *r, const json_t *rs, const members *pods, int64_t n,
                     struct err *err)
{
    struct replicaset_names *names = replicaset_names_begin(r->client, rs);
    int rc = 0;
    for (size_t i = 0; i < pods->n; i++) {
        replicaset_names_see(names, pods->v[i].pod);
    }
    for (int64_t i = 0; i < n && rc == 0; i++) {
        rc = make_pod(r, rs, names, err);
    }
    replicaset_names_end(names);
    return rc;
}

static int delete_one(struct replicaset *r, const json_t *rs, const json_t *pod, struct err *err)
{
    struct client_delete_opts opts = {.grace_s = -1, .uid = object_uid(pod)};
    if (client_delete(r->client, r->pods, object_namespace(pod), object_name(pod), &opts, err) <
            0 &&
        err->code != ERR_NOT_FOUND) {
        recorder_event(r->client, "replicaset-controller", NULL, rs, "Warning", "FailedDelete",
                       "Error deleting: %s", err->msg);
        return -1;
    }
    recorder_event(r->client, "replicaset-controller", NULL, rs, "Normal", "SuccessfulDelete",
                   "Deleted pod: %s", object_name(pod));
    return 0;
}

static int delete_pods(struct replicaset *r, const json_t *rs, const members *pods, int64_t n,
                       struct err *err)
{
    object_list active = {0};
    int rc = 0;
    for (size_t i = 0; i < pods->n; i++) {
        if (is_active(pods->v[i].pod)) {
            vec_push(&active, client_tree(r->client, pods->v[i].pod));
        }
    }
    pods_rank_victims(active.v, active.n);
    for (int64_t i = 0; i < n && i < BURST && rc == 0; i++) {
        rc = delete_one(r, rs, active.v[i], err);
    }
    vec_fini(&active);
    return rc;
}

/* ---- status ---- */

struct counts {
    int64_t replicas, labeled, ready, available, terminating;
    uint64_t wait_ns; /* until the next pod counts as available; 0: none waits */
};

static bool is_available(const struct readiness *ready, int64_t min_ready_s, int64_t now_us,
                         uint64_t *ret_wait_ns)
{
    int64_t left_us = ready->since_us + min_ready_s * 1000000 - now_us;
    if (min_ready_s <= 0 || left_us <= 0) {
        return true;
    }
    if (*ret_wait_ns == 0 || (uint64_t)left_us * 1000u < *ret_wait_ns) {
        *ret_wait_ns = (uint64_t)left_us * 1000u;
    }
    return false;
}

static struct counts count(const struct replicaset *r, const json_t *rs, const members *pods)
{
    struct counts c = {0};
    int64_t min_ready = jx_int(rs, "spec.minReadySeconds", 0);
    int64_t now = loop_wall_us(r->loop);
    struct selector *labels = selector_from_map(jx_obj(rs, "spec.template.metadata.labels"));
    for (size_t i = 0; i < pods->n; i++) {
        const struct member *m = &pods->v[i];
        if (!is_active(m->pod)) {
            c.terminating += !is_terminal(m->pod);
            continue;
        }
        c.replicas++;
        c.labeled += selector_match(labels, m->pod->labels);
        c.ready += m->ready != NULL;
        c.available += m->ready != NULL && is_available(m->ready, min_ready, now, &c.wait_ns);
    }
    selector_free(labels);
    return c;
}

static void put_count(json_t *status, const char *field, int64_t n)
{
    if (n > 0 || str_eq(field, "replicas")) {
        jx_put_int(status, field, n);
    } else {
        jx_del(status, field);
    }
}

static void set_failure(json_t *rs, const struct err *failed, bool creating, int64_t now_us)
{
    if (failed->code != ERR_NONE) {
        object_set_condition(rs, "ReplicaFailure", "True",
                             creating ? "FailedCreate" : "FailedDelete", failed->msg, now_us,
                             false);
        return;
    }
    json_t *conditions = json_object_get(jx_make(rs, "status"), "conditions");
    size_t i = jx_find_index(conditions, "type", "ReplicaFailure");
    if (i != (size_t)-1) {
        json_array_remove(conditions, i);
    }
}

static int write_status(struct replicaset *r, const json_t *rs, const struct counts *c,
                        const struct err *failed, bool creating, struct err *err)
{
    json_auto_t *edited = jx_edit(rs);
    json_t *status = jx_make(edited, "status");
    put_count(status, "replicas", c->replicas);
    put_count(status, "fullyLabeledReplicas", c->labeled);
    put_count(status, "readyReplicas", c->ready);
    put_count(status, "availableReplicas", c->available);
    put_count(status, "terminatingReplicas", c->terminating);
    jx_put_int(status, "observedGeneration", object_generation(rs));
    set_failure(edited, failed, creating, loop_wall_us(r->loop));
    if (jx_equal(jx_path(rs, "status"), status)) {
        return 0;
    }
    return client_update_status(r->client, r->kind, steal(edited), NULL, err);
}

/* ---- one step ---- */

/* More or fewer of them. */
static int resize(struct replicaset *r, const char *key, const json_t *rs, const members *pods,
                  int64_t more, struct err *failed)
{
    if (object_deleting(rs) || more <= 0) {
        pace_leave(r->pace, key);
        return object_deleting(rs) || more == 0 ? 0 : delete_pods(r, rs, pods, -more, failed);
    }
    int rc = make_pods(r, rs, pods, (int64_t)pace_ask(r->pace, key, (size_t)more), failed);
    if (rc < 0) {
        pace_leave(r->pace, key); /* until it is tried again */
    }
    return rc;
}

static int reconcile_pods(struct replicaset *r, const char *key, const json_t *rs, struct set *set,
                          members *pods, struct err *err)
{
    if (set->look_for_orphans && adopt_orphans(r, rs, set->selector, err) < 0) {
        return -1;
    }
    set->look_for_orphans = false;
    if (list_pods(r, rs, set->selector, pods, err) < 0) {
        return -1;
    }
    set->pods = pods->n;
    set->looked_ns = loop_mono_ns(r->loop);
    struct counts c = count(r, rs, pods);
    struct err failed = {0};
    int64_t more = jx_int(rs, "spec.replicas", 1) - c.replicas;
    int rc = resize(r, key, rs, pods, more, &failed);
    if (c.wait_ns > 0) {
        workqueue_add_after(r->queue, key, c.wait_ns);
    }
    if (write_status(r, rs, &c, &failed, more > 0, err) < 0) {
        return -1;
    }
    if (rc < 0) {
        *err = failed;
    }
    return rc;
}

static int reconcile(void *arg, const char *key, struct err *err)
{
    struct replicaset *r = arg;
    char ns[254];
    char name[254];
    struct err gone;
    workqueue_split(key, ns, name);
    const json_t *rs = client_get(r->client, r->kind, ns, name, &gone);
    struct set *set = map_find(r->sets, key);
    if (rs == NULL || set == NULL) {
        pace_leave(r->pace, key);
        return 0;
    }
    members pods = {0};
    int rc = reconcile_pods(r, key, rs, set, &pods, err);
    vec_fini(&pods);
    return rc;
}

/* ---- what changes ---- */

static void free_set(void *arg)
{
    struct set *set = arg;
    selector_free(set->selector);
    free(set);
}

static void go_on(void *arg, const char *key)
{
    struct replicaset *r = arg;
    workqueue_add(r->queue, key);
}

static void on_replicaset(void *arg, enum client_event type, const json_t *rs, const json_t *prev)
{
    struct replicaset *r = arg;
    struct selector *selector;
    struct err err;
    if (type == CLIENT_SYNCED) {
        pod_names_prune(r->client);
        return;
    }
    cleanup_free char *key = xasprintf("%s/%s", object_namespace(rs), object_name(rs));
    if (type == CLIENT_DELETED) {
        map_remove(r->sets, key);
        pace_leave(r->pace, key);
        pod_names_forget(r->client, object_uid(rs));
        return;
    }
    if (map_find(r->sets, key) == NULL &&
        selector_from_json(jx_obj(rs, "spec.selector"), &selector, &err) == 0) {
        struct set *set = xnew(struct set);
        set->selector = selector; /* immutable, so once is enough */
        set->look_for_orphans = true;
        map_put(r->sets, key, set);
    }
    workqueue_add(r->queue, key);
}

static void offer_orphan(struct replicaset *r, const struct store_entry *pod)
{
    size_t it = 0;
    const char *key;
    void *value;
    size_t len = strlen(pod->key.ns);
    while (map_next(r->sets, &it, &key, &value)) {
        struct set *set = value;
        if (strncmp(key, pod->key.ns, len) == 0 && key[len] == '/' &&
            selector_match(set->selector, pod->labels)) {
            set->look_for_orphans = true;
            workqueue_add(r->queue, key);
        }
    }
}

/* A pod of the set changed: a small set is looked at now, a large one when its pause is over. */
static void look_soon(struct replicaset *r, const char *key)
{
    const struct set *set = map_find(r->sets, key);
    uint64_t pause = 0;
    if (set != NULL && set->pods > SMALL) {
        pause = set->pods * PAUSE_PER_POD;
        pause = set->looked_ns + (pause < PAUSE_MAX ? pause : PAUSE_MAX);
    }
    uint64_t now = loop_mono_ns(r->loop);
    if (pause > now) {
        workqueue_add_after(r->queue, key, pause - now);
    } else {
        workqueue_add(r->queue, key);
    }
}

static void tell_owner(struct replicaset *r, const struct store_entry *pod)
{
    const json_t *owner = client_find_uid(r->client, pod->owner_uid);
    if (owner != NULL && str_eq(jx_get_str(owner, "kind", ""), "ReplicaSet")) {
        char key[512];
        snprintf(key, sizeof(key), "%s/%s", object_namespace(owner), object_name(owner));
        look_soon(r, key);
    }
}

/* Only a Running pod can be Ready, so that the others need not be parsed. */
static void note_readiness(struct replicaset *r, enum client_event type,
                           const struct store_entry *pod)
{
    const json_t *tree = type != CLIENT_DELETED && strcmp(pod->phase, "Running") == 0
                             ? client_tree(r->client, pod)
                             : NULL;
    if (tree == NULL || !object_pod_ready(tree)) {
        map_remove(r->ready, pod->uid);
        return;
    }
    struct readiness *ready = xnew(struct readiness);
    const char *since = jx_get_str(object_condition(tree, "Ready"), "lastTransitionTime", "");
    if (!time_parse(since, &ready->since_us)) {
        ready->since_us = 0;
    }
    map_put(r->ready, pod->uid, ready);
}

static void on_pod(void *arg, enum client_event type, const struct store_entry *pod,
                   const struct store_entry *prev)
{
    struct replicaset *r = arg;
    if (type == CLIENT_SYNCED) {
        return;
    }
    note_readiness(r, type, pod);
    if (type == CLIENT_DELETED || pod->deleting || is_terminal(pod) ||
        strcmp(pod->phase, "Running") == 0) {
        pace_settled(r->pace, pod->uid);
    }
    if (prev != NULL && prev->owner_uid[0] != '\0' &&
        strcmp(prev->owner_uid, pod->owner_uid) != 0) {
        tell_owner(r, prev);
    }
    if (pod->owner_uid[0] != '\0') {
        tell_owner(r, pod);
    } else if (type != CLIENT_DELETED && !pod->deleting) {
        offer_orphan(r, pod);
    }
}

static void *create(struct api *api, const struct clock *const *clock)
{
    struct replicaset *r = xnew(struct replicaset);
    r->client = client_new(api, "system:serviceaccount:kube-system:replicaset-controller");
    r->loop = api_loop(api);
    r->kind = kinds_find_gr("replicasets.apps");
    r->pods = kinds_find_gr("pods");
    r->queue = workqueue_new(r->loop, "replicaset", reconcile, r);
    r->sets = map_new(free_set);
    r->pace = pace_new(r->loop, go_on, r);
    r->ready = map_new(free);
    r->watch = client_watch(r->client, r->kind, on_replicaset, r);
    r->pod_watch = client_watch_entries(r->client, r->pods, on_pod, r);
    return r;
}

static void destroy(void *self)
{
    struct replicaset *r = self;
    client_watch_free(r->watch);
    client_watch_free(r->pod_watch);
    workqueue_free(r->queue);
    pace_free(r->pace);
    map_free(r->sets);
    map_free(r->ready);
    client_free(r->client);
    free(r);
}

const struct controller_ops replicaset_controller = {
    .name = "replicaset", .create = create, .destroy = destroy};
