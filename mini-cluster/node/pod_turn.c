/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is: what was begun is brought to its end before more is begun. */

#include "common/mem.h"
#include "node/pod.h"
#include "node/warm.h"
#include "store/store.h"

/* So many pods make steps at the same time; the runtime has its own bounds. */
enum { BUSY_MAX = 256 };

static void leave_fresh(struct pod *p)
{
    struct nodes *n = p->nodes;
    if (p->fresh_at == NULL) {
        return;
    }
    *p->fresh_at = p->fresh_next;
    if (p->fresh_next != NULL) {
        p->fresh_next->fresh_at = p->fresh_at;
    } else {
        n->fresh_end = p->fresh_at;
    }
    p->fresh_at = NULL;
}

/* What was begun is brought to its end first: then ten thousand new pods are ready one by one, and
 * not all at the very end. */
bool pod_turn_waits(struct pod *p)
{
    struct nodes *n = p->nodes;
    if (p->recorded || p->busy || p->seen == NULL || p->seen->deleting || n->busy < BUSY_MAX) {
        leave_fresh(p);
        return false;
    }
    if (p->fresh_at == NULL) {
        p->fresh_next = NULL;
        p->fresh_at = n->fresh_end;
        *n->fresh_end = p;
        n->fresh_end = &p->fresh_next;
    }
    return true;
}

static void begin_next(struct nodes *n)
{
    struct pod *p = n->fresh;
    if (p != NULL && n->busy < BUSY_MAX) {
        leave_fresh(p);
        pod_queue(p);
    }
}

static void set_busy(struct pod *p, bool busy)
{
    if (p->busy != busy) {
        p->nodes->busy += busy ? 1 : -1u;
        p->busy = busy;
        if (p->nodes->busy == 0) {
            warm_quiet(p->nodes->warm);
        }
    }
    if (!busy) {
        json_decref(steal(p->tree));
    }
}

/* Looks whether anything is under way; keeps the parsed object as long. */
static void settle_busy(struct pod *p, const json_t *tree)
{
    bool busy = p->staging || p->sandbox.op != NULL;
    for (size_t i = 0; !busy && i < p->containers.n; i++) {
        busy = p->containers.v[i]->op != NULL;
    }
    set_busy(p, busy);
    if (busy && tree != NULL && p->tree == NULL) {
        p->tree = json_incref((json_t *)(uintptr_t)tree);
    }
}

void pod_turn_over(struct pod *p, const json_t *tree)
{
    settle_busy(p, tree);
    begin_next(p->nodes);
}

void pod_turn_end(struct pod *p)
{
    leave_fresh(p);
    set_busy(p, false);
    begin_next(p->nodes);
}
