/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of availability: the figures of a probe that runs all the while. */
#include "check/check_impl.h"
#include "common/json/jx.h"
#include "common/mem.h"

struct probe {
    struct check_way *way;
    const struct check_probe *from; /* NULL: the session runs none of this name */
};

static void *probe_begin(struct check_way *w)
{
    struct probe *p = xnew(struct probe);
    p->way = w;
    for (size_t i = 0; i < w->run->probes.n; i++) {
        if (str_eq(check_probe_lab(w->run->probes.v[i])->id, w->check->probe)) {
            p->from = w->run->probes.v[i];
        }
    }
    return p;
}

static void probe_end(void *own)
{
    free(own);
}

/* Before the first request there is nothing to judge. */
static void probe_tick(void *own, uint64_t now_ns)
{
    struct probe *p = own;
    if (p->from == NULL) {
        check_way_unknown(p->way, "no requests are sent");
        return;
    }
    json_t *figures = check_probe_figures(p->from);
    if (jx_int(figures, "sent", 0) == 0 || jx_equal(figures, p->way->seen)) {
        json_decref(figures);
    } else {
        check_way_judge(p->way, figures);
    }
}

const struct check_kind check_kind_probe = {probe_begin, probe_end, NULL, probe_tick};
