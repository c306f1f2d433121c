/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that a lab's scripts run, say how they ended, and cannot outstay their time. */
#include "common/testing.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "session/script.h"

struct fixture {
    struct loop *loop;
    bool ended;
    int exit;
    char *output;
};

static int set_up(void **state)
{
    struct fixture *f = xnew(struct fixture);
    f->loop = loop_new();
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    loop_free(f->loop);
    free(f->output);
    free(f);
    return 0;
}

static void on_end(void *arg, int exit, const char *output)
{
    struct fixture *f = arg;
    assert_false(f->ended);
    f->ended = true;
    f->exit = exit;
    free(f->output);
    f->output = xstrdup(output);
}

static void run(struct fixture *f, struct script_opts opts)
{
    opts.loop = f->loop;
    opts.workdir = opts.workdir != NULL ? opts.workdir : "/tmp";
    f->ended = false;
    script_run(&opts, on_end, f);
    if (!loop_run_until(f->loop, &f->ended, LOOP_S(20))) {
        fail_msg("the script does not end");
    }
}

static void check(struct fixture *f, const char *text, int exit, const char *output)
{
    run(f, (struct script_opts){.text = text});
    if (f->exit != exit || strcmp(f->output, output) != 0) {
        fail_msg("%s: %d \"%s\"", text, f->exit, f->output);
    }
}

static void status_and_output(void **state)
{
    struct fixture *f = *state;
    check(f, "echo one; echo two >&2; exit 3", 3, "one\ntwo\n");
    check(f, "true", 0, "");
    check(f, "kill -9 $$", 137, "");
    check(f, "pwd; read x; echo \"$?\"", 0, "/tmp\n1\n");
}

static void a_file_with_an_environment(void **state)
{
    struct fixture *f = *state;
    static const char *const env[] = {"GIVEN=by the lab", "HOME=/nowhere", "TAKEN=", NULL};
    setenv("TAKEN", "mine", 1);
    char path[] = "/tmp/script-test-XXXXXX";
    static const char text[] = "# why: x\necho \"$GIVEN $HOME $0${TAKEN+ not taken}\"\nfalse\n";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    run(f, (struct script_opts){.path = path, .env = env});
    cleanup_free char *want = xasprintf("by the lab /nowhere %s\n", path);
    assert_int_equal(f->exit, 1);
    assert_string_equal(f->output, want);
    unlink(path);
}

static void the_end_of_long_output_is_kept(void **state)
{
    struct fixture *f = *state;
    run(f, (struct script_opts){.text = "seq 1 20000"});
    assert_true(strlen(f->output) <= 16 * 1024);
    assert_true(str_has_suffix(f->output, "\n19999\n20000\n"));
}

/* Whether it runs; one that nobody has buried does not. */
static bool runs(pid_t pid)
{
    char path[64];
    char state = 'Z';
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    int n = fscanf(file, "%*d (%*[^)]) %c", &state);
    fclose(file);
    return n == 1 && state != 'Z';
}

static void time_is_bounded_for_the_whole_group(void **state)
{
    struct fixture *f = *state;
    run(f, (struct script_opts){.text = "sleep 1000 & echo $!; wait", .timeout_ns = LOOP_MS(300)});
    assert_int_equal(f->exit, -1);
    assert_non_null(strstr(f->output, "it took too long"));
    pid_t child = atoi(f->output);
    assert_true(child > 0);
    for (int i = 0; i < 1000 && runs(child); i++) {
        poll(NULL, 0, 10);
    }
    assert_false(runs(child));
}

static void what_it_leaves_behind_is_not_waited_for(void **state)
{
    struct fixture *f = *state;
    run(f, (struct script_opts){.text = "sleep 1000 & echo $!"});
    assert_int_equal(f->exit, 0);
    kill(atoi(f->output), SIGKILL);
}

static void a_cancelled_one_says_nothing(void **state)
{
    struct fixture *f = *state;
    struct script_opts opts = {.loop = f->loop, .text = "sleep 1000", .workdir = "/tmp"};
    script_cancel(script_run(&opts, on_end, f));
    script_cancel(NULL);
    loop_run_until(f->loop, &f->ended, LOOP_MS(100));
    assert_false(f->ended);
}

static void a_folder_that_is_not_there(void **state)
{
    struct fixture *f = *state;
    run(f, (struct script_opts){.text = "true", .workdir = "/no/such/folder"});
    assert_int_equal(f->exit, -1);
    assert_non_null(strstr(f->output, "does not start"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(status_and_output),
        TEST(a_file_with_an_environment),
        TEST(the_end_of_long_output_is_kept),
        TEST(time_is_bounded_for_the_whole_group),
        TEST(what_it_leaves_behind_is_not_waited_for),
        TEST(a_cancelled_one_says_nothing),
        TEST(a_folder_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
