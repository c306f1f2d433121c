/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of a collection. */
#include "check/check_impl.h"
#include "common/mem.h"
#include "kube/kube.h"

struct list {
    struct check_way *way;
    struct kube_watch *watch;
};

static void *list_begin(struct check_way *w)
{
    struct kube_watch *watch =
        pool_watch(w->run->pool, w->check->resource, check_way_ns(w), w->check->selector, w);
    if (watch == NULL) {
        return NULL;
    }
    struct list *l = xnew(struct list);
    l->way = w;
    l->watch = watch;
    return l;
}

static void list_end(void *own)
{
    free(own);
}

static void list_look(void *own)
{
    struct list *l = own;
    const char *why;
    if (!kube_watch_alive(l->watch, &why)) {
        check_way_unknown(l->way, why);
    } else if (kube_watch_synced(l->watch)) {
        check_way_judge(l->way, kube_watch_list(l->watch));
    }
}

const struct check_kind check_kind_list = {list_begin, list_end, list_look, NULL};
