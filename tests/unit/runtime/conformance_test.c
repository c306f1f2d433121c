/* SPDX-License-Identifier: Apache-2.0 */
/* What callers rely on is the same for every driver: one list of behaviours, run against Docker,
 * processes and the fake. */
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
#include "runtime/fake/fake.h"
#include "runtime/process/process.h"

struct rig {
    const char *driver;
    struct loop *loop;
    struct runtime rt;
    struct fake *fake;
    struct runtime_cluster cluster;
    char name[64], subnet[24], gateway[16], ip_range[24], bridge[16], dir[96];
    unsigned a, b; /* of the subnet */
    struct str events;
    char sandbox[96], app[96], address[16];
    struct runtime_spec sandbox_spec, app_spec;
};

struct outcome {
    bool done;
    enum runtime_result result;
    struct err err;
    struct runtime_status *st;
};

static void outcome_done(void *arg, enum runtime_result result, const struct runtime_status *st,
                         const struct err *err)
{
    struct outcome *o = arg;
    o->done = true;
    o->result = result;
    o->err = *err;
    free(o->st);
    o->st = st != NULL ? runtime_status_copy(st) : NULL;
}

static void outcome_fini(struct outcome *o)
{
    free(o->st);
}
#define cleanup_outcome __attribute__((cleanup(outcome_fini)))

static void expect(struct rig *r, struct outcome *o, enum runtime_result result)
{
    if (!loop_run_until(r->loop, &o->done, LOOP_S(60))) {
        fail_msg("%s: no answer within 60 s; events: %s", r->driver, str_c(&r->events));
    }
    if (o->result != result) {
        fail_msg("%s: result %d, not %d: %s", r->driver, (int)o->result, (int)result, o->err.msg);
    }
}

#define CALL(r, o, expected, call, ...)                                                            \
    do {                                                                                           \
        (o)->done = false;                                                                         \
        (r)->rt.ops->call((r)->rt.self, ##__VA_ARGS__, outcome_done, (o));                         \
        assert_false((o)->done);                                                                   \
        expect((r), (o), (expected));                                                              \
    } while (0)

static void on_event(void *arg, const struct runtime_event *ev)
{
    struct rig *r = arg;
    if (ev->type == RUNTIME_EV_CHANGED) {
        str_add_f(&r->events, "%s:%s:%d ", ev->name, ev->why, ev->exit_code);
    }
}

static void wait_event(struct rig *r, const char *name, const char *why)
{
    cleanup_free char *text = xasprintf("%s:%s ", name, why);
    bool never = false;
    for (int i = 0; i < 3000 && strstr(str_c(&r->events), text) == NULL; i++) {
        loop_run_until(r->loop, &never, LOOP_MS(10));
    }
    if (strstr(str_c(&r->events), text) == NULL) {
        fail_msg("%s: never %s; events: %s", r->driver, text, str_c(&r->events));
    }
}

/* ---- the drivers ---- */

static int open_driver(struct rig *r, struct err *err)
{
    cleanup_outcome struct outcome o = {0};
    int rc = 0;
    if (strcmp(r->driver, "docker") == 0) {
        rc = docker_new(r->loop, &(struct docker_opts){.cluster = &r->cluster}, &r->rt, err);
    } else if (strcmp(r->driver, "process") == 0) {
        rc = process_new(r->loop, &(struct process_opts){.cluster = &r->cluster, .dir = r->dir},
                         &r->rt, err);
    } else {
        fake_runtime(r->fake, &r->rt);
    }
    if (rc != 0) {
        return rc;
    }
    r->rt.ops->subscribe(r->rt.self, on_event, r);
    r->rt.ops->recover(r->rt.self, outcome_done, &o);
    if (!loop_run_until(r->loop, &o.done, LOOP_S(60)) || o.result != RUNTIME_OK) {
        *err = o.err;
        return -1;
    }
    return 0;
}

static void reopen(struct rig *r)
{
    struct err err;
    r->rt.ops->free(r->rt.self);
    if (open_driver(r, &err) != 0) {
        fail_msg("%s: %s", r->driver, err.msg);
    }
}

static int choose_net(struct rig *r, const char *taken, struct err *err)
{
    int rc = strcmp(r->driver, "docker") == 0 ? docker_free_subnet(NULL, taken, r->subnet, err)
                                              : process_free_subnet(taken, r->subnet, err);
    if (rc != 0 || sscanf(r->subnet, "%u.%u.", &r->a, &r->b) != 2) {
        return -1;
    }
    snprintf(r->gateway, sizeof(r->gateway), "%u.%u.0.1", r->a & 255, r->b & 255);
    snprintf(r->ip_range, sizeof(r->ip_range), "%u.%u.0.240/28", r->a & 255, r->b & 255);
    return 0;
}

static void describe_pod(struct rig *r)
{
    static const char *const labels[] = {"pod=web-0", NULL};
    snprintf(r->sandbox, sizeof(r->sandbox), "%s-s", r->name);
    snprintf(r->app, sizeof(r->app), "%s-a", r->name);
    snprintf(r->address, sizeof(r->address), "%u.%u.1.9", r->a & 255, r->b & 255);
    r->sandbox_spec = (struct runtime_spec){.name = r->sandbox,
                                            .role = RUNTIME_SANDBOX,
                                            .host = "worker-1",
                                            .hash = "h1",
                                            .hostname = "web-0",
                                            .address = r->address};
    r->app_spec = (struct runtime_spec){.name = r->app,
                                        .role = RUNTIME_APP,
                                        .host = "worker-1",
                                        .hash = "h2",
                                        .image = "podlab/web:v1",
                                        .join = r->sandbox,
                                        .labels = labels};
}

/* 0: it is ready; 1: not on this machine. */
static int begin(struct rig *r, const char *driver)
{
    static unsigned count;
    cleanup_str struct str taken = STR_INIT;
    struct err err = {0};
    jx_init();
    *r = (struct rig){.driver = driver, .loop = loop_new()};
    snprintf(r->name, sizeof(r->name), "prt-conf-%d-%u", (int)getpid(), count);
    snprintf(r->bridge, sizeof(r->bridge), "pc%d-%u", (int)getpid() % 10000000, count % 1000);
    snprintf(r->dir, sizeof(r->dir), "/tmp/podlab-unit-conf-%d-%u", (int)getpid(), count++);
    if (strcmp(driver, "fake") == 0) {
        r->fake = fake_new(r->loop, &(struct fake_opts){0});
    }
    r->cluster =
        (struct runtime_cluster){r->name, r->name, r->subnet, r->gateway, r->ip_range, r->bridge};
    for (int i = 0; i < 10; i++) { /* others choose at the same time */
        if (choose_net(r, str_c(&taken), &err) != 0) {
            break;
        }
        if (open_driver(r, &err) == 0) {
            describe_pod(r);
            return 0;
        }
        if (r->rt.ops != NULL) {
            r->rt.ops->free(r->rt.self);
            r->rt = (struct runtime){0};
        }
        str_add_f(&taken, "%s ", r->subnet);
    }
    const char *ci = getenv("CI");
    if (strcmp(driver, "docker") != 0 || (ci != NULL && strcmp(ci, "true") == 0)) {
        fail_msg("%s: %s", driver, err.msg);
    }
    print_message("%s: not here: %s\n", driver, err.msg);
    loop_free(r->loop);
    r->rt = (struct runtime){0};
    return 1;
}

static struct rig current; /* ops == NULL: none is open */

static void end(struct rig *r)
{
    struct outcome o = {0};
    r->rt.ops->destroy(r->rt.self, outcome_done, &o);
    bool done = loop_run_until(r->loop, &o.done, LOOP_S(60));
    r->rt.ops->free(r->rt.self);
    fake_free(r->fake);
    loop_free(r->loop);
    str_fini(&r->events);
    free(o.st);
    r->rt = (struct runtime){0};
    if (!done || o.result != RUNTIME_OK) {
        fail_msg("%s: destroy: %s", r->driver, o.err.msg);
    }
}

/* What a failure left. */
static int teardown(void **state)
{
    (void)state;
    if (current.rt.ops != NULL) {
        end(&current);
    }
    return 0;
}

static void start(struct rig *r)
{
    cleanup_outcome struct outcome o = {0};
    CALL(r, &o, RUNTIME_OK, ensure, &r->sandbox_spec, 7);
    CALL(r, &o, RUNTIME_OK, ensure, &r->app_spec, 7);
}

/* ---- behaviours ---- */

static void it_is_as_it_was_asked_for(struct rig *r)
{
    cleanup_outcome struct outcome o = {0};
    start(r);
    CALL(r, &o, RUNTIME_OK, inspect, r->app);
    assert_int_equal(o.st->state, RUNTIME_RUNNING);
    assert_string_equal(o.st->name, r->app);
    assert_string_equal(o.st->host, "worker-1");
    assert_string_equal(o.st->hash, "h2");
    assert_int_equal(o.st->epoch, 7);
    assert_int_equal(o.st->role, RUNTIME_APP);
    assert_string_equal(o.st->labels[0], "pod=web-0");
    assert_int_equal(strlen(o.st->id), 64);
    assert_true(str_has_prefix(o.st->image_id, "sha256:"));
    wait_event(r, r->app, "start:0");
}

static void again_is_the_same(struct rig *r)
{
    cleanup_outcome struct outcome first = {0}, second = {0}, third = {0};
    CALL(r, &first, RUNTIME_OK, ensure, &r->sandbox_spec, 7);
    CALL(r, &second, RUNTIME_OK, ensure, &r->sandbox_spec, 7);
    reopen(r);
    CALL(r, &third, RUNTIME_OK, ensure, &r->sandbox_spec, 8);
    assert_string_equal(first.st->id, second.st->id);
    assert_string_equal(first.st->id, third.st->id);
    assert_int_equal(third.st->epoch, 7);
    r->sandbox_spec.hash = "another";
    CALL(r, &second, RUNTIME_FAILED, ensure, &r->sandbox_spec, 8);
    assert_int_equal(second.err.code, ERR_CONFLICT);
}

static void an_end_stays_one(struct rig *r)
{
    const char *const args[] = {"exit", "3", "exit=3", NULL}; /* for a program, and for the fake */
    cleanup_outcome struct outcome o = {0};
    r->app_spec.args = args;
    start(r);
    wait_event(r, r->app, "die:3");
    CALL(r, &o, RUNTIME_OK, ensure, &r->app_spec, 7);
    assert_int_equal(o.st->state, RUNTIME_EXITED);
    assert_int_equal(o.st->exit_code, 3);
    CALL(r, &o, RUNTIME_OK, stop, r->app, 1);
    CALL(r, &o, RUNTIME_FAILED, pause, r->app, true);
    assert_int_equal(o.err.code, ERR_CONFLICT);
}

static void stops_and_removals_may_be_repeated(struct rig *r)
{
    cleanup_outcome struct outcome o = {0};
    start(r);
    CALL(r, &o, RUNTIME_OK, stop, r->app, 0);
    CALL(r, &o, RUNTIME_OK, inspect, r->app);
    assert_int_equal(o.st->state, RUNTIME_EXITED);
    assert_int_equal(o.st->exit_code, 137);
    CALL(r, &o, RUNTIME_OK, stop, r->app, 0);
    CALL(r, &o, RUNTIME_OK, remove, r->app);
    CALL(r, &o, RUNTIME_OK, remove, r->app);
    CALL(r, &o, RUNTIME_OK, stop, r->app, 0);
    CALL(r, &o, RUNTIME_FAILED, inspect, r->app);
    assert_int_equal(o.err.code, ERR_NOT_FOUND);
    wait_event(r, r->app, "destroy:0");
}

static void a_removal_comes_after_its_start(struct rig *r)
{
    cleanup_outcome struct outcome made = {0}, gone = {0}, o = {0};
    r->rt.ops->ensure(r->rt.self, &r->sandbox_spec, 1, outcome_done, &made);
    CALL(r, &gone, RUNTIME_OK, remove, r->sandbox);
    assert_true(made.done);
    CALL(r, &o, RUNTIME_FAILED, inspect, r->sandbox);
}

static void pauses(struct rig *r)
{
    cleanup_outcome struct outcome o = {0};
    start(r);
    CALL(r, &o, RUNTIME_OK, pause, r->app, true);
    CALL(r, &o, RUNTIME_OK, inspect, r->app);
    assert_int_equal(o.st->state, RUNTIME_PAUSED);
    CALL(r, &o, RUNTIME_OK, pause, r->app, false);
    CALL(r, &o, RUNTIME_OK, pause, r->app, false);
    CALL(r, &o, RUNTIME_OK, inspect, r->app);
    assert_int_equal(o.st->state, RUNTIME_RUNNING);
    CALL(r, &o, RUNTIME_FAILED, pause, "nobody", true);
    assert_int_equal(o.err.code, ERR_NOT_FOUND);
}

static void networks(struct rig *r)
{
    cleanup_outcome struct outcome o = {0};
    start(r);
    CALL(r, &o, RUNTIME_OK, connect, r->app, false); /* it has none of its own */
    CALL(r, &o, RUNTIME_OK, connect, r->sandbox, false);
    CALL(r, &o, RUNTIME_OK, connect, r->sandbox, false);
    CALL(r, &o, RUNTIME_OK, inspect, r->sandbox);
    assert_true(o.st->cut);
    CALL(r, &o, RUNTIME_OK, connect, r->sandbox, true);
    CALL(r, &o, RUNTIME_OK, inspect, r->sandbox);
    assert_false(o.st->cut);
    CALL(r, &o, RUNTIME_FAILED, connect, "nobody", true);
    assert_int_equal(o.err.code, ERR_NOT_FOUND);
}

static void what_is_missing(struct rig *r)
{
    cleanup_outcome struct outcome o = {0};
    CALL(r, &o, RUNTIME_FAILED, ensure, &r->app_spec, 1); /* its sandbox */
    CALL(r, &o, RUNTIME_OK, ensure, &r->sandbox_spec, 1);
    cleanup_free char *other = xasprintf("%s-x", r->name);
    r->app_spec.name = other;
    r->app_spec.image = "podlab/web:v9";
    CALL(r, &o, RUNTIME_FAILED, ensure, &r->app_spec, 1);
    assert_int_equal(o.err.code, ERR_NOT_FOUND);
    CALL(r, &o, RUNTIME_FAILED, image_find, "podlab/web:v9");
    assert_int_equal(o.err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(o.err.msg, "podlab/web:v1")); /* what is here instead */
    CALL(r, &o, RUNTIME_OK, image_find, "podlab/kv");
    cleanup_free char *taken = xasprintf("%s-t", r->name);
    r->sandbox_spec.name = taken;
    CALL(r, &o, RUNTIME_FAILED, ensure, &r->sandbox_spec, 1);
    assert_non_null(strstr(o.err.msg, "Address already in use"));
}

static const struct behaviour {
    const char *name;
    void (*fn)(struct rig *r);
} behaviours[] = {
    {"it is as it was asked for", it_is_as_it_was_asked_for},
    {"again is the same", again_is_the_same},
    {"an end stays one", an_end_stays_one},
    {"stops and removals may be repeated", stops_and_removals_may_be_repeated},
    {"a removal comes after its start", a_removal_comes_after_its_start},
    {"pauses", pauses},
    {"networks", networks},
    {"what is missing", what_is_missing},
};

static void run_all(const char *driver)
{
    for (size_t i = 0; i < ARRAY_LEN(behaviours); i++) {
        if (begin(&current, driver) != 0) {
            return;
        }
        behaviours[i].fn(&current);
        end(&current);
    }
}

static void test_docker(void **state)
{
    run_all("docker");
}

static void test_process(void **state)
{
    run_all("process");
}

static void test_fake(void **state)
{
    run_all("fake");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_docker, teardown),
        cmocka_unit_test_teardown(test_process, teardown),
        cmocka_unit_test_teardown(test_fake, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
