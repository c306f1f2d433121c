/* SPDX-License-Identifier: Apache-2.0 */
/* Proves what a front end is told when a learner walks through a lab, leaves it, and comes back. */
#include "session/bench_lab.h"

#include "journal/journal.h"
#include "session/files.h"
#include "session/session.h"

struct fixture {
    struct bench *b;
    struct journal *journal;
    struct session *s;
    struct str events; /* "step(one) check(a ok) done(one)" */
    const char *awaited;
    bool came;
};

static int set_up(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err;
    f->b = bench_new();
    cleanup_free char *path = xasprintf("%s/journal.db", f->b->dir);
    if (journal_open(path, &f->journal, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    session_free(f->s);
    journal_close(f->journal);
    bench_free(f->b);
    str_fini(&f->events);
    free(f);
    return 0;
}

/* The field of an event that says most. */
static const char *gist(const json_t *e)
{
    static const char *const fields[] = {"text", "step", "id", "what"};
    const char *kind = jx_str(e, "kind", "");
    if (strcmp(kind, "step") == 0 || strcmp(kind, "done") == 0) {
        return jx_str(e, "step", "");
    }
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (jx_get(e, fields[i]) != NULL) {
            return jx_str(e, fields[i], "");
        }
    }
    return "";
}

static void on_event(void *arg, const json_t *e)
{
    struct fixture *f = arg;
    const char *state = jx_str(e, "state", NULL);
    str_add_f(&f->events, "%s(%s%s%s) ", jx_str(e, "kind", ""), gist(e), state != NULL ? " " : "",
              state != NULL ? state : "");
    if (f->awaited != NULL && strstr(str_c(&f->events), f->awaited) != NULL) {
        f->came = true;
    }
}

static void open_session(struct fixture *f, const char *uuid, bool replay, bool clear)
{
    struct err err;
    struct session_opts opts = {.loop = f->b->fake->loop,
                                .lab = f->b->lab,
                                .kube = f->b->fake->kube,
                                .journal = f->journal,
                                .uuid = uuid,
                                .replay = replay,
                                .clear = clear,
                                .workdir = f->b->work,
                                .cluster = "uid-1"};
    session_free(f->s);
    f->s = NULL;
    str_clear(&f->events);
    if (session_new(&opts, &f->s, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    session_listen(f->s, on_event, f);
}

/* Until this was told; what was told before is forgotten. */
static void await(struct fixture *f, const char *text)
{
    f->awaited = text;
    f->came = strstr(str_c(&f->events), text) != NULL;
    if (!loop_run_until(f->b->fake->loop, &f->came, LOOP_S(20))) {
        fail_msg("\"%s\" is not told, but: %s", text, str_c(&f->events));
    }
    f->awaited = NULL;
}

static int command(struct fixture *f, const char *json, struct err *err)
{
    json_auto_t *c = json_loads(json, 0, NULL);
    assert_non_null(c);
    return session_command(f->s, c, err);
}

static void tell(struct fixture *f, const char *json)
{
    struct err err;
    str_clear(&f->events);
    if (command(f, json, &err) < 0) {
        fail_msg("%s: %s", json, err.msg);
    }
}

static void refused(struct fixture *f, const char *json, const char *words)
{
    struct err err;
    assert_int_equal(command(f, json, &err), -1);
    if (strstr(err.msg, words) == NULL) {
        fail_msg("%s is refused with: %s", json, err.msg);
    }
}

static void do_step_one(struct fixture *f)
{
    bench_make(f->b, "a");
    bench_make(f->b, "b");
    tell(f, "{\"cmd\": \"command\", \"word\": \"touch\", \"exit\": 0}");
    await(f, "done(one) ");
}

static void a_learner_walks_through(void **state)
{
    struct fixture *f = *state;
    struct journal_progress p;
    open_session(f, NULL, false, false);
    await(f, "step(one) ");
    assert_true(bench_has(f->b, "given.txt"));
    refused(f, "{\"cmd\": \"next\"}", "not done yet");
    bench_make(f->b, "a");
    tell(f, "{\"cmd\": \"command\", \"word\": \"touch\", \"exit\": 0}");
    await(f, "check(a ok) ");
    bench_make(f->b, "b");
    tell(f, "{\"cmd\": \"command\", \"word\": \"touch\", \"exit\": 0}");
    await(f, "check(b ok) ");
    await(f, "done(one) ");
    assert_true(session_step_done(f->s));
    tell(f, "{\"cmd\": \"next\"}");
    await(f, "step(two) ");
    assert_int_equal(session_step(f->s), 1);
    bench_make(f->b, "c");
    tell(f, "{\"cmd\": \"command\", \"word\": \"touch\", \"exit\": 0}");
    await(f, "done(two) ");
    tell(f, "{\"cmd\": \"next\"}");
    await(f, "step(three) ");
    await(f, "done(three) "); /* a step to read */
    tell(f, "{\"cmd\": \"next\"}");
    await(f, "finished() ");
    assert_true(session_finished(f->s));
    refused(f, "{\"cmd\": \"next\"}", "finished");
    assert_true(journal_lab_done(f->journal, "lab"));
    journal_progress(f->journal, session_uuid(f->s), &p);
    assert_int_equal(p.done, 3);
    assert_int_equal(p.commands, 3);
}

static void hints_come_one_by_one(void **state)
{
    struct fixture *f = *state;
    open_session(f, NULL, false, false);
    await(f, "step(one) ");
    tell(f, "{\"cmd\": \"hint\"}");
    await(f, "hint(Touch.");
    tell(f, "{\"cmd\": \"hint\"}");
    await(f, "hint(Touch a b.");
    refused(f, "{\"cmd\": \"hint\"}", "the last hint");
    tell(f, "{\"cmd\": \"solution\"}");
    await(f, "solution(# Both at once.\ntouch a b");
    tell(f, "{\"cmd\": \"text\"}");
    await(f, "step(one) ");
}

static void a_prediction_is_taken_up_again(void **state)
{
    struct fixture *f = *state;
    open_session(f, NULL, false, false);
    await(f, "step(one) ");
    refused(f, "{\"cmd\": \"answer\", \"choice\": 3}", "The choices are a to b.");
    tell(f, "{\"cmd\": \"answer\", \"choice\": 2}");
    await(f, "ask(q) ");
    tell(f, "{\"cmd\": \"answer\", \"choice\": 1}"); /* on second thoughts */
    do_step_one(f);
    assert_non_null(strstr(f->events.p, "recall(q) done(one) "));
    tell(f, "{\"cmd\": \"next\"}");
    await(f, "step(two) ");
    refused(f, "{\"cmd\": \"answer\", \"choice\": 1}", "no question");
}

static void why_explains_what_is_missing(void **state)
{
    struct fixture *f = *state;
    open_session(f, NULL, false, false);
    await(f, "step(one) ");
    bench_make(f->b, "a");
    tell(f, "{\"cmd\": \"command\", \"word\": \"touch\", \"exit\": 0}");
    await(f, "check(a ok) ");
    tell(f, "{\"cmd\": \"why\"}");
    tell(f, "{\"cmd\": \"why\"}"); /* asked twice, answered once */
    await(f, "why() ");
    bench_make(f->b, "b");
    tell(f, "{\"cmd\": \"command\", \"word\": \"touch\", \"exit\": 0}");
    await(f, "done(one) ");
    refused(f, "{\"cmd\": \"why\"}", "Everything holds");
}

static void skipping_does_the_step(void **state)
{
    struct fixture *f = *state;
    open_session(f, NULL, false, false);
    await(f, "step(one) ");
    tell(f, "{\"cmd\": \"skip\"}");
    assert_true(session_busy(f->s));
    refused(f, "{\"cmd\": \"hint\"}", "One moment");
    await(f, "busy(solve) ");
    await(f, "ready() ");
    await(f, "step(two) ");
    assert_true(bench_has(f->b, "b"));
    assert_false(session_busy(f->s));
}

static void back_and_redo_make_the_steps_before_again(void **state)
{
    struct fixture *f = *state;
    open_session(f, NULL, false, false);
    await(f, "step(one) ");
    refused(f, "{\"cmd\": \"back\"}", "the first step");
    do_step_one(f);
    tell(f, "{\"cmd\": \"next\"}");
    await(f, "step(two) ");
    tell(f, "{\"cmd\": \"redo\"}");
    await(f, "busy(reset) ");
    await(f, "busy(replay) ");
    await(f, "step(two) ");
    tell(f, "{\"cmd\": \"back\"}");
    await(f, "busy(reset) ");
    await(f, "step(one) ");
    assert_int_equal(session_step(f->s), 0);
}

static void the_next_day_it_goes_on(void **state)
{
    struct fixture *f = *state;
    char uuid[37];
    open_session(f, NULL, false, false);
    await(f, "step(one) ");
    tell(f, "{\"cmd\": \"hint\"}");
    tell(f, "{\"cmd\": \"answer\", \"choice\": 2}");
    await(f, "ask(q) ");
    bench_make(f->b, "a");
    tell(f, "{\"cmd\": \"command\", \"word\": \"touch\", \"exit\": 0}");
    await(f, "check(a ok) ");
    tell(f, "{\"cmd\": \"leave\"}");
    str_copy(uuid, sizeof(uuid), session_uuid(f->s));
    bench_write(f->b, "work/given.txt", "changed by the learner\n");
    open_session(f, uuid, false, false);
    assert_string_equal(session_uuid(f->s), uuid);
    await(f, "check(a ok) ");
    /* What was said and seen before still is. */
    tell(f, "{\"cmd\": \"hint\"}");
    await(f, "hint(Touch a b.");
    do_step_one(f);
    assert_non_null(strstr(f->events.p, "recall(q) "));
    /* The setup ran once, and nobody wrote over the learner's file. */
    cleanup_free char *setups = xasprintf("%s/setups", f->b->work);
    struct stat st;
    assert_int_equal(stat(setups, &st), 0);
    assert_int_equal(st.st_size, 2);
    assert_false(bench_has(f->b, "given.txt.mine"));
}

static void on_a_new_cluster_it_is_made_again(void **state)
{
    struct fixture *f = *state;
    char uuid[37];
    open_session(f, NULL, false, false);
    await(f, "step(one) ");
    do_step_one(f);
    tell(f, "{\"cmd\": \"next\"}");
    await(f, "step(two) ");
    str_copy(uuid, sizeof(uuid), session_uuid(f->s));
    cleanup_free char *command_line = xasprintf("rm %s/a %s/b", f->b->work, f->b->work);
    assert_int_equal(system(command_line), 0);
    open_session(f, uuid, true, false);
    await(f, "busy(replay) ");
    await(f, "step(two) ");
    assert_true(bench_has(f->b, "b"));
    assert_null(strstr(f->events.p, "busy(reset)"));
}

static void what_another_lab_left_is_taken_away(void **state)
{
    struct fixture *f = *state;
    open_session(f, NULL, false, true);
    await(f, "busy(reset) ");
    await(f, "step(one) ");
}

/* ---- faults ---- */

static void on_write(struct fake *fake, struct http_exchange *x, const struct fake_kind *k,
                     const char *ns, const char *name)
{
    cleanup_free char *key = fake_key(k, ns, name);
    json_t *obj = map_find(fake->objects, key);
    size_t n;
    const char *body = http_exchange_body(x, &n);
    json_auto_t *patch = json_loadb(body, n, 0, NULL);
    json_object_update_recursive(obj, patch);
    json_object_update_recursive(json_object_get(obj, "status"), json_object_get(patch, "spec"));
    fake_answer(x, 200, jx_edit(obj));
}

static const char *power(const struct fixture *f)
{
    return jx_str(map_find(f->b->fake->objects, "hosts//worker-1"), "spec.power", "");
}

static void until_power(struct fixture *f, const char *want)
{
    for (int i = 0; i < 1000 && strcmp(power(f), want) != 0; i++) {
        loop_run_until(f->b->fake->loop, &(bool){false}, LOOP_MS(10));
    }
    assert_string_equal(power(f), want);
}

static void a_fault_strikes_and_is_undone(void **state)
{
    struct fixture *f = *state;
    char uuid[37];
    struct lab_fault fault = {.check = "a", .host = "worker-1", .field = "power", .value = "Off"};
    f->b->lab->steps[0].faults = &fault;
    f->b->lab->steps[0].nfaults = 1;
    f->b->fake->write = on_write;
    fake_apply(f->b->fake, "{kind: Host, metadata: {name: worker-1}, spec: {power: 'On'}, status: "
                           "{power: 'On'}}\n");
    open_session(f, NULL, false, false);
    await(f, "step(one) ");
    bench_make(f->b, "a");
    tell(f, "{\"cmd\": \"command\", \"word\": \"touch\", \"exit\": 0}");
    await(f, "fault(one) ");
    until_power(f, "Off");
    tell(f, "{\"cmd\": \"leave\"}");
    str_copy(uuid, sizeof(uuid), session_uuid(f->s));
    session_put_back(f->s);
    assert_string_equal(power(f), "On");
    /* It is as it was when the learner comes back, and another step mends it. */
    open_session(f, uuid, false, false);
    await(f, "fault(one) ");
    await(f, "check(a ok) ");
    until_power(f, "Off");
    do_step_one(f);
    tell(f, "{\"cmd\": \"next\"}");
    await(f, "fault(one) ");
    until_power(f, "On");
    /* Killed in the middle: the next life mends it. */
    tell(f, "{\"cmd\": \"redo\"}");
    await(f, "step(two) ");
    f->b->lab->steps[1].faults = &fault;
    f->b->lab->steps[1].nfaults = 1;
    fault.check = NULL;
    tell(f, "{\"cmd\": \"redo\"}");
    await(f, "step(two) ");
    await(f, "fault(two) ");
    f->b->lab->steps[1].nfaults = 0;
    open_session(f, uuid, false, false);
    await(f, "fault(two) ");
    until_power(f, "On");
    f->b->lab->steps[0].nfaults = 0;
}

static void a_late_listener_is_told_the_present_state(void **state)
{
    struct fixture *f = *state;
    open_session(f, NULL, false, false);
    await(f, "step(one) ");
    do_step_one(f);
    session_unlisten(f->s, on_event, f);
    str_clear(&f->events);
    session_listen(f->s, on_event, f);
    await(f, "step(one) check(a ok) check(b ok) done(one) ");
    session_unlisten(f->s, on_event, f);
}

static void unknown_commands_are_refused(void **state)
{
    struct fixture *f = *state;
    open_session(f, NULL, false, false);
    refused(f, "{\"cmd\": \"fly\"}", "there is no command \"fly\"");
    refused(f, "{}", "there is no command");
}

static void a_session_that_there_is_not(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct session_opts opts = {.loop = f->b->fake->loop,
                                .lab = f->b->lab,
                                .kube = f->b->fake->kube,
                                .journal = f->journal,
                                .uuid = "nobody",
                                .workdir = f->b->work};
    assert_int_equal(session_new(&opts, &f->s, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    f->s = NULL;
}

static void changed_files_are_kept_beside(void **state)
{
    struct fixture *f = *state;
    struct err err;
    bench_write(f->b, "lab/files/below/deep.txt", "deep\n");
    assert_int_equal(session_copy_files(f->b->lab, f->b->work, false, &err), 0);
    assert_true(bench_has(f->b, "below/deep.txt"));
    bench_write(f->b, "work/below/deep.txt", "mine\n");
    assert_int_equal(session_copy_files(f->b->lab, f->b->work, true, &err), 0);
    assert_true(bench_has(f->b, "below/deep.txt.mine"));
    assert_false(bench_has(f->b, "given.txt.mine"));
    assert_int_equal(session_copy_files(f->b->lab, "/dev/null", true, &err), -1);
    assert_non_null(strstr(err.msg, "/dev/null"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
    if (expr_child_wanted(argc, argv)) {
        return expr_child_main();
    }
    const struct CMUnitTest tests[] = {
        TEST(a_learner_walks_through),
        TEST(hints_come_one_by_one),
        TEST(a_prediction_is_taken_up_again),
        TEST(why_explains_what_is_missing),
        TEST(skipping_does_the_step),
        TEST(back_and_redo_make_the_steps_before_again),
        TEST(the_next_day_it_goes_on),
        TEST(on_a_new_cluster_it_is_made_again),
        TEST(what_another_lab_left_is_taken_away),
        TEST(a_fault_strikes_and_is_undone),
        TEST(a_late_listener_is_told_the_present_state),
        TEST(unknown_commands_are_refused),
        TEST(a_session_that_there_is_not),
        TEST(changed_files_are_kept_beside),
    };
    jx_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
