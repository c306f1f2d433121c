/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody does to the processes behind our back, and what a power cut leaves on the disk. */
#include "process_testing.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

/* The process with this title; 0: there is none. `shim`: the one that watches over it. */
static pid_t find_process(const struct box *x, const char *what, bool shim)
{
    cleanup_free char *title =
        xasprintf("podlab: %s worker-1 default/web-0 %s%s", x->name, what, shim ? " (shim)" : "");
    pid_t found = 0;
    DIR *dir = opendir("/proc");
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        char path[300], line[256];
        snprintf(path, sizeof(path), "/proc/%s/cmdline", e->d_name);
        FILE *f = fopen(path, "re");
        size_t got = f != NULL ? fread(line, 1, sizeof(line) - 1, f) : 0;
        line[got] = '\0';
        found = strcmp(line, title) == 0 ? (pid_t)atoi(e->d_name) : found;
        if (f != NULL) {
            fclose(f);
        }
    }
    closedir(dir);
    return found;
}

static void kill_process(const struct box *x, const char *what, bool shim, int sig)
{
    pid_t pid = find_process(x, what, shim);
    if (pid <= 0) {
        fail_msg("no process of %s", what);
    }
    assert_int_equal(kill(pid, sig), 0);
}

/* ---- killed ---- */

static void test_a_killed_program_has_ended(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    start_pod(x, &p);
    kill_process(x, "web", false, SIGKILL);
    box_wait_event(x, p.app, "die:137");
    BOX_CALL(x, &o, RUNTIME_OK, inspect, p.app);
    assert_int_equal(o.st->exit_code, 137);
    assert_false(o.st->oom_killed); /* it has no limit */
}

static void test_a_killed_shim_takes_its_program_along(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_outcome struct outcome o = {0}, again = {0};
    make_pod(x, &p, 10);
    start_pod(x, &p);
    box_wait_answer(x, p.address, 8080);
    kill_process(x, "web", true, SIGKILL);
    box_wait_event(x, p.app, "die:137");
    assert_int_equal(box_get(x, p.address, 8080, "/").status, 0);
    BOX_CALL(x, &o, RUNTIME_OK, inspect, p.app);
    assert_int_equal(o.st->state, RUNTIME_EXITED);
    assert_true(o.st->finished_us >= o.st->started_us);
    box_reopen(x); /* and so the next life says */
    BOX_CALL(x, &again, RUNTIME_OK, ensure, &p.app_spec, 7);
    assert_int_equal(again.st->state, RUNTIME_EXITED);
    assert_int_equal(again.st->exit_code, 137);
}

static void test_a_shim_killed_between_two_lives(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    start_pod(x, &p);
    box_wait_answer(x, p.address, 8080);
    x->rt.ops->free(x->rt.self);
    kill_process(x, "web", true, SIGKILL);
    box_open(x);
    BOX_CALL(x, &o, RUNTIME_OK, inspect, p.app);
    assert_int_equal(o.st->state, RUNTIME_EXITED);
    assert_int_equal(o.st->exit_code, 137);
    BOX_CALL(x, &o, RUNTIME_OK, remove, p.app);
    BOX_CALL(x, &o, RUNTIME_OK, ensure, &p.app_spec, 8); /* the port is free */
    box_wait_answer(x, p.address, 8080);
}

static void test_a_shim_that_is_told_to_end_stops_politely(void **state)
{
    struct box *x = *state;
    struct pod p;
    make_pod(x, &p, 10);
    start_pod(x, &p);
    box_wait_answer(x, p.address, 8080);
    kill_process(x, "web", true, SIGTERM);
    box_wait_event(x, p.app, "die:0");
}

static void test_a_stopped_shim_is_removed_all_the_same(void **state)
{
    struct box *x = *state;
    struct pod p;
    cleanup_outcome struct outcome o = {0};
    make_pod(x, &p, 10);
    start_pod(x, &p);
    box_reopen(x); /* it is nobody's child now */
    kill_process(x, "web", true, SIGSTOP);
    BOX_CALL(x, &o, RUNTIME_OK, remove, p.app);
    BOX_CALL(x, &o, RUNTIME_FAILED, inspect, p.app);
    assert_int_equal(find_process(x, "web", false), 0);
}

/* ---- what is on the disk ---- */

static void write_file(const struct box *x, const char *name, const char *file, const char *text,
                       size_t n)
{
    cleanup_free char *path = xasprintf("%s/containers/%s/%s", x->dir, name, file);
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), n);
}

/* Its state names a process that lives, and is another by now: nobody touches that. */
static void test_a_number_that_was_given_again(void **state)
{
    struct box *x = *state;
    struct pod p;
    char text[256];
    cleanup_outcome struct outcome o = {0};
    char program[] = "sleep", time[] = "60";
    char *const argv[] = {program, time, NULL};
    pid_t bystander = 0;
    assert_int_equal(posix_spawnp(&bystander, program, NULL, NULL, argv, NULL), 0);
    make_pod(x, &p, 10);
    start_pod(x, &p);
    BOX_CALL(x, &o, RUNTIME_OK, stop, p.app, 0);
    x->rt.ops->free(x->rt.self);
    int n = snprintf(text, sizeof(text),
                     "state running\nboot of another life\npid %d 12345\nstarted 1\nfinished 0\n"
                     "code 0\noom 0\nerror \n",
                     (int)bystander);
    write_file(x, p.app, "state", text, (size_t)n);
    box_open(x);
    BOX_CALL(x, &o, RUNTIME_OK, inspect, p.app);
    assert_int_equal(o.st->state, RUNTIME_EXITED);
    assert_int_equal(waitpid(bystander, NULL, WNOHANG), 0); /* it lives */
    kill(bystander, SIGKILL);
    waitpid(bystander, NULL, 0);
}

/* A power cut: everything says that it runs, and nothing does. */
static void test_after_a_power_cut(void **state)
{
    struct box *x = *state;
    struct pod p, q;
    cleanup_outcome struct outcome o = {0};
    static const char ran[] =
        "state running\nboot x\npid 1 1\nstarted 5\nfinished 0\ncode 0\noom 0\n";
    make_pod(x, &p, 10);
    make_pod(x, &q, 11);
    start_pod(x, &p);
    start_pod(x, &q);
    BOX_CALL(x, &o, RUNTIME_OK, stop, p.app, 0);
    BOX_CALL(x, &o, RUNTIME_OK, stop, q.app, 0);
    BOX_CALL(x, &o, RUNTIME_OK, stop, q.sandbox, 0);
    x->rt.ops->free(x->rt.self);
    write_file(x, p.app, "state", ran, sizeof(ran) - 1);
    write_file(x, q.app, "state", "", 0);
    write_file(x, q.sandbox, "config", "name=x", 6); /* cut off */
    box_open(x);
    BOX_CALL(x, &o, RUNTIME_OK, inspect, p.app);
    assert_int_equal(o.st->state, RUNTIME_EXITED);
    BOX_CALL(x, &o, RUNTIME_OK, inspect, q.app);
    assert_int_equal(o.st->state, RUNTIME_CREATED);
    BOX_CALL(x, &o, RUNTIME_FAILED, inspect, q.sandbox); /* of no use to anybody */
    assert_int_equal(o.err.code, ERR_NOT_FOUND);
    BOX_CALL(x, &o, RUNTIME_OK, inspect, p.sandbox); /* and this one was not harmed */
    assert_int_equal(o.st->state, RUNTIME_RUNNING);
}

/* What was being made or removed when we were killed. */
static void test_leftovers_are_swept(void **state)
{
    struct box *x = *state;
    struct stat st;
    cleanup_free char *left = xasprintf("%s/tmp/new-thing/root/etc", x->dir);
    cleanup_free char *command = xasprintf("mkdir -p %s && ln -s / %s/everything", left, left);
    assert_int_equal(system(command), 0);
    box_reopen(x);
    assert_int_not_equal(stat(left, &st), 0);
    assert_int_equal(stat("/etc/passwd", &st), 0); /* no link was followed */
}

/* Two lives at once, which the lock of the cluster's folder prevents: one of them starts it. */
static void test_two_start_the_same(void **state)
{
    struct box *x = *state;
    struct pod p;
    struct runtime other;
    struct outcome a = {0}, b = {0};
    struct err err;
    make_pod(x, &p, 10);
    assert_int_equal(process_new(x->loop,
                                 &(struct process_opts){.cluster = &x->cluster, .dir = x->dir},
                                 &other, &err),
                     0);
    x->rt.ops->ensure(x->rt.self, &p.sandbox_spec, 1, outcome_done, &a);
    other.ops->destroy(other.self, outcome_done, &b); /* reads the folder, too */
    assert_true(loop_run_until(x->loop, &b.done, LOOP_S(20)));
    other.ops->free(other.self);
    free(a.st);
    free(b.st);
    box_wait(x, box_is_empty, x, "it does not run");
    box_reopen(x);
}

/* ---- rest ---- */

/* What all processes of the box have used of the processors, in the kernel's ticks. */
static long ticks(const struct box *x)
{
    cleanup_free char *title = xasprintf("podlab: %s ", x->name);
    long sum = 0;
    DIR *dir = opendir("/proc");
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        char path[300], line[1024];
        long user = 0, kernel = 0;
        snprintf(path, sizeof(path), "/proc/%s/cmdline", e->d_name);
        FILE *f = fopen(path, "re");
        size_t got = f != NULL ? fread(line, 1, sizeof(line) - 1, f) : 0;
        line[got] = '\0';
        bool ours = strncmp(line, title, strlen(title)) == 0;
        if (f != NULL) {
            fclose(f);
        }
        snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
        f = ours ? fopen(path, "re") : NULL;
        if (f != NULL && fgets(line, sizeof(line), f) != NULL &&
            sscanf(strrchr(line, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld",
                   &user, &kernel) == 2) {
            sum += user + kernel;
        }
        if (f != NULL) {
            fclose(f);
        }
    }
    closedir(dir);
    return sum;
}

/* Whoever left, and in whatever state: nobody is kept awake by it. */
static void test_nobody_is_busy_with_nothing(void **state)
{
    struct box *x = *state;
    struct pod p, q, r;
    const char *const cat[] = {"cat", NULL};
    const struct runtime_exec cmd = {.command = cat, .stdin_open = true};
    static char bytes[300000];
    bool never = false;
    cleanup_outcome struct outcome o = {0};
    cleanup_reader struct reader slow = {.takes = false}, gone = {.takes = false};
    make_pod(x, &p, 10);
    make_pod(x, &q, 11);
    make_pod(x, &r, 12);
    r.app_spec.args = cat; /* its input is closed from the beginning: it ends */
    start_pod(x, &p);
    start_pod(x, &q);
    start_pod(x, &r);
    struct runtime_stream *s = x->rt.ops->exec(x->rt.self, p.app, &cmd, &reader_ops, &slow);
    struct runtime_stream *t = x->rt.ops->exec(x->rt.self, p.app, &cmd, &reader_ops, &gone);
    for (int i = 0; i < 8; i++) { /* more than either side takes: both stand still */
        x->rt.ops->write(s, bytes, sizeof(bytes));
        x->rt.ops->write(t, bytes, sizeof(bytes));
        loop_run_until(x->loop, &never, LOOP_MS(20));
    }
    BOX_CALL(x, &o, RUNTIME_OK, pause, q.app, true);
    BOX_CALL(x, &o, RUNTIME_OK, connect, p.sandbox, false);
    x->rt.ops->stream_free(t);
    loop_run_until(x->loop, &never, LOOP_MS(100));
    long before = ticks(x);
    loop_run_until(x->loop, &never, LOOP_MS(500));
    assert_true(ticks(x) - before <= 5); /* of 50 for each that is busy */
    x->rt.ops->stream_free(s);
    box_reopen(x); /* nobody listens any more, and somebody new does */
    loop_run_until(x->loop, &never, LOOP_MS(100));
    before = ticks(x);
    loop_run_until(x->loop, &never, LOOP_MS(500));
    assert_true(ticks(x) - before <= 5);
}

/* ---- how many, how fast ---- */

static void test_fifty_at_once(void **state)
{
    enum { N = 50 };
    struct box *x = *state;
    static struct pod pods[N];
    static struct outcome made[N];
    cleanup_outcome struct outcome o = {0};
    memset(made, 0, sizeof(made));
    for (unsigned i = 0; i < N; i++) {
        make_pod(x, &pods[i], 10 + i);
        x->rt.ops->ensure(x->rt.self, &pods[i].sandbox_spec, 1, outcome_done, &made[i]);
    }
    for (unsigned i = 0; i < N; i++) {
        box_expect(x, &made[i], RUNTIME_OK);
        free(made[i].st);
    }
    assert_int_equal(box_processes(x), 2 * N);
    box_reopen(x);
    BOX_CALL(x, &o, RUNTIME_OK, inspect, pods[N - 1].sandbox);
    assert_int_equal(o.st->state, RUNTIME_RUNNING);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_killed_program_has_ended),
        TEST(test_a_killed_shim_takes_its_program_along),
        TEST(test_a_shim_killed_between_two_lives),
        TEST(test_a_shim_that_is_told_to_end_stops_politely),
        TEST(test_a_stopped_shim_is_removed_all_the_same),
        TEST(test_a_number_that_was_given_again),
        TEST(test_after_a_power_cut),
        TEST(test_leftovers_are_swept),
        TEST(test_two_start_the_same),
        TEST(test_nobody_is_busy_with_nothing),
        TEST(test_fifty_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
