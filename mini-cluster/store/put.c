/* SPDX-License-Identifier: Apache-2.0 */
/* Puts and deletes, up to the stage. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/json/jx.h"
#include "meta/object.h"
#include "store/entry.h"
#include "store/impl.h"
#include "store/index.h"
#include "store/record.h"
#include "store/same.h"
#include "store/splice.h"
#include "store/tree_cache.h"

/* ---- whether it may be ---- */

static int check_writable(const struct store *s, struct err *err)
{
    return s->read_only
               ? err_set(err, ERR_UNAVAILABLE, "nothing can be changed at present: %s", s->why)
               : 0;
}

static int check_expected(const struct store_key *key, const struct store_entry *now,
                          int64_t expect, struct err *err)
{
    if (expect == 0 && now != NULL) {
        return err_set(err, ERR_ALREADY_EXISTS, "%s \"%s\" already exists", key->gr, key->name);
    }
    if (expect > 0 && now == NULL) {
        return err_set(err, ERR_NOT_FOUND, "%s \"%s\" not found", key->gr, key->name);
    }
    if (expect > 0 && now->rev != expect) {
        return err_set(err, ERR_CONFLICT,
                       "Operation cannot be fulfilled on %s \"%s\": the object has been modified; "
                       "please apply your changes to the latest version and try again",
                       key->gr, key->name);
    }
    return 0;
}

/* ---- staging ---- */

/* Takes the entry. */
static void stage(struct store *s, struct store_slot *slot, enum store_event_type type,
                  const struct store_entry *entry)
{
    const struct store_entry *prev = store_slot_now(slot);
    struct store_change *change = xnew(struct store_change);
    *change = (struct store_change){.type = type,
                                    .rev = entry->rev,
                                    .entry = entry,
                                    .prev = prev != NULL ? store_entry_ref(prev) : NULL,
                                    .slot = slot};
    store_index_stage(s->index, change);
    vec_push(&s->stage, change);
    store_commit_nudge(s);
}

/* Those of the version before, when they are the same: most updates leave labels alone. */
static json_t *share_labels(const struct store_entry *prev, const json_t *obj)
{
    json_t *labels = (json_t *)(uintptr_t)object_labels(obj);
    if (json_object_size(labels) == 0) {
        return NULL;
    }
    if (prev != NULL && prev->labels != NULL && jx_equal(prev->labels, labels)) {
        return entry_of(prev)->labels;
    }
    return labels;
}

static const struct store_entry *make_entry(const struct store *s, const struct store_key *key,
                                            const json_t *obj, int64_t rev,
                                            const struct store_entry *prev)
{
    struct store_entry e = {
        .key = *key,
        .rev = rev,
        .create_rev = prev != NULL ? prev->create_rev : rev,
        .bytes = s->scratch.p,
        .len = s->scratch.len,
        .uid = object_uid(obj),
        .owner_uid = jx_get_str(object_controller(obj), "uid", ""),
        .node = jx_str(obj, "spec.nodeName", ""),
        .phase = jx_str(obj, "status.phase", ""),
        .deleting = object_deleting(obj),
    };
    return store_entry_new(s->blocks, &e, share_labels(prev, obj));
}

/* Encodes obj into the scratch, with this revision in it. */
static void encode(struct store *s, json_t *obj, int64_t rev)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%" PRId64, rev);
    jx_put_str(obj, "metadata.resourceVersion", digits);
    str_clear(&s->scratch);
    jx_dump(&s->scratch, obj);
}

/* obj, encoded with the revision of `now`, against it. */
static bool is_same(struct store *s, const struct store_entry *now, const json_t *obj)
{
    const char *bytes = s->scratch.p;
    size_t len = s->scratch.len;
    if (len == now->len && memcmp(bytes, now->bytes, len) == 0) {
        return true;
    }
    return store_same_maybe(bytes, len, now->bytes, now->len) &&
           jx_equal(store_tree_cache_get(s->trees, now), obj);
}

/* Encodes obj once, under the old revision, which is what comparing needs; then moves it on. False
 * when nothing changed. */
static bool encode_update(struct store *s, const struct store_entry *now, json_t *obj)
{
    encode(s, obj, now->rev);
    if (is_same(s, now, obj)) {
        return false;
    }
    int64_t rev = s->given + 1;
    if (store_splice_revision(&s->scratch, rev)) {
        char digits[24];
        snprintf(digits, sizeof(digits), "%" PRId64, rev);
        jx_put_str(obj, "metadata.resourceVersion", digits);
    } else {
        encode(s, obj, rev);
    }
    return true;
}

static void give(const struct store_entry **ret, const struct store_entry *e)
{
    if (ret != NULL) {
        *ret = store_entry_ref(e);
    }
}

int store_put(struct store *s, const struct store_key *key, json_t *taken, int64_t expect,
              const struct store_entry **ret, struct err *err)
{
    json_auto_t *obj = taken;
    struct store_slot *slot = store_index_slot(s->index, key, false);
    const struct store_entry *now = slot != NULL ? store_slot_now(slot) : NULL;
    if (check_writable(s, err) < 0 || check_expected(key, now, expect, err) < 0) {
        return -1;
    }
    if (!json_is_object(obj) || key->gr[0] == '\0' || key->name[0] == '\0') {
        return err_set(err, ERR_INVALID, "%s \"%s\" is no object that can be stored", key->gr,
                       key->name);
    }
    if (now == NULL) {
        encode(s, obj, s->given + 1);
    } else if (!encode_update(s, now, obj)) {
        give(ret, now);
        return 0;
    }
    const struct store_entry *e = make_entry(s, key, obj, ++s->given, now);
    store_tree_cache_put(s->trees, e, steal(obj));
    slot = slot != NULL ? slot : store_index_slot(s->index, key, true);
    stage(s, slot, now == NULL ? STORE_ADDED : STORE_MODIFIED, e);
    give(ret, e);
    s->puts++;
    return 0;
}

int store_put_encoded(struct store *s, const struct store_key *key, const char *uid,
                      struct str *bytes, struct err *err)
{
    struct store_slot *slot = store_index_slot(s->index, key, false);
    const struct store_entry *now = slot != NULL ? store_slot_now(slot) : NULL;
    int64_t rev = s->given + 1;
    if (check_writable(s, err) < 0 || check_expected(key, now, 0, err) < 0) {
        return -1;
    }
    if (!store_splice_revision(bytes, rev)) {
        return err_set(err, ERR_INVALID, "%s \"%s\" has no metadata.resourceVersion", key->gr,
                       key->name);
    }
    struct store_entry e = {
        .key = *key,
        .rev = rev,
        .create_rev = rev,
        .bytes = bytes->p,
        .len = bytes->len,
        .uid = uid,
        .owner_uid = "",
        .node = "",
        .phase = "",
    };
    s->given = rev;
    slot = slot != NULL ? slot : store_index_slot(s->index, key, true);
    stage(s, slot, STORE_ADDED, store_entry_new(s->blocks, &e, NULL));
    s->puts++;
    return 0;
}

int store_delete(struct store *s, const struct store_key *key, int64_t expect,
                 const struct store_entry **ret, struct err *err)
{
    struct store_slot *slot = store_index_slot(s->index, key, false);
    const struct store_entry *now = slot != NULL ? store_slot_now(slot) : NULL;
    if (check_writable(s, err) < 0) {
        return -1;
    }
    if (now == NULL) {
        return err_set(err, ERR_NOT_FOUND, "%s \"%s\" not found", key->gr, key->name);
    }
    if (expect > 0 && check_expected(key, now, expect, err) < 0) {
        return -1;
    }
    str_clear(&s->scratch);
    str_add_n(&s->scratch, now->bytes, now->len);
    struct store_entry last = *now;
    last.rev = ++s->given;
    store_splice_revision(&s->scratch, last.rev);
    last.bytes = s->scratch.p;
    last.len = s->scratch.len;
    const struct store_entry *e = store_entry_new(s->blocks, &last, entry_of(now)->labels);
    stage(s, slot, STORE_DELETED, e);
    give(ret, e);
    return 0;
}

/* ---- records ---- */

void store_record_put(struct store *s, const char *table, const char *key, json_t *value)
{
    if (store_records_stage(s->records, table, key, value)) {
        store_commit_nudge(s);
    }
}

void store_record_delete(struct store *s, const char *table, const char *key)
{
    store_record_put(s, table, key, NULL);
}

const json_t *store_record_find(struct store *s, const char *table, const char *key)
{
    return store_records_find(s->records, table, key);
}

void store_record_each(struct store *s, const char *table,
                       bool (*fn)(void *arg, const char *key, const json_t *value), void *arg)
{
    store_records_each(s->records, table, fn, arg);
}
