/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of one object: it, or null when there is none. */
#include "check/check_impl.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "kube/kube.h"

struct get {
    struct check_way *way;
    struct kube_watch *watch;
    const char *ns; /* NULL: cluster scope */
};

static void *get_begin(struct check_way *w)
{
    struct check_run *r = w->run;
    const struct kube_resource *resource = kube_find_resource(r->o.kube, w->check->resource);
    if (resource == NULL) {
        return NULL;
    }
    struct get *g = xnew(struct get);
    g->way = w;
    g->ns = resource->namespaced ? check_way_ns(w) : NULL;
    g->watch = pool_watch(r->pool, w->check->resource, g->ns, NULL, w);
    return g;
}

static void get_end(void *own)
{
    free(own);
}

/* Its status still tells of an older spec: what the two say together is not so. The next change is
 * at hand. */
static bool is_stale(const json_t *obj)
{
    int64_t observed = jx_int(obj, "status.observedGeneration", -1);
    return observed >= 0 && observed < jx_int(obj, "metadata.generation", 0);
}

static void get_look(void *own)
{
    struct get *g = own;
    const char *why;
    if (!kube_watch_alive(g->watch, &why)) {
        check_way_unknown(g->way, why);
    } else if (kube_watch_synced(g->watch)) {
        const json_t *obj = kube_watch_find(g->watch, g->ns, g->way->check->object);
        if (is_stale(obj)) {
            return;
        }
        check_way_judge(g->way, obj != NULL ? json_incref((json_t *)(uintptr_t)obj) : json_null());
    }
}

const struct check_kind check_kind_get = {get_begin, get_end, get_look, NULL};
