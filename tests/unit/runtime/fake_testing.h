/* SPDX-License-Identifier: Apache-2.0 */
/* A machine of the fake on a virtual loop, and what came back from it. */
#ifndef TESTS_UNIT_RUNTIME_FAKE_TESTING_H
#define TESTS_UNIT_RUNTIME_FAKE_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "runtime/fake/fake.h"

struct fixture {
    struct loop *loop;
    struct fake *fake;
    struct runtime rt;
    struct str trace; /* everything that came back, one word each */
};

struct answer {
    bool done;
    enum runtime_result result;
    enum err_code code;
    char msg[512];
    enum runtime_state state;
    int exit_code;
    bool oom, cut;
    uint64_t epoch;
    size_t n;
    int status;
};

static inline int setup(void **state)
{
    struct fixture *x = xnew(struct fixture);
    x->loop = loop_sim_new(7);
    x->fake = fake_new(x->loop, &(struct fake_opts){.start_ns = LOOP_MS(5), .stop_ns = LOOP_MS(3)});
    fake_runtime(x->fake, &x->rt);
    *state = x;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *x = *state;
    if (x->rt.self != NULL) {
        x->rt.ops->free(x->rt.self);
    }
    fake_free(x->fake);
    loop_free(x->loop);
    str_fini(&x->trace);
    free(x);
    return 0;
}

static inline void on_done(void *arg, enum runtime_result result, const struct runtime_status *st,
                           const struct err *err)
{
    struct answer *a = arg;
    assert_false(a->done);
    a->done = true;
    a->result = result;
    a->code = err->code;
    str_copy(a->msg, sizeof(a->msg), err->msg);
    if (st != NULL) {
        a->state = st->state;
        a->exit_code = st->exit_code;
        a->oom = st->oom_killed;
        a->cut = st->cut;
        a->epoch = st->epoch;
    }
}

static inline void on_event(void *arg, const struct runtime_event *ev)
{
    struct fixture *x = arg;
    if (ev->type == RUNTIME_EV_CHANGED) {
        str_add_f(&x->trace, "%s:%s:%d ", ev->name, ev->why, ev->exit_code);
    } else {
        str_add(&x->trace, ev->type == RUNTIME_EV_LOST ? "LOST " : "BACK ");
    }
}

static const struct runtime_spec sandbox __attribute__((unused)) = {.name = "s1",
                                                                    .role = RUNTIME_SANDBOX,
                                                                    .host = "worker-1",
                                                                    .hash = "h1",
                                                                    .address = "10.77.1.1"};
static const struct runtime_spec app __attribute__((unused)) = {.name = "a1",
                                                                .role = RUNTIME_APP,
                                                                .host = "worker-1",
                                                                .hash = "h2",
                                                                .image = "podlab/web:v1",
                                                                .join = "s1"};

/* Ensures and lets a second pass. */
static inline struct answer ensure(struct fixture *x, const struct runtime_spec *spec)
{
    struct answer a = {0};
    x->rt.ops->ensure(x->rt.self, spec, 3, on_done, &a);
    assert_false(a.done); /* never under the caller's feet */
    assert_true(loop_run_until(x->loop, &a.done, LOOP_S(1)));
    return a;
}

static inline struct answer inspect(struct fixture *x, const char *name)
{
    struct answer a = {0};
    x->rt.ops->inspect(x->rt.self, name, on_done, &a);
    assert_true(loop_run_until(x->loop, &a.done, LOOP_S(1)));
    return a;
}

#endif
