/* SPDX-License-Identifier: Apache-2.0 */
/* All spares: when they are looked at, what the runtime says of them, and pods that take one over.
 */
#include "node/warm_impl.h"

#include <string.h>

#include "client/client.h"
#include "client/spares.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "node/agent.h"
#include "node/pod.h"
#include "node/spec.h"

/* The machine is idle when nothing was under way for so long. */
#define IDLE LOOP_S(1)
/* A host that does not come up is not waited for longer. */
#define HOST_STARTS LOOP_S(10)
/* Memory may get short while nothing else happens. */
#define AGAIN LOOP_S(10)

static uint64_t now_ns(const struct warm *w)
{
    return loop_mono_ns(w->nodes->loop);
}

/* ---- looking ---- */

/* At the latest. */
static void look_within(struct warm *w, uint64_t delay_ns)
{
    uint64_t due = now_ns(w) + delay_ns;
    if (!loop_timer_active(w->timer) || due < w->due_ns) {
        loop_timer_start(w->timer, delay_ns);
        w->due_ns = due;
    }
}

/* A machine that was switched on: its guest is on its way. */
static bool hosts_start(const struct warm *w)
{
    void *value;
    for (size_t it = 0; map_next(w->nodes->agents, &it, NULL, &value);) {
        const struct agent *a = value;
        if (agent_speaks(a) && !a->host_up && now_ns(w) - a->began_ns < HOST_STARTS) {
            return true;
        }
    }
    return false;
}

/* 0: it is idle; else how long until it may be. */
static uint64_t idle_in(const struct warm *w)
{
    const struct nodes *n = w->nodes;
    uint64_t due = w->quiet_ns + IDLE;
    due = due > w->next_ns ? due : w->next_ns;
    uint64_t now = now_ns(w);
    if (n->busy > 0 || n->fresh != NULL || n->listing || hosts_start(w)) {
        return IDLE;
    }
    return due > now ? due - now : 0;
}

static bool has_host(const struct warm *w, const struct spare *s)
{
    const struct agent *a = map_find(w->nodes->agents, s->host);
    return a != NULL && agent_speaks(a) && a->epoch == s->epoch;
}

/* Drops those that are not wanted; returns how many are left. Template changes and the like have
 * time until the machine is idle. */
static unsigned weed(struct warm *w, bool idle)
{
    unsigned left = 0;
    void *value;
    for (size_t it = 0; map_next(w->spares, &it, NULL, &value);) {
        struct spare *s = value;
        spare_retry(s);
        bool unwanted = !has_host(w, s) || (idle && !warm_plan_wants(w, s));
        if (warm_plan_counts(s) && unwanted) {
            spare_drop(s);
        }
        left += warm_plan_counts(s);
    }
    return left;
}

static void drop_least(struct warm *w)
{
    struct spare *s = warm_plan_least(w);
    if (s != NULL) {
        spare_drop(s);
    }
}

static void look(void *arg)
{
    struct warm *w = arg;
    const struct nodes *n = w->nodes;
    if (!n->ready || n->down) {
        return; /* warm_listed looks again */
    }
    uint64_t wait = idle_in(w);
    unsigned bound = warm_plan_bound(w);
    unsigned left = weed(w, wait == 0);
    for (; left > bound; left--) {
        drop_least(w);
    }
    if (map_count(w->spares) == 0 && bound == 0 && w->limit == 0) {
        return;
    }
    if (wait > 0) {
        look_within(w, wait);
    } else if (w->making != NULL || bound == 0 || !warm_plan_next(w, left >= bound)) {
        look_within(w, AGAIN);
    }
}

void warm_poke(struct warm *w)
{
    look_within(w, LOOP_MS(1));
}

void warm_quiet(struct warm *w)
{
    w->quiet_ns = now_ns(w);
    if (w->limit > 0 || map_count(w->spares) > 0) {
        look_within(w, IDLE);
    }
}

void warm_host_lost(struct warm *w, const struct agent *a)
{
    void *value;
    for (size_t it = 0; map_next(w->spares, &it, NULL, &value);) {
        struct spare *s = value;
        if (str_eq(s->host, a->name)) {
            spare_drop(s);
        }
    }
}

static void on_set(void *arg, enum client_event type, const struct store_entry *e,
                   const struct store_entry *prev)
{
    (void)type, (void)e, (void)prev;
    look_within(arg, IDLE);
}

/* ---- what the runtime says ---- */

bool warm_take_row(struct warm *w, const struct runtime_status *st)
{
    struct spare *s = map_find(w->by_name, st->name);
    if (s == NULL) {
        return false;
    }
    s->listed = w->nodes->lists;
    bool newer = s->seen_ns > w->nodes->list_ns; /* than the list */
    if (s->state == SPARE_UNKNOWN || (s->state == SPARE_READY && !newer)) {
        spare_take(s, st);
    }
    return true;
}

bool warm_take_event(struct warm *w, const struct runtime_event *ev, bool boring)
{
    struct spare *s = map_find(w->by_name, ev->name);
    if (s != NULL && !boring) {
        spare_look(s);
    }
    return s != NULL;
}

void warm_listed(struct warm *w)
{
    void *value;
    for (size_t it = 0; map_next(w->spares, &it, NULL, &value);) {
        struct spare *s = value;
        const struct agent *a = map_find(w->nodes->agents, s->host);
        if (s->listed == w->nodes->lists || a == NULL || !a->listed) {
            continue;
        }
        if (s->state == SPARE_UNKNOWN) {
            spare_drop(s);
        } else if (s->seen_ns <= w->nodes->list_ns) {
            spare_look(s);
        }
    }
    look_within(w, IDLE);
}

/* ---- pods that take one over ---- */

static struct spare *spare_of(const struct pod *p)
{
    cleanup_free char *key = xasprintf("%s/%s", p->ns, p->name);
    return map_find(p->nodes->warm->spares, key);
}

static uint64_t hash_for(const struct pod *p, const json_t *tree)
{
    struct spec_in in = pod_start_inputs(p->agent, tree);
    struct spec_out out = {0};
    spec_sandbox(&in, &out);
    uint64_t hash = spec_sandbox_hash(&out.spec);
    spec_out_fini(&out);
    return hash;
}

bool warm_claim(struct pod *p, const json_t *tree)
{
    struct nodes *n = p->nodes;
    struct spare *s = spare_of(p);
    if (s == NULL || s->state != SPARE_READY || !str_eq(s->host, p->agent->name) ||
        !has_host(n->warm, s)) {
        return false;
    }
    if (hash_for(p, tree) != s->hash) {
        spare_drop(s);
        return false;
    }
    cleanup_free char *key = xasprintf("%s/%s", p->ns, p->name);
    client_record_delete(n->client, spares_table, key);
    s->state = SPARE_CLAIMED;
    map_remove(n->warm->by_name, s->name);
    str_copy(p->address, sizeof(p->address), s->address);
    p->sandbox.hash = s->hash;
    p->spare = xstrdup(s->name);
    map_put(n->names, p->spare, &p->sandbox);
    return true;
}

void warm_settle(struct pod *p, bool committed)
{
    struct spare *s = p->spare != NULL ? spare_of(p) : NULL;
    if (s == NULL || s->state != SPARE_CLAIMED) {
        return;
    }
    if (committed) {
        spare_forget(s);
        return;
    }
    s->state = SPARE_READY;
    map_put(p->nodes->warm->by_name, s->name, s);
    warm_forget_claim(p);
    p->address[0] = '\0'; /* it is the spare's */
    p->sandbox.hash = 0;
    spare_look(s);
}

void warm_forget_claim(struct pod *p)
{
    if (p->spare != NULL && map_find(p->nodes->names, p->spare) == &p->sandbox) {
        map_remove(p->nodes->names, p->spare);
    }
    p->record_dirty |= p->spare != NULL && p->recorded;
    free(steal(p->spare));
}

void warm_give_up_claim(struct pod *p)
{
    cleanup_free char *name = xstrdup(p->spare);
    warm_forget_claim(p);
    if (name != NULL) {
        pod_doom(p, name);
    }
}

/* ---- making and ending ---- */

struct warm *warm_new(struct nodes *n, const struct nodes_opts *opts)
{
    struct warm *w = xnew(struct warm);
    w->nodes = n;
    w->limit = n->rt.ops->rename != NULL ? opts->spares : 0;
    w->memory_left = opts->memory_left;
    w->spares = map_new(spare_free);
    w->by_name = map_new(NULL);
    w->timer = loop_timer_new(n->loop, look, w);
    w->quiet_ns = now_ns(w);
    w->sets = kinds_find_gr("replicasets.apps");
    spare_restore_all(w);
    if (w->limit > 0) {
        w->watch = client_watch_entries(n->client, w->sets, on_set, w);
    }
    return w;
}

void warm_free(struct warm *w)
{
    if (w == NULL) {
        return;
    }
    client_watch_free(w->watch);
    loop_timer_free(w->timer);
    map_free(w->by_name);
    map_free(w->spares);
    free(w);
}
