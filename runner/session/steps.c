/* SPDX-License-Identifier: Apache-2.0 */
/* One step while the learner is in it: its checks tick, its question is taken up again. */
#include <stdio.h>

#include "common/json/jx.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "session/session_impl.h"

static const struct lab_step *step_of(const struct session *s)
{
    return &s->o.lab->steps[s->step];
}

void session_stop_checks(struct session *s)
{
    check_run_free(s->run);
    s->run = NULL;
    script_cancel(s->setup);
    s->setup = NULL;
    for (size_t i = 0; i < s->whys.n; i++) {
        why_cancel(s->whys.v[i]);
    }
    s->whys.n = 0;
}

static void on_change(void *arg, const struct check_verdict *v)
{
    struct session *s = arg;
    int64_t got;
    int64_t want;
    json_t *event = json_pack("{s:s, s:s, s:s, s:s}", "kind", "check", "id", v->check->id, "name",
                              v->check->name, "state", check_state_name(v->state));
    if (check_verdict_progress(v, &got, &want)) {
        jx_put_int(event, "got", got);
        jx_put_int(event, "want", want);
    }
    json_auto_t *args =
        json_pack("{s:s, s:s}", "id", v->check->id, "to", check_state_name(v->state));
    session_record(s, "check", args);
    session_emit(s, event);
}

static void recall(struct session *s)
{
    const struct lab_ask *ask = step_of(s)->ask;
    if (ask == NULL || !ask->recall_after || s->choice == 0) {
        return;
    }
    bool right = s->choice == ask->answer;
    const char *words = right ? ask->right : ask->wrong;
    session_emit(s, json_pack("{s:s, s:s, s:i, s:b, s:s, s:s, s:s}", "kind", "recall", "id",
                              ask->id, "choice", s->choice, "right", right, "said",
                              ask->choices[s->choice - 1], "was", ask->choices[ask->answer - 1],
                              "words", words != NULL ? words : ""));
}

static void step_done(struct session *s)
{
    s->step_done = true;
    session_record(s, "done", NULL);
    recall(s);
    session_emit(s, json_pack("{s:s, s:s, s:i, s:b}", "kind", "done", "step", step_of(s)->id,
                              "index", (int)s->step, "last", s->step + 1 == s->o.lab->nsteps));
}

static void on_done(void *arg)
{
    step_done(arg);
}

static void start_checks(struct session *s)
{
    struct check_opts opts = {
        .loop = s->o.loop,
        .kube = s->o.kube,
        .expr = s->expr,
        .lab = s->o.lab,
        .step = step_of(s),
        .workdir = s->o.workdir,
        .env = s->o.env,
        .began_us = s->began_us,
        .probes = s->probes.v,
        .nprobes = s->probes.n,
        .on_change = on_change,
        .on_done = on_done,
        .arg = s,
    };
    if (step_of(s)->nchecks > 0) {
        s->run = check_run_new(&opts);
    } else {
        step_done(s); /* a step to read */
    }
}

static void on_setup(void *arg, int exit, const char *output)
{
    struct session *s = arg;
    s->setup = NULL;
    if (exit != 0) {
        session_note(s, "The step could not be set up (status %d): %s", exit, output);
    }
    start_checks(s);
}

void session_begin(struct session *s, size_t n)
{
    session_stop_checks(s);
    s->step = n;
    s->step_done = false;
    s->hints = 0;
    s->choice = 0;
    s->began_us = loop_wall_us(s->o.loop);
    for (size_t i = 0; i < s->probes.n; i++) {
        check_probe_reset(s->probes.v[i]);
    }
    session_record(s, "step", NULL);
    session_emit(s, session_step_event(s));
    if (step_of(s)->setup != NULL) {
        struct script_opts setup = {
            .loop = s->o.loop, .text = step_of(s)->setup, .workdir = s->o.workdir, .env = s->o.env};
        s->setup = script_run(&setup, on_setup, s);
    } else {
        start_checks(s);
    }
}
