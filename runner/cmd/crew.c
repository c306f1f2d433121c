/* SPDX-License-Identifier: Apache-2.0 */
/* A lab waits for its cluster most of the time, so that others may use the machine meanwhile. */
#include "cmd/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/json/jx.h"
#include "common/mem.h"
#include "common/str.h"

enum { MAX_JOBS = 16 };

struct worker {
    const char *lab; /* NULL: idle */
    pid_t pid;
    int fd;
    struct str out;
};

struct crew {
    const struct crew_opts *o;
    struct worker workers[MAX_JOBS];
    int next; /* lab to begin */
};

static volatile sig_atomic_t stop_signal;

static void on_signal(int signum)
{
    stop_signal = signum;
}

static int start(const struct crew_opts *o, struct worker *w, const char *lab, struct err *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return err_errno(err, errno, "pipe");
    }
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0); /* a Ctrl-C reaches us, and we pass it on: once */
        dup2(fds[1], STDOUT_FILENO);
        execl("/proc/self/exe", "podlab", "test", lab, "-o", "json",
              o->runtime != NULL ? "--runtime" : (char *)NULL, o->runtime, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return err_errno(err, errno, "fork");
    }
    *w = (struct worker){.lab = lab, .pid = pid, .fd = fds[0]};
    return 0;
}

static void finish(struct crew *c, struct worker *w)
{
    json_auto_t *result = NULL;
    struct err err = {0};
    int status = 0;
    close(w->fd);
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (jx_parse(str_c(&w->out), w->out.len, false, &result, &err) < 0) {
        result = NULL;
        err_set(&err, ERR_INTERNAL, "podlab test %s ended with status %d and said nothing", w->lab,
                WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
    c->o->on_result(c->o->arg, w->lab, result, &err);
    str_fini(&w->out);
    w->lab = NULL;
}

static void read_from(struct crew *c, struct worker *w)
{
    char buf[8192];
    ssize_t n = read(w->fd, buf, sizeof(buf));
    if (n > 0) {
        str_add_n(&w->out, buf, (size_t)n);
    } else if (n == 0 || errno != EINTR) {
        finish(c, w);
    }
}

/* Gives every idle worker a lab; returns how many work. */
static int employ(struct crew *c, int jobs)
{
    int working = 0;
    for (int i = 0; i < jobs; i++) {
        struct worker *w = &c->workers[i];
        struct err err;
        if (w->lab == NULL && c->next < c->o->nlabs && stop_signal == 0) {
            const char *lab = c->o->labs[c->next++];
            if (start(c->o, w, lab, &err) < 0) {
                c->o->on_result(c->o->arg, lab, NULL, &err);
            }
        }
        working += w->lab != NULL;
    }
    return working;
}

static void wait_for_any(struct crew *c, int jobs)
{
    struct pollfd fds[MAX_JOBS];
    for (int i = 0; i < jobs; i++) {
        fds[i] = (struct pollfd){.fd = c->workers[i].lab != NULL ? c->workers[i].fd : -1,
                                 .events = POLLIN};
    }
    if (poll(fds, (nfds_t)jobs, -1) < 0) {
        for (int i = 0; i < jobs && stop_signal != 0; i++) {
            if (c->workers[i].lab != NULL) {
                kill(c->workers[i].pid, SIGTERM);
            }
        }
        return;
    }
    for (int i = 0; i < jobs; i++) {
        if (fds[i].revents != 0) {
            read_from(c, &c->workers[i]);
        }
    }
}

void crew_run(const struct crew_opts *opts)
{
    struct crew c = {.o = opts};
    struct sigaction sa = {.sa_handler = on_signal};
    int jobs = opts->jobs < MAX_JOBS ? opts->jobs : MAX_JOBS;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    while (employ(&c, jobs) > 0) {
        wait_for_any(&c, jobs);
    }
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (stop_signal != 0) {
        raise(stop_signal);
    }
}
