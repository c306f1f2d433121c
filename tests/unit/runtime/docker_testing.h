/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster of a test's own on the real Docker daemon, and what is left of it removed at the end. Where there is
 * no daemon the tests are skipped, saying so; with CI=true that is a failure. */
#ifndef TESTS_UNIT_RUNTIME_DOCKER_TESTING_H
#define TESTS_UNIT_RUNTIME_DOCKER_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "runtime/docker/docker.h"

struct box {
    struct loop *loop;
    struct runtime rt;
    struct runtime_cluster cluster;
    char name[64], uid[64], subnet[24], gateway[16], ip_range[24], bridge[16];
    unsigned net; /* 10.net */
    struct str events; /* "name:why " */
    unsigned lost, back;
};

/* What came of a call. */
struct outcome {
    bool done;
    enum runtime_result result;
    struct err err;
    struct runtime_status *st; /* a copy, or NULL */
};

static inline void outcome_done(void *arg, enum runtime_result result,
                                const struct runtime_status *st, const struct err *err)
{
    struct outcome *o = arg;
    o->done = true;
    o->result = result;
    o->err = *err;
    free(o->st);
    o->st = st != NULL ? runtime_status_copy(st) : NULL;
}

static inline void outcome_fini(struct outcome *o)
{
    free(o->st);
}
#define cleanup_outcome __attribute__((cleanup(outcome_fini)))

/* Waits for the answer; prints what came instead of what was expected. */
static inline void box_expect(struct box *x, struct outcome *o, enum runtime_result result)
{
    if (!loop_run_until(x->loop, &o->done, LOOP_S(60))) {
        fail_msg("no answer within 60 s");
    }
    if (o->result != result) {
        fail_msg("result %d, not %d: %s", (int)o->result, (int)result, o->err.msg);
    }
}

#define BOX_CALL(x, o, expected, call, ...)                                                        \
    do {                                                                                           \
        (o)->done = false;                                                                         \
        (x)->rt.ops->call((x)->rt.self, ##__VA_ARGS__, outcome_done, (o));                         \
        assert_false((o)->done);                                                                   \
        box_expect((x), (o), (expected));                                                          \
    } while (0)

static inline void box_on_event(void *arg, const struct runtime_event *ev)
{
    struct box *x = arg;
    if (ev->type == RUNTIME_EV_CHANGED) {
        str_add_f(&x->events, "%s:%s:%d ", ev->name, ev->why, ev->exit_code);
    }
    x->lost += ev->type == RUNTIME_EV_LOST;
    x->back += ev->type == RUNTIME_EV_BACK;
}

static inline void box_choose_net(struct box *x, unsigned net)
{
    x->net = net;
    snprintf(x->subnet, sizeof(x->subnet), "10.%u.0.0/16", net & 255);
    snprintf(x->gateway, sizeof(x->gateway), "10.%u.0.1", net & 255);
    snprintf(x->ip_range, sizeof(x->ip_range), "10.%u.0.240/28", net & 255);
}

static inline int box_open(struct box *x, struct err *err)
{
    const struct docker_opts opts = {.cluster = &x->cluster};
    if (docker_new(x->loop, &opts, &x->rt, err) != 0) {
        return -1;
    }
    x->rt.ops->subscribe(x->rt.self, box_on_event, x);
    return 0;
}

/* Frees everything; what the daemon has of it goes too. */
static inline void box_free(struct box *x)
{
    struct outcome o = {0};
    if (x->rt.self != NULL) {
        x->rt.ops->destroy(x->rt.self, outcome_done, &o);
        bool done = loop_run_until(x->loop, &o.done, LOOP_S(60));
        if (!done || o.result != RUNTIME_OK) {
            print_error("%s was not removed: %s\n", x->name, o.err.msg);
        }
        x->rt.ops->free(x->rt.self);
    }
    loop_free(x->loop);
    outcome_fini(&o);
    str_fini(&x->events);
    free(x);
}

/* A driver that has recovered, on the first free subnet of 10.90 to 10.99. */
static inline int box_recover(struct box *x)
{
    struct outcome o = {0};
    for (unsigned i = 0; i < 10; i++) {
        box_choose_net(x, 90 + ((unsigned)getpid() + i) % 10);
        if (box_open(x, &o.err) != 0) {
            break;
        }
        o.done = false;
        x->rt.ops->recover(x->rt.self, outcome_done, &o);
        bool done = loop_run_until(x->loop, &o.done, LOOP_S(60));
        if (done && o.result == RUNTIME_OK) {
            return 0;
        }
        if (o.err.code != ERR_CONFLICT) {
            break;
        }
        x->rt.ops->free(x->rt.self);
        x->rt.self = NULL;
    }
    print_error("recover: %s\n", o.err.msg);
    outcome_fini(&o);
    return -1;
}

/* The same cluster seen by another life of mini-cluster. */
static inline void box_reopen(struct box *x)
{
    cleanup_outcome struct outcome o = {0};
    struct err err;
    x->rt.ops->free(x->rt.self);
    assert_int_equal(box_open(x, &err), 0);
    BOX_CALL(x, &o, RUNTIME_OK, recover);
}

static inline struct box *box_new(void)
{
    static unsigned count;
    struct box *x = xnew(struct box);
    jx_init();
    x->loop = loop_new();
    snprintf(x->name, sizeof(x->name), "rt-test-%d-%u", (int)getpid(), count);
    snprintf(x->uid, sizeof(x->uid), "rt-test-uid-%d-%u", (int)getpid(), count);
    snprintf(x->bridge, sizeof(x->bridge), "rt%d-%u", (int)getpid() % 10000000, count++ % 1000);
    x->cluster = (struct runtime_cluster){x->name,    x->uid,      x->subnet,
                                          x->gateway, x->ip_range, x->bridge};
    return x;
}

static inline int box_setup(void **state)
{
    struct box *x = box_new();
    if (box_recover(x) != 0) {
        box_free(x);
        return -1;
    }
    *state = x;
    return 0;
}

static inline int box_teardown(void **state)
{
    box_free(*state);
    return 0;
}

/* Whether the tests can run; main returns ret_rc when not. */
static inline bool box_have_docker(int *ret_rc)
{
    char subnet[24];
    struct err err;
    jx_init();
    if (docker_free_subnet(NULL, subnet, &err) == 0) {
        return true;
    }
    const char *ci = getenv("CI");
    bool must = ci != NULL && strcmp(ci, "true") == 0;
    print_message("%s: no Docker: %s\n", must ? "FAILED" : "skipped", err.msg);
    *ret_rc = must ? 1 : 0;
    return false;
}

/* An address of the test's subnet; host part from 2 on. */
static inline const char *box_address(const struct box *x, unsigned host, char ret[16])
{
    snprintf(ret, 16, "10.%u.1.%u", x->net & 255, host & 255);
    return ret;
}

/* "<uid>-suffix": names of containers are machine-wide. */
static inline const char *box_name(const struct box *x, const char *suffix, char ret[96])
{
    snprintf(ret, 96, "%s-%s", x->name, suffix);
    return ret;
}

#endif
