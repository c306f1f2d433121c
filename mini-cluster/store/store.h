/* SPDX-License-Identifier: Apache-2.0 */
/* The only room that holds SQL: objects, revisions, the event log.
 *
 * Puts and deletes are staged; reads through STORE_STAGED see them. At the end of the loop's tick
 * one transaction commits the stage; then, and only then, it is published to STORE_COMMITTED, to
 * watches and to those who wait (store_on_commit). A failed commit drops the stage, tells those who
 * wait, and makes the store read-only until a probe write succeeds. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"

struct loop;
struct str;
struct store;
struct store_watch;

/* One kind's plural with its group ("pods", "deployments.apps"), namespace ("" for none), name. */
struct store_key {
    const char *gr;
    const char *ns;
    const char *name;
};

/* One version of one object: immutable, counted. The encoded bytes serve reads, lists and watches. */
struct store_entry {
    struct store_key key;
    int64_t rev;            /* resourceVersion */
    int64_t create_rev;
    const char *bytes;      /* compact JSON, resourceVersion included */
    size_t len;
    /* The index: "" when the object has none. */
    const char *uid;
    const char *owner_uid;  /* of the ownerReference with controller: true */
    const char *node;       /* spec.nodeName */
    const char *phase;      /* status.phase */
    bool deleting;          /* has a deletionTimestamp */
    const json_t *labels;   /* metadata.labels, frozen; NULL when none */
};

const struct store_entry *store_entry_ref(const struct store_entry *e);
void store_entry_unref(const struct store_entry *e); /* NULL is fine */
static inline void store_cleanup_unref(const struct store_entry **e)
{
    store_entry_unref(*e);
}
#define cleanup_entry __attribute__((cleanup(store_cleanup_unref)))

/* The object of an entry, parsed; frozen. Borrowed: valid until the tick ends (json_incref to keep
 * it longer). Comes from a bounded cache. Never NULL. */
const json_t *store_tree(struct store *s, const struct store_entry *e);

/* ---- making one ---- */

struct store_opts {
    const char *path;          /* of state.db; made when missing */
    const char *vfs;           /* name of a registered SQLite VFS; NULL: the system's */
    size_t log_keep;           /* events kept for watches; 0: 20,000 */
    size_t log_bytes;          /* memory for those that every watch has read: this, or as much as the
                                * objects take, whichever is more; 0: 4 MiB */
    size_t tree_cache;         /* parsed trees kept; 0: 512 */
    /* Every change of health, once each: why is "" when writes work again. May be NULL. */
    void (*on_health)(void *arg, bool writable, const char *why);
    void *arg;
    const char *boot_id;       /* which boot of the machine this is; NULL: the system's */
};

/* Opens, replays the log, and registers its tick-end hook. A file that is not our database is refused
 * (ERR_INVALID) and left as it is; one of a newer format too. After a reboot (boot id differs) the revision jumps ahead. */
int store_open(struct loop *loop, const struct store_opts *opts, struct store **ret,
               struct err *err) WARN_UNUSED;
/* Commits what is staged, checkpoints, closes. Who still waits is forgotten; entries and watches may be
 * freed later. Not from a callback of the store. NULL is fine. */
void store_close(struct store *s);
/* The same without a commit or a checkpoint, as SIGKILL would. */
void store_abandon(struct store *s);

/* ---- reading ---- */

enum store_view { STORE_STAGED, STORE_COMMITTED };

/* A new reference, or NULL. */
const struct store_entry *store_find(struct store *s, enum store_view view,
                                     const struct store_key *key);
const struct store_entry *store_find_uid(struct store *s, enum store_view view, const char *uid);

/* What to list; NULL fields do not matter. Order: namespace, then name. */
struct store_filter {
    const char *gr;
    const char *ns;
    const char *owner_uid;
    const char *node;
    const char *after_ns, *after_name;  /* begin after this key (continue); with gr */
};
/* Calls fn for each; `e` is borrowed. Stops when fn returns false. fn may put and delete: what it does is
 * not seen by this walk. */
void store_each(struct store *s, enum store_view view, const struct store_filter *f,
                bool (*fn)(void *arg, const struct store_entry *e), void *arg);
/* How many objects of a kind, in one namespace (NULL: all). */
size_t store_count(struct store *s, enum store_view view, const char *gr, const char *ns);
int64_t store_revision(const struct store *s, enum store_view view);
bool store_writable(const struct store *s);
const char *store_why_read_only(const struct store *s); /* "" when it is not */

/* ---- writing ---- */

/* Stages obj under a new revision, written to its metadata.resourceVersion. Takes obj, also on failure.
 * `expect`: 0 the key must not exist (ERR_ALREADY_EXISTS), > 0 its revision must be this
 * (ERR_CONFLICT; ERR_NOT_FOUND), -1 whatever. Equal to what is there but for resourceVersion: nothing is staged and *ret is
 * the present entry. *ret is a new reference; may be NULL. ERR_UNAVAILABLE when read-only. */
int store_put(struct store *s, const struct store_key *key, json_t *obj, int64_t expect,
              const struct store_entry **ret, struct err *err) WARN_UNUSED;
/* The same for a new object that its maker has encoded: compact JSON whose metadata has a
 * resourceVersion, which is overwritten here. For what is made by thousands, has neither labels nor an
 * owner, and is hardly ever looked at (Events): no tree is built for it. */
int store_put_encoded(struct store *s, const struct store_key *key, const char *uid, struct str *bytes,
                      struct err *err) WARN_UNUSED;
/* `expect`: > 0 its revision must be this, else whatever; it must exist. *ret is the last version, under
 * the revision of the deletion; may be NULL. */
int store_delete(struct store *s, const struct store_key *key, int64_t expect,
                 const struct store_entry **ret, struct err *err) WARN_UNUSED;

/* Calls fn once the present stage was committed and published (ok) or dropped (!ok, `why`); when
 * nothing is staged, in the next tick. In the order of the calls. */
void store_on_commit(struct store *s, void (*fn)(void *arg, bool ok, const char *why), void *arg);
/* Forgets every waiter with this arg. */
void store_off_commit(struct store *s, const void *arg);

/* ---- records: small private facts of the workers (start intents, counters), beside the objects,
 * in the same transactions; no revision, no watch. JSON values, of at most 64 KiB (asserted). While the
 * store is read-only they are dropped at the tick's end, as a stage is: wait for store_on_commit. ---- */
void store_record_put(struct store *s, const char *table, const char *key, json_t *value); /* takes */
void store_record_delete(struct store *s, const char *table, const char *key);
/* Borrowed, frozen, staged view; NULL when there is none. Valid until the record changes. The walk is in
 * the order of the keys, and fn may change records. */
const json_t *store_record_find(struct store *s, const char *table, const char *key);
void store_record_each(struct store *s, const char *table,
                       bool (*fn)(void *arg, const char *key, const json_t *value), void *arg);

/* ---- the log ---- */

enum store_event_type { STORE_ADDED, STORE_MODIFIED, STORE_DELETED };

struct store_event {
    int64_t rev;
    enum store_event_type type;
    const struct store_entry *entry;    /* the new version; of a deletion, the last one, at rev */
    const struct store_entry *prev;     /* NULL for ADDED */
};

/* A cursor into the log of one kind, in one namespace (NULL: all), beginning after `rev`. `wake` is
 * called from the loop, at most once per publication, when there is something to read. ERR_EXPIRED
 * when `rev` is older than the log ("too old resource version: 5 (120)"); a `rev` of the future is
 * ERR_TIMEOUT in Kubernetes' words. */
int store_watch_new(struct store *s, const char *gr, const char *ns, int64_t rev,
                    void (*wake)(void *arg), void *arg, struct store_watch **ret,
                    struct err *err) WARN_UNUSED;
void store_watch_free(struct store_watch *w); /* NULL is fine */
/* 1: *ret is the next event, borrowed until the next call. 0: none now. -1: the watcher fell behind the log
 * (err: ERR_EXPIRED); free it. */
int store_watch_next(struct store_watch *w, const struct store_event **ret, struct err *err);
/* Everything up to this revision was read: what a bookmark says. */
int64_t store_watch_revision(const struct store_watch *w);

/* Figures for status and tests. */
struct store_stats {
    size_t objects, log_events, log_bytes, trees;
    uint64_t commits, puts, failed_commits;
    int64_t db_bytes, wal_bytes;
};
void store_stats(struct store *s, struct store_stats *ret);

#endif
