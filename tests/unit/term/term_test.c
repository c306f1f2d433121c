/* SPDX-License-Identifier: Apache-2.0 */
/* Proves with a real bash on a real pty that a session in it is an ordinary shell. */
#include "common/testing.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "term/term.h"

#define PATIENCE LOOP_S(20)

struct shell {
    struct loop *loop;
    struct term *term;
    char dir[64];
    struct str out;   /* since the last line was sent */
    struct str ahead; /* given back */
    int status;
    bool prompt, more, started, ended;
    bool heard; /* any of these just came */
    bool printed;
};

static void on_output(void *arg, const char *bytes, size_t n)
{
    struct shell *s = arg;
    str_add_n(&s->out, bytes, n);
    s->printed = true;
}

static void on_start(void *arg)
{
    struct shell *s = arg;
    s->started = true;
    s->prompt = s->more = false;
}

static void on_prompt(void *arg, int status)
{
    struct shell *s = arg;
    s->prompt = s->heard = true;
    s->more = false;
    s->status = status;
}

static void on_more(void *arg)
{
    struct shell *s = arg;
    s->more = s->heard = true;
}

static void on_ahead(void *arg, const char *bytes, size_t n)
{
    struct shell *s = arg;
    str_add_n(&s->ahead, bytes, n);
}

static void on_exit_status(void *arg, int status)
{
    struct shell *s = arg;
    s->ended = s->heard = true;
    s->status = status;
}

static const struct term_ops ops = {
    .on_output = on_output,
    .on_start = on_start,
    .on_prompt = on_prompt,
    .on_more = on_more,
    .on_ahead = on_ahead,
    .on_exit = on_exit_status,
};

/* Until the shell asks for a line or has ended. */
static void hear(struct shell *s)
{
    s->heard = false;
    if (!loop_run_until(s->loop, &s->heard, PATIENCE)) {
        fail_msg("the shell says nothing; so far: %s", str_c(&s->out));
    }
}

static int set_up(void **state)
{
    static const char *const env[] = {"GIVEN=from the lab", "TAKEN=", NULL};
    struct shell *s = xnew(struct shell);
    struct err err;
    str_copy(s->dir, sizeof(s->dir), "/tmp/term-test-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    setenv("TAKEN", "still here", 1);
    s->loop = loop_new();
    struct term_opts opts = {.loop = s->loop,
                             .home = s->dir,
                             .workdir = s->dir,
                             .env = env,
                             .rc = "from_rc=yes\n",
                             .rows = 24,
                             .columns = 80,
                             .ops = &ops,
                             .arg = s};
    if (term_new(&opts, &s->term, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    hear(s);
    assert_true(s->prompt);
    str_clear(&s->out);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct shell *s = *state;
    term_free(s->term);
    loop_free(s->loop);
    assert_int_equal(rmdir(s->dir), 0); /* nothing of ours is left there */
    str_fini(&s->out);
    str_fini(&s->ahead);
    free(s);
    return 0;
}

static void send(struct shell *s, const char *line)
{
    struct err err;
    str_clear(&s->out);
    str_clear(&s->ahead);
    s->prompt = s->more = s->started = s->printed = false;
    if (term_send_line(s->term, line, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

/* Runs a line; what it prints, with \r\n as \n, must be `want`. */
static void run(struct shell *s, const char *line, int status, const char *want)
{
    cleanup_str struct str got = STR_INIT;
    send(s, line);
    hear(s);
    for (size_t i = 0; i < s->out.len; i++) {
        if (s->out.p[i] != '\r') {
            str_add_c(&got, s->out.p[i]);
        }
    }
    if (strcmp(str_c(&got), want) != 0) {
        fail_msg("%s prints \"%s\", not \"%s\"", line, str_c(&got), want);
    }
    assert_int_equal(s->status, status);
}

static void commands_and_their_status(void **state)
{
    struct shell *s = *state;
    run(s, "echo hello", 0, "hello\n");
    run(s, "false", 1, "");
    run(s, "echo $?", 0, "1\n");
    run(s, "sh -c 'exit 42'", 42, "");
    run(s, "", 42, "");
    assert_false(s->started);
    run(s, "printf 'no newline'", 0, "no newline");
    run(s, "echo äöü €; echo ${#from_rc}", 0, "äöü €\n3\n");
    run(s, "no-such-program", 127, "bash: no-such-program: command not found\n");
}

static void the_shell_keeps_its_state(void **state)
{
    struct shell *s = *state;
    char folder[256];
    run(s, "cd /", 0, "");
    assert_true(term_folder(s->term, folder, sizeof(folder)));
    assert_string_equal(folder, "/");
    run(s, "greet() { echo \"hi $1\"; }", 0, "");
    run(s, "greet you", 0, "hi you\n");
    run(s, "alias two='echo 2'", 0, "");
    run(s, "two", 0, "2\n");
    run(s, "x=5", 0, "");
    run(s, "echo $x | cat", 0, "5\n");
    run(s, "echo $GIVEN, $TAKEN.", 0, "from the lab, .\n");
}

static void incomplete_commands_ask_for_more(void **state)
{
    struct shell *s = *state;
    send(s, "cat <<END");
    hear(s);
    assert_true(s->more && !s->started);
    send(s, "\tone $((1 + 1))");
    hear(s);
    assert_true(s->more);
    run(s, "END", 0, "\tone 2\n");
    send(s, "for i in a b; do");
    hear(s);
    assert_true(s->more);
    send(s, "echo $i");
    hear(s);
    run(s, "done", 0, "a\nb\n");
    send(s, "echo one \\");
    hear(s);
    assert_true(s->more);
    run(s, "two", 0, "one two\n");
}

static void an_incomplete_command_can_be_given_up(void **state)
{
    struct shell *s = *state;
    send(s, "echo 'never closed");
    hear(s);
    assert_true(s->more);
    term_interrupt(s->term);
    hear(s);
    assert_true(s->prompt);
    assert_int_equal(s->status, 130);
    run(s, "echo fine", 0, "fine\n");
}

static void errors_of_the_shell_itself_are_seen(void **state)
{
    struct shell *s = *state;
    send(s, "if then");
    hear(s);
    assert_non_null(strstr(str_c(&s->out), "syntax error near unexpected token `then'"));
    assert_null(strstr(str_c(&s->out), "if then\r\n"));
    assert_false(s->started);
    run(s, "echo !!", 0, "echo if then\nif then\n");
    send(s, "!nosuch");
    hear(s);
    assert_non_null(strstr(str_c(&s->out), "event not found"));
}

static void a_long_line_arrives_whole(void **state)
{
    struct shell *s = *state;
    cleanup_str struct str line = STR_INIT;
    struct err err;
    str_add(&line, "echo ");
    for (int i = 0; i < 5000; i++) {
        str_add_c(&line, 'x');
    }
    str_add(&line, " | wc -c");
    run(s, line.p, 0, "5001\n");
    run(s, "y=1; echo $y", 0, "1\n");
    /* In the middle of a command there is no such way. */
    send(s, "cat <<END");
    hear(s);
    assert_int_equal(term_send_line(s->term, line.p, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    run(s, "END", 0, "");
}

/* Runs the loop until `text` was printed. */
static void expect(struct shell *s, const char *text)
{
    while (strstr(str_c(&s->out), text) == NULL) {
        s->printed = false;
        if (!loop_run_until(s->loop, &s->printed, PATIENCE)) {
            fail_msg("\"%s\" does not come; so far: %s", text, str_c(&s->out));
        }
    }
}

static void keys_reach_the_program_that_runs(void **state)
{
    struct shell *s = *state;
    send(s, "read -p 'name: ' n; echo \"it is $n\"");
    expect(s, "name: ");
    assert_true(s->started);
    assert_true(term_line_mode(s->term));
    term_write(s->term, "Ada\r", 4);
    hear(s);
    assert_non_null(strstr(str_c(&s->out), "it is Ada"));
    send(s, "stty raw -echo; echo ready; head -c 1 >/dev/null; stty sane");
    expect(s, "ready");
    assert_false(term_line_mode(s->term));
    term_write(s->term, "q", 1);
    hear(s);
    assert_true(s->prompt);
}

static void ctrl_c_ends_the_command_and_not_the_shell(void **state)
{
    struct shell *s = *state;
    send(s, "sh -c 'echo begun; exec sleep 100'"); /* bash itself would be deaf while it forks */
    expect(s, "begun");
    term_write(s->term, "\003", 1);
    hear(s);
    assert_int_equal(s->status, 130);
    run(s, "echo alive", 0, "alive\n");
}

static void signals_we_ignore_work_in_there(void **state)
{
    struct shell *s = *state;
    /* 32 and 33 are glibc's own: who was started by posix_spawn has them ignored */
    run(s, "sh -c 'grep -c SigIgn:.0000000[01][08]0000000 /proc/self/status'", 0, "1\n");
}

static void ctrl_z_and_fg(void **state)
{
    struct shell *s = *state;
    send(s, "sh -c 'echo begun; read x; echo got $x'");
    expect(s, "begun");
    term_write(s->term, "\032", 1);
    hear(s);
    assert_int_equal(s->status, 148);
    send(s, "fg");
    expect(s, "sh -c");
    term_write(s->term, "it\r", 3);
    hear(s);
    assert_non_null(strstr(str_c(&s->out), "got it"));
}

static void what_was_typed_ahead_comes_back(void **state)
{
    struct shell *s = *state;
    send(s, "mkfifo gate; echo begun; cat gate; rm gate; echo over");
    expect(s, "begun");
    static const char typed[] = "next\rpart äö";
    term_write(s->term, typed, sizeof(typed) - 1);
    expect(s, "part"); /* its echo: the tty has it */
    cleanup_free char *gate = xasprintf("%s/gate", s->dir);
    FILE *f = fopen(gate, "w");
    assert_non_null(f);
    fclose(f);
    hear(s);
    assert_string_equal(str_c(&s->ahead), "next\npart äö");
    assert_null(strstr(str_c(&s->out), "command not found"));
    run(s, "echo clean", 0, "clean\n");
}

static void a_learner_may_spoil_the_prompt(void **state)
{
    struct shell *s = *state;
    run(s, "PS1='$ ' PS2='' PS0=''", 0, "");
    run(s, "echo one", 0, "one\n");
    run(s, "PROMPT_COMMAND=", 0, "");
    run(s, "echo two", 0, "two\n");
    run(s, "set -u -x", 0, "");
    send(s, "echo three");
    hear(s);
    assert_non_null(strstr(str_c(&s->out), "three\r\n"));
    assert_null(strstr(str_c(&s->out), "podlab"));
}

static void tracing_does_not_show_our_own_commands(void **state)
{
    struct shell *s = *state;
    run(s, "set -x", 0, "");
    run(s, "echo one", 0, "+ echo one\none\n");
}

static void a_terminal_left_raw_is_cured(void **state)
{
    struct shell *s = *state;
    run(s, "stty raw -echo", 0, "");
    run(s, "echo fine; stty -a | grep -o ' -icanon\\| -echo\\>'", 1, "fine\n");
}

static void the_window_has_a_size(void **state)
{
    struct shell *s = *state;
    run(s, "stty size", 0, "24 80\n");
    term_resize(s->term, 50, 132);
    run(s, "stty size", 0, "50 132\n");
}

static void a_shell_that_ends_says_so(void **state)
{
    struct shell *s = *state;
    send(s, "echo bye; exit 3");
    hear(s);
    while (!s->ended) {
        hear(s);
    }
    assert_int_equal(s->status, 3);
    assert_non_null(strstr(str_c(&s->out), "bye"));
}

static void much_output_arrives_whole(void **state)
{
    struct shell *s = *state;
    send(s, "seq 1 200000");
    hear(s);
    assert_true(str_has_prefix(str_c(&s->out), "1\r\n2\r\n"));
    assert_true(str_has_suffix(str_c(&s->out), "199999\r\n200000\r\n"));
    assert_int_equal(s->out.len, 1288895 + 200000);
}

/* Whether any process still runs in this folder. */
static bool is_used(const char *dir)
{
    bool used = false;
    DIR *proc = opendir("/proc");
    for (struct dirent *e; (e = readdir(proc)) != NULL;) {
        char cwd[300];
        cleanup_free char *link = xasprintf("/proc/%s/cwd", e->d_name);
        ssize_t n = readlink(link, cwd, sizeof(cwd) - 1);
        cwd[n > 0 ? n : 0] = '\0';
        used = used || strcmp(cwd, dir) == 0;
    }
    closedir(proc);
    return used;
}

static void leaving_ends_what_runs(void **state)
{
    struct shell *s = *state;
    /* Right when bash is about to start it, which is when a hangup is most easily missed. */
    send(s, "echo begun; sleep 1000");
    expect(s, "begun");
    term_free(steal(s->term));
    for (int i = 0; i < 1000 && is_used(s->dir); i++) {
        poll(NULL, 0, 10);
    }
    assert_false(is_used(s->dir));
}

static void a_folder_that_is_not_there_ends_it(void **state)
{
    struct shell *s = *state;
    struct err err;
    struct term *t;
    struct term_opts opts = {.loop = s->loop,
                             .home = s->dir,
                             .workdir = "/no/such/folder",
                             .rows = 24,
                             .columns = 80,
                             .ops = &ops,
                             .arg = s};
    assert_int_equal(term_new(&opts, &t, &err), 0);
    hear(s);
    assert_true(s->ended);
    assert_int_equal(s->status, 127);
    assert_non_null(strstr(str_c(&s->out), "bash does not start here"));
    term_free(t);
    cleanup_free char *clean = xasprintf("rm -f %s/rc-*", s->dir);
    s->ended = false;
    run(s, clean, 0, "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commands_and_their_status),
        TEST(the_shell_keeps_its_state),
        TEST(incomplete_commands_ask_for_more),
        TEST(an_incomplete_command_can_be_given_up),
        TEST(errors_of_the_shell_itself_are_seen),
        TEST(a_long_line_arrives_whole),
        TEST(keys_reach_the_program_that_runs),
        TEST(ctrl_c_ends_the_command_and_not_the_shell),
        TEST(signals_we_ignore_work_in_there),
        TEST(ctrl_z_and_fg),
        TEST(what_was_typed_ahead_comes_back),
        TEST(a_learner_may_spoil_the_prompt),
        TEST(tracing_does_not_show_our_own_commands),
        TEST(a_terminal_left_raw_is_cured),
        TEST(the_window_has_a_size),
        TEST(a_shell_that_ends_says_so),
        TEST(much_output_arrives_whole),
        TEST(leaving_ends_what_runs),
        TEST(a_folder_that_is_not_there_ends_it),
    };
    setenv("LC_ALL", "C.UTF-8", 1);
    signal(SIGTSTP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
