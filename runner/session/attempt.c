/* SPDX-License-Identifier: Apache-2.0 */
/* What learners, replays and proofs of labs have in common. */
#include "session/attempt.h"

#include "check/check.h"
#include "common/loop.h"
#include "common/mem.h"
#include "lab/lab.h"
#include "session/faults.h"
#include "session/script.h"

/* How often settling is looked at, and for how long it must last: a change that was just asked for
 * has not reached every watch. */
#define LOOK LOOP_MS(100)
#define QUIET LOOP_MS(800)
#define HELD LOOP_MS(300)

struct errand {
    char *script; /* to run; NULL: none, or it ran */
    enum attempt_goal goal;
    uint64_t timeout_ns, until_ns, quiet_since_ns;
    int exit;
    char *output;
    attempt_end *end;
    void *arg;
};

struct attempt {
    struct attempt_place place;
    const struct lab_step *step;
    struct attempt_ops ops;
    void *arg;
    struct script *script; /* the setup or the errand's */
    struct check_run *run;
    struct loop_timer *timer;
    struct errand errand;
    bool again; /* the setup ran in an earlier life */
    bool ready; /* set up */
    bool done;
};

static void run_errand(struct attempt *a);

/* ---- the checks ---- */

static void on_change(void *arg, const struct check_verdict *v)
{
    struct attempt *a = arg;
    a->errand.quiet_since_ns = loop_mono_ns(a->place.loop);
    if (a->place.faults != NULL && v->state == CHECK_OK) {
        faults_on_check(a->place.faults, v->check->id);
    }
    if (a->ops.on_change != NULL) {
        a->ops.on_change(a->arg, v);
    }
}

/* What is about to fail has not failed yet. */
static bool is_due(void *arg)
{
    const struct attempt *a = arg;
    return a->place.faults != NULL && faults_are_due(a->place.faults);
}

static void on_done(void *arg)
{
    struct attempt *a = arg;
    a->done = true;
    if (a->errand.end != NULL && a->script == NULL) {
        loop_timer_start(a->timer, 0); /* that is what the errand waits for */
    }
    if (a->ops.on_done != NULL) {
        a->ops.on_done(a->arg);
    }
}

static void start_checks(struct attempt *a)
{
    struct check_opts opts = {
        .loop = a->place.loop,
        .kube = a->place.kube,
        .expr = a->place.expr,
        .lab = a->place.lab,
        .step = a->step,
        .workdir = a->place.workdir,
        .env = a->place.env,
        .probes = a->place.probes,
        .nprobes = a->place.nprobes,
        .is_due = is_due,
        .on_change = on_change,
        .on_done = on_done,
        .arg = a,
    };
    a->ready = true;
    if (a->step->nchecks > 0) {
        a->run = check_run_new(&opts);
    }
    if (a->errand.end != NULL) {
        run_errand(a);
    }
    if (a->step->nchecks == 0) {
        on_done(a); /* a step to read */
    }
}

/* ---- setting up ---- */

static void on_setup(void *arg, int exit, const char *output)
{
    struct attempt *a = arg;
    a->script = NULL;
    if (exit != 0 && a->ops.on_bad_setup != NULL) {
        a->ops.on_bad_setup(a->arg, exit, output);
    }
    start_checks(a);
}

static void run_setup(void *arg)
{
    struct attempt *a = arg;
    if (a->step->setup == NULL || a->again) {
        start_checks(a);
        return;
    }
    struct script_opts setup = {.loop = a->place.loop,
                                .text = a->step->setup,
                                .workdir = a->place.workdir,
                                .env = a->place.env};
    a->script = script_run(&setup, on_setup, a);
}

static void set_up(void *arg)
{
    struct attempt *a = arg;
    if (a->place.faults != NULL) {
        faults_begin(a->place.faults, a->step, a->again, run_setup, a);
    } else {
        run_setup(a);
    }
}

/* ---- the errand ---- */

static void finish_errand(struct attempt *a, bool in_time)
{
    struct errand e = a->errand;
    cleanup_free char *output = e.output;
    struct attempt_result r = {.exit = e.exit,
                               .output = output != NULL ? output : "",
                               .done = a->done,
                               .in_time = in_time};
    a->errand = (struct errand){0};
    loop_timer_stop(a->timer);
    free(e.script);
    e.end(e.arg, &r); /* `a` may be gone now */
}

static bool all_seen(const struct attempt *a)
{
    for (size_t i = 0; a->run != NULL && i < check_run_count(a->run); i++) {
        if (check_run_verdict(a->run, i)->state == CHECK_UNKNOWN) {
            return false;
        }
    }
    return true;
}

static bool all_hold(const struct attempt *a)
{
    for (size_t i = 0; a->run != NULL && i < check_run_count(a->run); i++) {
        if (check_run_verdict(a->run, i)->state != CHECK_OK) {
            return false;
        }
    }
    return true;
}

/* The goal, but for check_run's own word that all is done. */
static bool is_reached(struct attempt *a)
{
    struct errand *e = &a->errand;
    uint64_t now = loop_mono_ns(a->place.loop);
    bool settled = a->run == NULL || (check_run_settled(a->run) && all_seen(a) && !is_due(a));
    if (e->goal == ATTEMPT_DONE || !(e->goal == ATTEMPT_HOLDS ? all_hold(a) : settled)) {
        e->quiet_since_ns = now;
    }
    return now - e->quiet_since_ns >= (e->goal == ATTEMPT_HOLDS ? HELD : QUIET);
}

static void on_timer(void *arg)
{
    struct attempt *a = arg;
    struct errand *e = &a->errand;
    if (e->end == NULL || a->script != NULL) {
        return;
    }
    if (a->done || is_reached(a)) {
        finish_errand(a, true);
    } else if (loop_mono_ns(a->place.loop) >= e->until_ns) {
        finish_errand(a, false);
    } else {
        loop_timer_start(a->timer, LOOK);
    }
}

static void wait_for_goal(struct attempt *a)
{
    struct errand *e = &a->errand;
    e->quiet_since_ns = loop_mono_ns(a->place.loop);
    e->until_ns = e->quiet_since_ns + e->timeout_ns;
    if (a->run != NULL) {
        check_run_poke(a->run);
    }
    loop_timer_start(a->timer, 0);
}

static void on_script(void *arg, int exit, const char *output)
{
    struct attempt *a = arg;
    struct errand *e = &a->errand;
    a->script = NULL;
    e->exit = exit;
    e->output = xstrdup(output);
    if (exit != 0 && e->goal != ATTEMPT_SETTLED) {
        finish_errand(a, false);
    } else {
        wait_for_goal(a);
    }
}

static void run_errand(struct attempt *a)
{
    if (a->errand.script == NULL) {
        wait_for_goal(a);
        return;
    }
    struct script_opts script = {.loop = a->place.loop,
                                 .path = a->errand.script,
                                 .workdir = a->place.workdir,
                                 .env = a->place.env};
    a->script = script_run(&script, on_script, a);
}

void attempt_run(struct attempt *a, const char *script, enum attempt_goal goal, uint64_t timeout_ns,
                 attempt_end *end, void *arg)
{
    a->errand = (struct errand){
        .script = xstrdup(script), .goal = goal, .timeout_ns = timeout_ns, .end = end, .arg = arg};
    if (a->ready) {
        run_errand(a);
    }
}

/* ---- making and ending ---- */

struct attempt *attempt_new(const struct attempt_place *place, const struct lab_step *step,
                            bool again, const struct attempt_ops *ops, void *arg)
{
    struct attempt *a = xnew(struct attempt);
    a->place = *place;
    a->step = step;
    a->ops = *ops;
    a->arg = arg;
    a->again = again;
    a->timer = loop_timer_new(place->loop, on_timer, a);
    for (size_t i = 0; i < place->nprobes; i++) {
        check_probe_reset(place->probes[i]);
    }
    loop_defer(place->loop, set_up, a);
    return a;
}

void attempt_free(struct attempt *a)
{
    if (a == NULL) {
        return;
    }
    loop_undefer(a->place.loop, a);
    if (a->place.faults != NULL) {
        faults_rest(a->place.faults);
    }
    check_run_free(a->run);
    script_cancel(a->script);
    loop_timer_free(a->timer);
    free(a->errand.script);
    free(a->errand.output);
    free(a);
}

struct check_run *attempt_checks(const struct attempt *a)
{
    return a->run;
}

bool attempt_is_done(const struct attempt *a)
{
    return a->done;
}

const struct check_verdict *attempt_failing(const struct attempt *a)
{
    const struct check_verdict *kept = NULL;
    for (size_t i = 0; a->run != NULL && i < check_run_count(a->run); i++) {
        const struct check_verdict *v = check_run_verdict(a->run, i);
        if (v->state != CHECK_OK && !v->check->keep) {
            return v; /* what blocks the first most likely blocks the others */
        }
        /* A keep check waits for the others, and only speaks for itself when it is lost. */
        if (v->state != CHECK_OK && (kept == NULL || v->state == CHECK_BROKEN)) {
            kept = v;
        }
    }
    return kept;
}
