/* SPDX-License-Identifier: Apache-2.0 */
/* Containers that are to go: asked for again until the runtime says that they are gone, so that
 * nothing of a pod is left behind. */
#include <string.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "node/op.h"
#include "node/pod.h"
#include "node/pull.h"
#include "node/warm.h"

#define RETRY LOOP_S(1)

static void free_doomed(struct pod *p, size_t i)
{
    struct doomed *d = p->doomed.v[i];
    op_orphan(d->op);
    map_remove(p->nodes->names, d->name);
    free(d->name);
    free(d);
    vec_remove(&p->doomed, i);
}

void pod_doom_forget(struct pod *p)
{
    while (p->doomed.n > 0) {
        free_doomed(p, p->doomed.n - 1);
    }
}

static void on_removed(struct op *op, enum runtime_result result, const struct runtime_status *st,
                       const struct err *err)
{
    struct pod *p = op->pod;
    (void)st;
    for (size_t i = 0; i < p->doomed.n; i++) {
        struct doomed *d = p->doomed.v[i];
        if (d->op != op) {
            continue;
        }
        d->op = NULL;
        if (result == RUNTIME_OK) {
            free_doomed(p, i);
        } else {
            log_debug("node", "remove %s: %s", d->name, err->msg);
            d->retry_ns = loop_mono_ns(p->nodes->loop) + RETRY;
            pod_queue_after(p, RETRY);
        }
        break;
    }
    pod_queue(p);
}

void pod_doom_step(struct pod *p)
{
    struct nodes *n = p->nodes;
    uint64_t now = loop_mono_ns(n->loop);
    for (size_t i = 0; i < p->doomed.n; i++) {
        struct doomed *d = p->doomed.v[i];
        if (d->op == NULL && d->retry_ns <= now) {
            d->op = op_new(n, p, d->name, on_removed);
            n->rt.ops->remove(n->rt.self, d->name, op_done, d->op);
        }
    }
}

void pod_doom(struct pod *p, const char *runtime_name)
{
    struct nodes *n = p->nodes;
    for (size_t i = 0; i < p->doomed.n; i++) {
        if (strcmp(p->doomed.v[i]->name, runtime_name) == 0) {
            return;
        }
    }
    struct doomed *d = xnew(struct doomed);
    d->name = xstrdup(runtime_name);
    vec_push(&p->doomed, d);
    map_put(n->names, runtime_name, n->names);
    pod_doom_step(p);
}

void pod_doom_alive(struct pod *p, const char *runtime_name)
{
    pod_doom(p, runtime_name);
    for (size_t i = 0; i < p->doomed.n; i++) {
        struct doomed *d = p->doomed.v[i];
        d->may_run |= strcmp(d->name, runtime_name) == 0;
    }
}

bool pod_doom_remains(const struct pod *p)
{
    for (size_t i = 0; i < p->doomed.n; i++) {
        if (p->doomed.v[i]->may_run) {
            return true;
        }
    }
    return false;
}

static void doom_container(struct container *c)
{
    struct pod *p = c->pod;
    if (c->asked) {
        pod_doom(p, c->runtime_name);
        c->asked = false;
    }
    if (c->previous != NULL) {
        pod_doom(p, c->previous);
        free(steal(c->previous));
    }
}

void pod_doom_all(struct pod *p)
{
    for (size_t i = 0; i < p->containers.n; i++) {
        pull_forget(p->containers.v[i]);
        doom_container(p->containers.v[i]);
    }
    warm_give_up_claim(p);
    doom_container(&p->sandbox);
}
