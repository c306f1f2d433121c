/* SPDX-License-Identifier: Apache-2.0 */
/* Finds what a check is about among the objects. */
#include "why/scene.h"

#include <stdlib.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "kube/labels.h"
#include "kube/units.h"

/* ---- objects ---- */

const json_t *scene_all(const struct scene *s, const char *kind)
{
    static json_t *none;
    const json_t *all = jx_get(s->objects, kind);
    if (all == NULL && none == NULL) {
        none = json_array(); /* lives as long as the program */
    }
    return all != NULL ? all : none;
}

const char *scene_name(const json_t *obj)
{
    return jx_str(obj, "metadata.name", "");
}

const json_t *scene_find(const struct scene *s, const char *kind, const char *ns, const char *name)
{
    size_t i;
    const json_t *obj;
    jx_each(i, obj, scene_all(s, kind))
    {
        if (str_eq(scene_name(obj), name) && str_eq(jx_str(obj, "metadata.namespace", ""), ns)) {
            return obj;
        }
    }
    return NULL;
}

bool scene_is_here(const struct scene *s, const json_t *obj)
{
    return str_eq(jx_str(obj, "metadata.namespace", ""), s->ns);
}

int64_t scene_since(const struct scene *s, const json_t *obj, const char *path)
{
    int64_t at;
    if (!kube_time(jx_str(obj, path, ""), &at)) {
        return 0;
    }
    return s->now_us > at ? s->now_us - at : 0;
}

int64_t scene_age(const struct scene *s, const json_t *obj)
{
    return scene_since(s, obj, "metadata.creationTimestamp");
}

/* Creation times have whole seconds: one of the same second counts as new. */
bool scene_is_new(const struct scene *s, const json_t *obj)
{
    int64_t at;
    return kube_time(jx_str(obj, "metadata.creationTimestamp", ""), &at) &&
           at + 999999 >= s->began_us;
}

const json_t *scene_controller(const json_t *obj)
{
    size_t i;
    const json_t *owner;
    jx_each(i, owner, jx_arr(obj, "metadata.ownerReferences"))
    {
        if (jx_bool(owner, "controller", false)) {
            return owner;
        }
    }
    return NULL;
}

const json_t *scene_condition(const json_t *obj, const char *type)
{
    return jx_find(jx_arr(obj, "status.conditions"), "type", type);
}

bool scene_is_true(const json_t *obj, const char *condition)
{
    return str_eq(jx_get_str(scene_condition(obj, condition), "status", ""), "True");
}

const json_t *scene_pod_labels(const json_t *obj)
{
    const json_t *template = jx_obj(obj, "spec.template");
    return jx_obj(template != NULL ? template : obj, "metadata.labels");
}

/* ---- hosts ---- */

const char *scene_host_word(const struct scene *s, const char *name)
{
    const json_t *host = scene_find(s, "Host", "", name);
    const char *power = jx_str(host, "spec.power", "On");
    return host == NULL                                              ? ""
           : str_eq(power, "Off")                                    ? "off"
           : str_eq(power, "Paused")                                 ? "paused"
           : str_eq(jx_str(host, "spec.network", ""), "Partitioned") ? "cut"
                                                                     : "on";
}

bool scene_host_changes(const struct scene *s, const char *name)
{
    const json_t *host = scene_find(s, "Host", "", name);
    const char *power = jx_str(host, "spec.power", "On");
    const char *network = jx_str(host, "spec.network", "Connected");
    return !str_eq(power, jx_str(host, "status.power", power)) ||
           !str_eq(network, jx_str(host, "status.network", network));
}

bool scene_node_is_ready(const struct scene *s, const char *name)
{
    return scene_is_true(scene_find(s, "Node", "", name), "Ready");
}

bool scene_node_is_lost(const struct scene *s, const char *name)
{
    return scene_find(s, "Node", "", name) != NULL && !scene_node_is_ready(s, name);
}

int64_t scene_silent_us(const struct scene *s, const char *name, int64_t *ret_believed_us)
{
    const json_t *lease = scene_find(s, "Lease", "kube-node-lease", name);
    const json_t *clock = scene_find(s, "Clock", "", "cluster");
    *ret_believed_us = jx_int(lease, "spec.leaseDurationSeconds", 0) * 1000000;
    (void)kube_duration(jx_str(clock, "status.grace", ""), ret_believed_us);
    return lease != NULL && *ret_believed_us > 0 ? scene_since(s, lease, "spec.renewTime") : -1;
}

/* ---- Deployments ---- */

int64_t scene_asked(const json_t *deployment)
{
    return jx_int(deployment, "spec.replicas", 1);
}

static int64_t revision(const json_t *set)
{
    int64_t n = 0;
    const json_t *annotations = jx_obj(set, "metadata.annotations");
    (void)str_to_i64(jx_get_str(annotations, "deployment.kubernetes.io/revision", "0"), 0,
                     INT64_MAX, &n);
    return n;
}

static int by_revision(const void *a, const void *b)
{
    int64_t x = revision(*(json_t *const *)a), y = revision(*(json_t *const *)b);
    return x < y ? -1 : x > y;
}

static bool is_owned_by(const json_t *obj, const char *kind, const json_t *owner)
{
    const json_t *ref = scene_controller(obj);
    return str_eq(jx_get_str(ref, "kind", ""), kind) &&
           str_eq(jx_get_str(ref, "name", NULL), scene_name(owner)) &&
           str_eq(jx_str(obj, "metadata.namespace", ""), jx_str(owner, "metadata.namespace", ""));
}

json_t *scene_sets(const struct scene *s, const json_t *deployment)
{
    VEC(json_t *) found = {0};
    size_t i;
    json_t *set;
    json_t *out = json_array();
    jx_each(i, set, scene_all(s, "ReplicaSet"))
    {
        if (is_owned_by(set, "Deployment", deployment)) {
            vec_push(&found, set);
        }
    }
    if (found.n > 1) {
        qsort(found.v, found.n, sizeof(found.v[0]), by_revision);
    }
    for (i = 0; i < found.n; i++) {
        json_array_append(out, found.v[i]);
    }
    vec_fini(&found);
    return out;
}

bool scene_comes_from(const struct scene *s, const json_t *pod, const json_t *deployment)
{
    const json_t *ref = scene_controller(pod);
    const json_t *set = str_eq(jx_get_str(ref, "kind", ""), "ReplicaSet")
                            ? scene_find(s, "ReplicaSet", jx_str(pod, "metadata.namespace", ""),
                                         jx_get_str(ref, "name", ""))
                            : NULL;
    return set != NULL && deployment != NULL && is_owned_by(set, "Deployment", deployment);
}

/* ---- pods ---- */

bool scene_pod_is_ready(const json_t *pod)
{
    return scene_is_true(pod, "Ready");
}

bool scene_pod_is_ending(const json_t *pod)
{
    return jx_path(pod, "metadata.deletionTimestamp") != NULL;
}

bool scene_pod_has_no_room(const json_t *pod)
{
    return str_eq(jx_get_str(scene_condition(pod, "PodScheduled"), "reason", ""), "Unschedulable");
}

static const json_t *waits_in(const json_t *statuses, bool (*is_it)(const char *reason))
{
    size_t i;
    const json_t *c;
    jx_each(i, c, statuses)
    {
        const char *reason = jx_str(c, "state.waiting.reason", NULL);
        if (reason != NULL && is_it(reason)) {
            return c;
        }
    }
    return NULL;
}

const json_t *scene_pod_waits(const json_t *pod, bool (*is_it)(const char *reason))
{
    const json_t *c = waits_in(jx_arr(pod, "status.initContainerStatuses"), is_it);
    return c != NULL ? c : waits_in(jx_arr(pod, "status.containerStatuses"), is_it);
}

int64_t scene_pod_restarts(const json_t *pod)
{
    int64_t most = 0;
    size_t i;
    const json_t *c;
    jx_each(i, c, jx_arr(pod, "status.containerStatuses"))
    {
        int64_t n = jx_int(c, "restartCount", 0);
        most = n > most ? n : most;
    }
    return most;
}

const json_t *scene_container(const json_t *pod, const char *name)
{
    const json_t *c = jx_find(jx_arr(pod, "spec.containers"), "name", name);
    return c != NULL ? c : jx_find(jx_arr(pod, "spec.initContainers"), "name", name);
}

size_t scene_count_ready(const struct scene *s)
{
    size_t i, n = 0;
    const json_t *pod;
    jx_each(i, pod, s->pods)
    {
        n += scene_pod_is_ready(pod) && !scene_pod_is_ending(pod);
    }
    return n;
}

/* ---- events ---- */

int64_t scene_event_time(const json_t *event)
{
    static const char *const paths[] = {"series.lastObservedTime", "lastTimestamp", "eventTime",
                                        "metadata.creationTimestamp"};
    int64_t at;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (kube_time(jx_str(event, paths[i], ""), &at)) {
            return at;
        }
    }
    return 0;
}

int64_t scene_event_count(const json_t *event)
{
    int64_t n = jx_int(event, "series.count", jx_int(event, "count", 1));
    return n > 0 ? n : 1;
}

static bool is_event_about(const json_t *event, const json_t *obj)
{
    const json_t *ref = jx_get(event, "involvedObject");
    const char *uid = jx_get_str(ref, "uid", NULL), *own = jx_str(obj, "metadata.uid", NULL);
    return str_eq(jx_get_str(ref, "kind", ""), jx_get_str(obj, "kind", "")) &&
           str_eq(jx_get_str(ref, "name", ""), scene_name(obj)) &&
           str_eq(jx_get_str(ref, "namespace", jx_str(event, "metadata.namespace", "")),
                  jx_str(obj, "metadata.namespace", "")) &&
           (uid == NULL || own == NULL || strcmp(uid, own) == 0);
}

void scene_each_event(const struct scene *s, const json_t *about,
                      bool (*fn)(void *arg, const json_t *event), void *arg)
{
    size_t i;
    const json_t *event;
    jx_each(i, event, scene_all(s, "Event"))
    {
        if (is_event_about(event, about) && !fn(arg, event)) {
            return;
        }
    }
}

static int64_t revision_of(const json_t *obj)
{
    int64_t n = 0;
    (void)str_to_i64(jx_str(obj, "metadata.resourceVersion", "0"), 0, INT64_MAX, &n);
    return n;
}

static int by_time(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    int64_t left = scene_event_time(x), right = scene_event_time(y);
    if (left == right) { /* whole seconds, most often */
        left = revision_of(x);
        right = revision_of(y);
    }
    return left < right ? -1 : left > right;
}

/* Lists come in the order of names. */
static void sort_events(struct scene *s)
{
    json_t *events = json_object_get(s->objects, "Event");
    VEC(json_t *) all = {0};
    size_t i;
    json_t *event;
    jx_each(i, event, events)
    {
        vec_push(&all, json_incref(event));
    }
    if (all.n > 1) {
        qsort(all.v, all.n, sizeof(all.v[0]), by_time);
    }
    json_array_clear(events);
    for (i = 0; i < all.n; i++) {
        json_array_append_new(events, all.v[i]);
    }
    vec_fini(&all);
}

/* ---- what it is about ---- */

bool scene_expects(const struct scene *s, const char *word)
{
    return s->judged->expect != NULL && strstr(s->judged->expect, word) != NULL;
}

static void find_clause(struct scene *s)
{
    size_t i;
    const json_t *c;
    jx_each(i, c, s->clauses)
    {
        const json_t *got = jx_get(c, "got"), *want = jx_get(c, "want");
        if (jx_bool(c, "ok", false)) {
            continue;
        }
        s->clause = c;
        bool code = (s->judged->kind == LAB_HTTP || s->judged->kind == LAB_URL) &&
                    str_eq(jx_get_str(c, "lhs", ""), ".status");
        s->counted = !code && json_is_integer(want) && (json_is_integer(got) || json_is_null(got));
        s->got = json_integer_value(got); /* a count that is missing is 0 */
        s->want = json_integer_value(want);
        return;
    }
}

static bool pod_is_meant(const struct scene *s, const json_t *pod)
{
    const struct lab_check *c = s->judged;
    if (s->service[0] != '\0') {
        return kube_labels_have(jx_obj(s->serves, "spec.selector"), scene_pod_labels(pod));
    }
    if (c->kind == LAB_LIST) {
        return kube_labels_match(c->selector, scene_pod_labels(pod));
    }
    if (str_eq(s->kind, "Pod")) {
        return str_eq(scene_name(pod), c->object);
    }
    if (s->deployment != NULL) {
        return scene_comes_from(s, pod, s->deployment);
    }
    const json_t *owner = scene_controller(pod);
    return c->kind == LAB_GET && s->kind[0] != '\0' &&
           str_eq(jx_get_str(owner, "kind", ""), s->kind) &&
           str_eq(jx_get_str(owner, "name", ""), c->object);
}

static void find_pods(struct scene *s)
{
    size_t i;
    json_t *pod;
    s->pods = json_array();
    jx_each(i, pod, scene_all(s, "Pod"))
    {
        if (scene_is_here(s, pod) && pod_is_meant(s, pod)) {
            json_array_append(s->pods, pod);
        }
    }
}

/* Who makes these pods: whose template says what is selected, else who owns one of them. */
static const json_t *deployment_of_pods(const struct scene *s)
{
    size_t i, j;
    const json_t *d, *pod;
    jx_each(i, d, scene_all(s, "Deployment"))
    {
        const json_t *labels = scene_pod_labels(d);
        bool meant =
            s->service[0] != '\0'
                ? kube_labels_have(jx_obj(s->serves, "spec.selector"), labels)
                : s->judged->selector != NULL && kube_labels_match(s->judged->selector, labels);
        if (scene_is_here(s, d) && meant) {
            return d;
        }
        jx_each(j, pod, s->pods)
        {
            if (scene_comes_from(s, pod, d)) {
                return d;
            }
        }
    }
    return NULL;
}

static void find_host(struct scene *s)
{
    const struct lab_check *c = s->judged;
    const char *node = c->kind == LAB_GET && str_eq(s->kind, "Node") ? c->object : "";
    str_copy(s->host, sizeof(s->host), c->kind == LAB_HOST ? c->object : node);
    if (c->kind == LAB_URL) {
        size_t n = strcspn(c->url, ":");
        str_copy(s->host, n < sizeof(s->host) ? n + 1 : sizeof(s->host), c->url);
        str_copy(s->port, sizeof(s->port), c->url + n + (c->url[n] == ':'));
        s->port[strspn(s->port, "0123456789")] = '\0';
    }
}

void scene_derive(struct scene *s)
{
    const struct lab_check *c = s->judged;
    sort_events(s);
    find_clause(s);
    find_host(s);
    if (s->service[0] != '\0') {
        s->serves = scene_find(s, "Service", s->ns, s->service);
    }
    if ((c->kind == LAB_GET || c->kind == LAB_HOST) && s->kind[0] != '\0') {
        s->object = scene_find(s, s->kind, s->namespaced ? s->ns : "", c->object);
        if (str_eq(s->kind, "Deployment")) {
            s->deployment = s->object;
        }
        if (str_eq(s->kind, "Service")) {
            s->serves = s->object;
            str_copy(s->service, sizeof(s->service), c->object);
        }
    }
    find_pods(s);
    bool of_pods = s->service[0] != '\0' || (c->kind == LAB_LIST && str_eq(s->kind, "Pod"));
    if (s->deployment == NULL && of_pods) {
        s->deployment = deployment_of_pods(s);
    }
}

void scene_fini(struct scene *s)
{
    json_decref(s->seen);
    json_decref(s->clauses);
    json_decref(s->objects);
    json_decref(s->logs);
    json_decref(s->pods);
    free(s->message);
    *s = (struct scene){0};
}
