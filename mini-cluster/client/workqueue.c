/* SPDX-License-Identifier: Apache-2.0 */
/* One key a deferred call: the loop shares its ticks out among queues, so that none holds it, and a
 * reconcile can never begin inside another. */
#include "client/workqueue.h"

#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"

#define BACKOFF_FIRST LOOP_MS(5)
#define BACKOFF_MAX LOOP_S(30)

enum { MAX_QUICK = 10, NOT_IN_HEAP = -1 };

/* A key with anything to remember: its turn, an appointment, or failures. */
struct item {
    char *key;
    struct item *next; /* in the queue */
    bool queued;
    unsigned failures; /* since the last success; the back-off's exponent */
    unsigned quick;    /* tries that were repeated at once */
    uint64_t due;      /* of the appointment, when heap_at >= 0 */
    uint64_t seq;      /* appointments of the same moment keep their order */
    long heap_at;
};

struct workqueue {
    struct loop *loop;
    char *name;
    int (*reconcile)(void *arg, const char *key, struct err *err);
    void *arg;
    struct map *items;
    struct item *first, *last;
    size_t len;
    VEC(struct item *) heap; /* by (due, seq) */
    uint64_t seq;
    struct loop_timer *timer;
    bool deferred;
};

static void item_free(void *p)
{
    struct item *it = p;
    free(it->key);
    free(it);
}

/* ---- appointments: a binary heap whose items know where they are ---- */

static bool before(const struct item *a, const struct item *b)
{
    return a->due != b->due ? a->due < b->due : a->seq < b->seq;
}

static void heap_set(struct workqueue *q, size_t at, struct item *it)
{
    q->heap.v[at] = it;
    it->heap_at = (long)at;
}

static void heap_up(struct workqueue *q, size_t at)
{
    struct item *it = q->heap.v[at];
    while (at > 0 && before(it, q->heap.v[(at - 1) / 2])) {
        heap_set(q, at, q->heap.v[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_set(q, at, it);
}

static void heap_down(struct workqueue *q, size_t at)
{
    struct item *it = q->heap.v[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= q->heap.n) {
            break;
        }
        if (child + 1 < q->heap.n && before(q->heap.v[child + 1], q->heap.v[child])) {
            child++;
        }
        if (!before(q->heap.v[child], it)) {
            break;
        }
        heap_set(q, at, q->heap.v[child]);
        at = child;
    }
    heap_set(q, at, it);
}

static void heap_pop(struct workqueue *q)
{
    q->heap.v[0]->heap_at = NOT_IN_HEAP;
    struct item *last = q->heap.v[--q->heap.n];
    if (q->heap.n > 0) {
        q->heap.v[0] = last;
        heap_down(q, 0);
    }
}

static void arm(struct workqueue *q)
{
    if (q->heap.n == 0) {
        loop_timer_stop(q->timer);
        return;
    }
    uint64_t now = loop_mono_ns(q->loop);
    uint64_t due = q->heap.v[0]->due;
    loop_timer_start(q->timer, due > now ? due - now : 0);
}

/* ---- the queue ---- */

static struct item *item_get(struct workqueue *q, const char *key)
{
    struct item *it = map_find(q->items, key);
    if (it == NULL) {
        it = xnew(struct item);
        it->key = xstrdup(key);
        it->heap_at = NOT_IN_HEAP;
        map_put(q->items, key, it);
    }
    return it;
}

static void forget_if_idle(struct workqueue *q, struct item *it)
{
    if (!it->queued && it->heap_at < 0 && it->failures == 0 && it->quick == 0) {
        map_remove(q->items, it->key);
    }
}

static void work(void *arg);

static void enqueue(struct workqueue *q, struct item *it)
{
    if (it->queued) {
        return;
    }
    it->queued = true;
    it->next = NULL;
    if (q->last != NULL) {
        q->last->next = it;
    } else {
        q->first = it;
    }
    q->last = it;
    q->len++;
    if (!q->deferred) {
        q->deferred = true;
        loop_defer(q->loop, work, q);
    }
}

static struct item *dequeue(struct workqueue *q)
{
    struct item *it = q->first;
    q->first = it->next;
    if (q->first == NULL) {
        q->last = NULL;
    }
    it->queued = false;
    q->len--;
    return it;
}

static void add_item_after(struct workqueue *q, struct item *it, uint64_t delay_ns)
{
    uint64_t due = loop_mono_ns(q->loop) + delay_ns;
    if (it->heap_at >= 0) {
        if (it->due <= due) {
            return;
        }
        it->due = due;
        heap_up(q, (size_t)it->heap_at);
    } else {
        it->due = due;
        it->seq = ++q->seq;
        vec_push(&q->heap, it);
        it->heap_at = (long)q->heap.n - 1;
        heap_up(q, q->heap.n - 1);
    }
    arm(q);
}

static uint64_t backoff(unsigned failures)
{
    unsigned doublings = failures > 13 ? 13 : failures;
    uint64_t delay = BACKOFF_FIRST << doublings;
    return delay < BACKOFF_MAX ? delay : BACKOFF_MAX;
}

/* A conflict or a vanished object means that the view was old: look again, but not for ever. */
static void again(struct workqueue *q, struct item *it, const struct err *err)
{
    bool stale = err->code == ERR_CONFLICT || err->code == ERR_NOT_FOUND;
    if (stale && it->quick < MAX_QUICK) {
        it->quick++;
        log_debug("client", "%s: %s: %s; again at once", q->name, it->key, err->msg);
        enqueue(q, it);
        return;
    }
    uint64_t delay = backoff(it->failures++);
    log_warn("client", "%s: %s: %s; again in %llu ms", q->name, it->key, err->msg,
             (unsigned long long)(delay / 1000000));
    add_item_after(q, it, delay);
}

static void work(void *arg)
{
    struct workqueue *q = arg;
    q->deferred = false;
    if (q->first == NULL) {
        return;
    }
    struct item *it = dequeue(q);
    if (q->first != NULL) { /* before the reconcile: it may free nothing, but it may add */
        q->deferred = true;
        loop_defer(q->loop, work, q);
    }
    struct err err = {.code = ERR_NONE};
    if (q->reconcile(q->arg, it->key, &err) < 0) {
        again(q, it, &err);
        return;
    }
    it->failures = it->quick = 0;
    forget_if_idle(q, it);
}

static void on_timer(void *arg)
{
    struct workqueue *q = arg;
    uint64_t now = loop_mono_ns(q->loop);
    while (q->heap.n > 0 && q->heap.v[0]->due <= now) {
        struct item *it = q->heap.v[0];
        heap_pop(q);
        enqueue(q, it);
    }
    arm(q);
}

struct workqueue *workqueue_new(struct loop *loop, const char *name,
                                int (*reconcile)(void *arg, const char *key, struct err *err),
                                void *arg)
{
    struct workqueue *q = xnew(struct workqueue);
    q->loop = loop;
    q->name = xstrdup(name);
    q->reconcile = reconcile;
    q->arg = arg;
    q->items = map_new(item_free);
    q->timer = loop_timer_new(loop, on_timer, q);
    return q;
}

void workqueue_free(struct workqueue *q)
{
    if (q == NULL) {
        return;
    }
    loop_undefer(q->loop, q);
    loop_timer_free(q->timer);
    vec_fini(&q->heap);
    map_free(q->items);
    free(q->name);
    free(q);
}

void workqueue_add(struct workqueue *q, const char *key)
{
    enqueue(q, item_get(q, key));
}

void workqueue_add_object(struct workqueue *q, const char *ns, const char *name)
{
    char key[512];
    snprintf(key, sizeof(key), "%s/%s", ns, name);
    workqueue_add(q, key);
}

void workqueue_add_after(struct workqueue *q, const char *key, uint64_t delay_ns)
{
    add_item_after(q, item_get(q, key), delay_ns);
}

size_t workqueue_len(const struct workqueue *q)
{
    return q->len;
}

void workqueue_split(const char *key, char ns[254], char name[254])
{
    const char *slash = strchr(key, '/');
    size_t n = slash != NULL ? (size_t)(slash - key) : 0;
    n = n < 253 ? n : 253;
    memcpy(ns, key, n);
    ns[n] = '\0';
    str_copy(name, 254, slash != NULL ? slash + 1 : key);
}
