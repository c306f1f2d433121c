/* SPDX-License-Identifier: Apache-2.0 */
/* Gets to the beginning of a step: an empty cluster, then the solutions of the steps before it. */
#include "session/drive.h"

#include <string.h>

#include "check/check.h"

#include "common/loop.h"
#include "common/mem.h"
#include "common/vec.h"
#include "lab/lab.h"
#include "session/files.h"

#define STEP_TIME LOOP_S(90)

struct drive {
    struct drive_opts o;
    VEC(size_t) steps;
    size_t done; /* of them */
    struct reset *reset;
    struct attempt *attempt;
};

static void next_step(void *arg);

void drive_free(struct drive *d)
{
    if (d == NULL) {
        return;
    }
    loop_undefer(d->o.place.loop, d);
    reset_cancel(d->reset);
    attempt_free(d->attempt);
    vec_fini(&d->steps);
    free(d);
}

/* The step that is worked on, or the last one's end. */
static size_t position(const struct drive *d)
{
    return d->done < d->steps.n ? d->steps.v[d->done] : d->o.to;
}

static void finish(struct drive *d, const struct err *err)
{
    struct drive_opts o = d->o;
    struct err copy = *err;
    size_t at = position(d);
    drive_free(d);
    o.on_end(o.arg, at, &copy);
}

/* Which check it was, and what the solution's script said last. */
static void say_failure(const struct drive *d, const struct attempt_result *r, struct err *err)
{
    const struct check_verdict *v = attempt_failing(d->attempt);
    size_t n = strlen(r->output);
    const char *tail = r->output + (n > 200 ? n - 200 : 0);
    if (r->exit != 0) {
        err_set(err, ERR_INTERNAL, "the solution of step %zu ended with status %d: %s",
                position(d) + 1, r->exit, tail);
    } else {
        err_set(err, ERR_TIMEOUT,
                "step %zu did not come true by its own solution within 90 s (%s: %s): %s",
                position(d) + 1, v != NULL ? v->check->name : "all checks",
                v != NULL ? check_state_name(v->state) : "ok", tail);
    }
}

static void on_solved(void *arg, const struct attempt_result *r)
{
    struct drive *d = arg;
    struct err err = {0};
    if (!r->in_time) {
        say_failure(d, r, &err);
    }
    attempt_free(steal(d->attempt));
    if (r->in_time) {
        d->done++;
        next_step(d);
    } else {
        finish(d, &err);
    }
}

static void next_step(void *arg)
{
    static const struct err none;
    static const struct attempt_ops silent;
    struct drive *d = arg;
    if (d->done == d->steps.n) {
        finish(d, &none);
        return;
    }
    const struct lab_step *step = &d->o.place.lab->steps[position(d)];
    if (d->o.on_progress != NULL) {
        d->o.on_progress(d->o.arg, false, d->done, d->steps.n);
    }
    d->attempt = attempt_new(&d->o.place, step, false, &silent, d);
    /* What still moves on the way is no concern of the next step's solution. */
    attempt_run(d->attempt, step->solution, d->done + 1 < d->steps.n ? ATTEMPT_HOLDS : ATTEMPT_DONE,
                STEP_TIME, on_solved, d);
}

static void on_reset(void *arg, const struct err *err)
{
    struct drive *d = arg;
    struct err copy = *err;
    d->reset = NULL;
    if (copy.code != ERR_NONE) {
        finish(d, &copy);
        return;
    }
    next_step(d);
}

static void start(void *arg)
{
    struct drive *d = arg;
    struct err err;
    /* Solutions are written for the lab's own files. */
    if (d->o.fresh_files &&
        session_copy_files(d->o.place.lab, d->o.place.workdir, true, &err) < 0) {
        finish(d, &err);
        return;
    }
    if (d->o.reset == NULL) {
        next_step(d);
        return;
    }
    if (d->o.on_progress != NULL) {
        d->o.on_progress(d->o.arg, true, 0, d->steps.n);
    }
    d->reset = reset_start(d->o.reset, on_reset, d);
}

struct drive *drive_new(const struct drive_opts *opts)
{
    struct drive *d = xnew(struct drive);
    d->o = *opts;
    for (size_t i = 0; i < opts->nsteps; i++) {
        vec_push(&d->steps, opts->steps[i]);
    }
    loop_defer(opts->place.loop, start, d);
    return d;
}
