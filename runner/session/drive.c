/* SPDX-License-Identifier: Apache-2.0 */
/* Gets to the beginning of a step: an empty cluster, then the solutions of the steps before it. */
#include <stdio.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "session/session_impl.h"

#define STEP_TIME LOOP_S(90)

static void go_on(struct session *s);

void session_drive_free(struct session *s)
{
    struct drive *d = s->drive;
    if (d == NULL) {
        return;
    }
    s->drive = NULL;
    reset_cancel(d->reset);
    script_cancel(d->script);
    check_run_free(d->run);
    loop_timer_free(d->deadline);
    free(d);
}

static void arrive(struct session *s)
{
    size_t target = s->drive->target;
    session_drive_free(s);
    session_emit(s, json_pack("{s:s}", "kind", "ready"));
    if (target == s->o.lab->nsteps) {
        s->finished = true;
        session_record(s, "finished", NULL);
        session_emit(s, json_pack("{s:s}", "kind", "finished"));
        return;
    }
    session_begin(s, target);
}

/* It did not work out: say so, and stay where the cluster is now. */
static void give_up(struct session *s, const char *why)
{
    session_note(s, "%s", why);
    s->drive->target = s->drive->at < s->o.lab->nsteps ? s->drive->at : s->o.lab->nsteps - 1;
    arrive(s);
}

static void on_change(void *arg, const struct check_verdict *v)
{
    (void)arg;
    (void)v;
}

static void next_step(struct session *s)
{
    struct drive *d = s->drive;
    check_run_free(d->run);
    d->run = NULL;
    loop_timer_stop(d->deadline);
    d->at++;
    go_on(s);
}

static void on_checks_hold(void *arg)
{
    next_step(arg);
}

static void on_deadline(void *arg)
{
    struct session *s = arg;
    char text[160];
    snprintf(text, sizeof(text),
             "Step %zu did not come true by its own solution within 90 s; it begins there.",
             s->drive->at + 1);
    give_up(s, text);
}

static void on_solution(void *arg, int exit, const char *output)
{
    struct session *s = arg;
    struct drive *d = s->drive;
    const struct lab_step *step = &s->o.lab->steps[d->at];
    d->script = NULL;
    if (exit != 0) {
        cleanup_free char *text =
            xasprintf("The solution of step %zu ended with status %d: %s", d->at + 1, exit, output);
        give_up(s, text);
        return;
    }
    if (step->nchecks == 0) {
        next_step(s);
        return;
    }
    struct check_opts opts = {
        .loop = s->o.loop,
        .kube = s->o.kube,
        .expr = s->expr,
        .lab = s->o.lab,
        .step = step,
        .workdir = s->o.workdir,
        .env = s->o.env,
        .began_us = s->began_us,
        .probes = s->probes.v,
        .nprobes = s->probes.n,
        .on_change = on_change,
        .on_done = on_checks_hold,
        .arg = s,
    };
    d->run = check_run_new(&opts);
    loop_timer_start(d->deadline, STEP_TIME);
}

static void go_on(struct session *s)
{
    struct drive *d = s->drive;
    if (d->at == d->target) {
        arrive(s);
        return;
    }
    const struct lab_step *step = &s->o.lab->steps[d->at];
    session_emit(s, json_pack("{s:s, s:s, s:i, s:i}", "kind", "busy", "what", "replay", "n",
                              (int)d->at + 1, "of", (int)d->target));
    s->began_us = loop_wall_us(s->o.loop);
    for (size_t i = 0; i < s->probes.n; i++) {
        check_probe_reset(s->probes.v[i]);
    }
    struct script_opts script = {
        .loop = s->o.loop,
        .path = step->solution,
        .text = "true",
        .workdir = s->o.workdir,
        .env = s->o.env,
    };
    d->script = script_run(&script, on_solution, s);
}

static void on_reset(void *arg, const struct err *err)
{
    struct session *s = arg;
    struct err copied;
    s->drive->reset = NULL;
    if (err->code != ERR_NONE) {
        give_up(s, err->msg);
        return;
    }
    if (session_copy_files(s->o.lab, s->o.workdir, true, &copied) < 0) {
        session_note(s, "%s", copied.msg);
    }
    go_on(s);
}

static void start_drive(struct session *s, size_t at, size_t target)
{
    session_stop_checks(s);
    session_drive_free(s);
    s->drive = xnew(struct drive);
    s->drive->at = at;
    s->drive->target = target;
    s->drive->deadline = loop_timer_new(s->o.loop, on_deadline, s);
}

void session_drive(struct session *s, size_t n, bool keep)
{
    start_drive(s, 0, n);
    if (keep) {
        go_on(s);
        return;
    }
    session_emit(s, json_pack("{s:s, s:s}", "kind", "busy", "what", "reset"));
    s->drive->reset = reset_start(s->o.kube, s->o.lab->ns, on_reset, s);
}

void session_skip(struct session *s)
{
    start_drive(s, s->step, s->step + 1);
    go_on(s);
}
