/* SPDX-License-Identifier: Apache-2.0 */
/* All checks of a step: collects what its ways found into verdicts, tells what changed, and says
 * when the step is done. */
#include <stdio.h>
#include <string.h>

#include "check/check_impl.h"
#include "check/motion.h"
#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "kube/kube.h"
#include "kube/units.h"

#define TICK LOOP_MS(250)
#define QUIET LOOP_S(2)     /* nothing changed for so long: it has come to rest */
#define STEADY LOOP_MS(500) /* so long when everything is where its controllers want it */
#define PATIENCE LOOP_S(30) /* after a command; then what still moves is not waited for */
#define AGREED LOOP_MS(200) /* several watches tell of one change at different moments */
#define DISCOVER_AGAIN LOOP_S(5)

/* ---- settling ---- */

static void find_settled(struct check_run *r)
{
    uint64_t now = loop_mono_ns(r->o.loop), since;
    struct motion m;
    pool_motion(r->pool, &m, &since);
    bool quiet = m.observed && now - since >= QUIET;
    bool steady = m.steady && now - since >= STEADY;
    r->moving = m.moving && now - r->poked_ns < PATIENCE;
    r->settled = now - r->poked_ns >= PATIENCE || (!m.moving && (quiet || steady));
}

/* ---- done ---- */

static bool is_keeping(const struct check_row *row)
{
    return row->v.check->keep;
}

/* Requests of the time when all became true may still fail. */
static bool probes_are_in(const struct check_run *r)
{
    for (size_t i = 0; i < r->probes.n; i++) {
        if (check_probe_pending(r->probes.v[i], r->true_since_ns)) {
            return false;
        }
    }
    return true;
}

static bool all_ok(const struct check_run *r, bool keeping)
{
    for (size_t i = 0; i < r->nrows; i++) {
        if (is_keeping(&r->rows[i]) == keeping && r->rows[i].v.state != CHECK_OK) {
            return false;
        }
    }
    return true;
}

static void find_done(struct check_run *r)
{
    uint64_t now = loop_mono_ns(r->o.loop);
    if (r->done || !r->began) {
        return;
    }
    if (!all_ok(r, false) || (r->o.is_due != NULL && r->o.is_due(r->o.arg))) {
        r->true_since_ns = 0;
        return;
    }
    r->true_since_ns = r->true_since_ns == 0 ? now : r->true_since_ns;
    if (now - r->true_since_ns >= AGREED && r->settled && probes_are_in(r) && all_ok(r, true)) {
        r->done = true;
        check_run_changed(r);
    }
}

/* ---- telling ---- */

/* One call a time, and last: whoever is told may free the run. */
static void tell(void *arg)
{
    struct check_run *r = arg;
    r->telling = false;
    for (size_t i = 0; i < r->nrows; i++) {
        struct check_row *row = &r->rows[i];
        if (row->tell) {
            row->tell = false;
            check_run_changed(r);
            if (r->o.on_change != NULL) {
                r->o.on_change(r->o.arg, &row->v);
            }
            return;
        }
    }
    if (r->done && !r->told_done) {
        r->told_done = true;
        if (r->o.on_done != NULL) {
            r->o.on_done(r->o.arg);
        }
    }
}

void check_run_changed(struct check_run *r)
{
    if (!r->telling) {
        r->telling = true;
        loop_defer(r->o.loop, tell, r);
    }
}

/* ---- the loop's rounds ---- */

static void on_discovered(void *arg, const struct err *err);

static void discover(struct check_run *r)
{
    kube_forget(r->o.kube, r);
    kube_discover(r->o.kube, on_discovered, r);
    r->asked_ns = loop_mono_ns(r->o.loop);
}

static bool lacks_resources(const struct check_run *r)
{
    for (size_t i = 0; i < r->nrows; i++) {
        for (size_t j = 0; j < r->rows[i].nways; j++) {
            if (r->rows[i].ways[j].own == NULL) {
                return true;
            }
        }
    }
    return false;
}

static void on_discovered(void *arg, const struct err *err)
{
    struct check_run *r = arg;
    free(steal(r->no_discovery));
    if (err->code != ERR_NONE) {
        r->no_discovery = xstrdup(err->msg);
    } else if (!r->began) {
        pool_begin(r->pool);
        r->began = true;
    }
    for (size_t i = 0; i < r->nrows; i++) {
        for (size_t j = 0; j < r->rows[i].nways && r->began; j++) {
            check_way_begin(&r->rows[i].ways[j]);
        }
        check_row_update(&r->rows[i]);
    }
}

static void each_way(struct check_run *r, bool look)
{
    uint64_t now = loop_mono_ns(r->o.loop);
    for (size_t i = 0; i < r->nrows; i++) {
        for (size_t j = 0; j < r->rows[i].nways; j++) {
            struct check_way *w = &r->rows[i].ways[j];
            if (w->own != NULL && look && w->kind->look != NULL) {
                w->kind->look(w->own);
            } else if (w->own != NULL && !look && w->kind->tick != NULL) {
                w->kind->tick(w->own, now);
            }
        }
    }
}

static void on_tick(void *arg)
{
    struct check_run *r = arg;
    uint64_t now = loop_mono_ns(r->o.loop);
    loop_timer_start(r->tick, TICK);
    if ((r->no_discovery != NULL || lacks_resources(r)) && now - r->asked_ns >= DISCOVER_AGAIN) {
        kube_discover_again(r->o.kube);
        discover(r);
    }
    pool_tick(r->pool, now);
    each_way(r, false);
    find_settled(r);
    for (size_t i = 0; i < r->nrows; i++) {
        check_row_update(&r->rows[i]);
    }
    find_done(r);
}

/* A closed lid: nobody could do anything meanwhile. */
static void on_gap(void *arg, uint64_t gap_ns)
{
    struct check_run *r = arg;
    for (size_t i = 0; i < r->nrows; i++) {
        r->rows[i].due_ns += r->rows[i].due_ns > 0 ? gap_ns : 0;
    }
}

/* ---- for others ---- */

static void copy_opts(struct check_run *r, const struct check_opts *opts)
{
    char began[KUBE_TIME_SIZE];
    r->o = *opts;
    if (r->o.began_us == 0) {
        r->o.began_us = loop_wall_us(opts->loop);
    }
    for (size_t i = 0; i < opts->nprobes; i++) {
        vec_push(&r->probes, opts->probes[i]);
    }
    for (size_t i = 0; opts->env != NULL && opts->env[i] != NULL; i++) {
        vec_push(&r->env, opts->env[i]);
    }
    kube_time_format(r->o.began_us, began);
    r->variables = json_pack("{s:s, s:s}", "began", began, "namespace",
                             opts->lab->ns != NULL ? opts->lab->ns : "default");
}

struct check_run *check_run_new(const struct check_opts *opts)
{
    struct check_run *r = xnew(struct check_run);
    copy_opts(r, opts);
    r->poked_ns = loop_mono_ns(opts->loop);
    r->nrows = opts->step->nchecks;
    r->rows = xcalloc(r->nrows + 1, sizeof(*r->rows));
    for (size_t i = 0; i < r->nrows; i++) {
        check_row_init(&r->rows[i], r, &opts->step->checks[i]);
    }
    r->pool = pool_new(r);
    r->tick = loop_timer_new(opts->loop, on_tick, r);
    loop_timer_start(r->tick, TICK);
    loop_on_gap(opts->loop, on_gap, r);
    discover(r);
    return r;
}

void check_run_free(struct check_run *r)
{
    if (r == NULL) {
        return;
    }
    loop_undefer(r->o.loop, r);
    loop_off_gap(r->o.loop, on_gap, r);
    loop_timer_free(r->tick);
    kube_forget(r->o.kube, r);
    for (size_t i = 0; i < r->nrows; i++) {
        check_row_fini(&r->rows[i]);
    }
    pool_free(r->pool);
    json_decref(r->variables);
    vec_fini(&r->env);
    vec_fini(&r->probes);
    free(r->no_discovery);
    free(r->rows);
    free(r);
}

size_t check_run_count(const struct check_run *r)
{
    return r->nrows;
}

const struct check_verdict *check_run_verdict(const struct check_run *r, size_t i)
{
    return &r->rows[i].v;
}

bool check_run_settled(const struct check_run *r)
{
    return r->settled;
}

bool check_run_done(const struct check_run *r)
{
    return r->done;
}

void check_run_poke(struct check_run *r)
{
    r->poked_ns = loop_mono_ns(r->o.loop);
    r->settled = false;
    each_way(r, true);
    if (r->began && lacks_resources(r)) {
        kube_discover_again(r->o.kube);
        discover(r);
    }
}
