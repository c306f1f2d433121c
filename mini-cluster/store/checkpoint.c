/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint writes and syncs thousands of pages: a second connection does it in a worker thread,
 * in the mode that never makes the writer wait. That mode cannot shorten a log that is always
 * written to, so past a limit the writer restarts it, right after such a checkpoint, when little is
 * left to move. */
#include "store/checkpoint.h"

#include <pthread.h>
#include <stdbool.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "store/sql.h"

#define BEGIN_BYTES ((int64_t)4 << 20)
#define RESTART_BYTES ((int64_t)64 << 20)
#define RETRY_NS LOOP_S(10) /* after a failure: a full disk stays full for a while */

/* What the worker touches. It outlives the rest when its loop never comes back to it. */
struct job {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    enum { QUEUED, RUNNING, ENDED, CANCELLED } state;
    struct store_sql *sql;
    bool failed;
    struct err err;
    struct store_checkpoint *owner; /* NULL: gone. Only the loop's thread looks */
    struct job *next;
};

struct store_checkpoint {
    struct loop *loop;
    struct store_sql *main, *second;
    struct job *job; /* under way; NULL: none */
    bool told;       /* of a failure, until one works */
    uint64_t not_before_ns;
};

/* Jobs whose owner is gone and whose `done` the loop still owes, or never calls because it ends
 * too. */
static struct job *orphans;

int store_checkpoint_new(struct loop *loop, const char *path, const char *vfs,
                         struct store_sql *main, struct store_checkpoint **ret, struct err *err)
{
    struct store_checkpoint *c = xnew(struct store_checkpoint);
    c->loop = loop;
    c->main = main;
    if (store_sql_open_second(path, vfs, &c->second, err) < 0) {
        free(c);
        return -1;
    }
    *ret = c;
    return 0;
}

static void free_job(struct job *job)
{
    pthread_mutex_destroy(&job->lock);
    pthread_cond_destroy(&job->ended);
    free(job);
}

/* In the worker. */
static void work(void *arg)
{
    struct job *job = arg;
    pthread_mutex_lock(&job->lock);
    bool go = job->state == QUEUED;
    job->state = go ? RUNNING : job->state;
    pthread_mutex_unlock(&job->lock);
    if (!go) {
        return;
    }
    bool failed = store_sql_checkpoint(job->sql, false, &job->err) < 0;
    pthread_mutex_lock(&job->lock);
    job->failed = failed;
    job->state = ENDED;
    pthread_cond_signal(&job->ended);
    pthread_mutex_unlock(&job->lock);
}

static void note_failure(struct store_checkpoint *c, const struct err *err)
{
    if (!c->told) {
        log_warn("store", "the database's log could not be moved into the file: %s", err->msg);
    }
    c->told = true;
    c->not_before_ns = loop_mono_ns(c->loop) + RETRY_NS;
}

static void restart_log(struct store_checkpoint *c)
{
    struct err err;
    if (store_sql_wal_bytes(c->main) > RESTART_BYTES &&
        store_sql_checkpoint(c->main, true, &err) < 0) {
        note_failure(c, &err);
    }
}

static void forget_orphan(struct job *job)
{
    struct job **at = &orphans;
    while (*at != job) {
        at = &(*at)->next;
    }
    *at = job->next;
}

static void done(void *arg)
{
    struct job *job = arg;
    struct store_checkpoint *c = job->owner;
    if (c == NULL) {
        forget_orphan(job);
    } else {
        c->job = NULL;
        if (job->failed) {
            note_failure(c, &job->err);
        } else {
            c->told = false;
            restart_log(c);
        }
    }
    free_job(job);
}

void store_checkpoint_poke(struct store_checkpoint *c)
{
    if (c->job != NULL || store_sql_wal_bytes(c->main) < BEGIN_BYTES ||
        loop_mono_ns(c->loop) < c->not_before_ns) {
        return;
    }
    struct job *job = xnew(struct job);
    pthread_mutex_init(&job->lock, NULL);
    pthread_cond_init(&job->ended, NULL);
    job->sql = c->second;
    job->owner = c;
    c->job = job;
    loop_work(c->loop, work, done, job);
}

void store_checkpoint_free(struct store_checkpoint *c)
{
    if (c == NULL) {
        return;
    }
    struct job *job = c->job;
    if (job != NULL) {
        pthread_mutex_lock(&job->lock);
        job->state = job->state == QUEUED ? CANCELLED : job->state;
        while (job->state == RUNNING) {
            pthread_cond_wait(&job->ended, &job->lock);
        }
        pthread_mutex_unlock(&job->lock);
        job->owner = NULL;
        job->next = orphans;
        orphans = job;
    }
    store_sql_close(c->second, false);
    free(c);
}
