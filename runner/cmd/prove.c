/* SPDX-License-Identifier: Apache-2.0 */
/* Walks through a lab once by its solutions; each near-miss costs a reset and a replay. */
#include "cmd/prove.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check/check.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "expr/expr.h"
#include "lab/lab.h"
#include "session/attempt.h"
#include "session/drive.h"
#include "session/faults.h"
#include "why/why.h"

/* Settling is given up after 30 s by itself; scripts end after 60 s. */
#define SETTLE_TIME LOOP_S(45)
#define SOLVE_TIME LOOP_S(60)
#define PATIENCE LOOP_S(1800)

struct prove {
    const struct prove_opts *o;
    struct attempt_place place;
    struct expr *expr;
    struct reset_opts reset;
    VEC(struct check_probe *) probes;
    struct faults *faults;
    uint64_t broken; /* bits: which keep checks of the step a near-miss has broken */
    const struct lab_step *step;
    size_t index;
    struct attempt *attempt; /* at the present step; NULL: the cluster is not at its beginning */
    size_t made;             /* the steps before this one hold, and nothing else is there ... */
    bool clean;              /* ... if so */
    uint64_t began_ns;
};

/* ---- reporting ---- */

static void report(struct prove *p, const char *proof, bool ok, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void report(struct prove *p, const char *proof, bool ok, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *details = xvasprintf(fmt, ap);
    va_end(ap);
    double seconds = (double)(loop_mono_ns(p->o->loop) - p->began_ns) / 1e9;
    json_auto_t *event =
        json_pack("{s:s, s:i, s:s, s:s, s:b, s:f}", "lab", p->o->lab->id, "index", (int)p->index,
                  "step", p->step->id, "proof", proof, "ok", ok, "seconds", seconds);
    json_object_set_new(event, "details", json_string(details));
    p->o->on_proof(p->o->arg, event);
    p->began_ns = loop_mono_ns(p->o->loop);
}

/* Every check with its state, for a proof that failed. */
static void add_states(const struct prove *p, struct str *out)
{
    const struct check_run *run = p->attempt != NULL ? attempt_checks(p->attempt) : NULL;
    for (size_t i = 0; run != NULL && i < check_run_count(run); i++) {
        const struct check_verdict *v = check_run_verdict(run, i);
        str_add_f(out, "\n  %s: %s%s%s", v->check->id, check_state_name(v->state),
                  v->message[0] != '\0' ? ", " : "", v->message);
    }
}

/* ---- one thing after the other ---- */

struct errand_end {
    bool ended;
    struct attempt_result r;
    char *output;
};

static void on_errand(void *arg, const struct attempt_result *r)
{
    struct errand_end *e = arg;
    e->ended = true;
    e->r = *r;
    e->output = xstrdup(r->output);
}

/* Runs a script (NULL: none) in the attempt; the caller frees *ret_output. */
static struct attempt_result run(struct prove *p, const char *script, enum attempt_goal goal,
                                 uint64_t timeout_ns, char **ret_output)
{
    struct errand_end e = {0};
    attempt_run(p->attempt, script, goal, timeout_ns, on_errand, &e);
    loop_run_until(p->o->loop, &e.ended, PATIENCE);
    *ret_output = e.output;
    return e.r;
}

struct drive_end {
    bool ended;
    struct err err;
};

static void on_driven(void *arg, size_t reached, const struct err *err)
{
    struct drive_end *e = arg;
    e->ended = true;
    e->err = *err;
}

/* To the beginning of the present step, in an attempt of its own. */
static int begin_step(struct prove *p, struct err *err)
{
    static const struct attempt_ops silent;
    attempt_free(steal(p->attempt));
    if (!p->clean || p->made != p->index) {
        struct drive_end e = {0};
        size_t *path = xcalloc(p->o->lab->nsteps, sizeof(*path));
        struct drive_opts drive = {.place = p->place,
                                   .reset = &p->reset,
                                   .steps = path,
                                   .nsteps = lab_path(p->o->lab, p->index, path),
                                   .to = p->index,
                                   .fresh_files = true,
                                   .on_end = on_driven,
                                   .arg = &e};
        drive_new(&drive);
        free(path);
        loop_run_until(p->o->loop, &e.ended, PATIENCE);
        if (e.err.code != ERR_NONE) {
            *err = e.err;
            return -1;
        }
    }
    p->made = p->index;
    p->clean = true;
    p->attempt = attempt_new(&p->place, p->step, false, &silent, p);
    return 0;
}

/* ---- what is proved ---- */

static void prove_untouched(struct prove *p)
{
    cleanup_free char *output = NULL;
    cleanup_str struct str states = STR_INIT;
    struct attempt_result r = run(p, NULL, ATTEMPT_SETTLED, SETTLE_TIME, &output);
    const struct check_verdict *failing = attempt_failing(p->attempt);
    add_states(p, &states);
    if (r.done || failing == NULL) {
        report(p, "untouched", false, "it is done although nothing was done%s", str_c(&states));
    } else if (failing->check->keep) {
        report(p, "untouched", false, "only keep checks fail%s", str_c(&states));
    } else {
        report(p, "untouched", true, "%s", "");
    }
}

struct explanation {
    bool ended;
    json_t *answer;
};

static void on_why(void *arg, json_t *answer)
{
    struct explanation *e = arg;
    e->ended = true;
    e->answer = answer;
}

/* What a learner who asks why would be told now; the caller owns it, NULL when all holds. */
static json_t *explain(struct prove *p)
{
    struct why_opts opts = {.kube = p->o->kube, .ns = p->o->lab->ns, .locale = "en"};
    struct explanation e = {0};
    const struct check_verdict *v = attempt_failing(p->attempt);
    if (v == NULL) {
        return NULL;
    }
    struct why *w = why_explain(&opts, v, on_why, &e);
    if (!loop_run_until(p->o->loop, &e.ended, LOOP_S(10))) {
        why_cancel(w);
    }
    return e.answer;
}

/* "near-miss/05-two.sh" is "two". */
static char *near_miss_name(const char *path)
{
    const char *base = strrchr(path, '/');
    base = base != NULL ? base + 1 : path;
    base += strspn(base, "0123456789-");
    return xstrndup(base, strcspn(base, "."));
}

/* The keep checks that are lost now. */
static void note_broken(struct prove *p)
{
    const struct check_run *run = attempt_checks(p->attempt);
    for (size_t i = 0; run != NULL && i < check_run_count(run); i++) {
        const struct check_verdict *v = check_run_verdict(run, i);
        p->broken |= v->check->keep && v->state == CHECK_BROKEN ? (uint64_t)1 << (i % 64) : 0;
    }
}

/* A keep check holds in an untouched step; that it can fail, a near-miss must show. */
static void prove_keeping(struct prove *p)
{
    for (size_t i = 0; i < p->step->nchecks; i++) {
        const struct lab_check *c = &p->step->checks[i];
        if (c->keep && (p->broken & (uint64_t)1 << (i % 64)) == 0) {
            cleanup_free char *proof = xasprintf("keep check %s", c->id);
            report(p, proof, false, "no near-miss breaks it: nobody knows whether it can fail");
        }
    }
}

static void prove_near_miss(struct prove *p, const char *path, const char *cause)
{
    cleanup_free char *output = NULL;
    cleanup_free char *name = near_miss_name(path);
    cleanup_free char *proof = xasprintf("near-miss %s", name);
    cleanup_str struct str seen = STR_INIT;
    struct attempt_result r = run(p, path, ATTEMPT_SETTLED, SETTLE_TIME, &output);
    json_auto_t *why = r.done ? NULL : explain(p);
    const char *got = jx_str(why, "cause", "");
    note_broken(p);
    if (why != NULL) {
        str_add(&seen, "\n");
        why_format(why, &seen);
    }
    add_states(p, &seen);
    p->clean = false;
    if (r.done) {
        report(p, proof, false, "it passes%s\n%s", str_c(&seen), output);
    } else if (cause != NULL && strcmp(cause, got) != 0) {
        report(p, proof, false, "the cause is %s, not %s%s\n%s", got[0] != '\0' ? got : "unknown",
               cause, str_c(&seen), output);
    } else {
        report(p, proof, true, "%s", got);
    }
}

/* False: later steps cannot be reached. */
static bool prove_solution(struct prove *p)
{
    cleanup_free char *output = NULL;
    struct attempt_result r = run(p, p->step->solution, ATTEMPT_DONE, SOLVE_TIME, &output);
    if (r.done) {
        if (p->step->nchecks > 0) {
            report(p, "solution", true, "%s", "");
        }
        p->made = p->index + 1;
        return true;
    }
    cleanup_str struct str seen = STR_INIT;
    json_auto_t *why = explain(p);
    if (why != NULL) {
        str_add(&seen, "\n");
        why_format(why, &seen);
    }
    add_states(p, &seen);
    report(p, "solution", false, "it does not pass within 60 s (script: status %d)%s\n%s", r.exit,
           str_c(&seen), output);
    return false;
}

static bool prove_step(struct prove *p)
{
    struct err err;
    p->began_ns = loop_mono_ns(p->o->loop);
    p->broken = 0;
    if (begin_step(p, &err) < 0) {
        report(p, "its beginning", false, "%s", err.msg);
        return false;
    }
    if (p->step->nchecks > 0) {
        prove_untouched(p);
    }
    for (size_t i = 0; p->step->near_misses != NULL && p->step->near_misses[i] != NULL; i++) {
        if (!p->clean && begin_step(p, &err) < 0) {
            report(p, "its beginning again", false, "%s", err.msg);
            return false;
        }
        prove_near_miss(p, p->step->near_misses[i], p->step->near_miss_causes[i]);
    }
    prove_keeping(p);
    if (!p->clean && begin_step(p, &err) < 0) {
        report(p, "its beginning again", false, "%s", err.msg);
        return false;
    }
    return prove_solution(p);
}

/* ---- making and ending ---- */

static void on_trouble(void *arg, const char *text)
{
    struct prove *p = arg;
    if (p->step != NULL) {
        report(p, "what the lab does to the cluster", false, "%s", text);
    }
}

static void start_faults(struct prove *p)
{
    struct faults_opts opts = {.loop = p->o->loop,
                               .kube = p->o->kube,
                               .lab = p->o->lab,
                               .foreign = p->o->foreign,
                               .on_trouble = on_trouble,
                               .arg = p};
    p->faults = p->place.faults = faults_new(&opts);
}

static void on_put_back(void *arg)
{
    *(bool *)arg = true;
}

static void end_faults(struct prove *p)
{
    bool done = false;
    faults_end(p->faults, on_put_back, &done);
    loop_run_until(p->o->loop, &done, LOOP_S(10));
    faults_free(p->faults);
}

static void start_probes(struct prove *p)
{
    for (size_t i = 0; i < p->o->lab->nprobes; i++) {
        struct check_probe_opts opts = {.loop = p->o->loop,
                                        .kube = p->o->kube,
                                        .ns = p->o->lab->ns,
                                        .probe = &p->o->lab->probes[i],
                                        .workdir = p->o->workdir};
        struct check_probe *probe = check_probe_new(&opts);
        check_probe_start(probe);
        vec_push(&p->probes, probe);
    }
    p->place.probes = p->probes.v;
    p->place.nprobes = p->probes.n;
}

void prove_lab(const struct prove_opts *opts)
{
    struct prove p = {.o = opts};
    p.expr = expr_new(opts->loop);
    p.place = (struct attempt_place){.loop = opts->loop,
                                     .kube = opts->kube,
                                     .expr = p.expr,
                                     .lab = opts->lab,
                                     .workdir = opts->workdir,
                                     .env = opts->env};
    p.reset = (struct reset_opts){.kube = opts->kube,
                                  .ns = opts->lab->ns,
                                  .foreign = opts->foreign,
                                  .since_us = opts->since_us,
                                  .env = opts->env,
                                  .docker = lab_requires(opts->lab, "docker")};
    start_faults(&p);
    start_probes(&p);
    for (p.index = 0; p.index < opts->lab->nsteps; p.index++) {
        p.step = &opts->lab->steps[p.index];
        if (!prove_step(&p)) {
            break;
        }
    }
    attempt_free(p.attempt);
    end_faults(&p);
    for (size_t i = 0; i < p.probes.n; i++) {
        check_probe_free(p.probes.v[i]);
    }
    vec_fini(&p.probes);
    expr_free(p.expr);
}
