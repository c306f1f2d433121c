/* SPDX-License-Identifier: Apache-2.0 */
/* A run of checks against the fake cluster, and what it told. */
#ifndef TESTS_UNIT_CHECK_FIXTURE_H
#define TESTS_UNIT_CHECK_FIXTURE_H

#include "kube/fake_cluster.h"

#include "check/check.h"
#include "expr/expr.h"
#include "lab/lab.h"

enum { FIXTURE_CHECKS = 4 };

struct fixture {
    struct fake *fake;
    struct expr *expr;
    struct lab lab;
    struct lab_step step;
    struct lab_check checks[FIXTURE_CHECKS];
    struct lab_probe lab_probe;
    struct check_probe *probe; /* NULL: none */
    struct check_run *run;
    int64_t began_us;
    const char *workdir;
    const char *const *env;
    unsigned changes, dones;
    uint64_t done_ns;
    char history[512]; /* "ready=moving ready=ok done" */
};

static inline int fixture_set_up(void **state)
{
    struct fixture *f = xnew(struct fixture);
    f->fake = fake_new();
    f->expr = expr_new(f->fake->loop);
    f->lab.ns = "default";
    f->step.id = "step";
    f->step.checks = f->checks;
    f->workdir = "/tmp";
    f->lab_probe = (struct lab_probe){
        .id = "web", .service = "web", .path = "/", .per_second = 50, .slow_ms = 250};
    f->lab.probes = &f->lab_probe;
    f->lab.nprobes = 1;
    *state = f;
    return 0;
}

static inline int fixture_tear_down(void **state)
{
    struct fixture *f = *state;
    check_run_free(f->run);
    check_probe_free(f->probe);
    expr_free(f->expr);
    fake_free(f->fake);
    free(f);
    return 0;
}

static inline void fixture_say(struct fixture *f, const char *what, const char *state)
{
    size_t n = strlen(f->history);
    snprintf(f->history + n, sizeof(f->history) - n, "%s%s%s%s", n > 0 ? " " : "", what,
             state[0] != '\0' ? "=" : "", state);
}

static inline void fixture_on_change(void *arg, const struct check_verdict *v)
{
    struct fixture *f = arg;
    f->changes++;
    fixture_say(f, v->check->id, check_state_name(v->state));
}

static inline void fixture_on_done(void *arg)
{
    struct fixture *f = arg;
    f->dones++;
    f->done_ns = loop_mono_ns(f->fake->loop);
    fixture_say(f, "done", "");
}

static inline struct lab_check *fixture_check(struct fixture *f, const char *id,
                                              enum lab_check_kind kind, const char *expect)
{
    struct lab_check *c = &f->checks[f->step.nchecks++];
    assert_true(f->step.nchecks <= FIXTURE_CHECKS);
    *c = (struct lab_check){.id = id, .name = id, .kind = kind, .expect = expect, .path = "/"};
    return c;
}

static inline struct lab_check *fixture_get(struct fixture *f, const char *id, const char *resource,
                                            const char *object, const char *expect)
{
    struct lab_check *c = fixture_check(f, id, LAB_GET, expect);
    c->resource = resource;
    c->object = object;
    return c;
}

static inline struct lab_check *fixture_list(struct fixture *f, const char *id,
                                             const char *selector, const char *expect)
{
    struct lab_check *c = fixture_check(f, id, LAB_LIST, expect);
    c->resource = "pods";
    c->selector = selector;
    return c;
}

static inline void fixture_run(struct fixture *f)
{
    struct check_opts opts = {
        .loop = f->fake->loop,
        .kube = f->fake->kube,
        .expr = f->expr,
        .lab = &f->lab,
        .step = &f->step,
        .workdir = f->workdir,
        .env = f->env,
        .began_us = f->began_us,
        .probes = &f->probe,
        .nprobes = f->probe != NULL ? 1 : 0,
        .on_change = fixture_on_change,
        .on_done = fixture_on_done,
        .arg = f,
    };
    f->run = check_run_new(&opts);
}

static inline void fixture_traffic(struct fixture *f)
{
    struct check_probe_opts opts = {f->fake->loop, f->fake->kube, "default", &f->lab_probe,
                                    f->workdir};
    f->probe = check_probe_new(&opts);
    check_probe_start(f->probe);
}

static inline const struct check_verdict *fixture_verdict(struct fixture *f, size_t i)
{
    return check_run_verdict(f->run, i);
}

struct fixture_wish {
    struct fixture *f;
    size_t check;
    enum check_state state;
};

static inline bool fixture_is(void *arg)
{
    const struct fixture_wish *w = arg;
    return fixture_verdict(w->f, w->check)->state == w->state;
}

static inline void fixture_until(struct fixture *f, size_t check, enum check_state state)
{
    struct fixture_wish w = {f, check, state};
    for (int i = 0; i < 1500 && !fixture_is(&w); i++) {
        loop_run_until(f->fake->loop, &(bool){false}, LOOP_MS(10));
    }
    if (!fixture_is(&w)) {
        const struct check_verdict *v = fixture_verdict(f, check);
        cleanup_free char *seen = jx_dump_text(v->seen);
        fail_msg("check %s never is %s but %s (%s); history: %s; seen: %s", v->check->id,
                 check_state_name(state), check_state_name(v->state), v->message, f->history, seen);
    }
}

/* It was looked at, and the expression has answered. */
static inline void fixture_until_seen(struct fixture *f, size_t check)
{
    for (int i = 0; i < 1500 && fixture_verdict(f, check)->seen == NULL; i++) {
        loop_run_until(f->fake->loop, &(bool){false}, LOOP_MS(10));
    }
    assert_non_null(fixture_verdict(f, check)->seen);
}

static inline void fixture_until_done(struct fixture *f)
{
    for (int i = 0; i < 1500 && f->dones == 0; i++) {
        loop_run_until(f->fake->loop, &(bool){false}, LOOP_MS(10));
    }
    if (f->dones != 1) {
        fail_msg("done %u times; history: %s", f->dones, f->history);
    }
}

static inline void fixture_pass(struct fixture *f, unsigned ms)
{
    loop_run_until(f->fake->loop, &(bool){false}, LOOP_MS(ms));
}

/* A Deployment with its ReplicaSet; `observed` is 0 or 1 below the generation. */
static inline void fixture_deployment(struct fixture *f, const char *name, int want, int have,
                                      int ready, bool observed)
{
    cleanup_free char *yaml = xasprintf(
        "{kind: Deployment, metadata: {name: %s, uid: d-%s, generation: 5}, spec: {replicas: %d,"
        " template: {metadata: {labels: {app: %s}}}}, status: {observedGeneration: %d,"
        " replicas: %d, updatedReplicas: %d, readyReplicas: %d}}\n---\n"
        "{kind: ReplicaSet, metadata: {name: %s-1, uid: r-%s, generation: 5, ownerReferences:"
        " [{kind: Deployment, name: %s, controller: true}]}, spec: {replicas: %d, template:"
        " {metadata: {labels: {app: %s}}}}, status: {observedGeneration: 5, replicas: %d}}\n",
        name, name, want, name, observed ? 5 : 4, have, have, ready, name, name, name, have, name,
        have);
    fake_apply(f->fake, yaml);
}

static inline void fixture_pod(struct fixture *f, const char *app, const char *name,
                               const char *status)
{
    cleanup_free char *yaml = xasprintf(
        "{kind: Pod, metadata: {name: %s, uid: u-%s, labels: {app: %s}, ownerReferences: [{kind:"
        " ReplicaSet, name: %s-1, controller: true}]}, spec: {nodeName: worker-1}, status: %s}\n",
        name, name, app, app, status);
    fake_apply(f->fake, yaml);
}

#define FIXTURE_READY                                                                              \
    "{phase: Running, conditions: [{type: Ready, status: 'True'}], containerStatuses:"             \
    " [{ready: true, state: {running: {}}}]}"
#define FIXTURE_CREATING                                                                           \
    "{phase: Pending, containerStatuses: [{state: {waiting: {reason: ContainerCreating}}}]}"
#define FIXTURE_ENDING                                                                             \
    "{phase: Running, conditions: [{type: Ready, status: 'False'}], containerStatuses:"            \
    " [{ready: false, state: {terminated: {}}}]}"

#endif
