/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the sums per node, so that placing a pod reads no other pod; and keeps the view between
 * pods, because with a thousand nodes making it anew costs more than all else about a pod. */
#include "scheduler/cache.h"

#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "meta/object.h"
#include "meta/quantity.h"
#include "scheduler/fit.h"

struct node {
    char *name;
    bool present; /* false: only pods that name it are known */
    size_t at;    /* its place in the order and in the view, when present */
    bool unschedulable;
    int64_t cpu, memory; /* allocatable */
    int pods;
    int64_t cpu_used, memory_used;
    int pods_used;
    json_t *labels, *taints; /* owned references; NULL when none */
    char *taint_text;
};

/* How many pods of one owner are on which nodes. */
struct family {
    char *owner; /* uid */
    VEC(struct family_node {
        struct node *node;
        int pods;
    })
    nodes;
};

/* What one pod holds. */
struct hold {
    struct node *node;
    struct pick_pod demand;
    struct family *family; /* NULL: it has no controller */
    json_t *ports;         /* its host ports, as "TCP/8080" strings; NULL when none */
};

struct cache {
    struct map *nodes;        /* name -> struct node */
    struct map *holds;        /* pod uid -> struct hold */
    struct map *families;     /* owner uid -> struct family */
    struct map *ports;        /* "node/TCP/8080" -> count in the pointer */
    VEC(struct node *) order; /* present nodes by name */

    /* The order's nodes as the last pod saw them. What does not depend on the pod is always right;
     * of the rest it is known what to take back. */
    VEC(struct pick_node) view;
    struct family *viewer;       /* whose siblings are counted in it; NULL: nobody's */
    bool choosy;                 /* every node was asked whether it suits */
    VEC(struct node *) peculiar; /* nodes that must be asked by every pod */
    json_t *cordoned;            /* the taint that being cordoned amounts to, as a list */
};

static void free_node(void *arg)
{
    struct node *n = arg;
    free(n->name);
    free(n->taint_text);
    json_decref(n->labels);
    json_decref(n->taints);
    free(n);
}

static void free_family(void *arg)
{
    struct family *f = arg;
    free(f->owner);
    vec_fini(&f->nodes);
    free(f);
}

static void free_hold(void *arg)
{
    struct hold *h = arg;
    json_decref(h->ports);
    free(h);
}

struct cache *cache_new(void)
{
    struct cache *c = xnew(struct cache);
    c->nodes = map_new(free_node);
    c->holds = map_new(free_hold);
    c->families = map_new(free_family);
    c->ports = map_new(NULL);
    c->cordoned = json_pack("[{s:s, s:s}]", "key", "node.kubernetes.io/unschedulable", "effect",
                            "NoSchedule");
    return c;
}

void cache_free(struct cache *c)
{
    if (c == NULL) {
        return;
    }
    map_free(c->holds);
    map_free(c->nodes);
    map_free(c->families);
    map_free(c->ports);
    vec_fini(&c->order);
    vec_fini(&c->view);
    vec_fini(&c->peculiar);
    json_decref(c->cordoned);
    free(c);
}

/* ---- nodes ---- */

static struct node *node_make(struct cache *c, const char *name)
{
    struct node *n = map_find(c->nodes, name);
    if (n == NULL) {
        n = xnew(struct node);
        n->name = xstrdup(name);
        map_put(c->nodes, name, n);
    }
    return n;
}

/* The order changed: every node learns its place, and the view begins anew. */
static void number_nodes(struct cache *c)
{
    c->view.n = 0;
    c->peculiar.n = 0;
    c->viewer = NULL;
    for (size_t i = 0; i < c->order.n; i++) {
        struct node *n = c->order.v[i];
        struct pick_node seen = {
            .cpu_free = n->cpu - n->cpu_used,
            .memory_free = n->memory - n->memory_used,
            .cpu = n->cpu,
            .memory = n->memory,
            .pods_free = n->pods - n->pods_used,
        };
        n->at = i;
        vec_push(&c->view, seen);
        if (n->unschedulable || n->taints != NULL) {
            vec_push(&c->peculiar, n);
        }
    }
}

static void order_insert(struct cache *c, struct node *n)
{
    size_t at = 0;
    while (at < c->order.n && strcmp(c->order.v[at]->name, n->name) < 0) {
        at++;
    }
    vec_push(&c->order, n);
    memmove(&c->order.v[at + 1], &c->order.v[at], (c->order.n - 1 - at) * sizeof(n));
    c->order.v[at] = n;
}

static int64_t quantity_at(const json_t *v, const char *path, bool milli)
{
    int64_t q = 0;
    const json_t *at = jx_path(v, path);
    bool ok = at != NULL && (milli ? quantity_json_milli(at, &q) : quantity_json_units(at, &q));
    return ok ? q : 0;
}

static void set_taints(struct node *n, const json_t *taints)
{
    json_decref(n->taints);
    free(n->taint_text);
    n->taint_text = NULL;
    n->taints = json_array_size(taints) > 0 ? jx_edit(taints) : NULL;
}

void cache_put_node(struct cache *c, const json_t *node)
{
    struct node *n = node_make(c, object_name(node));
    if (!n->present) {
        n->present = true;
        order_insert(c, n);
    }
    n->unschedulable = jx_bool(node, "spec.unschedulable", false);
    n->cpu = quantity_at(node, "status.allocatable.cpu", true);
    n->memory = quantity_at(node, "status.allocatable.memory", false);
    n->pods = (int)quantity_at(node, "status.allocatable.pods", false);
    json_decref(n->labels);
    n->labels = object_labels(node) != NULL ? jx_edit(object_labels(node)) : NULL;
    set_taints(n, jx_arr(node, "spec.taints"));
    number_nodes(c);
}

void cache_delete_node(struct cache *c, const char *name)
{
    struct node *n = map_find(c->nodes, name);
    if (n == NULL || !n->present) {
        return;
    }
    n->present = false; /* its pods may still hold on to it */
    for (size_t i = 0; i < c->order.n; i++) {
        if (c->order.v[i] == n) {
            vec_remove(&c->order, i);
            number_nodes(c);
            return;
        }
    }
}

size_t cache_nodes(const struct cache *c)
{
    return c->order.n;
}

const char *cache_node_name(const struct cache *c, size_t i)
{
    return c->order.v[i]->name;
}

int cache_find_node(const struct cache *c, const char *name)
{
    const struct node *n = map_find(c->nodes, name);
    return n != NULL && n->present ? (int)n->at : -1;
}

/* ---- pods ---- */

static void add_requests(const json_t *container, struct pick_pod *sum)
{
    sum->cpu += quantity_at(container, "resources.requests.cpu", true);
    sum->memory += quantity_at(container, "resources.requests.memory", false);
}

struct pick_pod cache_demand(const json_t *pod)
{
    struct pick_pod sum = {0};
    size_t i;
    json_t *container;
    const json_t *containers = jx_arr(pod, "spec.containers");
    jx_each(i, container, containers)
    {
        add_requests(container, &sum);
    }
    const json_t *inits = jx_arr(pod, "spec.initContainers");
    jx_each(i, container, inits)
    {
        struct pick_pod one = {0};
        add_requests(container, &one);
        sum.cpu = one.cpu > sum.cpu ? one.cpu : sum.cpu;
        sum.memory = one.memory > sum.memory ? one.memory : sum.memory;
    }
    return sum;
}

static json_t *host_ports(const json_t *pod)
{
    json_t *ports = NULL;
    size_t i;
    size_t j;
    json_t *container;
    json_t *port;
    const json_t *containers = jx_arr(pod, "spec.containers");
    jx_each(i, container, containers)
    {
        const json_t *list = jx_arr(container, "ports");
        jx_each(j, port, list)
        {
            int64_t number = jx_int(port, "hostPort", 0);
            if (number > 0) {
                ports = ports != NULL ? ports : json_array();
                json_array_append_new(
                    ports, json_sprintf("%s/%d", jx_str(port, "protocol", "TCP"), (int)number));
            }
        }
    }
    return ports;
}

/* Counts kept in a map's pointers; a count of nothing is removed. */
static void count(struct map *m, const char *a, const char *b, int by)
{
    cleanup_free char *key = xasprintf("%s/%s", a, b);
    size_t now = (size_t)map_find(m, key) + (size_t)by;
    if (now == 0) {
        map_remove(m, key);
    } else {
        map_put(m, key, (void *)now);
    }
}

static struct family *family_of(struct cache *c, const json_t *pod)
{
    const char *owner = jx_get_str(object_controller(pod), "uid", "");
    struct family *f = map_find(c->families, owner);
    if (f == NULL && owner[0] != '\0') {
        f = xnew(struct family);
        f->owner = xstrdup(owner);
        map_put(c->families, owner, f);
    }
    return f;
}

static void count_sibling(struct cache *c, struct family *f, struct node *n, int sign)
{
    size_t i = 0;
    while (i < f->nodes.n && f->nodes.v[i].node != n) {
        i++;
    }
    if (i == f->nodes.n) {
        vec_push(&f->nodes, ((struct family_node){.node = n}));
    }
    f->nodes.v[i].pods += sign;
    if (f->nodes.v[i].pods == 0) {
        vec_remove(&f->nodes, i);
    }
    if (c->viewer == f && n->present) {
        c->view.v[n->at].siblings += sign;
    }
}

static void account(struct cache *c, const struct hold *h, int sign)
{
    struct node *n = h->node;
    n->cpu_used += sign * h->demand.cpu;
    n->memory_used += sign * h->demand.memory;
    n->pods_used += sign;
    if (n->present) {
        struct pick_node *seen = &c->view.v[n->at];
        seen->cpu_free = n->cpu - n->cpu_used;
        seen->memory_free = n->memory - n->memory_used;
        seen->pods_free = n->pods - n->pods_used;
    }
    if (h->family != NULL) {
        count_sibling(c, h->family, n, sign);
    }
    size_t i;
    json_t *port;
    jx_each(i, port, h->ports)
    {
        count(c->ports, n->name, json_string_value(port), sign);
    }
}

/* A family without pods is forgotten. */
static void settle_family(struct cache *c, struct family *f)
{
    if (f != NULL && f->nodes.n == 0) {
        c->viewer = c->viewer == f ? NULL : c->viewer; /* it counts none there any more */
        map_remove(c->families, f->owner);
    }
}

bool cache_has_pod(const struct cache *c, const char *uid)
{
    return map_find(c->holds, uid) != NULL;
}

void cache_put_pod(struct cache *c, const char *uid, const char *node, const json_t *pod)
{
    const struct hold *old = map_find(c->holds, uid);
    if (old != NULL && strcmp(old->node->name, node) == 0) {
        return;
    }
    cache_delete_pod(c, uid);
    struct hold *h = xnew(struct hold);
    h->node = node_make(c, node);
    h->demand = cache_demand(pod);
    h->family = family_of(c, pod);
    h->ports = host_ports(pod);
    account(c, h, 1);
    map_put(c->holds, uid, h);
}

bool cache_delete_pod(struct cache *c, const char *uid)
{
    const struct hold *h = map_find(c->holds, uid);
    if (h == NULL) {
        return false;
    }
    struct family *f = h->family;
    account(c, h, -1);
    map_remove(c->holds, uid);
    settle_family(c, f);
    return true;
}

/* ---- a pod's view ---- */

static bool ports_taken(const struct cache *c, const struct node *n, const json_t *ports)
{
    size_t i;
    json_t *port;
    jx_each(i, port, ports)
    {
        char key[320];
        snprintf(key, sizeof(key), "%s/%s", n->name, json_string_value(port));
        if (map_find(c->ports, key) != NULL) {
            return true;
        }
    }
    return false;
}

static unsigned refused(const struct cache *c, struct node *n, const json_t *pod,
                        const json_t *ports)
{
    if (n->unschedulable && fit_untolerated(pod, c->cordoned) != NULL) {
        return PICK_UNSCHEDULABLE; /* its taint says the same once more */
    }
    unsigned why = 0;
    const json_t *taint = n->taints != NULL ? fit_untolerated(pod, n->taints) : NULL;
    if (taint != NULL) {
        why |= PICK_TAINT;
        free(n->taint_text);
        n->taint_text =
            xasprintf("{%s: %s}", jx_get_str(taint, "key", ""), jx_get_str(taint, "value", ""));
    }
    if (!fit_selected(pod, n->name, n->labels)) {
        why |= PICK_AFFINITY;
    }
    if (ports != NULL && ports_taken(c, n, ports)) {
        why |= PICK_PORTS;
    }
    return why;
}

/* Whether it says anything about the nodes it wants. */
static bool is_choosy(const json_t *pod, const json_t *ports)
{
    return ports != NULL || jx_len(pod, "spec.nodeSelector") > 0 ||
           jx_obj(pod, "spec.affinity.nodeAffinity") != NULL;
}

static void ask(struct cache *c, struct node *n, const json_t *pod, const json_t *ports)
{
    struct pick_node *seen = &c->view.v[n->at];
    seen->refused = refused(c, n, pod, ports);
    seen->taint = n->taint_text;
}

/* A pod that is not choosy suits every node that is not peculiar. */
static void ask_nodes(struct cache *c, const json_t *pod)
{
    json_auto_t *ports = host_ports(pod);
    bool was_choosy = c->choosy;
    c->choosy = is_choosy(pod, ports);
    for (size_t i = 0; (c->choosy || was_choosy) && i < c->order.n; i++) {
        c->view.v[i].refused = 0;
        if (c->choosy) {
            ask(c, c->order.v[i], pod, ports);
        }
    }
    for (size_t i = 0; !c->choosy && i < c->peculiar.n; i++) {
        ask(c, c->peculiar.v[i], pod, ports);
    }
}

static void show_siblings(struct cache *c, const struct family *f, bool show)
{
    for (size_t i = 0; f != NULL && i < f->nodes.n; i++) {
        const struct family_node *at = &f->nodes.v[i];
        if (at->node->present) {
            c->view.v[at->node->at].siblings = show ? at->pods : 0;
        }
    }
}

const struct pick_node *cache_view(struct cache *c, const json_t *pod, size_t *ret_n)
{
    struct family *f = map_find(c->families, jx_get_str(object_controller(pod), "uid", ""));
    if (f != c->viewer) {
        show_siblings(c, c->viewer, false);
        show_siblings(c, f, true);
        c->viewer = f;
    }
    ask_nodes(c, pod);
    *ret_n = c->view.n;
    return c->view.v;
}
