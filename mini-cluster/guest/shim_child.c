/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a process of the container and carries its bytes. It dies with its shim. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/shim.h"

enum { MAX_BURST = 8 };

/* What the child gets, and what we keep: [0] input, [1] output, [2] errors. */
struct channels {
    int theirs[3], ours[3];
};

static int open_tty(struct channels *ch, const struct shim_start *s)
{
    struct winsize w = {.ws_row = (unsigned short)s->rows, .ws_col = (unsigned short)s->cols};
    int unlock = 0;
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0) {
        return -1;
    }
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0) {
        return -1;
    }
    if (s->rows > 0 && s->cols > 0) {
        ioctl(master, TIOCSWINSZ, &w);
    }
    ch->ours[0] = fcntl(master, F_DUPFD_CLOEXEC, 3);
    ch->ours[1] = master;
    ch->theirs[0] = ch->theirs[1] = ch->theirs[2] = slave;
    return 0;
}

static int open_pipe(int *to_read, int *to_write)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return -1;
    }
    *to_read = fds[0];
    *to_write = fds[1];
    return 0;
}

static int open_channels(struct channels *ch, const struct shim_start *s)
{
    *ch = (struct channels){{-1, -1, -1}, {-1, -1, -1}};
    if (s->tty) {
        return open_tty(ch, s);
    }
    if (open_pipe(&ch->ours[1], &ch->theirs[1]) < 0 ||
        open_pipe(&ch->ours[2], &ch->theirs[2]) < 0) {
        return -1;
    }
    if (s->stdin_open) {
        return open_pipe(&ch->theirs[0], &ch->ours[0]);
    }
    ch->theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return ch->theirs[0] < 0 ? -1 : 0;
}

static void close_all(int fds[3])
{
    for (int i = 0; i < 3; i++) {
        if (fds[i] >= 0 && (i == 0 || fds[i] != fds[i - 1])) {
            close(fds[i]);
        }
    }
}

/* ---- in the child ---- */

static void default_signals(void)
{
    sigset_t none;
    for (int sig = 1; sig < 32; sig++) {
        signal(sig, SIG_DFL);
    }
    signal(SIGUSR1, SIG_IGN); /* who does not care for the network need not know of it */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void limit_memory(void)
{
    rlim_t max = (rlim_t)shim_config_num("memory");
    if (max > 0) {
        const struct rlimit r = {.rlim_cur = max, .rlim_max = max};
        prlimit(0, RLIMIT_DATA, &r, NULL);
    }
}

static void become(const struct channels *ch, const struct shim_start *s, char **argv, char **env,
                   pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(137);
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    setsid();
    if (s->tty) {
        ioctl(ch->theirs[0], TIOCSCTTY, 0);
    }
    for (int fd = 0; fd < 3; fd++) {
        dup2(ch->theirs[fd], fd);
    }
    default_signals();
    limit_memory();
    if (chdir(shim_config_get("workdir", ".")) < 0) {
        return;
    }
    execve("/proc/self/exe", argv, env);
}

/* ---- starting ---- */

/* The image has nothing but this program, under several names. */
static const char *role_of(const char *word)
{
    const char *base = strncmp(word, "/bin/", 5) == 0 ? word + 5 : word;
    bool ok = strchr(base, '/') == NULL && guest_has_role(base) && strcmp(base, "shim") != 0;
    return ok ? base : NULL;
}

static bool is_runnable(const struct shim_start *s, char *why, size_t size)
{
    const char *word = s->args[0] != NULL ? s->args[0] : "";
    if (role_of(word) != NULL) {
        return true;
    }
    snprintf(why, size, "exec: \"%.200s\": %s", word,
             strchr(word, '/') != NULL ? "stat: no such file or directory"
                                       : "executable file not found in $PATH");
    return false;
}

static char **make_argv(const struct shim_start *s)
{
    size_t n = 0;
    while (s->args[n] != NULL) {
        n++;
    }
    char **argv = guest_alloc((n + 2) * sizeof(*argv));
    argv[0] = guest_copy(shim_config_get("title", "podlab"));
    argv[1] = guest_copy(role_of(s->args[0]));
    for (size_t i = 1; i < n; i++) {
        argv[i + 1] = s->args[i];
    }
    return argv;
}

/* Who is run beside the main process knows which that is. */
static char **make_env(char *main_pid, size_t size)
{
    size_t n = 0;
    char **env = shim_config_all("env");
    while (env[n] != NULL) {
        n++;
    }
    snprintf(main_pid, size, "PODLAB_MAIN=%d", (int)shim_main_child.pid);
    env = guest_grow(env, (n + 2) * sizeof(*env));
    env[n] = main_pid;
    env[n + 1] = NULL;
    return env;
}

/* 0, or the errno of what the child could not do: it says so on a pipe that exec closes. */
static int run(struct shim_child *c, const struct channels *ch, const struct shim_start *s)
{
    int said[2];
    int error = 0;
    if (pipe2(said, O_CLOEXEC) < 0) {
        return errno;
    }
    char **argv = make_argv(s);
    char main_pid[32];
    char **env = make_env(main_pid, sizeof(main_pid));
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(ch, s, argv, env, parent);
        error = errno;
        if (write(said[1], &error, sizeof(error)) < 0) {
            _exit(126);
        }
        _exit(127);
    }
    error = pid < 0 ? errno : 0;
    close(said[1]);
    if (pid > 0 && read(said[0], &error, sizeof(error)) != sizeof(error)) {
        error = 0;
        c->pid = pid;
    }
    close(said[0]);
    free(argv[0]);
    free(argv[1]);
    free(argv);
    free(env);
    return error;
}

static void on_out(struct ev *ev, uint32_t events);
static void on_err(struct ev *ev, uint32_t events);
static void on_in(struct ev *ev, uint32_t events);

static void unblock(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void adopt(struct ev *ev, int fd, uint32_t events, void (*fn)(struct ev *, uint32_t))
{
    if (fd >= 0) {
        unblock(fd);
        if (ev_add(ev, fd, events, fn) < 0) {
            close(fd);
        }
    }
}

bool shim_child_start(struct shim_child *c, const struct shim_start *s, char *why, size_t size)
{
    struct channels ch;
    c->in.fd = c->out.fd = c->err.fd = -1;
    c->tty = s->tty;
    if (!is_runnable(s, why, size)) {
        return false;
    }
    int error = open_channels(&ch, s) < 0 ? errno : run(c, &ch, s);
    close_all(ch.theirs);
    if (error != 0) {
        close_all(ch.ours);
        snprintf(why, size, "exec: \"%.200s\": %s", s->args[0], strerror(error));
        return false;
    }
    adopt(&c->in, ch.ours[0], 0, on_in);
    adopt(&c->out, ch.ours[1], EPOLLIN, on_out);
    adopt(&c->err, ch.ours[2], EPOLLIN, on_err);
    return true;
}

/* ---- output ---- */

static void output_ended(struct shim_child *c, struct ev *ev)
{
    ev_close(ev);
    if (c->out.fd < 0 && c->err.fd < 0) {
        c->on_closed(c);
    }
}

/* False when there is no more for now. */
static bool read_some(struct shim_child *c, struct ev *ev)
{
    char bytes[SHIM_PACKET - 64];
    if (ev->fd < 0) {
        return false;
    }
    ssize_t n = read(ev->fd, bytes, sizeof(bytes));
    if (n > 0) {
        c->on_bytes(c, ev == &c->err ? 2 : 1, bytes, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) { /* EIO: nobody has the terminal */
        output_ended(c, ev);
    }
    return n > 0;
}

static void on_out(struct ev *ev, uint32_t events)
{
    read_some((struct shim_child *)((char *)ev - offsetof(struct shim_child, out)), ev);
}

static void on_err(struct ev *ev, uint32_t events)
{
    read_some((struct shim_child *)((char *)ev - offsetof(struct shim_child, err)), ev);
}

void shim_child_drain(struct shim_child *c)
{
    bool more = true;
    for (int i = 0; i < MAX_BURST && more; i++) {
        more = read_some(c, &c->out);
        more = read_some(c, &c->err) || more;
    }
}

void shim_child_listen(struct shim_child *c, bool on)
{
    struct ev *const evs[] = {&c->out, &c->err};
    for (size_t i = 0; i < LEN(evs); i++) {
        if (evs[i]->fd >= 0) {
            ev_change(evs[i], on ? EPOLLIN : 0);
        }
    }
}

/* ---- input ---- */

static void input_ended(struct shim_child *c)
{
    ev_close(&c->in);
    free(c->waiting);
    c->waiting = NULL;
    c->nwaiting = 0;
}

static void write_some(struct shim_child *c)
{
    ssize_t n = write(c->in.fd, c->waiting, c->nwaiting);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        input_ended(c);
        return;
    }
    c->nwaiting -= n > 0 ? (size_t)n : 0;
    if (n > 0) {
        memmove(c->waiting, c->waiting + n, c->nwaiting);
    }
    if (c->nwaiting == 0 && c->end_wanted) {
        input_ended(c);
    } else {
        ev_change(&c->in, c->nwaiting > 0 ? EPOLLOUT : 0);
    }
}

static void on_in(struct ev *ev, uint32_t events)
{
    struct shim_child *c = (struct shim_child *)((char *)ev - offsetof(struct shim_child, in));
    if (events & EPOLLOUT) {
        write_some(c);
    } else {
        input_ended(c); /* nobody reads it any more */
    }
    if (c->nwaiting == 0) {
        c->on_room(c);
    }
}

void shim_child_write(struct shim_child *c, const char *bytes, size_t n)
{
    if (c->in.fd < 0 || c->end_wanted) {
        return;
    }
    c->waiting = guest_grow(c->waiting, c->nwaiting + n);
    memcpy(c->waiting + c->nwaiting, bytes, n);
    c->nwaiting += n;
    write_some(c);
}

void shim_child_end_input(struct shim_child *c)
{
    if (c->tty || c->in.fd < 0) {
        return; /* a terminal has no end but ^D, which is a byte */
    }
    c->end_wanted = true;
    if (c->nwaiting == 0) {
        input_ended(c);
    }
}

/* ---- the rest ---- */

void shim_child_resize(struct shim_child *c, unsigned rows, unsigned cols)
{
    const struct winsize w = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    if (c->tty && c->out.fd >= 0) {
        ioctl(c->out.fd, TIOCSWINSZ, &w);
    }
}

void shim_child_kill(const struct shim_child *c, int sig)
{
    if (c->pid > 0) { /* not buried yet: the number is still its own */
        kill(-c->pid, sig);
    }
}

void shim_child_close(struct shim_child *c)
{
    ev_close(&c->out);
    ev_close(&c->err);
    input_ended(c);
}

int shim_child_code(const struct shim_child *c)
{
    return WIFSIGNALED(c->status) ? 128 + WTERMSIG(c->status) : WEXITSTATUS(c->status);
}
