/* SPDX-License-Identifier: Apache-2.0 */
/* Sends lines to a bash, and keeps apart what it prints, where it stands, and what was typed. */
#include "term/term.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <uv.h>

#include "common/loop.h"
#include "common/loop_uv.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "term/hangup.h"
#include "term/marks.h"
#include "term/rc.h"

extern char **environ;

enum { READ_AT_ONCE = 32 * 1024, READS_A_TURN = 8, END_MS = 1000 };

struct term {
    struct term_opts o;
    char *home;
    pid_t pid;
    int master, pidfd;
    uv_poll_t io, child;
    unsigned open; /* handles that are not closed yet */
    struct termios saved;
    struct marks marks;
    struct str out;   /* not written to the pty yet */
    struct str ahead; /* typed while a command ran, read by nobody */
    char *long_file;  /* a line too long for a tty, until the next prompt */
    int status;
    bool skip_echo;    /* up to the end of the line */
    unsigned ack_echo; /* how much of "^^", the echo of our answer to D, may still come */
    bool in_ahead;     /* between T and the next mark */
    bool running;      /* between C and D */
    bool ended;        /* between D and A */
};

/* ---- to the pty ---- */

static void on_io(uv_poll_t *handle, int status, int events);

static void watch_io(struct term *t)
{
    uv_poll_start(&t->io, UV_READABLE | (t->out.len > 0 ? UV_WRITABLE : 0), on_io);
}

static void flush(struct term *t)
{
    while (t->out.len > 0) {
        ssize_t n = write(t->master, t->out.p, t->out.len);
        if (n <= 0) {
            break; /* full: the loop says when not; gone: the end is on its way */
        }
        str_drop_front(&t->out, (size_t)n);
    }
    watch_io(t);
}

static void put(struct term *t, const char *bytes, size_t n)
{
    str_add_n(&t->out, bytes, n);
    flush(t);
}

void term_write(struct term *t, const char *bytes, size_t n)
{
    if (t->ended) {
        str_add_n(&t->ahead, bytes, n); /* the command is over: nobody's input */
    } else {
        put(t, bytes, n);
    }
}

void term_interrupt(struct term *t)
{
    put(t, "\003", 1);
}

/* A tty line: control bytes are quoted, leftovers of typing killed. */
static void quote(struct str *out, const char *line)
{
    str_add(out, "\025");
    for (const char *p = line; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f) {
            str_add_c(out, '\026');
        }
        str_add_c(out, *p);
    }
    str_add_c(out, '\n');
}

static int write_long(struct term *t, const char *line, struct err *err)
{
    cleanup_free char *path = xasprintf("%s/line-XXXXXX", t->home);
    cleanup_close int fd = mkstemp(path);
    if (fd < 0) {
        return err_errno(err, errno, "make a file in %s", t->home);
    }
    size_t n = strlen(line);
    if (write(fd, line, n) != (ssize_t)n || write(fd, "\n", 1) != 1) {
        int errnum = errno;
        unlink(path);
        return err_errno(err, errnum, "write %s", path);
    }
    t->long_file = steal(path);
    return 0;
}

int term_send_line(struct term *t, const char *line, struct err *err)
{
    cleanup_str struct str quoted = STR_INIT;
    bool more = t->running; /* a continuation comes neither after A nor after D */
    quote(&quoted, line);
    if (quoted.len > TERM_MAX_LINE) {
        if (more) {
            return err_set(err, ERR_TOO_LARGE,
                           "A line that continues a command may have %d bytes, not %zu.",
                           TERM_MAX_LINE, strlen(line));
        }
        if (write_long(t, line, err) < 0) {
            return -1;
        }
        cleanup_free char *source = xasprintf(" . '%s'", t->long_file);
        str_clear(&quoted);
        quote(&quoted, source);
    }
    t->skip_echo = true;
    put(t, quoted.p, quoted.len);
    return 0;
}

/* ---- from the pty ---- */

static void on_text(void *arg, const char *bytes, size_t n)
{
    struct term *t = arg;
    if (t->in_ahead) {
        for (size_t i = 0; i < n; i++) {
            if (bytes[i] != '\r') { /* the tty made \r\n of it */
                str_add_c(&t->ahead, bytes[i]);
            }
        }
        return;
    }
    if (t->skip_echo) {
        const char *end = memchr(bytes, '\n', n);
        size_t skip = end != NULL ? (size_t)(end - bytes) + 1 : n;
        t->skip_echo = end == NULL;
        bytes += skip;
        n -= skip;
    }
    /* Only seen when the answer is there before bash has switched the echo off. */
    for (; t->ended && t->ack_echo > 0 && n > 0 && bytes[0] == '^'; t->ack_echo--) {
        bytes++;
        n--;
    }
    if (n > 0) {
        t->o.ops->on_output(t->o.arg, bytes, n);
    }
}

static void on_prompt(struct term *t)
{
    t->running = t->ended = false;
    /* What a program that crashed left behind is cured here. */
    tcsetattr(t->master, TCSANOW, &t->saved);
    if (t->long_file != NULL) {
        unlink(t->long_file);
        free(steal(t->long_file));
    }
    if (t->ahead.len > 0) {
        cleanup_str struct str ahead = t->ahead;
        t->ahead = (struct str)STR_INIT;
        t->o.ops->on_ahead(t->o.arg, ahead.p, ahead.len);
    }
    t->o.ops->on_prompt(t->o.arg, t->status);
}

static void on_mark(void *arg, enum marks_kind kind, int status)
{
    struct term *t = arg;
    t->skip_echo = t->in_ahead = false;
    switch (kind) {
    case MARKS_START:
        t->running = true;
        t->o.ops->on_start(t->o.arg);
        break;
    case MARKS_END:
        t->running = false;
        t->ended = true;
        t->status = status;
        t->ack_echo = 2;
        put(t, RC_ACK, 1);
        break;
    case MARKS_AHEAD:
        t->in_ahead = true;
        break;
    case MARKS_PROMPT:
        on_prompt(t);
        break;
    case MARKS_MORE:
        t->running = true;
        t->o.ops->on_more(t->o.arg);
        break;
    }
}

static const struct marks_ops marks_ops = {.text = on_text, .mark = on_mark};

/* False when there is nothing more to read now. */
static bool read_once(struct term *t)
{
    char buf[READ_AT_ONCE];
    ssize_t n = read(t->master, buf, sizeof(buf));
    if (n > 0) {
        marks_feed(&t->marks, buf, (size_t)n, &marks_ops, t);
    }
    return n > 0 || (n < 0 && errno == EINTR);
}

static void on_io(uv_poll_t *handle, int status, int events)
{
    struct term *t = handle->data;
    if (events & UV_WRITABLE) {
        flush(t);
    }
    for (int i = 0; i < READS_A_TURN; i++) {
        if (!read_once(t)) {
            break;
        }
    }
    if (status < 0) {
        uv_poll_stop(&t->io); /* nobody holds the other side; the child's end tells the rest */
    }
}

/* ---- the shell's life ---- */

static int exit_status(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static void on_child(uv_poll_t *handle, int status, int events)
{
    struct term *t = handle->data;
    int wait_status = 0;
    if (waitpid(t->pid, &wait_status, WNOHANG) == 0) {
        return;
    }
    t->pid = 0;
    uv_poll_stop(&t->child);
    while (read_once(t)) { /* its last words */
    }
    uv_poll_stop(&t->io);
    t->o.ops->on_exit(t->o.arg, exit_status(wait_status));
}

/* Ours, with what was given on top; an empty value takes a name away. */
static char **build_env(const char *const *extra)
{
    VEC(char *) env = {0};
    static const char *const dropped[] = {
        "PROMPT_COMMAND=", "PS0=",     "PS1=",      "PS2=", "BASH_ENV=", "ENV=",
        "LINES=",          "COLUMNS=", "HISTFILE=", "PWD=", "OLDPWD=",   "SHLVL="};
    for (char **e = environ; *e != NULL; e++) {
        bool drop = false;
        for (size_t i = 0; i < ARRAY_LEN(dropped); i++) {
            drop = drop || str_has_prefix(*e, dropped[i]);
        }
        for (size_t i = 0; extra != NULL && extra[i] != NULL; i++) {
            drop = drop || strncmp(*e, extra[i], strcspn(extra[i], "=") + 1) == 0;
        }
        if (!drop) {
            vec_push(&env, *e);
        }
    }
    for (size_t i = 0; extra != NULL && extra[i] != NULL; i++) {
        if (!str_has_suffix(extra[i], "=")) {
            vec_push(&env, (char *)(uintptr_t)extra[i]);
        }
    }
    vec_push(&env, NULL);
    return env.v;
}

/* In the child: only calls that are safe after fork. */
static void run_shell(const char *rc, const char *workdir, char **env)
{
    char *argv[] = {(char *)(uintptr_t) "bash",
                    (char *)(uintptr_t) "--noediting",
                    (char *)(uintptr_t) "--noprofile",
                    (char *)(uintptr_t) "--rcfile",
                    (char *)(uintptr_t)rc,
                    (char *)(uintptr_t) "-i",
                    NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int signum = 1; signum < NSIG; signum++) {
        signal(signum, SIG_DFL); /* what we ignore, bash would pass on to everything */
    }
    if (chdir(workdir) == 0) {
        execvpe("bash", argv, env);
    }
    static const char failed[] = "bash does not start here\n";
    ssize_t n = write(STDERR_FILENO, failed, sizeof(failed) - 1);
    (void)n;
    _exit(127);
}

/* The pty's settings are taken before anybody can have changed them. */
static int open_pty(struct term *t, int *ret_slave, struct err *err)
{
    const struct term_opts *o = &t->o;
    struct winsize size = {.ws_row = (unsigned short)o->rows, .ws_col = (unsigned short)o->columns};
    if (openpty(&t->master, ret_slave, NULL, NULL, &size) < 0) {
        t->master = -1;
        return err_errno(err, errno, "make a terminal for the shell");
    }
    fcntl(t->master, F_SETFD, FD_CLOEXEC);
    fcntl(t->master, F_SETFL, O_NONBLOCK);
    fcntl(*ret_slave, F_SETFD, FD_CLOEXEC);
    tcgetattr(t->master, &t->saved);
    t->saved.c_iflag |= IUTF8;
    tcsetattr(t->master, TCSANOW, &t->saved);
    return 0;
}

static int start(struct term *t, const char *rc, struct err *err)
{
    cleanup_close int slave = -1;
    cleanup_free char **env = build_env(t->o.env);
    if (open_pty(t, &slave, err) < 0) {
        return -1;
    }
    t->pid = fork();
    if (t->pid == 0) {
        login_tty(slave);
        run_shell(rc, t->o.workdir, env);
    }
    if (t->pid < 0) {
        t->pid = 0;
        return err_errno(err, errno, "start a process for the shell");
    }
    t->pidfd = pidfd_open(t->pid, 0);
    return t->pidfd >= 0 ? 0 : err_errno(err, errno, "watch the shell");
}

int term_new(const struct term_opts *opts, struct term **ret, struct err *err)
{
    struct term *t = xnew(struct term);
    cleanup_free char *rc = NULL;
    unsigned char raw[16];
    char nonce[33];
    t->o = *opts;
    t->home = xstrdup(opts->home);
    t->master = t->pidfd = -1;
    loop_random(opts->loop, LOOP_RANDOM_KEY, raw, sizeof(raw));
    str_hex(nonce, raw, sizeof(raw));
    marks_init(&t->marks, nonce);
    if (rc_write(opts->home, nonce, opts->rc, &rc, err) < 0 || start(t, rc, err) < 0) {
        term_free(t);
        return -1;
    }
    uv_poll_init(loop_uv(opts->loop), &t->io, t->master);
    uv_poll_init(loop_uv(opts->loop), &t->child, t->pidfd);
    t->io.data = t->child.data = t;
    t->open = 2;
    watch_io(t);
    uv_poll_start(&t->child, UV_READABLE, on_child);
    *ret = t;
    return 0;
}

/* The shell is told to go, and waited for: it takes its jobs along. */
static void end_shell(struct term *t)
{
    if (t->pid == 0) {
        return;
    }
    struct pollfd p = {.fd = t->pidfd, .events = POLLIN};
    kill(t->pid, SIGHUP);
    kill(t->pid, SIGCONT);
    if (t->pidfd < 0 || poll(&p, 1, END_MS) <= 0) {
        kill(t->pid, SIGKILL);
    }
    waitpid(t->pid, NULL, 0);
    hangup_session(t->pid);
    t->pid = 0;
}

static void destroy(struct term *t)
{
    str_fini(&t->out);
    str_fini(&t->ahead);
    free(t->long_file);
    free(t->home);
    free(t);
}

static void on_closed(uv_handle_t *handle)
{
    struct term *t = handle->data;
    if (--t->open == 0) {
        close(t->pidfd);
        destroy(t);
    }
}

void term_free(struct term *t)
{
    if (t == NULL) {
        return;
    }
    if (t->open > 0) {
        uv_poll_stop(&t->io);
        uv_poll_stop(&t->child);
    }
    if (t->master >= 0) {
        close(t->master);
    }
    end_shell(t);
    if (t->long_file != NULL) {
        unlink(t->long_file);
    }
    if (t->open == 0) {
        if (t->pidfd >= 0) {
            close(t->pidfd);
        }
        destroy(t);
        return;
    }
    uv_close((uv_handle_t *)&t->io, on_closed);
    uv_close((uv_handle_t *)&t->child, on_closed);
}

/* ---- about it ---- */

void term_resize(struct term *t, unsigned rows, unsigned columns)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    ioctl(t->master, TIOCSWINSZ, &size);
}

pid_t term_pid(const struct term *t)
{
    return t->pid;
}

bool term_folder(const struct term *t, char *buf, size_t size)
{
    char link[64];
    snprintf(link, sizeof(link), "/proc/%d/cwd", (int)t->pid);
    ssize_t n = readlink(link, buf, size - 1);
    if (n <= 0) {
        return false;
    }
    buf[n] = '\0';
    return true;
}

bool term_line_mode(const struct term *t)
{
    struct termios now;
    return tcgetattr(t->master, &now) < 0 || (now.c_lflag & ICANON) != 0;
}
