/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps sessions and events, append-only. */
#include "journal/journal.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <sqlite3.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"

enum { APPLICATION_ID = 0x706f646c /* "podl" */, FORMAT = 1 };
enum { PAUSE_US = 10 * 60 * 1000000 }; /* a learner who does nothing for longer is away */

struct journal {
    sqlite3 *db;
    char *path;
};

static const char schema[] =
    "CREATE TABLE session(uuid TEXT PRIMARY KEY, member TEXT, lab TEXT NOT NULL,"
    " lab_sha TEXT NOT NULL, attempt INTEGER NOT NULL, locale TEXT NOT NULL, runtime TEXT NOT NULL,"
    " clock TEXT NOT NULL, cluster TEXT NOT NULL, shell TEXT NOT NULL);"
    "CREATE TABLE event(session TEXT NOT NULL REFERENCES session(uuid), seq INTEGER NOT NULL,"
    " mono INTEGER NOT NULL, wall INTEGER NOT NULL, kind TEXT NOT NULL, step TEXT NOT NULL,"
    " args TEXT NOT NULL, PRIMARY KEY(session, seq)) WITHOUT ROWID;"
    "CREATE TABLE attachment(session TEXT NOT NULL REFERENCES session(uuid), principal TEXT NOT "
    "NULL,"
    " access TEXT NOT NULL CHECK(access IN ('read','write')), until INTEGER);";

/* ---- small steps ---- */

static int fail(struct journal *j, struct err *err)
{
    return err_set(err, ERR_INTERNAL, "%s: %s", j->path, sqlite3_errmsg(j->db));
}

static int run(struct journal *j, const char *sql, struct err *err)
{
    return sqlite3_exec(j->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(j, err);
}

static int64_t number(struct journal *j, const char *sql, const char *text)
{
    sqlite3_stmt *st = NULL;
    int64_t n = 0;
    if (sqlite3_prepare_v2(j->db, sql, -1, &st, NULL) == SQLITE_OK) {
        if (text != NULL) {
            sqlite3_bind_text(st, 1, text, -1, SQLITE_STATIC);
        }
        if (sqlite3_step(st) == SQLITE_ROW) {
            n = sqlite3_column_int64(st, 0);
        }
    }
    sqlite3_finalize(st);
    return n;
}

static void bind_texts(sqlite3_stmt *st, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sqlite3_bind_text(st, (int)i + 1, texts[i], -1, SQLITE_STATIC);
    }
}

static void column(sqlite3_stmt *st, int i, char *buf, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(st, i);
    str_copy(buf, size, text != NULL ? text : "");
}

/* Runs an INSERT ... RETURNING one number, and frees it. */
static int finish_insert(struct journal *j, sqlite3_stmt *st, int64_t *ret, struct err *err)
{
    int rc = sqlite3_step(st) == SQLITE_ROW ? 0 : fail(j, err);
    int64_t n = rc == 0 ? sqlite3_column_int64(st, 0) : 0;
    /* The row is committed when the statement ends, so that may fail too. */
    if (sqlite3_finalize(st) != SQLITE_OK && rc == 0) {
        rc = fail(j, err);
    }
    if (rc == 0) {
        *ret = n;
    }
    return rc;
}

/* ---- opening ---- */

/* Another podlab may do the same at this moment: whoever comes second finds the tables there. */
static int make_tables(struct journal *j, struct err *err)
{
    cleanup_free char *sql =
        xasprintf("BEGIN IMMEDIATE; PRAGMA application_id=%d; PRAGMA user_version=%d; %s COMMIT;",
                  APPLICATION_ID, FORMAT, schema);
    if (run(j, sql, err) == 0) {
        /* Not had while another one opens it; the mode stays with the file, so it will have it. */
        sqlite3_exec(j->db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
        return 0;
    }
    if (!sqlite3_get_autocommit(j->db)) {
        sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return number(j, "PRAGMA application_id", NULL) == APPLICATION_ID ? 0 : -1;
}

static int prepare_file(struct journal *j, struct err *err)
{
    sqlite3_busy_timeout(j->db, 2000);
    int64_t tables = number(j, "SELECT count(*) FROM sqlite_master", NULL);
    if (sqlite3_errcode(j->db) != SQLITE_OK && sqlite3_errcode(j->db) != SQLITE_DONE &&
        sqlite3_errcode(j->db) != SQLITE_ROW) {
        return err_set(err, ERR_INVALID, "%s is no journal of podlab (%s); move it away", j->path,
                       sqlite3_errmsg(j->db));
    }
    if (tables == 0 && make_tables(j, err) < 0) {
        return -1;
    }
    if (number(j, "PRAGMA application_id", NULL) != APPLICATION_ID) {
        return err_set(err, ERR_INVALID, "%s is another program's database; move it away", j->path);
    }
    if (number(j, "PRAGMA user_version", NULL) > FORMAT) {
        return err_set(err, ERR_INVALID, "%s was written by a newer podlab", j->path);
    }
    /* An event lost in a power cut is lost; none is worth an fsync in the learner's way. */
    return run(j, "PRAGMA foreign_keys=ON; PRAGMA synchronous=NORMAL", err);
}

int journal_open(const char *path, struct journal **ret, struct err *err)
{
    struct journal *j = xnew(struct journal);
    j->path = xstrdup(path);
    if (sqlite3_open_v2(path, &j->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
        SQLITE_OK) {
        fail(j, err);
        journal_close(j);
        return -1;
    }
    if (prepare_file(j, err) < 0) {
        journal_close(j);
        return -1;
    }
    *ret = j;
    return 0;
}

void journal_close(struct journal *j)
{
    if (j == NULL) {
        return;
    }
    sqlite3_close(j->db);
    free(j->path);
    free(j);
}

/* ---- sessions ---- */

static void make_uuid(char uuid[37])
{
    unsigned char raw[16] = {0};
    char hex[33];
    if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw)) {
        abort(); /* a system without randomness runs nothing here */
    }
    raw[6] = (unsigned char)((raw[6] & 0x0f) | 0x40);
    raw[8] = (unsigned char)((raw[8] & 0x3f) | 0x80);
    str_hex(hex, raw, sizeof(raw));
    snprintf(uuid, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

int journal_add(struct journal *j, struct journal_session *s, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int64_t attempt;
    make_uuid(s->uuid);
    if (sqlite3_prepare_v2(
            j->db,
            "INSERT INTO session(uuid, lab, lab_sha, locale, runtime, clock, cluster,"
            " shell, attempt) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,"
            " (SELECT count(*) + 1 FROM session WHERE lab = ?2)) RETURNING attempt",
            -1, &st, NULL) != SQLITE_OK) {
        return fail(j, err);
    }
    const char *const texts[] = {s->uuid,    s->lab,   s->lab_sha, s->locale,
                                 s->runtime, s->clock, s->cluster, s->shell};
    bind_texts(st, texts, ARRAY_LEN(texts));
    if (finish_insert(j, st, &attempt, err) < 0) {
        return -1;
    }
    s->attempt = (int)attempt;
    return 0;
}

static void read_session(sqlite3_stmt *st, struct journal_session *s)
{
    *s = (struct journal_session){.attempt = sqlite3_column_int(st, 8)};
    column(st, 0, s->uuid, sizeof(s->uuid));
    column(st, 1, s->lab, sizeof(s->lab));
    column(st, 2, s->lab_sha, sizeof(s->lab_sha));
    column(st, 3, s->locale, sizeof(s->locale));
    column(st, 4, s->runtime, sizeof(s->runtime));
    column(st, 5, s->clock, sizeof(s->clock));
    column(st, 6, s->cluster, sizeof(s->cluster));
    column(st, 7, s->shell, sizeof(s->shell));
}

#define SESSION                                                                                    \
    "SELECT uuid, lab, lab_sha, locale, runtime, clock, cluster, shell, attempt FROM session "

static bool find_one(struct journal *j, const char *sql, const char *text,
                     struct journal_session *ret)
{
    sqlite3_stmt *st = NULL;
    bool found = false;
    if (sqlite3_prepare_v2(j->db, sql, -1, &st, NULL) == SQLITE_OK) {
        sqlite3_bind_text(st, 1, text, -1, SQLITE_STATIC);
        found = sqlite3_step(st) == SQLITE_ROW;
        if (found) {
            read_session(st, ret);
        }
    }
    sqlite3_finalize(st);
    return found;
}

bool journal_unfinished(struct journal *j, const char *lab, struct journal_session *ret)
{
    return find_one(j,
                    SESSION
                    "WHERE lab = ? AND NOT EXISTS (SELECT 1 FROM event WHERE session = uuid "
                    "AND kind IN ('finished', 'abandoned')) ORDER BY attempt DESC LIMIT 1",
                    lab, ret);
}

bool journal_latest(struct journal *j, const char *cluster, struct journal_session *ret)
{
    return find_one(j,
                    SESSION "JOIN event ON session = uuid WHERE cluster = ? "
                            "ORDER BY wall DESC, seq DESC LIMIT 1",
                    cluster, ret);
}

int journal_move(struct journal *j, const char *uuid, const char *cluster, struct err *err)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(j->db, "UPDATE session SET cluster = ? WHERE uuid = ?", -1, &st, NULL) !=
        SQLITE_OK) {
        return fail(j, err);
    }
    const char *const texts[] = {cluster, uuid};
    bind_texts(st, texts, ARRAY_LEN(texts));
    int rc = sqlite3_step(st) == SQLITE_DONE ? 0 : fail(j, err);
    sqlite3_finalize(st);
    return rc;
}

int journal_find(struct journal *j, const char *uuid, struct journal_session *ret, struct err *err)
{
    if (find_one(j, SESSION "WHERE uuid = ?", uuid, ret)) {
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND, "there is no session %s", uuid);
}

/* ---- events ---- */

int journal_append(struct journal *j, const char *session, uint64_t mono_ns, int64_t wall_us,
                   const char *kind, const char *step, const json_t *args, int64_t *ret_seq,
                   struct err *err)
{
    sqlite3_stmt *st = NULL;
    cleanup_free char *text = args != NULL ? jx_dump_text(args) : xstrdup("{}");
    if (sqlite3_prepare_v2(j->db,
                           "INSERT INTO event(session, kind, step, args, mono, wall, seq) "
                           "VALUES(?1,?2,?3,?4,?5,?6,"
                           "(SELECT coalesce(max(seq), 0) + 1 FROM event WHERE session = ?1)) "
                           "RETURNING seq",
                           -1, &st, NULL) != SQLITE_OK) {
        return fail(j, err);
    }
    const char *const texts[] = {session, kind, step != NULL ? step : "", text};
    bind_texts(st, texts, ARRAY_LEN(texts));
    sqlite3_bind_int64(st, 5, (sqlite3_int64)mono_ns);
    sqlite3_bind_int64(st, 6, wall_us);
    int64_t seq;
    if (finish_insert(j, st, &seq, err) < 0) {
        return -1;
    }
    if (ret_seq != NULL) {
        *ret_seq = seq;
    }
    return 0;
}

void journal_each(struct journal *j, const char *session,
                  bool (*fn)(void *arg, int64_t seq, int64_t wall_us, const char *kind,
                             const char *step, const json_t *args),
                  void *arg)
{
    sqlite3_stmt *st = NULL;
    bool more = true;
    if (sqlite3_prepare_v2(j->db,
                           "SELECT seq, wall, kind, step, args FROM event WHERE session = ? "
                           "ORDER BY seq",
                           -1, &st, NULL) != SQLITE_OK) {
        return;
    }
    sqlite3_bind_text(st, 1, session, -1, SQLITE_STATIC);
    while (more && sqlite3_step(st) == SQLITE_ROW) {
        json_auto_t *args = NULL;
        struct err ignored;
        const char *text = (const char *)sqlite3_column_text(st, 4);
        if (text == NULL || jx_parse(text, strlen(text), false, &args, &ignored) < 0) {
            args = json_object();
        }
        more = fn(arg, sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1),
                  (const char *)sqlite3_column_text(st, 2),
                  (const char *)sqlite3_column_text(st, 3), args);
    }
    sqlite3_finalize(st);
}

/* ---- folds ---- */

static bool fold(void *arg, int64_t seq, int64_t wall_us, const char *kind, const char *step,
                 const json_t *args)
{
    struct journal_progress *p = arg;
    int64_t gap_us = p->last_us > 0 ? wall_us - p->last_us : 0;
    p->active_us += gap_us > 0 && gap_us <= PAUSE_US ? gap_us : 0;
    p->started_us = p->started_us == 0 ? wall_us : p->started_us;
    p->last_us = wall_us;
    p->done += strcmp(kind, "done") == 0;
    p->hints += strcmp(kind, "hint") == 0;
    p->solutions += strcmp(kind, "solution") == 0;
    p->skips += strcmp(kind, "skip") == 0;
    p->redos += strcmp(kind, "redo") == 0;
    p->commands += strcmp(kind, "command") == 0;
    p->finished = p->finished || strcmp(kind, "finished") == 0;
    bool anew = strcmp(kind, "redo") == 0;
    if (strcmp(kind, "step") == 0 && strcmp(p->step, step) != 0) {
        str_copy(p->step, sizeof(p->step), step);
        anew = true;
    }
    if (anew) {
        p->step_hints = 0;
        p->step_choice = 0;
    }
    p->step_hints += strcmp(kind, "hint") == 0;
    if (strcmp(kind, "ask") == 0) {
        p->step_choice = (int)jx_int(args, "choice", 0);
    }
    return true;
}

void journal_progress(struct journal *j, const char *session, struct journal_progress *ret)
{
    *ret = (struct journal_progress){0};
    journal_each(j, session, fold, ret);
}

bool journal_lab_done(struct journal *j, const char *lab)
{
    return number(j,
                  "SELECT count(*) FROM event JOIN session ON session = uuid WHERE lab = ? AND "
                  "kind = 'finished'",
                  lab) > 0;
}
