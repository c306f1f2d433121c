/* SPDX-License-Identifier: Apache-2.0 */
/* A watcher is a cursor into the log: it costs what its reader reads, and when it falls behind it
 * is told so and let go. */
#include "api/watch.h"

#include <string.h>

#include "api/core.h"
#include "api/fault.h"
#include "api/list.h"
#include "api/query.h"
#include "api/render.h"
#include "api/selection.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "kinds/kinds.h"
#include "meta/object.h"

#define BOOKMARK_EVERY LOOP_S(60)

struct watch_stream {
    struct api_stream base;
    struct api *api;
    const struct kind *kind;
    struct api_form form;
    struct api_selection *sel;
    struct store_watch *cursor;

    struct api_listing initial; /* what is there, as ADDED, before the cursor is read */
    size_t initial_at;
    int64_t initial_rev;
    bool tell_initial_end; /* with a bookmark, once */
    bool bookmarks;
    bool bookmark_due;
    bool said_columns; /* of a table */
    bool closing;      /* the time is up */
    bool over;         /* nothing more will be made */

    struct loop_timer *timer;
    uint64_t deadline; /* monotonic; 0: none */
    struct str out;
    size_t out_at;
};

/* ---- events ---- */

static void begin_event(struct watch_stream *s, const char *type)
{
    str_add_f(&s->out, "{\"type\":\"%s\",\"object\":", type);
}

static void end_event(struct watch_stream *s)
{
    str_add(&s->out, "}\n");
}

static void put_tree(struct watch_stream *s, const char *type, const json_t *obj)
{
    begin_event(s, type);
    api_render_watched(s->api, &s->form, s->kind, obj, !s->said_columns, &s->out);
    s->said_columns = true;
    end_event(s);
}

static void put_entry(struct watch_stream *s, const char *type, const struct store_entry *e)
{
    if (s->form.as != API_AS_OBJECT) {
        put_tree(s, type, store_tree(s->api->store, e));
        return;
    }
    begin_event(s, type);
    str_add_n(&s->out, e->bytes, e->len);
    end_event(s);
}

static void put_bookmark(struct watch_stream *s, int64_t rev, bool initial_end)
{
    begin_event(s, "BOOKMARK");
    api_render_bookmark(&s->form, s->kind, rev, initial_end, &s->out);
    end_event(s);
}

static void put_error(struct watch_stream *s, const struct err *err)
{
    json_auto_t *status = api_fault_status(err, NULL);
    begin_event(s, "ERROR");
    jx_dump(&s->out, status);
    end_event(s);
}

/* What left the selection is told as it was while it was in, under the revision of the change. */
static void put_left(struct watch_stream *s, const struct store_event *ev)
{
    json_t *obj = jx_edit(store_tree(s->api->store, ev->prev));
    char rev[24];
    snprintf(rev, sizeof(rev), "%lld", (long long)ev->rev);
    jx_put_str(obj, "metadata.resourceVersion", rev);
    put_tree(s, "DELETED", obj);
    json_decref(obj);
}

static void put_event(struct watch_stream *s, const struct store_event *ev)
{
    bool is = api_selection_match(s->sel, ev->entry);
    if (ev->type == STORE_DELETED) {
        if (is) {
            put_entry(s, "DELETED", ev->entry);
        }
        return;
    }
    bool was = ev->prev != NULL && api_selection_match(s->sel, ev->prev);
    if (is) {
        put_entry(s, was ? "MODIFIED" : "ADDED", ev->entry);
    } else if (was) {
        put_left(s, ev);
    }
}

/* ---- making the next piece ---- */

static bool make_initial(struct watch_stream *s)
{
    if (s->initial_at < s->initial.entries.n) {
        put_entry(s, "ADDED", s->initial.entries.v[s->initial_at++]);
        return true;
    }
    api_listing_fini(&s->initial);
    s->initial_at = 0;
    if (s->tell_initial_end) {
        s->tell_initial_end = false;
        put_bookmark(s, s->initial_rev, true);
        return true;
    }
    return false;
}

static void make_end(struct watch_stream *s)
{
    s->over = true;
    if (s->bookmarks) {
        put_bookmark(s, store_watch_revision(s->cursor), false);
    }
}

/* One piece more in `out`; false when there is nothing now. */
static bool make_more(struct watch_stream *s)
{
    if (s->over) {
        return false;
    }
    if (make_initial(s)) {
        return true;
    }
    const struct store_event *ev;
    struct err err;
    int rc = store_watch_next(s->cursor, &ev, &err);
    if (rc < 0) {
        put_error(s, &err);
        s->over = true;
    } else if (rc > 0) {
        put_event(s, ev);
    } else if (s->closing) {
        make_end(s);
    } else if (s->bookmark_due) {
        s->bookmark_due = false;
        put_bookmark(s, store_watch_revision(s->cursor), false);
    } else {
        return false;
    }
    return true;
}

static ptrdiff_t watch_pull(struct api_stream *base, char *buf, size_t max)
{
    struct watch_stream *s = (struct watch_stream *)base;
    while (s->out.len - s->out_at < max && make_more(s)) {
    }
    size_t left = s->out.len - s->out_at;
    if (left == 0) {
        return s->over ? -1 : 0;
    }
    size_t n = left < max ? left : max;
    memcpy(buf, s->out.p + s->out_at, n);
    s->out_at += n;
    if (s->out_at == s->out.len) {
        str_clear(&s->out);
        s->out_at = 0;
    }
    return (ptrdiff_t)n;
}

/* ---- waking ---- */

static void wake(void *arg)
{
    struct watch_stream *s = arg;
    if (s->base.wake != NULL) {
        s->base.wake(s->base.wake_arg);
    }
}

static void arm(struct watch_stream *s)
{
    uint64_t now = loop_mono_ns(s->api->loop);
    uint64_t delay = s->bookmarks ? BOOKMARK_EVERY : UINT64_MAX;
    if (s->deadline > 0) {
        uint64_t left = s->deadline > now ? s->deadline - now : 0;
        delay = left < delay ? left : delay;
    }
    if (delay != UINT64_MAX) {
        loop_timer_start(s->timer, delay);
    }
}

static void on_timer(void *arg)
{
    struct watch_stream *s = arg;
    if (s->deadline > 0 && loop_mono_ns(s->api->loop) >= s->deadline) {
        s->closing = true;
    } else {
        s->bookmark_due = s->bookmarks;
        arm(s);
    }
    wake(s);
}

static void watch_free(struct api_stream *base)
{
    struct watch_stream *s = (struct watch_stream *)base;
    loop_timer_free(s->timer);
    store_watch_free(s->cursor);
    api_selection_free(s->sel);
    api_listing_fini(&s->initial);
    str_fini(&s->out);
    free(s);
}

/* ---- beginning ---- */

static bool collect_initial(void *arg, const struct store_entry *e)
{
    struct watch_stream *s = arg;
    if (api_selection_match(s->sel, e)) {
        vec_push(&s->initial.entries, store_entry_ref(e));
    }
    return true;
}

/* What is committed: what is only staged comes through the cursor. */
static void take_initial(struct watch_stream *s)
{
    struct store *store = s->api->store;
    struct store_filter f = api_selection_filter(s->sel);
    const char *name = api_selection_name(s->sel);
    if (name == NULL || (f.ns == NULL && s->kind->namespaced)) {
        store_each(store, STORE_COMMITTED, &f, collect_initial, s);
        return;
    }
    struct store_key key = {s->kind->gr, f.ns != NULL ? f.ns : "", name};
    cleanup_entry const struct store_entry *e = store_find(store, STORE_COMMITTED, &key);
    if (e != NULL) {
        collect_initial(s, e);
    }
}

/* Without a revision, or with 0, the watch begins with what is there; sendInitialEvents says so
 * outright. */
static int choose_start(struct watch_stream *s, const struct api_query *q, int64_t *ret_rev,
                        struct err *err)
{
    int64_t rev = 0;
    bool asked = api_query_nth(q, "sendInitialEvents", 0) != NULL;
    bool initial = asked && api_query_bool(q, "sendInitialEvents");
    if (api_query_int(q, "resourceVersion", 0, 0, &rev, err) < 0) {
        return -1;
    }
    int64_t now = store_revision(s->api->store, STORE_COMMITTED);
    s->tell_initial_end = initial && s->bookmarks;
    if (initial || (rev == 0 && !asked)) {
        take_initial(s);
        *ret_rev = now;
    } else {
        *ret_rev = rev > 0 ? rev : now;
    }
    s->initial_rev = now;
    return 0;
}

static int start(struct watch_stream *s, const struct api_query *q, struct err *err)
{
    int64_t timeout = 0, rev = 0;
    s->bookmarks = api_query_bool(q, "allowWatchBookmarks");
    if (api_query_int(q, "timeoutSeconds", 0, 0, &timeout, err) < 0 ||
        choose_start(s, q, &rev, err) < 0) {
        return -1;
    }
    if (timeout > 0) {
        timeout = timeout < 86400 ? timeout : 86400;
        s->deadline = loop_mono_ns(s->api->loop) + LOOP_S(timeout);
    }
    const char *ns = api_selection_namespace(s->sel);
    return store_watch_new(s->api->store, s->kind->gr, ns[0] != '\0' ? ns : NULL, rev, wake, s,
                           &s->cursor, err);
}

int api_watch_new(struct api *api, const struct api_query *q, struct api_selection *sel,
                  const struct kind *k, const struct api_form *form, struct api_stream **ret,
                  struct err *err)
{
    struct watch_stream *s = xnew(struct watch_stream);
    s->base.pull = watch_pull;
    s->base.free = watch_free;
    s->base.size = -1;
    s->api = api;
    s->kind = k;
    s->form = *form;
    s->sel = sel;
    s->timer = loop_timer_new(api->loop, on_timer, s);
    if (form->media == API_MEDIA_YAML) {
        watch_free(&s->base);
        return err_set(err, ERR_NOT_ACCEPTABLE,
                       "only the following media types are accepted: application/json");
    }
    if (start(s, q, err) < 0) {
        watch_free(&s->base);
        return -1;
    }
    arm(s);
    *ret = &s->base;
    return 0;
}
