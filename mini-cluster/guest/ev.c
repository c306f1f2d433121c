/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's event loop: epoll, a list of timers, and signals read at one place. */
#include "guest/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int epoll_fd = -1;
static int net_fd = -1; /* what leads to others; the same, unless that can be taken away */
static struct ev net_ev = {.fd = -1};
static bool net_off;
static void (*child_fn)(int pid, int status);
static uint64_t now_ms;
static bool stopping;
static struct ev_timer timers; /* a ring in the order of `due`; the anchor itself is never due */
static bool (*idle_fn)(void);
static void (*term_fn)(void);
static int signal_pipe[2];
static struct ev signal_ev;

static void **garbage;
static size_t garbage_n, garbage_cap;

static void read_clock(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    now_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t ev_now(void)
{
    return now_ms;
}

static void on_signal(int sig)
{
    int saved = errno;
    char c = (char)sig;
    if (write(signal_pipe[1], &c, 1) < 0) {
        /* the pipe is full of signals already */
    }
    errno = saved;
}

static void bury(void)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (child_fn != NULL) {
            child_fn(pid, status);
        }
    }
}

void ev_on_child(void (*fn)(int pid, int status))
{
    child_fn = fn;
}

/* Events of the network that come meanwhile stay where they are. */
static void look_at_net(void)
{
    struct epoll_event e = {.events = EPOLLIN, .data = {.ptr = &net_ev}};
    if (cut_look() && net_fd != epoll_fd) {
        net_off = cut_is_on();
        epoll_ctl(epoll_fd, net_off ? EPOLL_CTL_DEL : EPOLL_CTL_ADD, net_fd, &e);
    }
}

static void on_signal_pipe(struct ev *ev, uint32_t events)
{
    char sigs[64];
    ssize_t n = read(ev->fd, sigs, sizeof(sigs));
    for (ssize_t i = 0; i < n; i++) {
        if (sigs[i] == SIGCHLD) {
            bury();
        } else if (sigs[i] == SIGUSR1) {
            look_at_net();
        } else if (term_fn != NULL) {
            void (*fn)(void) = term_fn;
            term_fn = NULL;
            fn();
        } else {
            stopping = true;
        }
    }
}

static void dispatch(int fd, int timeout_ms)
{
    struct epoll_event events[128];
    int n = epoll_wait(fd, events, LEN(events), timeout_ms);
    read_clock();
    for (int i = 0; i < n; i++) {
        struct ev *ev = events[i].data.ptr;
        if (ev->fd >= 0) {
            ev->fn(ev, events[i].events);
        }
    }
}

static void on_net(struct ev *ev, uint32_t events)
{
    if (!net_off) {
        dispatch(net_fd, 0);
    }
}

static int init_net(void)
{
    if (guest_env("PODLAB_CUT", NULL) == NULL) {
        net_fd = epoll_fd;
        return 0;
    }
    net_fd = epoll_create1(EPOLL_CLOEXEC);
    return net_fd < 0 ? -1 : ev_add_local(&net_ev, net_fd, EPOLLIN, on_net);
}

void ev_init(void)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    read_clock();
    timers.next = timers.prev = &timers;
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0 || pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) < 0 ||
        ev_add_local(&signal_ev, signal_pipe[0], EPOLLIN, on_signal_pipe) < 0 || init_net() < 0) {
        guest_log("no event loop: %s", strerror(errno));
        exit(1);
    }
    signal(SIGPIPE, SIG_IGN);
    if (net_fd != epoll_fd) {
        sigaction(SIGUSR1, &sa, NULL);
        look_at_net();
    }
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGCHLD, &sa, NULL);
}

static int add(int epoll, struct ev *ev, int fd, uint32_t events, void (*fn)(struct ev *, uint32_t))
{
    struct epoll_event e = {.events = events, .data = {.ptr = ev}};
    ev->fd = fd;
    ev->fn = fn;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
        ev->fd = -1;
        return -1;
    }
    return 0;
}

int ev_add(struct ev *ev, int fd, uint32_t events, void (*fn)(struct ev *, uint32_t))
{
    return add(net_fd, ev, fd, events, fn);
}

int ev_add_local(struct ev *ev, int fd, uint32_t events, void (*fn)(struct ev *, uint32_t))
{
    return add(epoll_fd, ev, fd, events, fn);
}

void ev_change(struct ev *ev, uint32_t events)
{
    struct epoll_event e = {.events = events, .data = {.ptr = ev}};
    epoll_ctl(net_fd, EPOLL_CTL_MOD, ev->fd, &e);
}

void ev_close(struct ev *ev)
{
    if (ev->fd >= 0) {
        close(ev->fd);
        ev->fd = -1;
    }
}

void ev_timer_stop(struct ev_timer *t)
{
    if (t->next != NULL) {
        t->next->prev = t->prev;
        t->prev->next = t->next;
        t->next = t->prev = NULL;
    }
}

/* Most timers of a role have one length, so the place is nearly always at the end. */
void ev_timer_start(struct ev_timer *t, uint64_t ms)
{
    ev_timer_stop(t);
    t->due = now_ms + ms;
    struct ev_timer *at = timers.prev;
    while (at != &timers && at->due > t->due) {
        at = at->prev;
    }
    t->prev = at;
    t->next = at->next;
    at->next->prev = t;
    at->next = t;
}

static void run_timers(void)
{
    while (timers.next != &timers && timers.next->due <= now_ms) {
        struct ev_timer *t = timers.next;
        ev_timer_stop(t);
        t->fn(t);
    }
}

static int wait_ms(void)
{
    if (idle_fn != NULL) {
        return 0;
    }
    if (timers.next == &timers) {
        return -1;
    }
    uint64_t due = timers.next->due;
    uint64_t ms = due > now_ms ? due - now_ms : 0;
    return ms > 60000 ? 60000 : (int)ms;
}

void ev_free_later(void *p)
{
    if (garbage_n == garbage_cap) {
        garbage_cap = garbage_cap ? 2 * garbage_cap : 16;
        garbage = guest_grow(garbage, garbage_cap * sizeof(*garbage));
    }
    garbage[garbage_n++] = p;
}

static void empty_garbage(void)
{
    for (size_t i = 0; i < garbage_n; i++) {
        free(garbage[i]);
    }
    garbage_n = 0;
}

void ev_idle(bool (*fn)(void))
{
    idle_fn = fn;
}

void ev_stop(void)
{
    stopping = true;
}

void ev_run(void (*term)(void))
{
    term_fn = term;
    while (!stopping) {
        dispatch(epoll_fd, wait_ms());
        run_timers();
        if (idle_fn != NULL && !idle_fn()) {
            idle_fn = NULL;
        }
        empty_garbage();
    }
}

unsigned ev_raise_files(void)
{
    struct rlimit r;
    if (prlimit(0, RLIMIT_NOFILE, NULL, &r) < 0) {
        return 1024;
    }
    r.rlim_cur = r.rlim_max;
    prlimit(0, RLIMIT_NOFILE, &r, NULL);
    return r.rlim_cur > 1u << 20 ? 1u << 20 : (unsigned)r.rlim_cur;
}
