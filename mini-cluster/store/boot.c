/* SPDX-License-Identifier: Apache-2.0 */
/* Replays the rows of the file into memory, and decides where revisions go on. */
#include <inttypes.h>
#include <string.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "store/entry.h"
#include "store/history.h"
#include "store/impl.h"
#include "store/index.h"
#include "store/record.h"
#include "store/sql.h"

struct replay {
    struct store *s;
    int64_t floor;           /* later rows are events, too */
    int64_t last;            /* the highest revision so far */
    VEC(int64_t) superseded; /* rows that only the log needs */
};

static int damaged(const struct store *s, int64_t rev, const char *what, struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "%s is damaged at revision %" PRId64
                   " (%s); move it away to begin with an empty cluster",
                   s->path, rev, what);
}

static int check_row(const struct store *s, const struct store_row *row, struct err *err)
{
    const struct store_entry *e = &row->entry;
    if (row->type < STORE_ADDED || row->type > STORE_DELETED || e->rev <= 0 || e->create_rev <= 0 ||
        e->key.gr[0] == '\0' || e->key.name[0] == '\0') {
        return damaged(s, e->rev, "a value that cannot be", err);
    }
    if (store_entry_sum(e) != row->sum) {
        return damaged(s, e->rev, "the object is not what was written", err);
    }
    return 0;
}

static int read_entry(const struct store *s, const struct store_row *row,
                      const struct store_entry **ret, struct err *err)
{
    json_auto_t *labels = NULL;
    if (row->labels[0] != '\0' &&
        (jx_parse(row->labels, strlen(row->labels), false, &labels, err) < 0 ||
         !json_is_object(labels))) {
        return damaged(s, row->entry.rev, "labels that cannot be read", err);
    }
    *ret = store_entry_new(s->blocks, &row->entry, labels);
    return 0;
}

/* Where the version before is needed, it must be there. */
static bool fits(const struct replay *r, const struct store_row *row,
                 const struct store_entry *prev)
{
    if (row->entry.rev <= r->floor) {
        return true;
    }
    return row->type == STORE_ADDED ? prev == NULL : prev != NULL && prev->rev == row->prev;
}

static int replay_row(void *arg, const struct store_row *row, struct err *err)
{
    struct replay *r = arg;
    struct store *s = r->s;
    const struct store_entry *entry = NULL;
    if (check_row(s, row, err) < 0 || read_entry(s, row, &entry, err) < 0) {
        return -1;
    }
    struct store_slot *slot = store_index_slot(s->index, &entry->key, true);
    const struct store_entry *prev = slot->pub != NULL ? store_entry_ref(slot->pub) : NULL;
    bool ok = fits(r, row, prev);
    if (prev != NULL) {
        vec_push(&r->superseded, prev->rev);
    }
    if (row->type == STORE_DELETED) {
        vec_push(&r->superseded, entry->rev);
    }
    enum store_event_type type = (enum store_event_type)row->type;
    struct store_change change = {type, entry->rev, entry, prev, slot, NULL};
    store_index_stage(s->index, &change);
    store_index_settle(s->index, slot, true);
    r->last = row->entry.rev;
    if (ok && entry->rev > r->floor) {
        struct store_event ev = {entry->rev, type, entry, prev};
        store_history_push(s->history, &ev);
    } else {
        store_entry_unref(entry);
        store_entry_unref(prev);
    }
    return ok ? 0 : damaged(s, r->last, "the version before is missing", err);
}

/* ---- after a reboot ---- */

/* What the last moments before a power cut wrote may be lost, and some of it may have been seen:
 * the revision goes on above everything that can have been, and every watch begins with a new list.
 */
static int jump(struct store *s, const struct replay *r, const char *boot_id, struct err *err)
{
    int64_t rev = s->given > s->ceiling ? s->given : s->ceiling;
    int64_t ceiling = rev + STORE_STEP_MIN;
    if (store_sql_begin(s->sql, true, err) < 0) {
        return -1;
    }
    int rc = 0;
    for (size_t i = 0; i < r->superseded.n && rc == 0; i++) {
        rc = store_sql_delete_row(s->sql, r->superseded.v[i], err);
    }
    if (rc < 0 || store_sql_set_text(s->sql, "boot", boot_id, err) < 0 ||
        store_sql_set_int(s->sql, "ceiling", ceiling, err) < 0 ||
        store_sql_set_int(s->sql, "revision", rev, err) < 0 ||
        store_sql_set_int(s->sql, "floor", rev, err) < 0 || store_sql_end(s->sql, err) < 0) {
        store_sql_undo(s->sql);
        return -1;
    }
    store_history_drop(s->history, store_history_end(s->history) - store_history_first(s->history));
    store_history_set_floor(s->history, rev);
    s->given = rev;
    s->ceiling = ceiling;
    return 0;
}

static int replay_all(struct store *s, struct replay *r, const char *boot_id, bool is_new,
                      struct err *err)
{
    cleanup_free char *was = NULL;
    int64_t counter = 0;
    if (store_sql_get_int(s->sql, "floor", &r->floor, err) < 0 ||
        store_sql_get_int(s->sql, "revision", &counter, err) < 0 ||
        store_sql_get_int(s->sql, "ceiling", &s->ceiling, err) < 0 ||
        store_sql_get_text(s->sql, "boot", &was, err) < 0) {
        return -1;
    }
    store_history_set_floor(s->history, r->floor);
    if (store_sql_each_row(s->sql, replay_row, r, err) < 0 ||
        store_records_load(s->records, s->sql, err) < 0) {
        return -1;
    }
    s->given = r->last > counter ? r->last : counter;
    bool same_boot = boot_id[0] != '\0' && strcmp(was, boot_id) == 0; /* unknown: be careful */
    return is_new || !same_boot ? jump(s, r, boot_id, err) : 0;
}

int store_boot(struct store *s, const char *boot_id, bool is_new, struct err *err)
{
    struct replay r = {.s = s};
    int rc = replay_all(s, &r, boot_id, is_new, err);
    vec_fini(&r.superseded);
    s->published = s->given;
    s->step = STORE_STEP_MIN;
    return rc;
}
