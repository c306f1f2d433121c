/* SPDX-License-Identifier: Apache-2.0 */
/* A watch is a place in the log: replay, then follow. It is always at an event that concerns it, or
 * has nothing to read; so a quiet watch of a quiet kind never falls behind. */
#include "store/watch.h"

#include <inttypes.h>
#include <string.h>

#include "common/loop.h"
#include "common/mem.h"
#include "store/history.h"
#include "store/impl.h"

enum { WOKEN_AT_ONCE = 16 }; /* then other work has its turn */

struct store_watch {
    struct store_watches *ws; /* NULL: the store is gone */
    char *gr, *ns;            /* ns NULL: all */
    int64_t after;            /* nothing up to this revision is told */
    void (*wake)(void *arg);
    void *arg;
    bool unread;
    uint64_t place;          /* of the next event to tell; only while `unread` */
    int64_t told;            /* everything up to this revision was told or was not for us */
    struct store_event lent; /* by the last call, with references of its own */
    struct store_watch *newer, *older;
    bool woken;
    struct store_watch *next_woken;
};

struct store_watches {
    struct loop *loop;
    const struct store_history *history;
    int64_t published;
    struct store_watch *newest, *oldest;
    struct store_watch *woken, **woken_end; /* in the order of their making */
};

struct store_watches *store_watches_new(struct loop *loop, const struct store_history *h)
{
    struct store_watches *ws = xnew(struct store_watches);
    ws->loop = loop;
    ws->history = h;
    ws->woken_end = &ws->woken;
    return ws;
}

static void give_back(struct store_watch *w)
{
    store_entry_unref(w->lent.entry);
    store_entry_unref(w->lent.prev);
    w->lent = (struct store_event){0};
}

void store_watches_free(struct store_watches *ws)
{
    if (ws == NULL) {
        return;
    }
    for (struct store_watch *w = ws->oldest; w != NULL; w = w->newer) {
        w->told = store_watch_revision(w);
        w->ws = NULL;
        w->unread = w->woken = false;
    }
    loop_undefer(ws->loop, ws);
    free(ws);
}

/* ---- places ---- */

static bool concerns(const struct store_watch *w, const struct store_event *ev)
{
    const struct store_key *key = &ev->entry->key;
    return ev->rev > w->after && strcmp(key->gr, w->gr) == 0 &&
           (w->ns == NULL || strcmp(key->ns, w->ns) == 0);
}

/* The first event from a place on that concerns the watch; false when there is none. */
static bool seek(const struct store_watch *w, uint64_t place, uint64_t *ret)
{
    const struct store_history *h = w->ws->history;
    for (uint64_t end = store_history_end(h); place < end; place++) {
        if (concerns(w, store_history_at(h, place))) {
            *ret = place;
            return true;
        }
    }
    return false;
}

/* ---- waking ---- */

static void wake_some(void *arg)
{
    struct store_watches *ws = arg;
    for (int i = 0; i < WOKEN_AT_ONCE && ws->woken != NULL; i++) {
        struct store_watch *w = ws->woken;
        ws->woken = w->next_woken;
        ws->woken_end = ws->woken != NULL ? ws->woken_end : &ws->woken;
        w->woken = false;
        if (w->unread) {
            w->wake(w->arg);
        }
    }
    if (ws->woken != NULL) {
        loop_undefer(ws->loop, ws);
        loop_defer(ws->loop, wake_some, ws);
    }
}

static void wake_later(struct store_watches *ws, struct store_watch *w)
{
    if (w->woken) {
        return;
    }
    if (ws->woken == NULL) {
        loop_undefer(ws->loop, ws);
        loop_defer(ws->loop, wake_some, ws);
    }
    w->woken = true;
    w->next_woken = NULL;
    *ws->woken_end = w;
    ws->woken_end = &w->next_woken;
}

static void unwake(struct store_watches *ws, struct store_watch *w)
{
    struct store_watch **at = &ws->woken;
    while (w->woken && *at != w) {
        at = &(*at)->next_woken;
    }
    if (w->woken) {
        *at = w->next_woken;
        ws->woken_end = w->next_woken != NULL ? ws->woken_end : at;
    }
}

void store_watches_publish(struct store_watches *ws, uint64_t place, int64_t rev)
{
    ws->published = rev;
    for (struct store_watch *w = ws->oldest; w != NULL; w = w->newer) {
        uint64_t first;
        if (!seek(w, place, &first)) {
            continue;
        }
        w->place = w->unread ? w->place : first;
        w->unread = true;
        wake_later(ws, w);
    }
}

uint64_t store_watches_oldest(const struct store_watches *ws)
{
    uint64_t place = store_history_end(ws->history);
    for (const struct store_watch *w = ws->oldest; w != NULL; w = w->newer) {
        place = w->unread && w->place < place ? w->place : place;
    }
    return place;
}

/* ---- one watch ---- */

static int check_revision(const struct store *s, int64_t rev, struct err *err)
{
    int64_t floor = store_history_floor(s->history);
    if (rev < floor) {
        return err_set(err, ERR_EXPIRED, "too old resource version: %" PRId64 " (%" PRId64 ")", rev,
                       floor);
    }
    int64_t now = store_revision(s, STORE_STAGED);
    if (rev > now) {
        return err_set(err, ERR_TIMEOUT,
                       "Too large resource version: %" PRId64 ", current: %" PRId64, rev, now);
    }
    return 0;
}

int store_watch_new(struct store *s, const char *gr, const char *ns, int64_t rev,
                    void (*wake)(void *arg), void *arg, struct store_watch **ret, struct err *err)
{
    if (check_revision(s, rev, err) < 0) {
        return -1;
    }
    struct store_watches *ws = s->watches;
    struct store_watch *w = xnew(struct store_watch);
    w->ws = ws;
    w->gr = xstrdup(gr);
    w->ns = xstrdup(ns);
    w->after = w->told = rev;
    w->wake = wake;
    w->arg = arg;
    w->older = ws->newest;
    *(ws->newest != NULL ? &ws->newest->newer : &ws->oldest) = w;
    ws->newest = w;
    w->unread = seek(w, store_history_after(ws->history, rev), &w->place);
    if (w->unread) {
        wake_later(ws, w);
    }
    *ret = w;
    return 0;
}

void store_watch_free(struct store_watch *w)
{
    if (w == NULL) {
        return;
    }
    struct store_watches *ws = w->ws;
    if (ws != NULL) {
        unwake(ws, w);
        *(w->newer != NULL ? &w->newer->older : &ws->newest) = w->older;
        *(w->older != NULL ? &w->older->newer : &ws->oldest) = w->newer;
    }
    give_back(w);
    free(w->gr);
    free(w->ns);
    free(w);
}

static bool fell_behind(const struct store_watch *w)
{
    return w->unread && w->place < store_history_first(w->ws->history);
}

int store_watch_next(struct store_watch *w, const struct store_event **ret, struct err *err)
{
    give_back(w);
    if (!w->unread) {
        return 0;
    }
    const struct store_history *h = w->ws->history;
    if (fell_behind(w)) {
        return err_set(err, ERR_EXPIRED, "too old resource version: %" PRId64 " (%" PRId64 ")",
                       w->told, store_history_floor(h));
    }
    w->lent = *store_history_at(h, w->place);
    store_entry_ref(w->lent.entry);
    if (w->lent.prev != NULL) {
        store_entry_ref(w->lent.prev);
    }
    w->told = w->lent.rev;
    w->unread = seek(w, w->place + 1, &w->place);
    *ret = &w->lent;
    return 1;
}

int64_t store_watch_revision(const struct store_watch *w)
{
    if (w->ws == NULL || fell_behind(w)) {
        return w->told;
    }
    if (w->unread) { /* what lies between the last one told and the next is not for us */
        int64_t before = store_history_at(w->ws->history, w->place)->rev - 1;
        return before > w->told ? before : w->told;
    }
    return w->ws->published > w->after ? w->ws->published : w->after;
}
