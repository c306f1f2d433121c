/* SPDX-License-Identifier: Apache-2.0 */
/* A Deployment's ReplicaSets: which is the new one, which revision each is, how big they are. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/recorder.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "controllers/deployment.h"
#include "controllers/rollout.h"
#include "kinds/kinds.h"
#include "meta/name.h"
#include "meta/object.h"
#include "meta/selector.h"
#include "store/store.h"

#define REVISION "deployment.kubernetes.io/revision"
#define HISTORY "deployment.kubernetes.io/revision-history"
#define DESIRED "deployment.kubernetes.io/desired-replicas"
#define MAX_REPLICAS "deployment.kubernetes.io/max-replicas"
#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"
#define HASH_LABEL "pod-template-hash"

static int64_t number(const char *text)
{
    int64_t n;
    return text != NULL && str_to_i64(text, 0, INT64_MAX, &n) ? n : 0;
}

static int64_t revision_of(const json_t *set)
{
    return number(object_annotation(set, REVISION));
}

/* ---- finding ---- */

static bool same_template(const json_t *d, const json_t *set)
{
    json_auto_t *theirs = jx_edit(jx_obj(set, "spec.template"));
    json_t *labels = json_object_get(json_object_get(theirs, "metadata"), "labels");
    json_object_del(labels, HASH_LABEL);
    return jx_equal(jx_obj(d, "spec.template"), theirs);
}

static int by_age(const void *pa, const void *pb)
{
    const json_t *a = *(const json_t *const *)pa;
    const json_t *b = *(const json_t *const *)pb;
    int age = strcmp(jx_str(a, "metadata.creationTimestamp", ""),
                     jx_str(b, "metadata.creationTimestamp", ""));
    return age != 0 ? age : strcmp(object_name(a), object_name(b));
}

struct orphan_search {
    struct rollout *r;
    const struct selector *selector;
    object_list found;
};

static bool see_orphan(void *arg, const struct store_entry *e)
{
    struct orphan_search *s = arg;
    if (e->owner_uid[0] == '\0' && !e->deleting && selector_match(s->selector, e->labels)) {
        vec_push(&s->found, client_tree(s->r->c->client, e));
    }
    return true;
}

static int adopt_orphans(struct rollout *r, const struct selector *selector, struct err *err)
{
    struct orphan_search s = {.r = r, .selector = selector};
    struct client_filter f = {.ns = object_namespace(r->d)};
    client_each_entry(r->c->client, r->c->sets, &f, see_orphan, &s);
    int rc = 0;
    for (size_t i = 0; i < s.found.n && rc == 0; i++) {
        rc = pods_adopt(r->c->client, r->c->sets, s.found.v[i], r->d, r->c->kind, err);
    }
    vec_fini(&s.found);
    return rc;
}

static int sort_sets(struct rollout *r, const struct selector *selector, object_list *owned,
                     struct err *err)
{
    if (owned->n > 1) {
        qsort(owned->v, owned->n, sizeof(owned->v[0]), by_age);
    }
    for (size_t i = 0; i < owned->n; i++) {
        const json_t *set = owned->v[i];
        if (!selector_match(selector, object_labels(set))) {
            if (pods_release(r->c->client, r->c->sets, set, object_uid(r->d), err) < 0) {
                return -1;
            }
        } else if (r->new_set == NULL && !object_deleting(set) && same_template(r->d, set)) {
            r->new_set = set;
        } else {
            vec_push(&r->old, set);
        }
    }
    return 0;
}

int rollout_find_sets(struct rollout *r, struct err *err)
{
    struct selector *selector;
    if (selector_from_json(jx_obj(r->d, "spec.selector"), &selector, err) < 0) {
        return -1;
    }
    object_list owned = {0};
    int rc = adopt_orphans(r, selector, err);
    if (rc == 0) {
        pods_list_owned(r->c->client, r->c->sets, r->d, &owned);
        rc = sort_sets(r, selector, &owned, err);
    }
    vec_fini(&owned);
    selector_free(selector);
    return rc;
}

/* ---- revisions and annotations ---- */

static int64_t highest_old_revision(const struct rollout *r)
{
    int64_t highest = 0;
    for (size_t i = 0; i < r->old.n; i++) {
        int64_t n = revision_of(r->old.v[i]);
        highest = n > highest ? n : highest;
    }
    return highest;
}

static bool is_own_annotation(const char *key)
{
    static const char *const own[] = {REVISION, HISTORY, DESIRED, MAX_REPLICAS, LAST_APPLIED};
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (strcmp(own[i], key) == 0) {
            return true;
        }
    }
    return false;
}

static void set_number(json_t *set, const char *key, int64_t n)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, n);
    object_set_annotation(set, key, text);
}

/* What a set carries for its Deployment: its annotations (change-cause among them), the revision,
 * and the sizes by which the next change of scale is told from a rollout. */
static void annotate(struct rollout *r, json_t *set, int64_t revision)
{
    const char *key;
    json_t *value;
    const json_t *theirs = jx_obj(r->d, "metadata.annotations");
    json_object_foreach((json_t *)(uintptr_t)theirs, key, value)
    {
        if (!is_own_annotation(key)) {
            object_set_annotation(set, key, json_string_value(value));
        }
    }
    int64_t was = revision_of(set);
    if (was > 0 && was < revision) {
        const char *history = object_annotation(set, HISTORY);
        cleanup_free char *text =
            history != NULL ? xasprintf("%s,%" PRId64, history, was) : xasprintf("%" PRId64, was);
        object_set_annotation(set, HISTORY, text);
    }
    if (was < revision) {
        set_number(set, REVISION, revision);
    }
    struct rollout_limits l = rollout_limits(r->d);
    set_number(set, DESIRED, l.replicas);
    set_number(set, MAX_REPLICAS, l.replicas + l.max_surge);
}

static void template_hash(const struct rollout *r, char hash[11])
{
    cleanup_free char *text = jx_dump_sorted(jx_obj(r->d, "spec.template"));
    cleanup_free char *salted =
        xasprintf("%s%" PRId64, text, jx_int(r->d, "status.collisionCount", 0));
    name_safe_hash(hash, str_hash32(salted, strlen(salted)));
}

static json_t *build_set(struct rollout *r, const char *hash, int64_t replicas)
{
    const json_t *d = r->d;
    cleanup_free char *name = xasprintf("%s-%s", object_name(d), hash);
    json_t *ref = object_controller_ref(d, r->c->kind->api_version, r->c->kind->kind);
    json_t *set = json_pack("{s:s, s:s, s:{s:s, s:s, s:[o]}, s:{s:I, s:o, s:o}}", "apiVersion",
                            "apps/v1", "kind", "ReplicaSet", "metadata", "name", name, "namespace",
                            object_namespace(d), "ownerReferences", ref, "spec", "replicas",
                            (json_int_t)replicas, "selector", jx_edit(jx_obj(d, "spec.selector")),
                            "template", jx_edit(jx_obj(d, "spec.template")));
    if (jx_int(d, "spec.minReadySeconds", 0) > 0) {
        jx_put_int(set, "spec.minReadySeconds", jx_int(d, "spec.minReadySeconds", 0));
    }
    json_t *template = json_object_get(json_object_get(set, "spec"), "template");
    object_set_label(template, HASH_LABEL, hash);
    json_object_set_new(jx_make(set, "spec.selector.matchLabels"), HASH_LABEL, json_string(hash));
    jx_put(set, "metadata.labels", jx_edit(jx_obj(template, "metadata.labels")));
    annotate(r, set, r->revision);
    return set;
}

/* The name is taken by another template of the same hash: salt it and try again later. */
static int collide(struct rollout *r, struct err *err)
{
    json_auto_t *d = jx_edit(r->d);
    jx_put_int(d, "status.collisionCount", jx_int(r->d, "status.collisionCount", 0) + 1);
    struct err failed;
    if (client_update_status(r->c->client, r->c->kind, steal(d), NULL, &failed) < 0) {
        *err = failed;
    }
    return -1;
}

static int make_set(struct rollout *r, int64_t replicas, struct err *err)
{
    char hash[11];
    const json_t *made;
    template_hash(r, hash);
    if (client_create(r->c->client, r->c->sets, object_namespace(r->d),
                      build_set(r, hash, replicas), &made, err) < 0) {
        if (err->code == ERR_ALREADY_EXISTS) {
            return collide(r, err);
        }
        free(r->message);
        r->reason = "ReplicaSetCreateError";
        r->message = xasprintf("Failed to create new replica set \"%s-%s\": %s", object_name(r->d),
                               hash, err->msg);
        return -1;
    }
    r->new_set = made;
    r->moved = true;
    free(r->message);
    r->reason = "NewReplicaSetCreated";
    r->message = xasprintf("Created new replica set \"%s\"", object_name(made));
    if (replicas > 0) {
        recorder_event(r->c->client, "deployment-controller", NULL, r->d, "Normal",
                       "ScalingReplicaSet", "Scaled up replica set %s from 0 to %" PRId64,
                       object_name(made), replicas);
    }
    return 0;
}

/* An old template came back (an undo, or a change that was taken back): its set is the newest now.
 */
static int refresh_set(struct rollout *r, struct err *err)
{
    json_auto_t *set = jx_edit(r->new_set);
    annotate(r, set, r->revision);
    int64_t min_ready = jx_int(r->d, "spec.minReadySeconds", 0);
    if (jx_int(set, "spec.minReadySeconds", 0) != min_ready) {
        jx_put_int(set, "spec.minReadySeconds", min_ready);
    }
    if (jx_equal(set, r->new_set)) {
        return 0;
    }
    const json_t *stored;
    if (client_update(r->c->client, r->c->sets, steal(set), &stored, err) < 0) {
        return -1;
    }
    r->new_set = stored;
    return 0;
}

static int write_revision(struct rollout *r, struct err *err)
{
    if (number(object_annotation(r->d, REVISION)) == revision_of(r->new_set)) {
        return 0;
    }
    const json_t *stored;
    json_t *patch = json_pack("{s:{s:{s:s}}}", "metadata", "annotations", REVISION,
                              object_annotation(r->new_set, REVISION));
    if (client_patch(r->c->client, r->c->kind, object_namespace(r->d), object_name(r->d), NULL,
                     patch, &stored, err) < 0) {
        return -1;
    }
    r->d = stored;
    return 0;
}

int rollout_ensure_new(struct rollout *r, int64_t replicas, struct err *err)
{
    r->revision = highest_old_revision(r) + 1;
    if (r->new_set != NULL) {
        int64_t now = revision_of(r->new_set);
        r->revision = now > r->revision ? now : r->revision;
    }
    if (r->new_set == NULL ? make_set(r, replicas, err) < 0 : refresh_set(r, err) < 0) {
        return -1;
    }
    return write_revision(r, err);
}

/* ---- sizes ---- */

bool rollout_is_scaling(const struct rollout *r)
{
    int64_t wanted = jx_int(r->d, "spec.replicas", 1);
    for (size_t i = 0; i <= r->old.n; i++) {
        const json_t *set = i < r->old.n ? r->old.v[i] : r->new_set;
        const char *desired = set != NULL ? object_annotation(set, DESIRED) : NULL;
        if (desired != NULL && jx_int(set, "spec.replicas", 0) > 0 && number(desired) != wanted) {
            return true;
        }
    }
    return false;
}

int rollout_resize(struct rollout *r, const json_t *set, int64_t replicas, struct err *err)
{
    struct rollout_limits l = rollout_limits(r->d);
    int64_t was = jx_int(set, "spec.replicas", 0);
    json_auto_t *edited = jx_edit(set);
    jx_put_int(edited, "spec.replicas", replicas);
    set_number(edited, DESIRED, l.replicas);
    set_number(edited, MAX_REPLICAS, l.replicas + l.max_surge);
    if (jx_equal(set, edited)) {
        return 0;
    }
    const json_t *stored;
    if (client_update(r->c->client, r->c->sets, steal(edited), &stored, err) < 0) {
        return -1;
    }
    if (was == replicas) {
        return 0;
    }
    r->moved = true;
    recorder_event(r->c->client, "deployment-controller", NULL, r->d, "Normal", "ScalingReplicaSet",
                   "Scaled %s replica set %s from %" PRId64 " to %" PRId64,
                   replicas > was ? "up" : "down", object_name(set), was, replicas);
    return 0;
}

int rollout_clean_up(struct rollout *r, struct err *err)
{
    int64_t keep = jx_int(r->d, "spec.revisionHistoryLimit", 10);
    int64_t empty = 0;
    for (size_t i = 0; i < r->old.n; i++) {
        empty += jx_int(r->old.v[i], "spec.replicas", 0) == 0;
    }
    for (size_t i = 0; i < r->old.n && empty > keep; i++) {
        const json_t *set = r->old.v[i];
        if (jx_int(set, "spec.replicas", 0) != 0 || jx_int(set, "status.replicas", 0) != 0 ||
            object_deleting(set)) {
            continue;
        }
        if (client_delete(r->c->client, r->c->sets, object_namespace(set), object_name(set), NULL,
                          err) < 0 &&
            err->code != ERR_NOT_FOUND) {
            return -1;
        }
        empty--;
    }
    return 0;
}
