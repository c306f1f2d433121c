/* SPDX-License-Identifier: Apache-2.0 */
/* The watches that the checks of a step share, and what they say together: is the cluster there,
 * and does anything move that the step is about? */
#include <string.h>

#include "check/check_impl.h"
#include "check/motion.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "kube/kube.h"
#include "kube/labels.h"

#define PULSE LOOP_S(3)
#define PULSE_TIMEOUT LOOP_S(3)
#define LOOK_AGAIN LOOP_S(1) /* what is young grows old without a change */

struct entry {
    struct pool *pool;
    char *key, *ns;
    struct kube_watch *watch;
    VEC(struct check_way *) ways;
};

struct pool {
    struct check_run *run;
    VEC(struct entry *) entries;
    struct motion motion;
    uint64_t looked_ns, since_ns;
    bool stale; /* something changed since the motion was looked at */
    uint64_t pulse_ns;
    bool pulse_out, dead;
    unsigned late; /* pulses in a row without an answer in time */
    char dead_why[256];
};

/* ---- watches ---- */

static void on_change(void *arg)
{
    struct entry *e = arg;
    e->pool->stale = true;
    for (size_t i = 0; i < e->ways.n; i++) {
        struct check_way *w = e->ways.v[i];
        if (w->own != NULL && w->kind->look != NULL) {
            w->kind->look(w->own);
        }
    }
}

static struct entry *find_entry(const struct pool *p, const char *key)
{
    for (size_t i = 0; i < p->entries.n; i++) {
        if (strcmp(p->entries.v[i]->key, key) == 0) {
            return p->entries.v[i];
        }
    }
    return NULL;
}

static char *key_of(const struct kube_resource *r, const char *ns, const char *selector)
{
    return xasprintf("%s.%s/%s/%s", r->name, r->group, ns != NULL ? ns : "",
                     selector != NULL ? selector : "");
}

struct kube_watch *pool_watch(struct pool *p, const char *resource, const char *ns,
                              const char *selector, struct check_way *way)
{
    struct kube *kube = p->run->o.kube;
    const struct kube_resource *r = kube_find_resource(kube, resource);
    if (r == NULL) {
        return NULL;
    }
    ns = r->namespaced ? ns : NULL;
    cleanup_free char *key = key_of(r, ns, selector);
    struct entry *e = find_entry(p, key);
    if (e == NULL) {
        e = xnew(struct entry);
        e->pool = p;
        e->key = steal(key);
        e->ns = xstrdup(ns);
        e->watch = kube_watch(kube, r, ns, selector, on_change, e);
        vec_push(&p->entries, e);
    }
    if (way != NULL) {
        vec_push(&e->ways, way);
    }
    return e->watch;
}

static void free_entry(struct entry *e)
{
    kube_watch_free(e->watch);
    vec_fini(&e->ways);
    free(e->key);
    free(e->ns);
    free(e);
}

/* ---- what the step is about ---- */

static const json_t *controller_of(const json_t *obj)
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

static const json_t *find_in(const struct pool *p, const char *resource, const char *ns,
                             const char *name)
{
    const struct kube_resource *r = kube_find_resource(p->run->o.kube, resource);
    cleanup_free char *key = r != NULL ? key_of(r, ns, NULL) : NULL;
    const struct entry *e = key != NULL ? find_entry(p, key) : NULL;
    return e != NULL ? kube_watch_find(e->watch, ns, name) : NULL;
}

static bool is_named(const json_t *reference, const char *kind, const char *name)
{
    return str_eq(jx_get_str(reference, "kind", NULL), kind) &&
           str_eq(jx_get_str(reference, "name", NULL), name);
}

/* It is this object, or the object made it, or made who made it. */
static bool comes_from(const struct pool *p, const json_t *obj, const char *kind, const char *name)
{
    if (str_eq(jx_str(obj, "kind", ""), kind) && str_eq(jx_str(obj, "metadata.name", ""), name)) {
        return true;
    }
    const json_t *owner = controller_of(obj);
    if (owner == NULL || is_named(owner, kind, name)) {
        return owner != NULL;
    }
    if (!str_eq(jx_get_str(owner, "kind", ""), "ReplicaSet")) {
        return false;
    }
    const json_t *set = find_in(p, "replicasets", jx_str(obj, "metadata.namespace", ""),
                                jx_get_str(owner, "name", ""));
    return is_named(controller_of(set), kind, name);
}

/* Its own labels if it is a pod, else those it gives to its pods. */
static const json_t *pod_labels(const json_t *obj)
{
    return jx_obj(obj, str_eq(jx_str(obj, "kind", ""), "Pod") ? "metadata.labels"
                                                              : "spec.template.metadata.labels");
}

static bool serves(const struct pool *p, const char *ns, const char *service, const json_t *obj)
{
    char name[256];
    str_copy(name, sizeof(name), service);
    name[strcspn(name, ":")] = '\0';
    const json_t *s = find_in(p, "services", ns, name);
    return kube_labels_have(jx_obj(s, "spec.selector"), pod_labels(obj));
}

/* Named as a node or as its host, or one of all. */
static bool node_is_meant(const struct pool *p, const struct check_way *w, const json_t *node)
{
    if (w->check->kind == LAB_URL) {
        const char *name = jx_str(node, "metadata.name", "");
        size_t n = strlen(name);
        return strncmp(w->check->url, name, n) == 0 && w->check->url[n] == ':';
    }
    const struct kube_resource *r =
        w->check->resource != NULL ? kube_find_resource(p->run->o.kube, w->check->resource) : NULL;
    if (r == NULL || (!str_eq(r->kind, "Node") && !str_eq(r->kind, "Host"))) {
        return false;
    }
    return w->check->kind == LAB_LIST ||
           str_eq(jx_str(node, "metadata.name", ""), w->check->object);
}

static bool way_is_about(const struct pool *p, const struct check_way *w, const json_t *obj)
{
    const char *ns = check_way_ns(w);
    const struct kube_resource *r;
    const struct lab_probe *probe;
    if (str_eq(jx_str(obj, "kind", ""), "Node") || str_eq(jx_str(obj, "kind", ""), "Host")) {
        return node_is_meant(p, w, obj);
    }
    if (!str_eq(jx_str(obj, "metadata.namespace", ""), ns)) {
        return false;
    }
    switch (w->check->kind) {
    case LAB_GET:
        r = kube_find_resource(p->run->o.kube, w->check->resource);
        return r != NULL && comes_from(p, obj, r->kind, w->check->object);
    case LAB_LIST:
        return kube_labels_match(w->check->selector, pod_labels(obj));
    case LAB_HTTP:
        return serves(p, ns, w->check->service, obj);
    case LAB_PROBE:
        probe = lab_find_probe(p->run->o.lab, w->check->probe);
        return probe != NULL && probe->service != NULL && serves(p, ns, probe->service, obj);
    case LAB_SHELL:
        return true; /* nobody knows what the script looks at */
    case LAB_URL:
    case LAB_HOST:
    case LAB_ASK:
        return false;
    }
    return false;
}

static bool is_about(void *arg, const json_t *obj)
{
    const struct pool *p = arg;
    for (size_t i = 0; i < p->run->nrows; i++) {
        const struct check_row *row = &p->run->rows[i];
        for (size_t j = 0; j < row->nways; j++) {
            if (way_is_about(p, &row->ways[j], obj)) {
                return true;
            }
        }
    }
    return false;
}

static void watch_for_motion(struct pool *p, const struct check_way *w)
{
    const char *ns = check_way_ns(w);
    pool_watch(p, "pods", ns, NULL, NULL);
    pool_watch(p, "replicasets", ns, NULL, NULL);
    pool_watch(p, "deployments", ns, NULL, NULL);
    pool_watch(p, "nodes", NULL, NULL, NULL);
    pool_watch(p, "hosts.podlab.dev", NULL, NULL, NULL);
    if (w->check->kind == LAB_HTTP || w->check->kind == LAB_PROBE) {
        pool_watch(p, "services", ns, NULL, NULL);
    }
}

void pool_begin(struct pool *p)
{
    for (size_t i = 0; i < p->run->nrows; i++) {
        for (size_t j = 0; j < p->run->rows[i].nways; j++) {
            watch_for_motion(p, &p->run->rows[i].ways[j]);
        }
    }
}

/* ---- motion ---- */

/* All objects of a resource, of every namespace that is watched. NULL when one is not known yet. A
 * watch that is refused does not count. */
static json_t *collect(const struct pool *p, const char *resource)
{
    json_t *all = json_array();
    for (size_t i = 0; i < p->entries.n; i++) {
        const struct entry *e = p->entries.v[i];
        const struct kube_resource *r = kube_find_resource(p->run->o.kube, resource);
        cleanup_free char *key = r != NULL ? key_of(r, e->ns, NULL) : NULL;
        if (key == NULL || strcmp(key, e->key) != 0) {
            continue;
        }
        if (!kube_watch_synced(e->watch) && kube_watch_alive(e->watch, NULL)) {
            json_decref(all);
            return NULL;
        }
        json_auto_t *list = kube_watch_list(e->watch);
        json_array_extend(all, json_object_get(list, "items"));
    }
    return all;
}

/* When the watches last told something new; now, when only time passed. */
static uint64_t last_change(const struct pool *p, uint64_t now)
{
    uint64_t last = 0;
    for (size_t i = 0; i < p->entries.n; i++) {
        uint64_t at = kube_watch_changed_ns(p->entries.v[i]->watch);
        last = at > last ? at : last;
    }
    return last > p->looked_ns ? last : now;
}

static void look(struct pool *p, uint64_t now)
{
    json_auto_t *pods = collect(p, "pods");
    json_auto_t *sets = collect(p, "replicasets");
    json_auto_t *deployments = collect(p, "deployments");
    json_auto_t *nodes = collect(p, "nodes");
    json_auto_t *hosts = collect(p, "hosts.podlab.dev");
    struct motion m = {0};
    if (pods != NULL && sets != NULL && deployments != NULL && nodes != NULL) {
        struct motion_view view = {.pods = pods,
                                   .replicasets = sets,
                                   .deployments = deployments,
                                   .nodes = nodes,
                                   .hosts = json_array_size(hosts) > 0 ? hosts : NULL,
                                   .is_about = is_about,
                                   .arg = p,
                                   .now_us = loop_wall_us(p->run->o.loop)};
        motion_look(&view, &m);
    }
    if (m.signature != p->motion.signature) {
        p->since_ns = last_change(p, now);
    }
    p->motion = m;
    p->looked_ns = now;
    p->stale = false;
}

void pool_motion(struct pool *p, struct motion *ret, uint64_t *ret_since_ns)
{
    uint64_t now = loop_mono_ns(p->run->o.loop);
    if (p->stale || now - p->looked_ns >= LOOK_AGAIN) {
        look(p, now);
    }
    *ret = p->motion;
    *ret_since_ns = p->since_ns;
}

/* ---- is the cluster there? A watch over a cut line would never tell. ---- */

static void on_pulse(void *arg, const struct kube_answer *a)
{
    struct pool *p = arg;
    p->pulse_out = false;
    /* One answer that is late may be a busy machine; a refused connection is clear at once. */
    p->late = a->status == 0 && a->err->code == ERR_TIMEOUT ? p->late + 1 : 0;
    p->dead = a->status == 0 && p->late != 1;
    str_copy(p->dead_why, sizeof(p->dead_why), p->dead ? a->err->msg : "");
}

void pool_tick(struct pool *p, uint64_t now_ns)
{
    if (!p->pulse_out && now_ns - p->pulse_ns >= PULSE) {
        p->pulse_out = true;
        p->pulse_ns = now_ns;
        kube_get(p->run->o.kube, "/version", PULSE_TIMEOUT, on_pulse, p);
    }
}

bool pool_is_dead(const struct pool *p, const char **ret_why)
{
    if (p->dead) {
        *ret_why = p->dead_why;
    }
    return p->dead;
}

/* ---- making one ---- */

struct pool *pool_new(struct check_run *run)
{
    struct pool *p = xnew(struct pool);
    p->run = run;
    p->since_ns = p->pulse_ns = loop_mono_ns(run->o.loop);
    p->stale = true;
    return p;
}

void pool_free(struct pool *p)
{
    if (p == NULL) {
        return;
    }
    kube_forget(p->run->o.kube, p);
    for (size_t i = 0; i < p->entries.n; i++) {
        free_entry(p->entries.v[i]);
    }
    vec_fini(&p->entries);
    free(p);
}
