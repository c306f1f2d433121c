/* SPDX-License-Identifier: Apache-2.0 */
/* One step after the other: worked on by the learner, or made by the lab on the way to another. */
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "session/session_impl.h"

static struct attempt_place place_of(const struct session *s)
{
    return (struct attempt_place){
        .loop = s->o.loop,
        .kube = s->o.kube,
        .expr = s->expr,
        .lab = s->o.lab,
        .workdir = s->o.workdir,
        .env = s->o.env,
        .probes = s->probes.v,
        .nprobes = s->probes.n,
        .faults = s->faults,
    };
}

void session_end_step(struct session *s)
{
    why_cancel(s->why);
    s->why = NULL;
    attempt_free(s->attempt);
    s->attempt = NULL;
}

/* ---- the learner's step ---- */

static void on_change(void *arg, const struct check_verdict *v)
{
    struct session *s = arg;
    json_auto_t *args =
        json_pack("{s:s, s:s}", "id", v->check->id, "to", check_state_name(v->state));
    session_record(s, "check", args);
    session_emit(s, session_check_event(v));
}

static void on_done(void *arg)
{
    struct session *s = arg;
    const struct lab_ask *ask = session_step_of(s)->ask;
    json_auto_t *args = json_pack("{s:o}", "probes", session_figures(s));
    s->step_done = true;
    session_record(s, "done", args);
    if (ask != NULL && ask->recall_after && s->choice > 0) {
        session_emit(s, session_recall_event(s));
    }
    session_emit(s, session_done_event(s));
}

static void on_bad_setup(void *arg, int exit, const char *output)
{
    session_note(arg, "The step could not be set up (status %d): %s", exit, output);
}

void session_begin(struct session *s, size_t n, bool again)
{
    static const struct attempt_ops ops = {
        .on_change = on_change, .on_done = on_done, .on_bad_setup = on_bad_setup};
    struct attempt_place place = place_of(s);
    session_end_step(s);
    s->step = n;
    s->step_done = s->finished = false;
    if (!again) {
        s->hints = 0;
        s->choice = 0;
    }
    session_record(s, "step", NULL);
    session_emit(s, session_step_event(s));
    s->attempt = attempt_new(&place, session_step_of(s), again, &ops, s);
}

void session_finish(struct session *s)
{
    session_end_step(s);
    s->step = s->o.lab->nsteps - 1;
    s->step_done = s->finished = true;
    session_record(s, "finished", NULL);
    session_emit(s, json_pack("{s:s}", "kind", "finished"));
}

/* ---- on the way to a step ---- */

static void on_progress(void *arg, bool resetting, size_t n, size_t of)
{
    struct session *s = arg;
    json_decref(s->busy);
    s->busy = resetting ? json_pack("{s:s, s:s}", "kind", "busy", "what", "reset")
                        : json_pack("{s:s, s:s, s:i, s:i}", "kind", "busy", "what",
                                    s->skipping ? "solve" : "replay", "n",
                                    (int)(s->skipping ? s->step : n) + 1, "of", (int)of);
    session_emit(s, json_incref(s->busy));
}

/* What did not work out is said, and the learner stands where the cluster is now. */
static void on_end(void *arg, size_t reached, const struct err *err)
{
    struct session *s = arg;
    s->drive = NULL;
    json_decref(steal(s->busy));
    session_emit(s, json_pack("{s:s}", "kind", "ready"));
    if (err->code != ERR_NONE) {
        session_note(s, "That did not work out: %s", err->msg);
    }
    if (reached == s->o.lab->nsteps) {
        session_finish(s);
    } else {
        session_begin(s, reached, false);
    }
}

static void start_drive(struct session *s, const size_t *steps, size_t nsteps, size_t to,
                        bool clear)
{
    struct drive_opts opts = {
        .place = place_of(s),
        .reset = clear ? &s->reset : NULL,
        .steps = steps,
        .nsteps = nsteps,
        .to = to,
        .fresh_files = !s->skipping,
        .on_progress = on_progress,
        .on_end = on_end,
        .arg = s,
    };
    session_end_step(s);
    drive_free(s->drive);
    s->finished = false;
    s->drive = drive_new(&opts);
}

void session_drive(struct session *s, size_t n, bool clear)
{
    size_t *path = xcalloc(s->o.lab->nsteps, sizeof(*path));
    s->skipping = false;
    start_drive(s, path, lab_path(s->o.lab, n, path), n, clear);
    free(path);
}

void session_skip(struct session *s)
{
    s->skipping = true;
    start_drive(s, &s->step, 1, s->step + 1, false);
}
