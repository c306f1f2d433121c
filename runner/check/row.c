/* SPDX-License-Identifier: Apache-2.0 */
/* One check of a step: the verdict that follows from its ways, and from what was before. */
#include <string.h>

#include "check/check_impl.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"

const char *check_state_name(enum check_state s)
{
    static const char *const names[] = {"unknown", "waiting", "moving", "ok", "broken"};
    return names[s];
}

/* Does the part count something? A status code is no count, nor is a time that must stay short. */
static bool is_count(const struct check_verdict *v, const json_t *clause)
{
    const char *op = jx_get_str(clause, "op", "");
    bool upward = str_eq(op, "==") || str_eq(op, ">=") || str_eq(op, ">");
    bool code = v->judged->kind == LAB_HTTP && str_eq(jx_get_str(clause, "lhs", ""), ".status");
    return upward && !code && v->judged->kind != LAB_PROBE &&
           json_is_integer(jx_get(clause, "got")) && json_is_integer(jx_get(clause, "want"));
}

bool check_verdict_progress(const struct check_verdict *v, int64_t *ret_got, int64_t *ret_want)
{
    size_t i;
    const json_t *c;
    jx_each(i, c, v->clauses)
    {
        if (jx_bool(c, "ok", false)) {
            continue;
        }
        if (is_count(v, c)) {
            *ret_got = jx_int(c, "got", 0);
            *ret_want = jx_int(c, "want", 0);
        }
        return is_count(v, c);
    }
    return false;
}

/* ---- which way to speak of ---- */

static double share_ok(const struct check_way *w)
{
    size_t i, ok = 0;
    const json_t *c;
    jx_each(i, c, w->clauses)
    {
        ok += jx_bool(c, "ok", false);
    }
    return i > 0 ? (double)ok / (double)i : 0;
}

/* A true one, else the one of which the most parts are true. */
static const struct check_way *nearest(const struct check_row *row)
{
    const struct check_way *best = &row->ways[0];
    for (size_t i = 0; i < row->nways; i++) {
        const struct check_way *w = &row->ways[i];
        if (w->state == WAY_TRUE) {
            return w;
        }
        if (w->state > best->state || (w->state == best->state && share_ok(w) > share_ok(best))) {
            best = w;
        }
    }
    return best;
}

/* ---- states ---- */

/* What was promised to hold did not. Without a true before it there was nothing to keep, except for
 * probes, which are judged from their first request. */
static bool is_lost(const struct check_row *row, const struct check_way *w)
{
    return row->v.check->keep && w->state == WAY_FALSE &&
           (row->was_true || w->check->kind == LAB_PROBE);
}

static bool is_late(const struct check_row *row)
{
    return row->due_ns > 0 && !row->was_true && loop_mono_ns(row->run->o.loop) >= row->due_ns;
}

static bool needs_cluster(const struct check_way *w)
{
    return w->check->kind != LAB_SHELL && w->check->kind != LAB_ASK;
}

static enum check_state state_of(const struct check_row *row, const struct check_way *w,
                                 const char **ret_message)
{
    struct check_run *r = row->run;
    if (row->v.state == CHECK_BROKEN || (row->v.state == CHECK_OK && row->v.check->eventually)) {
        return row->v.state;
    }
    if (needs_cluster(w) && pool_is_dead(r->pool, ret_message)) {
        return CHECK_UNKNOWN;
    }
    if (needs_cluster(w) && r->no_discovery != NULL) {
        *ret_message = r->no_discovery;
        return CHECK_UNKNOWN;
    }
    if (w->state == WAY_TRUE) {
        return CHECK_OK;
    }
    if (is_lost(row, w) || is_late(row)) {
        return CHECK_BROKEN;
    }
    if (w->state == WAY_UNKNOWN) {
        return CHECK_UNKNOWN;
    }
    return r->moving && !r->settled && w->state == WAY_FALSE ? CHECK_MOVING : CHECK_WAITING;
}

void check_row_update(struct check_row *row)
{
    const struct check_way *w = nearest(row);
    const char *message = w->message != NULL ? w->message : "";
    int64_t got = 0, want = 0;
    enum check_state state = state_of(row, w, &message);
    struct check_verdict *v = &row->v;
    v->judged = w->check;
    v->seen = w->seen;
    v->clauses = w->clauses;
    v->message = message;
    v->settled = row->run->settled;
    row->was_true |= state == CHECK_OK;
    (void)check_verdict_progress(v, &got, &want);
    if (state != v->state || got != row->got || want != row->want) {
        if (state != v->state) {
            v->changed_ms = (int64_t)(loop_mono_ns(row->run->o.loop) / 1000000);
        }
        v->state = state;
        row->got = got;
        row->want = want;
        row->tell = true;
        check_run_changed(row->run);
    }
}

/* ---- making one ---- */

static uint64_t due(const struct check_run *r, int64_t within_ms)
{
    int64_t gone_us = loop_wall_us(r->o.loop) - r->o.began_us;
    int64_t left_us = within_ms * 1000 - (gone_us > 0 ? gone_us : 0);
    return loop_mono_ns(r->o.loop) + (left_us > 0 ? (uint64_t)left_us * 1000 : 1);
}

void check_row_init(struct check_row *row, struct check_run *run, const struct lab_check *check)
{
    row->run = run;
    row->v.lab = run->o.lab;
    row->v.check = check;
    row->v.judged = check;
    row->v.state = CHECK_WAITING;
    row->v.message = "";
    row->v.changed_ms = (int64_t)(loop_mono_ns(run->o.loop) / 1000000);
    row->v.began_us = run->o.began_us;
    row->due_ns = check->within_ms > 0 ? due(run, check->within_ms) : 0;
    row->nways = check->nany > 0 ? check->nany : 1;
    row->ways = xcalloc(row->nways, sizeof(*row->ways));
    for (size_t i = 0; i < row->nways; i++) {
        check_way_init(&row->ways[i], row, check->nany > 0 ? &check->any[i] : check);
    }
}

void check_row_fini(struct check_row *row)
{
    for (size_t i = 0; i < row->nways; i++) {
        check_way_fini(&row->ways[i]);
    }
    free(row->ways);
}
