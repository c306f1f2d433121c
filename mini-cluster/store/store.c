/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, closing, and reading: what a store is made of, and which view a reader sees. */
#include "store/store.h"

#include <fcntl.h>
#include <string.h>

#include "common/loop.h"
#include "store/block.h"
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

enum { LOG_KEEP = 20000, LOG_BYTES = 4 << 20, TREE_CACHE = 512 };

/* Stores that are open: two of one file would each believe their own memory. */
static VEC(const struct store *) open_stores;

static bool is_open(const char *path, const char *vfs)
{
    for (size_t i = 0; i < open_stores.n; i++) {
        if (strcmp(open_stores.v[i]->path, path) == 0 && str_eq(open_stores.v[i]->vfs, vfs)) {
            return true;
        }
    }
    return false;
}

static void note_open(const struct store *s)
{
    vec_push(&open_stores, s);
}

static void note_closed(const struct store *s)
{
    for (size_t i = open_stores.n; i-- > 0;) {
        if (open_stores.v[i] == s) {
            vec_remove(&open_stores, i);
        }
    }
    if (open_stores.n == 0) {
        vec_fini(&open_stores);
    }
}

/* ---- opening ---- */

static void read_boot_id(char *buf, size_t size)
{
    cleanup_close int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, buf, size - 1) : -1;
    buf[n > 0 ? n : 0] = '\0';
    buf[strcspn(buf, "\n")] = '\0';
}

static struct store *new_store(struct loop *loop, const struct store_opts *opts)
{
    struct store *s = xnew(struct store);
    s->loop = loop;
    s->path = xstrdup(opts->path);
    s->vfs = xstrdup(opts->vfs);
    s->log_keep = opts->log_keep > 0 ? opts->log_keep : LOG_KEEP;
    s->log_bytes = opts->log_bytes > 0 ? opts->log_bytes : LOG_BYTES;
    s->on_health = opts->on_health;
    s->on_health_arg = opts->arg;
    s->health_told = true;
    s->blocks = store_blocks_new();
    s->index = store_index_new();
    s->trees = store_tree_cache_new(opts->tree_cache > 0 ? opts->tree_cache : TREE_CACHE);
    s->history = store_history_new();
    s->watches = store_watches_new(loop, s->history);
    s->records = store_records_new();
    s->waiters = store_waiters_new(loop);
    s->probe = loop_timer_new(loop, store_commit_probe, s);
    loop_tick_end(loop, store_commit_tick, s);
    note_open(s);
    return s;
}

/* Also of a store that is half open. */
static void free_store(struct store *s, bool tidy)
{
    note_closed(s);
    loop_off_tick_end(s->loop, store_commit_tick, s);
    loop_timer_free(s->probe);
    loop_undefer(s->loop, s);
    loop_undefer(s->loop, &s->stage);
    store_checkpoint_free(s->checkpoint);
    store_commit_drop(s);
    vec_fini(&s->stage);
    store_waiters_free(s->waiters);
    store_watches_free(s->watches);
    store_history_free(s->history);
    store_index_free(s->index);
    store_records_free(s->records);
    store_tree_cache_free(s->trees);
    store_blocks_free(s->blocks);
    store_sql_close(s->sql, tidy);
    str_fini(&s->scratch);
    free(s->path);
    free(s->vfs);
    free(s);
}

static int open_file(struct store *s, const struct store_opts *opts, struct err *err)
{
    char boot_id[64];
    read_boot_id(boot_id, sizeof(boot_id));
    bool is_new = false;
    if (store_sql_open(s->path, s->vfs, &s->sql, &is_new, err) < 0) {
        return -1;
    }
    if (store_boot(s, opts->boot_id != NULL ? opts->boot_id : boot_id, is_new, err) < 0) {
        return -1;
    }
    store_watches_publish(s->watches, store_history_end(s->history), s->published);
    return store_checkpoint_new(s->loop, s->path, s->vfs, s->sql, &s->checkpoint, err);
}

int store_open(struct loop *loop, const struct store_opts *opts, struct store **ret,
               struct err *err)
{
    if (is_open(opts->path, opts->vfs)) {
        return err_set(err, ERR_INVALID, "%s is open already, in this process", opts->path);
    }
    struct store *s = new_store(loop, opts);
    if (open_file(s, opts, err) < 0) {
        free_store(s, false);
        return -1;
    }
    *ret = s;
    return 0;
}

void store_close(struct store *s)
{
    if (s != NULL) {
        store_commit_now(s);
        free_store(s, true);
    }
}

void store_abandon(struct store *s)
{
    if (s != NULL) {
        free_store(s, false);
    }
}

/* ---- reading ---- */

const json_t *store_tree(struct store *s, const struct store_entry *e)
{
    return store_tree_cache_get(s->trees, e);
}

const struct store_entry *store_find(struct store *s, enum store_view view,
                                     const struct store_key *key)
{
    const struct store_slot *slot = store_index_slot(s->index, key, false);
    const struct store_entry *e = slot != NULL ? store_slot_at(slot, view, INT64_MAX) : NULL;
    return e != NULL ? store_entry_ref(e) : NULL;
}

const struct store_entry *store_find_uid(struct store *s, enum store_view view, const char *uid)
{
    const struct store_entry *e = store_index_find_uid(s->index, view, uid);
    return e != NULL ? store_entry_ref(e) : NULL;
}

void store_each(struct store *s, enum store_view view, const struct store_filter *f,
                bool (*fn)(void *arg, const struct store_entry *e), void *arg)
{
    store_index_each(s->index, view, s->given, f, fn, arg);
}

static bool count_one(void *arg, const struct store_entry *e)
{
    (void)e;
    ++*(size_t *)arg;
    return true;
}

size_t store_count(struct store *s, enum store_view view, const char *gr, const char *ns)
{
    struct store_filter f = {.gr = gr, .ns = ns};
    size_t n = 0;
    store_each(s, view, &f, count_one, &n);
    return n;
}

int64_t store_revision(const struct store *s, enum store_view view)
{
    return view == STORE_STAGED && s->stage.n > 0 ? s->given : s->published;
}

bool store_writable(const struct store *s)
{
    return !s->read_only;
}

const char *store_why_read_only(const struct store *s)
{
    return s->why;
}

void store_on_commit(struct store *s, void (*fn)(void *arg, bool ok, const char *why), void *arg)
{
    store_commit_nudge(s);
    store_waiters_add(s->waiters, fn, arg);
}

void store_off_commit(struct store *s, const void *arg)
{
    store_waiters_forget(s->waiters, arg);
}

void store_stats(struct store *s, struct store_stats *ret)
{
    *ret = (struct store_stats){
        .objects = store_index_count(s->index),
        .log_events = store_history_end(s->history) - store_history_first(s->history),
        .log_bytes = store_history_bytes(s->history),
        .trees = store_tree_cache_count(s->trees),
        .commits = s->commits,
        .puts = s->puts,
        .failed_commits = s->failed_commits,
        .db_bytes = store_sql_db_bytes(s->sql),
        .wal_bytes = store_sql_wal_bytes(s->sql),
    };
}
