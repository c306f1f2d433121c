/* SPDX-License-Identifier: Apache-2.0 */
/* Writes down, for every service that selects pods, where they are: EndpointSlices and Endpoints.
 */
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
#include "controllers/endpoint_set.h"
#include "kinds/kinds.h"
#include "meta/name.h"
#include "meta/object.h"
#include "meta/selector.h"
#include "store/store.h"

enum { PER_SLICE = 100, FEW = 16 };

/* A service with more than a few endpoints is not looked at for every change of every pod: each
 * time all of them are written. */
#define PAUSE_PER_POD LOOP_MS(1)
#define PAUSE_MAX LOOP_MS(100)

#define SERVICE_LABEL "kubernetes.io/service-name"
#define MANAGED_BY "endpointslice.kubernetes.io/managed-by"
#define MANAGER "endpointslice-controller.k8s.io"

struct selection {
    struct selector *selector;
    size_t found;       /* endpoints it had when it was looked at last, */
    uint64_t looked_ns; /* and when that was */
};

struct endpoints {
    struct client *client;
    struct loop *loop;
    const struct kind *services, *pods, *slices, *endpoints;
    struct workqueue *queue;
    struct map *selections; /* "ns/name" of services -> struct selection */
    struct map *known;      /* uids of selected pods -> struct endpoint_pod */
    struct client_watch *service_watch, *pod_watch;
};

/* ---- slices ---- */

static json_t *build_slice(struct endpoints *c, const json_t *service, const char *name,
                           const struct endpoint_group *g, size_t from)
{
    json_t *part = json_array();
    for (size_t i = from; i < from + PER_SLICE && i < json_array_size(g->endpoints); i++) {
        json_array_append(part, json_array_get(g->endpoints, i));
    }
    json_t *labels =
        object_labels(service) != NULL ? jx_edit(object_labels(service)) : json_object();
    json_object_set_new(labels, SERVICE_LABEL, json_string(object_name(service)));
    json_object_set_new(labels, MANAGED_BY, json_string(MANAGER));
    if (str_eq(jx_str(service, "spec.clusterIP", ""), "None")) {
        json_object_set_new(labels, "service.kubernetes.io/headless", json_string(""));
    }
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:o, s:[o]}, s:s, s:o, s:O}", "apiVersion",
                     c->slices->api_version, "kind", c->slices->kind, "metadata", "name", name,
                     "namespace", object_namespace(service), "labels", labels, "ownerReferences",
                     object_controller_ref(service, "v1", "Service"), "addressType", "IPv4",
                     "endpoints", part, "ports", g->ports);
}

/* The same part of the same service always has the same name, so that a change is an update. */
static void name_slice(char *buf, size_t size, const json_t *service, size_t part)
{
    char identity[128];
    char hash[11];
    snprintf(identity, sizeof(identity), "%s/%zu", object_uid(service), part);
    name_safe_hash(hash, str_hash32(identity, strlen(identity)));
    snprintf(buf, size, "%.240s-%s", object_name(service), hash);
}

/* Creates it, or updates what the other fields say; the server drops an update that changes
 * nothing. */
static int put_object(struct endpoints *c, const struct kind *k, json_t *obj, struct err *err)
{
    json_auto_t *wanted = obj;
    struct err gone;
    const json_t *old = client_get(c->client, k, object_namespace(obj), object_name(obj), &gone);
    if (old == NULL) {
        cleanup_free char *ns = xstrdup(object_namespace(wanted)); /* it goes with the object */
        return client_create(c->client, k, ns, steal(wanted), NULL, err);
    }
    json_t *edited = json_copy((json_t *)(uintptr_t)old); /* what is replaced is not copied */
    json_object_set_new(edited, "metadata", json_copy(json_object_get(old, "metadata")));
    const char *key;
    json_t *value;
    json_object_foreach(wanted, key, value)
    {
        if (!str_eq(key, "metadata")) {
            json_object_set(edited, key, value);
        }
    }
    jx_put(edited, "metadata.labels", jx_edit(object_labels(wanted)));
    if (jx_equal(edited, old)) {
        json_decref(edited);
        return 0;
    }
    return client_update(c->client, k, edited, NULL, err);
}

struct slice_sweep {
    struct endpoints *c;
    const char *service;
    const json_t *keep; /* object: names that stay */
    object_list gone;
};

static bool see_slice(void *arg, const json_t *slice)
{
    struct slice_sweep *s = arg;
    const char *manager = object_label(slice, MANAGED_BY);
    if (str_eq(object_label(slice, SERVICE_LABEL), s->service) && str_eq(manager, MANAGER) &&
        jx_get(s->keep, object_name(slice)) == NULL) {
        vec_push(&s->gone, slice);
    }
    return true;
}

static int sweep_slices(struct endpoints *c, const json_t *service, const json_t *keep,
                        struct err *err)
{
    struct slice_sweep s = {.c = c, .service = object_name(service), .keep = keep};
    struct client_filter f = {.ns = object_namespace(service), .owner_uid = object_uid(service)};
    client_each(c->client, c->slices, &f, see_slice, &s);
    int rc = 0;
    for (size_t i = 0; i < s.gone.n && rc == 0; i++) {
        rc = client_delete(c->client, c->slices, object_namespace(s.gone.v[i]),
                           object_name(s.gone.v[i]), NULL, err);
    }
    vec_fini(&s.gone);
    return rc;
}

static int write_slices(struct endpoints *c, const json_t *service, const struct endpoint_set *set,
                        struct err *err)
{
    static const struct endpoint_group none;
    struct endpoint_group empty = none;
    json_auto_t *ports = json_array();
    json_auto_t *nobody = json_array();
    json_auto_t *keep = json_object();
    empty.ports = ports;
    empty.endpoints = nobody;
    size_t part = 0;
    for (size_t g = 0; g < set->groups.n || part == 0; g++) {
        const struct endpoint_group *group = g < set->groups.n ? &set->groups.v[g] : &empty;
        for (size_t i = 0; i == 0 || i < json_array_size(group->endpoints); i += PER_SLICE) {
            char name[254];
            name_slice(name, sizeof(name), service, part++);
            json_object_set_new(keep, name, json_true());
            if (put_object(c, c->slices, build_slice(c, service, name, group, i), err) < 0) {
                return -1;
            }
        }
    }
    return sweep_slices(c, service, keep, err);
}

/* ---- Endpoints ---- */

static int write_endpoints(struct endpoints *c, const json_t *service,
                           const struct endpoint_set *set, struct err *err)
{
    json_t *labels =
        object_labels(service) != NULL ? jx_edit(object_labels(service)) : json_object();
    json_object_set_new(labels, "endpoints.kubernetes.io/managed-by",
                        json_string("endpoint-controller"));
    json_t *obj =
        json_pack("{s:s, s:s, s:{s:s, s:s, s:o}, s:o}", "apiVersion", "v1", "kind", "Endpoints",
                  "metadata", "name", object_name(service), "namespace", object_namespace(service),
                  "labels", labels, "subsets", endpoint_set_subsets(set));
    return put_object(c, c->endpoints, obj, err);
}

/* ---- one step ---- */

struct pod_search {
    struct endpoints *c;
    const struct selector *selector;
    endpoint_pods found;
};

static const struct endpoint_pod *know(struct endpoints *c, const struct store_entry *e)
{
    struct endpoint_pod *p = map_find(c->known, e->uid);
    if (p == NULL || endpoint_pod_revision(p) != e->rev) {
        p = endpoint_pod_new(client_tree(c->client, e));
        map_put(c->known, e->uid, p);
    }
    return p;
}

static bool see_pod(void *arg, const struct store_entry *e)
{
    struct pod_search *s = arg;
    if (selector_match(s->selector, e->labels)) {
        vec_push(&s->found, know(s->c, e));
    }
    return true;
}

static int write_all(struct endpoints *c, const json_t *service, struct selection *sel,
                     struct err *err)
{
    struct pod_search search = {.c = c, .selector = sel->selector};
    struct client_filter f = {.ns = object_namespace(service)};
    struct endpoint_set set = {0};
    client_each_entry(c->client, c->pods, &f, see_pod, &search);
    endpoint_set_build(&set, service, &search.found);
    sel->found = set.n;
    sel->looked_ns = loop_mono_ns(c->loop);
    int rc = write_slices(c, service, &set, err);
    rc = rc == 0 ? write_endpoints(c, service, &set, err) : rc;
    endpoint_set_fini(&set);
    vec_fini(&search.found);
    return rc;
}

static int reconcile(void *arg, const char *key, struct err *err)
{
    struct endpoints *c = arg;
    char ns[254];
    char name[254];
    struct err gone;
    workqueue_split(key, ns, name);
    struct selection *sel = map_find(c->selections, key);
    const json_t *service = client_get(c->client, c->services, ns, name, &gone);
    if (service == NULL) {
        struct client_delete_opts opts = {.grace_s = -1};
        int rc = client_delete(c->client, c->endpoints, ns, name, &opts, err);
        return rc < 0 && err->code != ERR_NOT_FOUND ? -1 : 0;
    }
    if (sel == NULL || object_deleting(service)) {
        return 0; /* without a selector the endpoints are somebody else's to write */
    }
    return write_all(c, service, sel, err);
}

/* ---- what changes ---- */

static void free_selection(void *arg)
{
    struct selection *sel = arg;
    selector_free(sel->selector);
    free(sel);
}

static void on_service(void *arg, enum client_event type, const json_t *service, const json_t *prev)
{
    struct endpoints *c = arg;
    if (type == CLIENT_SYNCED) {
        return;
    }
    cleanup_free char *key = xasprintf("%s/%s", object_namespace(service), object_name(service));
    const json_t *labels = jx_obj(service, "spec.selector");
    bool had = map_find(c->selections, key) != NULL;
    map_remove(c->selections, key);
    if (type != CLIENT_DELETED && json_object_size(labels) > 0 &&
        !str_eq(jx_str(service, "spec.type", ""), "ExternalName")) {
        struct selection *sel = xnew(struct selection);
        sel->selector = selector_from_map(labels);
        map_put(c->selections, key, sel);
    }
    if (had || map_find(c->selections, key) != NULL) {
        workqueue_add(c->queue, key);
    }
}

/* A service with few endpoints is looked at now, one with many when its pause is over. */
static void look_soon(struct endpoints *c, const char *key, const struct selection *sel)
{
    uint64_t now = loop_mono_ns(c->loop);
    uint64_t pause = sel->found > FEW ? sel->found * PAUSE_PER_POD : 0;
    uint64_t due = pause > 0 ? sel->looked_ns + (pause < PAUSE_MAX ? pause : PAUSE_MAX) : 0;
    if (due > now) {
        workqueue_add_after(c->queue, key, due - now);
    } else {
        workqueue_add(c->queue, key);
    }
}

static void offer_pod(struct endpoints *c, const struct store_entry *pod,
                      const struct store_entry *prev)
{
    size_t it = 0;
    const char *key;
    void *value;
    size_t len = strlen(pod->key.ns);
    while (map_next(c->selections, &it, &key, &value)) {
        const struct selection *sel = value;
        if (strncmp(key, pod->key.ns, len) == 0 && key[len] == '/' &&
            (selector_match(sel->selector, pod->labels) ||
             (prev != NULL && selector_match(sel->selector, prev->labels)))) {
            look_soon(c, key, sel);
        }
    }
}

static void on_pod(void *arg, enum client_event type, const struct store_entry *pod,
                   const struct store_entry *prev)
{
    struct endpoints *c = arg;
    if (type == CLIENT_DELETED) {
        map_remove(c->known, pod->uid);
    }
    if (type != CLIENT_SYNCED) {
        offer_pod(c, pod, prev);
    }
}

static void *create(struct api *api, const struct clock *const *clock)
{
    struct endpoints *c = xnew(struct endpoints);
    c->client = client_new(api, "system:serviceaccount:kube-system:endpointslice-controller");
    c->loop = api_loop(api);
    c->services = kinds_find_gr("services");
    c->pods = kinds_find_gr("pods");
    c->slices = kinds_find_gr("endpointslices.discovery.k8s.io");
    c->endpoints = kinds_find_gr("endpoints");
    c->queue = workqueue_new(c->loop, "endpoints", reconcile, c);
    c->selections = map_new(free_selection);
    c->known = map_new(endpoint_pod_free);
    c->service_watch = client_watch(c->client, c->services, on_service, c);
    c->pod_watch = client_watch_entries(c->client, c->pods, on_pod, c);
    return c;
}

static void destroy(void *self)
{
    struct endpoints *c = self;
    client_watch_free(c->service_watch);
    client_watch_free(c->pod_watch);
    workqueue_free(c->queue);
    map_free(c->selections);
    map_free(c->known);
    client_free(c->client);
    free(c);
}

const struct controller_ops endpoints_controller = {
    .name = "endpoints", .create = create, .destroy = destroy};
