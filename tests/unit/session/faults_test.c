/* SPDX-License-Identifier: Apache-2.0 */
/* Proves when hosts fail on purpose, that the clock follows the step, and that all of it is undone,
 * even what an earlier life left. */
#include "kube/fake_cluster.h"

#include "lab/lab.h"
#include "session/faults.h"

struct fixture {
    struct fake *fake;
    struct lab lab;
    struct lab_step steps[3];
    struct lab_fault faults[2];
    struct lab_clock clock;
    struct faults *f;
    json_t *changes;
    struct str told; /* "+worker-1.power=Off -worker-1.power ..." */
    struct str troubles;
    bool stuck; /* hosts never become what is asked */
    bool done;
};

static void on_write(struct fake *fake, struct http_exchange *x, const struct fake_kind *k,
                     const char *ns, const char *name)
{
    struct fixture *f = fake->user;
    cleanup_free char *key = fake_key(k, ns, name);
    json_t *obj = map_find(fake->objects, key);
    size_t n;
    const char *body = http_exchange_body(x, &n);
    json_auto_t *patch = json_loadb(body, n, 0, NULL);
    assert_string_equal(http_exchange_header(x, "Content-Type"), "application/merge-patch+json");
    if (obj == NULL) {
        fake_answer(x, 404, fake_status(404, "NotFound", "hosts \"worker-9\" not found"));
        return;
    }
    json_object_update_recursive(obj, patch);
    if (!f->stuck && strcmp(k->kind, "Host") == 0) {
        json_object_update_recursive(json_object_get(obj, "status"),
                                     json_object_get(patch, "spec"));
    }
    fake_answer(x, 200, jx_edit(obj));
}

static void on_change(void *arg, const json_t *c)
{
    struct fixture *f = arg;
    bool on = jx_bool(c, "on", false);
    json_array_append_new(f->changes, jx_edit(c));
    str_add_f(&f->told, "%s%c%s.%s%s%s%s", f->told.len > 0 ? " " : "", on ? '+' : '-',
              jx_str(c, "host", ""), jx_str(c, "field", ""), on ? "=" : "",
              on ? jx_str(c, "to", "") : "", jx_bool(c, "over", false) ? "(over)" : "");
}

static void on_trouble(void *arg, const char *text)
{
    struct fixture *f = arg;
    str_add_f(&f->troubles, "%s\n", text);
}

static void make(struct fixture *f, bool foreign)
{
    struct faults_opts opts = {.loop = f->fake->loop,
                               .kube = f->fake->kube,
                               .lab = &f->lab,
                               .foreign = foreign,
                               .on_change = on_change,
                               .on_trouble = on_trouble,
                               .arg = f};
    faults_free(f->f);
    f->f = faults_new(&opts);
}

static int set_up(void **state)
{
    struct fixture *f = xnew(struct fixture);
    f->fake = fake_new();
    f->fake->user = f;
    f->fake->write = on_write;
    f->changes = json_array();
    f->faults[0] = (struct lab_fault){.host = "worker-1", .field = "power", .value = "Off"};
    f->faults[1] = (struct lab_fault){
        .host = "worker-2", .field = "network", .value = "Partitioned", .check = "ready"};
    f->steps[0] = (struct lab_step){.id = "calm"};
    f->steps[1] = (struct lab_step){.id = "storm", .faults = f->faults, .nfaults = 2};
    f->steps[2] = (struct lab_step){.id = "slow", .clock = &f->clock};
    f->clock.grace = "20s";
    f->lab = (struct lab){.ns = "default", .steps = f->steps, .nsteps = 3};
    fake_apply(f->fake, "{kind: Host, metadata: {name: worker-1}, spec: {power: 'On'}, status: "
                        "{power: 'On', network: Connected}}\n---\n"
                        "{kind: Host, metadata: {name: worker-2}, spec: {power: 'On'}, status: "
                        "{power: 'On', network: Connected}}\n---\n"
                        "{kind: Clock, metadata: {name: cluster}, spec: {preset: lab}}\n");
    make(f, false);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    faults_free(f->f);
    fake_free(f->fake);
    json_decref(f->changes);
    str_fini(&f->told);
    str_fini(&f->troubles);
    free(f);
    return 0;
}

static void on_done(void *arg)
{
    struct fixture *f = arg;
    assert_false(f->done);
    f->done = true;
}

static void await_done(struct fixture *f)
{
    if (!loop_run_until(f->fake->loop, &f->done, LOOP_S(20))) {
        fail_msg("it is never done; told: %s; troubles: %s", str_c(&f->told), str_c(&f->troubles));
    }
    f->done = false;
}

static void begin(struct fixture *f, size_t step, bool again)
{
    faults_begin(f->f, &f->steps[step], again, on_done, f);
    await_done(f);
}

static void end(struct fixture *f)
{
    faults_end(f->f, on_done, f);
    await_done(f);
}

static bool is_quiet(void *arg)
{
    return !faults_are_due(((struct fixture *)arg)->f);
}

static const char *host(const struct fixture *f, const char *name, const char *path)
{
    cleanup_free char *key = xasprintf("hosts//%s", name);
    return jx_str(map_find(f->fake->objects, key), path, "");
}

static const json_t *clock_spec(const struct fixture *f)
{
    return jx_obj(map_find(f->fake->objects, "clocks//cluster"), "spec");
}

/* ---- hosts ---- */

static void at_once_and_after_a_check(void **state)
{
    struct fixture *f = *state;
    begin(f, 0, false);
    assert_string_equal(str_c(&f->told), "");
    begin(f, 1, false);
    assert_string_equal(str_c(&f->told), "+worker-1.power=Off");
    assert_string_equal(host(f, "worker-1", "status.power"), "Off");
    assert_false(faults_are_due(f->f)); /* the other waits for its check */
    faults_on_check(f->f, "other");
    assert_false(faults_are_due(f->f));
    faults_on_check(f->f, "ready");
    assert_true(faults_are_due(f->f));
    fake_until(f->fake, is_quiet, f, "the second strikes");
    assert_string_equal(str_c(&f->told), "+worker-1.power=Off +worker-2.network=Partitioned");
    assert_string_equal(host(f, "worker-2", "status.network"), "Partitioned");
    faults_on_check(f->f, "ready"); /* once */
    assert_false(faults_are_due(f->f));
    begin(f, 0, false);
    assert_string_equal(host(f, "worker-1", "status.power"), "On");
    assert_string_equal(host(f, "worker-2", "status.network"), "Connected");
    assert_non_null(strstr(str_c(&f->told), "-worker-2.network"));
    assert_non_null(strstr(str_c(&f->told), "-worker-1.power"));
}

static void after_a_time_and_for_a_time(void **state)
{
    struct fixture *f = *state;
    f->faults[0].after_ms = 200;
    f->faults[0].for_ms = 300;
    begin(f, 1, false);
    assert_string_equal(str_c(&f->told), "");
    assert_true(faults_are_due(f->f));
    uint64_t from = loop_mono_ns(f->fake->loop);
    fake_until(f->fake, is_quiet, f, "it strikes");
    assert_true(loop_mono_ns(f->fake->loop) - from >= LOOP_MS(190));
    assert_string_equal(str_c(&f->told), "+worker-1.power=Off");
    for (int i = 0; i < 500 && strcmp(host(f, "worker-1", "status.power"), "On") != 0; i++) {
        loop_run_until(f->fake->loop, &(bool){false}, LOOP_MS(10));
    }
    fake_until(f->fake, is_quiet, f, "it is over");
    assert_true(loop_mono_ns(f->fake->loop) - from >= LOOP_MS(490));
    assert_string_equal(str_c(&f->told), "+worker-1.power=Off -worker-1.power(over)");
}

static void a_step_that_is_left_strikes_no_more(void **state)
{
    struct fixture *f = *state;
    f->faults[0].after_ms = 100;
    begin(f, 1, false);
    faults_rest(f->f);
    assert_false(faults_are_due(f->f));
    loop_run_until(f->fake->loop, &(bool){false}, LOOP_MS(250));
    assert_string_equal(str_c(&f->told), "");
}

/* The next step wants the same: the host does not come back in between. */
static void what_goes_on_is_not_undone(void **state)
{
    struct fixture *f = *state;
    f->steps[0].faults = f->faults;
    f->steps[0].nfaults = 1;
    begin(f, 0, false);
    faults_rest(f->f);
    str_clear(&f->told);
    begin(f, 1, false);
    assert_string_equal(str_c(&f->told), "+worker-1.power=Off");
    assert_string_equal(host(f, "worker-1", "status.power"), "Off");
    end(f);
    assert_string_equal(host(f, "worker-1", "spec.power"), "On");
}

/* ---- earlier lives ---- */

static void what_was_left_is_undone(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, false);
    make(f, false); /* killed */
    faults_adopt(f->f, "calm", f->changes);
    str_clear(&f->told);
    begin(f, 0, true);
    assert_string_equal(str_c(&f->told), "-worker-1.power");
    assert_string_equal(host(f, "worker-1", "status.power"), "On");
}

static void who_comes_back_finds_it_struck(void **state)
{
    struct fixture *f = *state;
    f->faults[0].check = "never";
    begin(f, 1, false);
    faults_on_check(f->f, "ready");
    fake_until(f->fake, is_quiet, f, "it strikes");
    end(f); /* the learner leaves */
    assert_string_equal(host(f, "worker-2", "spec.network"), "Connected");
    make(f, false);
    faults_adopt(f->f, "storm", f->changes);
    str_clear(&f->told);
    begin(f, 1, true);
    assert_string_equal(str_c(&f->told), "+worker-2.network=Partitioned");
    begin(f, 1, false); /* redo: from its beginning */
    assert_string_equal(host(f, "worker-2", "spec.network"), "Connected");
}

static void what_was_over_stays_over(void **state)
{
    struct fixture *f = *state;
    f->faults[0].for_ms = 50;
    begin(f, 1, false);
    loop_run_until(f->fake->loop, &(bool){false}, LOOP_MS(150));
    fake_until(f->fake, is_quiet, f, "it is over");
    end(f);
    make(f, false);
    faults_adopt(f->f, "storm", f->changes);
    str_clear(&f->told);
    begin(f, 1, true);
    assert_string_equal(str_c(&f->told), "");
}

/* ---- the clock ---- */

static void the_clock_follows_the_step(void **state)
{
    struct fixture *f = *state;
    begin(f, 2, false);
    assert_string_equal(jx_str(clock_spec(f), "grace", ""), "20s");
    assert_string_equal(jx_str(clock_spec(f), "preset", ""), "lab");
    begin(f, 0, false);
    assert_true(json_is_null(jx_get(clock_spec(f), "grace")));
    begin(f, 2, false);
    f->clock.preset = "kubernetes";
    f->clock.grace = NULL;
    begin(f, 2, false);
    assert_string_equal(jx_str(clock_spec(f), "preset", ""), "kubernetes");
    assert_true(json_is_null(jx_get(clock_spec(f), "grace")));
    end(f);
    assert_string_equal(jx_str(clock_spec(f), "preset", ""), "lab");
    assert_string_equal(str_c(&f->troubles), "");
}

static void a_foreign_clock_is_put_back(void **state)
{
    struct fixture *f = *state;
    fake_apply(f->fake, "{kind: Clock, metadata: {name: cluster}, spec: {preset: swarm, eviction: "
                        "9s}}\n");
    make(f, true);
    begin(f, 0, false);
    assert_string_equal(jx_str(clock_spec(f), "preset", ""), "swarm");
    begin(f, 2, false);
    assert_string_equal(jx_str(clock_spec(f), "grace", ""), "20s");
    assert_true(json_is_null(jx_get(clock_spec(f), "eviction")));
    end(f);
    assert_string_equal(jx_str(clock_spec(f), "preset", ""), "swarm");
    assert_string_equal(jx_str(clock_spec(f), "eviction", ""), "9s");
    assert_true(json_is_null(jx_get(clock_spec(f), "grace")));
}

/* ---- trouble ---- */

static void what_cannot_be_done_is_said(void **state)
{
    struct fixture *f = *state;
    f->faults[0].host = "worker-9";
    begin(f, 1, false);
    assert_string_equal(str_c(&f->troubles), "The lab cannot set the power of worker-9 to Off: "
                                             "hosts \"worker-9\" not found\n");
    fake_delete(f->fake, "Clock", "", "cluster");
    str_clear(&f->troubles);
    begin(f, 2, false);
    assert_non_null(strstr(str_c(&f->troubles), "cannot set the cluster's clock"));
}

static void it_may_be_freed_at_any_time(void **state)
{
    struct fixture *f = *state;
    f->stuck = true;
    faults_begin(f->f, &f->steps[1], false, on_done, f);
    make(f, false);
    faults_begin(f->f, &f->steps[1], false, on_done, f);
    fake_discover(f->fake);
    loop_run_until(f->fake->loop, &(bool){false}, LOOP_MS(2));
    make(f, false);
    faults_begin(f->f, &f->steps[1], false, on_done, f);
    loop_run_until(f->fake->loop, &f->done, LOOP_MS(400));
    assert_false(f->done); /* the host is not off yet */
    assert_true(faults_are_due(f->f));
    make(f, false);
    faults_free(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(at_once_and_after_a_check),
        TEST(after_a_time_and_for_a_time),
        TEST(a_step_that_is_left_strikes_no_more),
        TEST(what_goes_on_is_not_undone),
        TEST(what_was_left_is_undone),
        TEST(who_comes_back_finds_it_struck),
        TEST(what_was_over_stays_over),
        TEST(the_clock_follows_the_step),
        TEST(a_foreign_clock_is_put_back),
        TEST(what_cannot_be_done_is_said),
        TEST(it_may_be_freed_at_any_time),
    };
    jx_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
