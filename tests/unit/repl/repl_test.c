/* SPDX-License-Identifier: Apache-2.0 */
/* Proves with a real terminal, a real readline and a real bash what a learner lives through; the
 * session is a pretended one that writes down what it is told. */
#include "common/testing.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "common/json/jx.h"
#include "common/loop.h"
#include "common/loop_uv.h"
#include "common/mem.h"
#include "common/str.h"
#include "lab/lab.h"
#include "repl/repl.h"
#include "session/session.h"

/* ---- the pretended session: SIGUSR1 ticks its check ---- */

struct session {
    struct loop *loop;
    session_listener *fn;
    void *arg;
    uv_signal_t tick;
    FILE *told;
};

static struct lab_step steps[] = {{.id = "one", .title = "First"},
                                  {.id = "two", .title = "Second"}};
static const struct lab lab = {
    .id = "09-scaling", .title = "Scaling", .ns = "default", .steps = steps, .nsteps = 2};

static void emit(struct session *s, json_t *event)
{
    json_auto_t *owned = event;
    s->fn(s->arg, owned);
}

static json_t *step_event(void)
{
    return json_pack("{s:s, s:s, s:i, s:i, s:s, s:s, s:i, s:i, s:[{s:s, s:s}], s:{s:s, s:[s,s]}}",
                     "kind", "step", "step", "one", "index", 0, "count", 2, "title", "First",
                     "text", "Do it.", "hints", 1, "choice", 0, "checks", "id", "a", "name",
                     "it is so", "ask", "id", "q", "choices", "it moves", "it stays");
}

static void greet(void *arg)
{
    emit(arg, step_event());
}

static void on_tick(uv_signal_t *handle, int signum)
{
    emit(handle->data, json_pack("{s:s, s:s, s:s, s:s}", "kind", "check", "id", "a", "name",
                                 "it is so", "state", "ok"));
}

void session_listen(struct session *s, session_listener *fn, void *arg)
{
    s->fn = fn;
    s->arg = arg;
    loop_defer(s->loop, greet, s);
}

void session_unlisten(struct session *s, session_listener *fn, void *arg)
{
    loop_undefer(s->loop, s);
}

int session_command(struct session *s, const json_t *command, struct err *err)
{
    const char *cmd = jx_str(command, "cmd", "");
    fprintf(s->told, "[%s %s %d %d]", cmd, jx_str(command, "word", "-"),
            (int)jx_int(command, "exit", -1), (int)jx_int(command, "choice", -1));
    fflush(s->told);
    if (strcmp(cmd, "hint") == 0) {
        emit(s, json_pack("{s:s, s:i, s:i, s:s}", "kind", "hint", "n", 1, "count", 1, "text",
                          "Try harder."));
    } else if (strcmp(cmd, "answer") == 0) {
        emit(s, json_pack("{s:s, s:s, s:i, s:s}", "kind", "ask", "id", "q", "choice", 1, "word",
                          "it moves"));
    } else if (strcmp(cmd, "next") == 0) {
        return err_set(err, ERR_CONFLICT, "This step is not done yet.");
    }
    return 0;
}

const struct lab *session_lab(const struct session *s)
{
    return &lab;
}

size_t session_step(const struct session *s)
{
    return 0;
}

bool session_step_done(const struct session *s)
{
    return false;
}

bool session_finished(const struct session *s)
{
    return false;
}

int64_t session_elapsed_us(const struct session *s)
{
    return 1000000;
}

const struct check_probe *session_probe(const struct session *s)
{
    return NULL;
}

/* In the child. */
static int run_repl(const char *dir, bool plain)
{
    static const char *const env[] = {"GIVEN=from the lab", NULL};
    cleanup_free char *told = xasprintf("%s/told", dir);
    struct session s = {.loop = loop_new(), .told = fopen(told, "we")};
    struct repl_opts opts = {.loop = s.loop,
                             .session = &s,
                             .home = dir,
                             .workdir = dir,
                             .env = env,
                             .plain = plain,
                             .newcomer = true,
                             .stop_words = "podlab stop"};
    struct err err;
    s.tick.data = &s;
    uv_signal_init(loop_uv(s.loop), &s.tick);
    uv_signal_start(&s.tick, on_tick, SIGUSR1);
    if (repl_run(&opts, &err) < 0) {
        fprintf(stderr, "repl: %s\n", err.msg);
        return 1;
    }
    uv_close((uv_handle_t *)&s.tick, NULL);
    loop_free(s.loop);
    fclose(s.told);
    return 0;
}

/* ---- the learner ---- */

struct learner {
    char dir[64];
    pid_t pid;
    int tty;
    struct str seen; /* without escape sequences and carriage returns */
    size_t from;     /* what was not waited for yet */
    bool in_escape;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What a terminal would not show as text is left out. */
static void add_seen(struct learner *l, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = bytes[i];
        if (l->in_escape) {
            l->in_escape = c == '[' || c == '?' || c == ';' || (c >= '0' && c <= '9');
        } else if (c == '\033') {
            l->in_escape = true;
        } else if (c != '\r' && c != '\a') {
            str_add_c(&l->seen, c);
        }
    }
}

static bool read_some(struct learner *l, int64_t until)
{
    char buf[4096];
    struct pollfd p = {.fd = l->tty, .events = POLLIN};
    int64_t left = until - now_ms();
    if (left <= 0 || poll(&p, 1, (int)left) <= 0) {
        return false;
    }
    ssize_t n = read(l->tty, buf, sizeof(buf));
    if (n <= 0) {
        return false;
    }
    add_seen(l, buf, (size_t)n);
    return true;
}

static void expect(struct learner *l, const char *text)
{
    int64_t until = now_ms() + 20000;
    const char *at;
    while ((at = strstr(str_c(&l->seen) + l->from, text)) == NULL) {
        if (!read_some(l, until)) {
            fail_msg("\"%s\" is not seen; after what was seen before:\n%s", text,
                     str_c(&l->seen) + l->from);
        }
    }
    l->from = (size_t)(at - l->seen.p) + strlen(text);
}

/* Of what was seen since the last expect but one. */
static void not_seen(struct learner *l, const char *text)
{
    if (strstr(str_c(&l->seen), text) != NULL) {
        fail_msg("\"%s\" is seen:\n%s", text, l->seen.p);
    }
}

static void forget(struct learner *l)
{
    str_clear(&l->seen);
    l->from = 0;
}

static void type(struct learner *l, const char *keys)
{
    assert_int_equal(write(l->tty, keys, strlen(keys)), (ssize_t)strlen(keys));
}

/* What the session was told, so far. */
static char *told(struct learner *l)
{
    cleanup_free char *path = xasprintf("%s/told", l->dir);
    cleanup_close int fd = open(path, O_RDONLY);
    char *text = xcalloc(1, 8192);
    assert_true(fd >= 0 && read(fd, text, 8191) >= 0);
    return text;
}

static void expect_told(struct learner *l, const char *text)
{
    cleanup_free char *all = told(l);
    if (strstr(all, text) == NULL) {
        fail_msg("the session was not told \"%s\" but %s", text, all);
    }
}

/* In the child, which has no use for the learner. */
static void become_repl(struct learner *l, bool plain)
{
    char dir[64];
    str_copy(dir, sizeof(dir), l->dir);
    str_fini(&l->seen);
    free(l);
    exit(run_repl(dir, plain));
}

static int set_up(void **state)
{
    struct learner *l = xnew(struct learner);
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    str_copy(l->dir, sizeof(l->dir), "/tmp/repl-test-XXXXXX");
    assert_non_null(mkdtemp(l->dir));
    l->pid = forkpty(&l->tty, NULL, NULL, &size);
    if (l->pid == 0) {
        become_repl(l, false);
    }
    *state = l;
    expect(l, "09 $ ");
    return 0;
}

static void await_end(struct learner *l)
{
    int status;
    while (read_some(l, now_ms() + 20000)) {
    }
    assert_int_equal(waitpid(l->pid, &status, 0), l->pid);
    l->pid = 0;
    if (status != 0) {
        fail_msg("it ends with status %#x:\n%s", status, str_c(&l->seen));
    }
}

static int tear_down(void **state)
{
    struct learner *l = *state;
    if (l->pid != 0) {
        kill(l->pid, SIGTERM);
        await_end(l);
    }
    close(l->tty);
    str_fini(&l->seen);
    cleanup_free char *command = xasprintf("rm -rf %s", l->dir);
    free(l);
    return system(command);
}

/* ---- what is proved ---- */

static void a_newcomer_is_told_where_they_are(void **state)
{
    struct learner *l = *state;
    assert_non_null(strstr(l->seen.p, "You are in a lab"));
    assert_non_null(strstr(l->seen.p, "quit leaves, and your place is kept."));
    assert_non_null(strstr(l->seen.p, "step 1/2: First"));
    expect(l, "[ ] it is so");
}

static void commands_run_in_a_shell(void **state)
{
    struct learner *l = *state;
    type(l, "echo $GIVEN | tr a-z A-Z\r");
    expect(l, "FROM THE LAB\n09 $ ");
    type(l, "cd /usr && false\r");
    expect(l, "09 /usr $ ");
    type(l, "printf 'no end'\r");
    expect(l, "no end\n09 /usr $ ");
    expect_told(l, "[command echo 0 -1][command cd 1 -1][command printf 0 -1]");
}

static void more_lines_are_asked_for(void **state)
{
    struct learner *l = *state;
    type(l, "cat <<E\r");
    expect(l, "> ");
    type(l, "hint\r");
    expect(l, "> ");
    type(l, "E\r");
    expect(l, "hint\n09 $ ");
    type(l, "echo 'open\r");
    expect(l, "> ");
    type(l, "\003");
    expect(l, "^C\n");
    expect(l, "09 $ ");
    not_seen(l, "Try harder");
}

static void verbs_are_for_the_lab(void **state)
{
    struct learner *l = *state;
    type(l, "  hint  \r");
    expect(l, "Try harder.");
    expect(l, "09 $ ");
    type(l, "next\r");
    expect(l, "This step is not done yet.");
    type(l, "echo hint\r");
    expect(l, "\nhint\n09 $ ");
    type(l, "hnit\r");
    expect(l, "command not found");
    expect(l, "(For the lab, type hint.)");
    type(l, "help\r");
    expect(l, "quit      leave; your place is kept");
}

static void letters_answer(void **state)
{
    struct learner *l = *state;
    type(l, "z\r");
    expect(l, "09 $ ");
    type(l, "B\r");
    expect(l, "You say: it moves.");
    expect(l, "09 $ ");
    expect_told(l, "[answer - -1 26][answer - -1 2]");
    not_seen(l, "command not found");
    type(l, "z\r"); /* answered: a letter beyond the choices is a command again */
    expect(l, "z: command not found");
    type(l, "a\r");
    expect(l, "You say: it moves.");
}

static void ticks_stand_above_the_prompt(void **state)
{
    struct learner *l = *state;
    expect(l, "[ ] it is so");
    type(l, "half a comm");
    expect(l, "half a comm");
    kill(l->pid, SIGUSR1);
    expect(l, "[x] it is so\n");
    expect(l, "09 $ half a comm");
    type(l, "\025echo whole\r");
    expect(l, "\nwhole\n09 $ ");
}

static void ticks_wait_for_a_command_to_end(void **state)
{
    struct learner *l = *state;
    expect(l, "[ ] it is so");
    type(l, "sh -c 'echo begun; read x; echo ended'\r");
    expect(l, "begun\n");
    forget(l);
    kill(l->pid, SIGUSR1);
    type(l, "x\r");
    expect(l, "ended\n [x] it is so\n09 $ ");
}

static void ctrl_c_stops_the_command_and_not_the_lab(void **state)
{
    struct learner *l = *state;
    type(l, "sh -c 'echo begun; exec sleep 1000'\r");
    expect(l, "begun\n");
    type(l, "\003");
    expect(l, "09 $ ");
    expect_told(l, "[command sh 130 -1]");
    type(l, "this is wrong\003");
    expect(l, "^C\n");
    expect(l, "09 $ ");
    type(l, "echo right\r");
    expect(l, "\nright\n09 $ ");
}

static void what_is_typed_ahead_waits_its_turn(void **state)
{
    struct learner *l = *state;
    type(l, "sh -c 'echo begun; read x; sleep 0.2; echo over'\r");
    expect(l, "begun\n");
    type(l, "x\rhint\recho then\r");
    expect(l, "over\n");
    expect(l, "Try harder.");
    expect(l, "\nthen\n09 $ ");
    not_seen(l, "command not found");
}

static void a_paste_runs_line_by_line(void **state)
{
    struct learner *l = *state;
    type(l,
         "\033[200~echo one\nif true; then\n  echo two\nfi\nhint\ncat >/dev/null <<E\nx\nE\necho "
         "three\033[201~\r");
    expect(l, "\none\n");
    expect(l, "\ntwo\n");
    expect(l, "Try harder.");
    expect(l, "\nthree\n09 $ ");
    not_seen(l, "command not found");
}

static void leaving_is_asked_and_said(void **state)
{
    struct learner *l = *state;
    struct termios now;
    type(l, "exit\r");
    expect(l, "Leave the lab?");
    expect(l, "[Y/n] ");
    type(l, "n\r");
    expect(l, "09 $ ");
    type(l, "\004");
    expect(l, "Leave the lab?");
    type(l, "y\r");
    expect(l, "Saved: step 1 of 2. podlab start goes on there.");
    expect(l, "podlab stop ends it and frees its memory.");
    expect_told(l, "[leave - -1 -1]");
    await_end(l);
    assert_int_equal(tcgetattr(l->tty, &now), 0);
    assert_true((now.c_lflag & ICANON) != 0 && (now.c_lflag & ECHO) != 0);
}

static void quit_and_two_ctrl_d_leave_at_once(void **state)
{
    struct learner *l = *state;
    type(l, "\004");
    expect(l, "[Y/n] ");
    type(l, "\004");
    expect(l, "Saved: step 1 of 2.");
    await_end(l);
}

static void a_question_of_ours_gives_way_to_a_command(void **state)
{
    struct learner *l = *state;
    type(l, "redo\r");
    expect(l, "[Y/n] ");
    type(l, "echo something else\r");
    expect(l, "\nsomething else\n09 $ ");
    cleanup_free char *all = told(l);
    assert_null(strstr(all, "[redo"));
    type(l, "redo\r");
    expect(l, "[Y/n] ");
    type(l, "\r");
    expect(l, "09 $ ");
    expect_told(l, "[redo - -1 -1]");
}

static void programs_have_the_whole_terminal(void **state)
{
    struct learner *l = *state;
    struct winsize size = {.ws_row = 30, .ws_col = 100};
    type(l, "stty size\r");
    expect(l, "24 80\n");
    ioctl(l->tty, TIOCSWINSZ, &size);
    type(l, "sh -c 'stty size; stty raw -echo; echo raw; head -c 2 | od -An -c; stty sane'\r");
    expect(l, "30 100\n");
    expect(l, "raw\n");
    type(l, "\003q");
    expect(l, "003   q");
    expect(l, "09 $ ");
}

static void a_shell_that_dies_is_replaced(void **state)
{
    struct learner *l = *state;
    type(l, "kill -9 $$\r");
    expect(l, "The shell has ended; here is a new one.");
    expect(l, "09 $ ");
    type(l, "echo alive\r");
    expect(l, "\nalive\n09 $ ");
}

static void jobs_in_the_background_are_heard(void **state)
{
    struct learner *l = *state;
    type(l, "sh -c 'sleep 0.3; echo from behind' &\r");
    expect(l, "09 $ ");
    type(l, "half");
    expect(l, "from behind\n");
    expect(l, "09 $ half");
}

static void history_outlives_the_lab(void **state)
{
    struct learner *l = *state;
    type(l, "echo remembered\r");
    expect(l, "\nremembered\n09 $ ");
    type(l, "quit\r");
    expect(l, "Saved");
    await_end(l);
    l->pid = forkpty(&l->tty, NULL, NULL, NULL);
    if (l->pid == 0) {
        become_repl(l, false);
    }
    forget(l);
    expect(l, "09 $ ");
    type(l, "\020\020\r"); /* twice up: quit, echo */
    expect(l, "\nremembered\n09 $ ");
}

static void a_hangup_saves_the_place(void **state)
{
    struct learner *l = *state;
    int status;
    close(l->tty);
    l->tty = -1;
    assert_int_equal(waitpid(l->pid, &status, 0), l->pid);
    l->pid = 0;
    assert_int_equal(status, 0);
    expect_told(l, "[leave - -1 -1]");
}

/* Lines from a pipe, no terminal at all. */
static void plain_reads_a_pipe(void **state)
{
    struct learner *l = *state;
    int in[2], out[2];
    char buf[65536];
    size_t n = 0;
    assert_int_equal(pipe(in) + pipe(out), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        become_repl(l, true);
    }
    close(in[0]);
    close(out[1]);
    static const char lines[] = "echo one\nhint\na\ncat <<E\nhint\nE\nread x; echo \"<$x>\"\n";
    assert_int_equal(write(in[1], lines, strlen(lines)), (ssize_t)strlen(lines));
    struct pollfd p = {.fd = out[0], .events = POLLIN};
    /* The read gets nothing of the pipe; Ctrl-C is a signal then. */
    while (n < sizeof(buf) - 1 && poll(&p, 1, 20000) > 0) {
        ssize_t got = read(out[0], buf + n, sizeof(buf) - 1 - n);
        if (got <= 0) {
            break;
        }
        n += (size_t)got;
        buf[n] = '\0';
        if (in[1] >= 0 && strstr(buf, "hint\r\n") != NULL) {
            kill(pid, SIGINT);
            close(in[1]);
            in[1] = -1;
        }
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    static const char *const wanted[] = {"one\r\n", "Try harder.", "You say: it moves.", "hint\r\n",
                                         "Saved: step 1 of 2."};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (strstr(buf, wanted[i]) == NULL) {
            fail_msg("\"%s\" is not in:\n%s", wanted[i], buf);
        }
    }
    assert_null(strchr(buf, '\033'));
    close(out[0]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_newcomer_is_told_where_they_are),
        TEST(commands_run_in_a_shell),
        TEST(more_lines_are_asked_for),
        TEST(verbs_are_for_the_lab),
        TEST(letters_answer),
        TEST(ticks_stand_above_the_prompt),
        TEST(ticks_wait_for_a_command_to_end),
        TEST(ctrl_c_stops_the_command_and_not_the_lab),
        TEST(what_is_typed_ahead_waits_its_turn),
        TEST(a_paste_runs_line_by_line),
        TEST(leaving_is_asked_and_said),
        TEST(quit_and_two_ctrl_d_leave_at_once),
        TEST(a_question_of_ours_gives_way_to_a_command),
        TEST(programs_have_the_whole_terminal),
        TEST(a_shell_that_dies_is_replaced),
        TEST(jobs_in_the_background_are_heard),
        TEST(history_outlives_the_lab),
        TEST(a_hangup_saves_the_place),
        TEST(plain_reads_a_pipe),
    };
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "1", 1);
    setlocale(LC_CTYPE, "");
    jx_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
