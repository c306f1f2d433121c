/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a tick: one transaction for all that is staged, then it is published, or dropped. */
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "store/checkpoint.h"
#include "store/entry.h"
#include "store/history.h"
#include "store/impl.h"
#include "store/index.h"
#include "store/record.h"
#include "store/sql.h"
#include "store/tree_cache.h"
#include "store/waiters.h"
#include "store/watch.h"

enum { TRIM_SLICE = 256 }; /* about a millisecond */

#define PROBE_NS LOOP_S(1)
#define PROBE_MIN ((size_t)64 * 1024)
#define PROBE_MAX ((size_t)4 * 1024 * 1024)

/* ---- the loop ---- */

static void nothing(void *arg)
{
    (void)arg; /* that it ran is enough: the tick has an end */
}

void store_commit_nudge(struct store *s)
{
    if (!s->nudged) {
        s->nudged = true;
        loop_defer(s->loop, nothing, &s->stage);
    }
}

static void tell_health(void *arg)
{
    struct store *s = arg;
    if (s->health_told == !s->read_only) {
        return;
    }
    s->health_told = !s->read_only;
    if (s->on_health != NULL) {
        s->on_health(s->on_health_arg, !s->read_only, s->why);
    }
}

/* ---- writing ---- */

static int write_change(struct store *s, const struct store_change *c, struct err *err)
{
    cleanup_free char *labels = c->entry->labels != NULL ? jx_dump_text(c->entry->labels) : NULL;
    struct store_row row = {
        .entry = *c->entry,
        .type = c->type,
        .prev = c->prev != NULL ? c->prev->rev : 0,
        .sum = store_entry_sum(c->entry),
        .labels = labels != NULL ? labels : "",
    };
    return store_sql_put_row(s->sql, &row, err);
}

/* An event leaves the log, and with it the rows that nothing else needs: the version before it,
 * and, of a deletion, its own. */
static int trim_event(struct store *s, const struct store_event *ev, struct err *err)
{
    if (ev->prev != NULL && store_sql_delete_row(s->sql, ev->prev->rev, err) < 0) {
        return -1;
    }
    return ev->type == STORE_DELETED ? store_sql_delete_row(s->sql, ev->rev, err) : 0;
}

/* How many events leave now. Beyond the number to keep, whoever reads them; beyond the memory they
 * may take, only what every watch has read. */
static size_t count_surplus(const struct store *s)
{
    uint64_t first = store_history_first(s->history), end = store_history_end(s->history);
    size_t slice = s->stage.n + TRIM_SLICE; /* more leave than come */
    size_t bytes = store_history_bytes(s->history), live = store_index_bytes(s->index);
    size_t allowed = s->log_bytes > live ? s->log_bytes : live;
    uint64_t unread = store_watches_oldest(s->watches);
    size_t n = 0;
    for (; n < slice && first + n < end; n++) {
        bool many = end - first - n + s->stage.n > s->log_keep;
        if (!many && (bytes <= allowed || first + n >= unread)) {
            break;
        }
        size_t size = store_history_size(store_history_at(s->history, first + n));
        bytes -= size < bytes ? size : bytes;
    }
    return n;
}

static int trim(struct store *s, size_t n, struct err *err)
{
    uint64_t first = store_history_first(s->history);
    for (size_t i = 0; i < n; i++) {
        if (trim_event(s, store_history_at(s->history, first + i), err) < 0) {
            return -1;
        }
    }
    return n == 0 ? 0
                  : store_sql_set_int(s->sql, "floor",
                                      store_history_at(s->history, first + n - 1)->rev, err);
}

static int write_stage(struct store *s, size_t surplus, int64_t ceiling, struct err *err)
{
    if (store_sql_begin(s->sql, ceiling != s->ceiling, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < s->stage.n; i++) {
        if (write_change(s, s->stage.v[i], err) < 0) {
            return -1;
        }
    }
    if (ceiling != s->ceiling && store_sql_set_int(s->sql, "ceiling", ceiling, err) < 0) {
        return -1;
    }
    if (store_records_write(s->records, s->sql, err) < 0 || trim(s, surplus, err) < 0) {
        return -1;
    }
    return store_sql_end(s->sql, err);
}

/* The more revisions there are, the larger the steps: few commits wait for the disk. */
static int64_t next_ceiling(struct store *s)
{
    if (s->given <= s->ceiling) {
        return s->ceiling;
    }
    uint64_t now = loop_mono_ns(s->loop);
    bool soon = s->raised_ns != 0 && now - s->raised_ns < LOOP_S(10);
    s->step = soon ? s->step * 2 : STORE_STEP_MIN;
    s->step = s->step < STORE_STEP_MAX ? s->step : STORE_STEP_MAX;
    s->raised_ns = now;
    return s->given + s->step;
}

/* ---- publishing and dropping ---- */

static void publish(struct store *s)
{
    uint64_t place = store_history_end(s->history);
    for (size_t i = 0; i < s->stage.n; i++) {
        struct store_change *c = s->stage.v[i];
        struct store_event ev = {c->rev, c->type, c->entry, c->prev};
        if (c->slot->last == c) {
            store_index_settle(s->index, c->slot, true);
        }
        if (c->prev != NULL) { /* superseded: hardly anybody looks at it again */
            store_tree_cache_forget(s->trees, c->prev);
        }
        store_history_push(s->history, &ev);
        s->published = c->rev;
        free(c);
    }
    s->stage.n = 0;
    store_records_settle(s->records, true);
    store_watches_publish(s->watches, place, s->published);
}

void store_commit_drop(struct store *s)
{
    s->dropped_bytes = 0;
    for (size_t i = 0; i < s->stage.n; i++) {
        struct store_change *c = s->stage.v[i];
        s->dropped_bytes += c->entry->len;
        if (c->slot->last == c) {
            store_index_settle(s->index, c->slot, false);
        }
    }
    for (size_t i = 0; i < s->stage.n; i++) { /* the chains of the slots went through them */
        store_entry_unref(s->stage.v[i]->entry);
        store_entry_unref(s->stage.v[i]->prev);
        free(s->stage.v[i]);
    }
    s->stage.n = 0;
    store_records_settle(s->records, false);
}

/* ---- health ---- */

static void set_read_only(struct store *s, const char *why)
{
    s->failed_commits++;
    s->read_only = true;
    str_copy(s->why, sizeof(s->why), why);
    log_error("store", "nothing can be changed at present: %s", why);
    loop_defer(s->loop, tell_health, s);
    loop_timer_start(s->probe, PROBE_NS);
}

static int probe(struct store *s, struct err *err)
{
    size_t bytes = s->dropped_bytes < PROBE_MIN ? PROBE_MIN : s->dropped_bytes;
    if (store_sql_probe(s->sql, bytes < PROBE_MAX ? bytes : PROBE_MAX, err) < 0) {
        return -1;
    }
    /* The revisions of the dropped stage stay used, whatever comes next. */
    return store_sql_set_int(s->sql, "revision", s->given, err);
}

void store_commit_probe(void *arg)
{
    struct store *s = arg;
    struct err err;
    if (probe(s, &err) < 0) {
        str_copy(s->why, sizeof(s->why), err.msg);
        loop_timer_start(s->probe, PROBE_NS);
        return;
    }
    s->read_only = false;
    s->why[0] = '\0';
    log_info("store", "changes are written again");
    loop_defer(s->loop, tell_health, s);
}

/* ---- the tick's end ---- */

static int commit(struct store *s, struct err *err)
{
    if (s->read_only) { /* only records come here: puts were refused */
        return err_set(err, ERR_UNAVAILABLE, "%s", s->why);
    }
    size_t surplus = count_surplus(s);
    int64_t ceiling = next_ceiling(s);
    if (write_stage(s, surplus, ceiling, err) < 0) {
        store_sql_undo(s->sql);
        set_read_only(s, err->msg);
        return -1;
    }
    s->ceiling = ceiling;
    s->commits++;
    store_history_drop(s->history, surplus);
    return 0;
}

void store_commit_now(struct store *s)
{
    struct err err = {ERR_NONE, ""};
    s->nudged = false;
    if (s->stage.n + store_records_staged(s->records) > 0) {
        if (commit(s, &err) == 0) {
            publish(s);
            store_checkpoint_poke(s->checkpoint);
        } else {
            store_commit_drop(s);
        }
    }
    store_waiters_settle(s->waiters, err.code == ERR_NONE, err.msg);
}

void store_commit_tick(void *arg)
{
    struct store *s = arg;
    store_commit_now(s);
    if (store_tree_cache_trim(s->trees)) {
        store_commit_nudge(s);
    }
}
