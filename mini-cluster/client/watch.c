/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's view of one kind: what is, then what changes, a few at a time so that the loop can
 * share out its ticks. */
#include <string.h>

#include "client/client.h"
#include "client/client_impl.h"
#include "client/known.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "kinds/kinds.h"

enum { SLICE = 16 }; /* reports a deferred call makes at most */

typedef void tree_fn(void *arg, enum client_event type, const json_t *obj, const json_t *prev);
typedef void entry_fn(void *arg, enum client_event type, const struct store_entry *obj,
                      const struct store_entry *prev);

struct client_watch {
    struct client *client;
    const struct kind *kind;
    tree_fn *on_tree; /* one of the two */
    entry_fn *on_entry;
    void *arg;

    struct store_watch *cursor; /* NULL: it begins, or begins again */
    struct known known;         /* what was reported */
    struct known snapshot;      /* what is to be reported before the cursor is read */
    struct known gone;          /* known before a new beginning, and not there any more */
    size_t at;                  /* in gone, then in snapshot */
    bool synced;
    bool deferred;
    bool calling, dead; /* freed by the function it calls */
};

static void report(struct client_watch *w, enum client_event type, const struct store_entry *e,
                   const struct store_entry *prev)
{
    struct store *s = w->client->store;
    if (w->on_entry != NULL) {
        w->on_entry(w->arg, type, e, prev);
        return;
    }
    const json_t *tree = e != NULL ? store_tree(s, e) : NULL;
    w->on_tree(w->arg, type, tree, prev != NULL ? store_tree(s, prev) : NULL);
}

/* ---- beginning ---- */

static bool keep(void *arg, const struct store_entry *e)
{
    struct client_watch *w = arg;
    known_put(&w->snapshot, e);
    return true;
}

/* What was reported and is no longer there; what is another object of the same name counts too. */
static void find_gone(struct client_watch *w)
{
    for (size_t i = 0; i < w->known.entries.n; i++) {
        const struct store_entry *had = w->known.entries.v[i];
        const struct store_entry *now = known_find(&w->snapshot, had);
        if (now == NULL || strcmp(now->uid, had->uid) != 0) {
            known_put(&w->gone, had);
        }
    }
}

static void on_wake(void *arg);

static bool begin(struct client_watch *w)
{
    struct store *s = w->client->store;
    struct err err;
    int64_t rev = store_revision(s, STORE_COMMITTED);
    if (store_watch_new(s, w->kind->gr, NULL, rev, on_wake, w, &w->cursor, &err) < 0) {
        log_error("client", "%s: watch %s: %s", w->client->user, w->kind->gr, err.msg);
        return false;
    }
    struct store_filter all = {.gr = w->kind->gr};
    store_each(s, STORE_COMMITTED, &all, keep, w);
    find_gone(w);
    w->at = 0;
    w->synced = false;
    return true;
}

/* One report of the beginning; false when it is over. */
static bool step_snapshot(struct client_watch *w)
{
    if (w->at < w->gone.entries.n) {
        const struct store_entry *e = w->gone.entries.v[w->at++];
        known_remove(&w->known, e);
        report(w, CLIENT_DELETED, e, e);
        return true;
    }
    size_t i = w->at - w->gone.entries.n;
    if (i < w->snapshot.entries.n) {
        w->at++;
        known_put(&w->known, w->snapshot.entries.v[i]);
        report(w, CLIENT_ADDED, w->snapshot.entries.v[i], NULL);
        return true;
    }
    known_fini(&w->gone);
    known_fini(&w->snapshot);
    w->synced = true;
    report(w, CLIENT_SYNCED, NULL, NULL);
    return true;
}

/* ---- following ---- */

static enum client_event type_of(const struct store_event *ev)
{
    switch (ev->type) {
    case STORE_ADDED:
        return CLIENT_ADDED;
    case STORE_MODIFIED:
        return CLIENT_MODIFIED;
    default:
        return CLIENT_DELETED;
    }
}

static bool step_cursor(struct client_watch *w)
{
    const struct store_event *ev;
    struct err err;
    int rc = store_watch_next(w->cursor, &ev, &err);
    if (rc < 0) {
        log_info("client", "%s: watch %s begins again: %s", w->client->user, w->kind->gr, err.msg);
        store_watch_free(steal(w->cursor));
        return true;
    }
    if (rc == 0) {
        return false;
    }
    enum client_event type = type_of(ev);
    if (type == CLIENT_DELETED) {
        known_remove(&w->known, ev->entry);
    } else {
        known_put(&w->known, ev->entry);
    }
    report(w, type, ev->entry, type == CLIENT_ADDED ? NULL : ev->prev);
    return true;
}

static bool step(struct client_watch *w)
{
    if (w->cursor == NULL) {
        return begin(w);
    }
    return w->synced ? step_cursor(w) : step_snapshot(w);
}

/* ---- running ---- */

static void destroy(struct client_watch *w)
{
    loop_undefer(w->client->loop, w);
    store_watch_free(w->cursor);
    known_fini(&w->known);
    known_fini(&w->snapshot);
    known_fini(&w->gone);
    free(w);
}

static void run(void *arg)
{
    struct client_watch *w = arg;
    w->deferred = false;
    w->calling = true;
    bool more = true;
    for (int i = 0; i < SLICE && more && !w->dead; i++) {
        more = step(w);
    }
    w->calling = false;
    if (w->dead) {
        destroy(w);
    } else if (more) {
        on_wake(w);
    }
}

static void on_wake(void *arg)
{
    struct client_watch *w = arg;
    if (!w->deferred && !w->dead) {
        w->deferred = true;
        loop_defer(w->client->loop, run, w);
    }
}

static struct client_watch *watch_new(struct client *c, const struct kind *k, void *arg)
{
    struct client_watch *w = xnew(struct client_watch);
    w->client = c;
    w->kind = k;
    w->arg = arg;
    vec_push(&c->watches, w);
    on_wake(w);
    return w;
}

struct client_watch *client_watch(struct client *c, const struct kind *k, tree_fn *fn, void *arg)
{
    struct client_watch *w = watch_new(c, k, arg);
    w->on_tree = fn;
    return w;
}

struct client_watch *client_watch_entries(struct client *c, const struct kind *k, entry_fn *fn,
                                          void *arg)
{
    struct client_watch *w = watch_new(c, k, arg);
    w->on_entry = fn;
    return w;
}

void client_watch_free(struct client_watch *w)
{
    if (w == NULL || w->dead) {
        return;
    }
    struct client *c = w->client;
    for (size_t i = 0; i < c->watches.n; i++) {
        if (c->watches.v[i] == w) {
            vec_remove(&c->watches, i);
            break;
        }
    }
    if (w->calling) {
        w->dead = true;
        return;
    }
    destroy(w);
}
