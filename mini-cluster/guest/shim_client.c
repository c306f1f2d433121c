/* SPDX-License-Identifier: Apache-2.0 */
/* Who is connected to the shim: those who want its state, its bytes, or one more process. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/shim.h"

/* A process that is listened to waits for a slow reader; the main one does not: it is cut off. */
enum { MAX_ARGS = 256, ENOUGH = 256 * 1024, TOO_MUCH = 4 << 20, MAX_INPUT = 64 * 1024 };

enum kind { NEW, MONITOR, ATTACH, EXEC };

struct packet {
    struct packet *next;
    size_t len;
    char bytes[];
};

struct client {
    struct ev ev; /* first; fd -1: it is gone, its process not yet */
    struct client *next;
    enum kind kind;
    struct packet *first, **last;
    size_t queued;
    bool speaks;             /* to the main process */
    bool leaving;            /* when it has read all */
    struct shim_child child; /* of an exec */
};

static struct client *clients;
static struct ev listener = {.fd = -1};

/* ---- leaving ---- */

/* Monitors stay connected: that the connection ends tells them that the shim has. */
void shim_client_look_if_alone(void)
{
    for (const struct client *c = clients; c != NULL; c = c->next) {
        if (c->kind != MONITOR || c->first != NULL) {
            return;
        }
    }
    if (shim_main_child.ended) {
        ev_stop();
    }
}

static void forget(struct client *c)
{
    struct client **at = &clients;
    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    shim_child_close(&c->child);
    ev_free_later(c);
    shim_client_look_if_alone();
}

static void hang_up(struct client *c)
{
    ev_close(&c->ev);
    for (struct packet *p = c->first, *next; p != NULL; p = next) {
        next = p->next;
        free(p);
    }
    c->first = NULL;
    c->queued = 0;
    if (c->speaks && shim_config_num("once") == 1) {
        shim_child_end_input(&shim_main_child);
    }
    if (c->kind == EXEC &&
        c->child.pid > 0) { /* it was run for somebody who is not there any more */
        shim_child_kill(&c->child, SIGKILL);
        shim_child_close(&c->child);
    } else {
        forget(c);
    }
}

/* ---- to it ---- */

/* What it is to be waked for. */
static void set_events(struct client *c)
{
    const struct shim_child *to = c->kind == EXEC ? &c->child : &shim_main_child;
    bool reads = c->kind < ATTACH || to->nwaiting < MAX_INPUT;
    ev_change(&c->ev, (reads ? EPOLLIN : 0u) | (c->first != NULL ? EPOLLOUT : 0u));
}

static void enqueue(struct client *c, const char *bytes, size_t n)
{
    struct packet *p = guest_alloc(sizeof(*p) + n);
    memcpy(p->bytes, bytes, n);
    p->len = n;
    *c->last = p;
    c->last = &p->next;
    c->queued += n;
    set_events(c);
}

/* False when it is gone. */
static bool say(struct client *c, char type, const char *bytes, size_t n)
{
    char out[SHIM_PACKET];
    if (c->ev.fd < 0) {
        return false;
    }
    out[0] = type;
    memcpy(out + 1, bytes, n);
    if (c->first == NULL && send(c->ev.fd, out, n + 1, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
        return true;
    }
    if (c->first == NULL && errno != EAGAIN && errno != ENOBUFS) {
        hang_up(c);
        return false;
    }
    enqueue(c, out, n + 1);
    if (c->kind == EXEC && c->queued > ENOUGH) {
        shim_child_listen(&c->child, false);
    } else if (c->queued > TOO_MUCH) {
        hang_up(c);
        return false;
    }
    return true;
}

static void say_text(struct client *c, char type, const char *text)
{
    say(c, type, text, strlen(text));
}

static void leave(struct client *c)
{
    c->leaving = true;
    if (c->first == NULL && c->ev.fd >= 0) {
        hang_up(c);
    }
}

static void flush(struct client *c)
{
    while (c->first != NULL) {
        struct packet *p = c->first;
        if (send(c->ev.fd, p->bytes, p->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
            if (errno != EAGAIN && errno != ENOBUFS) {
                hang_up(c);
            }
            return;
        }
        c->queued -= p->len;
        c->first = p->next;
        free(p);
    }
    c->last = &c->first;
    if (c->leaving) {
        hang_up(c);
        return;
    }
    if (c->kind == EXEC) {
        shim_child_listen(&c->child, true);
    }
    set_events(c);
    shim_client_look_if_alone();
}

/* ---- exec ---- */

static struct client *client_of(struct shim_child *child)
{
    return (struct client *)((char *)child - offsetof(struct client, child));
}

static void exec_bytes(struct shim_child *child, int fd, const char *bytes, size_t n)
{
    say(client_of(child), fd == 2 ? '2' : '1', bytes, n);
}

static void exec_room(struct shim_child *child)
{
    if (client_of(child)->ev.fd >= 0) {
        set_events(client_of(child));
    }
}

/* It has ended, and nothing of it is left to be read. */
static void exec_over(struct client *c)
{
    char code[16];
    if (!c->child.ended || c->child.out.fd >= 0 || c->child.err.fd >= 0) {
        return;
    }
    snprintf(code, sizeof(code), "%d", shim_child_code(&c->child));
    say_text(c, 'C', code);
    leave(c);
}

static void exec_closed(struct shim_child *child)
{
    exec_over(client_of(child));
}

static void exec_begin(struct client *c, char *text, size_t n)
{
    char *args[MAX_ARGS + 5];
    char why[512];
    unsigned nargs = 0;
    for (size_t at = 0; at < n && nargs < LEN(args) - 1; at += strlen(text + at) + 1) {
        args[nargs++] = text + at;
    }
    args[nargs] = NULL;
    if (nargs < 5) {
        say_text(c, 'F', "no command");
        leave(c);
        return;
    }
    const struct shim_start s = {.args = args + 4,
                                 .tty = args[0][0] == '1',
                                 .stdin_open = args[1][0] == '1',
                                 .rows = (unsigned)atoi(args[2]),
                                 .cols = (unsigned)atoi(args[3])};
    c->child.on_bytes = exec_bytes;
    c->child.on_room = exec_room;
    c->child.on_closed = exec_closed;
    if (!shim_child_start(&c->child, &s, why, sizeof(why))) {
        say_text(c, 'F', why);
        leave(c);
    }
}

/* ---- from it ---- */

static void begin(struct client *c, char *bytes, size_t n)
{
    switch (bytes[0]) {
    case 'M':
        c->kind = MONITOR;
        say_text(c, 'S', shim_state());
        break;
    case 'A':
        c->kind = ATTACH;
        c->speaks = bytes[1] == '1';
        break;
    case 'X':
        c->kind = EXEC;
        exec_begin(c, bytes + 1, n - 1);
        break;
    default:
        hang_up(c);
    }
}

static void command(const char *bytes)
{
    switch (bytes[0]) {
    case 's':
        shim_stop(strtoul(bytes + 1, NULL, 10));
        break;
    case 'k':
        shim_kill();
        break;
    case 'p':
    case 'c':
        shim_pause(bytes[0] == 'p');
        break;
    case 'n':
        shim_look_at_net();
        break;
    }
}

static void input(struct client *c, const char *bytes, size_t n)
{
    struct shim_child *to = c->kind == EXEC ? &c->child : &shim_main_child;
    const char *at = bytes + 1;
    unsigned rows;
    unsigned cols;
    if (bytes[0] == 'I' && (c->kind == EXEC || c->speaks)) {
        shim_child_write(to, bytes + 1, n - 1);
        set_events(c);
    } else if (bytes[0] == 'E' && (c->kind == EXEC || shim_config_num("once") == 1)) {
        shim_child_end_input(to);
    } else if (bytes[0] == 'W' && guest_take_num(&at, UINT16_MAX, &rows) && *at++ == ' ' &&
               guest_take_num(&at, UINT16_MAX, &cols)) {
        shim_child_resize(to, rows, cols);
    }
}

static void on_client(struct ev *ev, uint32_t events)
{
    static char bytes[SHIM_PACKET + 1];
    struct client *c = (struct client *)ev;
    if (events & EPOLLOUT) {
        flush(c);
    }
    if (ev->fd < 0 || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) {
        return;
    }
    ssize_t n = recv(ev->fd, bytes, SHIM_PACKET, MSG_DONTWAIT);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) {
            hang_up(c);
        }
        return;
    }
    bytes[n] = '\0';
    if (c->kind == NEW) {
        begin(c, bytes, (size_t)n);
    } else if (c->kind == MONITOR) {
        command(bytes);
    } else {
        input(c, bytes, (size_t)n);
    }
}

/* ---- coming ---- */

void shim_client_take(int fd)
{
    struct client *c = guest_alloc(sizeof(*c));
    c->child.in.fd = c->child.out.fd = c->child.err.fd = -1;
    c->last = &c->first;
    c->next = clients;
    clients = c;
    if (ev_add(&c->ev, fd, EPOLLIN, on_client) < 0) {
        close(fd);
        forget(c);
    }
}

static void on_knock(struct ev *ev, uint32_t events)
{
    int fd = accept4(ev->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        shim_client_take(fd);
    }
}

void shim_client_listen(void)
{
    const struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "sock"};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    unlink("sock");
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 128) < 0 ||
        ev_add(&listener, fd, EPOLLIN, on_knock) < 0) {
        guest_log("nobody can reach this shim: %s", strerror(errno));
    }
}

/* ---- what happens to all ---- */

/* fn may end the client, not others. */
static void each(void (*fn)(struct client *c, const void *arg), const void *arg)
{
    for (struct client *c = clients, *next; c != NULL; c = next) {
        next = c->next;
        fn(c, arg);
    }
}

struct output {
    char type;
    const char *bytes;
    size_t n;
};

static void say_output(struct client *c, const void *arg)
{
    const struct output *o = arg;
    if (c->kind == ATTACH) {
        say(c, o->type, o->bytes, o->n);
    }
}

void shim_client_output(int fd, const char *bytes, size_t n)
{
    each(say_output, &(struct output){fd == 2 ? '2' : '1', bytes, n});
}

static void say_state(struct client *c, const void *arg)
{
    if (c->kind == MONITOR) {
        say_text(c, 'S', arg);
    }
}

void shim_client_state(void)
{
    each(say_state, shim_state());
}

static void have_room(struct client *c, const void *arg)
{
    if (c->kind == ATTACH && c->ev.fd >= 0) {
        set_events(c);
    }
}

void shim_client_room(void)
{
    each(have_room, NULL);
}

static void signal_it(struct client *c, const void *arg)
{
    if (c->kind == EXEC) {
        shim_child_kill(&c->child, *(const int *)arg);
    }
}

void shim_client_signal(int sig)
{
    each(signal_it, &sig);
}

void shim_client_child(pid_t pid, int status)
{
    for (struct client *c = clients; c != NULL; c = c->next) {
        if (c->kind != EXEC || c->child.pid != pid) {
            continue;
        }
        c->child.pid = 0;
        c->child.ended = true;
        c->child.status = status;
        if (c->ev.fd < 0) {
            forget(c);
            return;
        }
        shim_child_drain(&c->child);
        if (c->child.out.fd >= 0 || c->child.err.fd >= 0) {
            shim_child_close(&c->child); /* somebody else holds the other end */
        }
        exec_over(c);
        return;
    }
}

static void finish(struct client *c, const void *arg)
{
    if (c->kind != MONITOR && (c->kind != EXEC || c->child.pid == 0)) {
        leave(c);
    }
}

void shim_client_finish(void)
{
    ev_close(&listener);
    unlink("sock");
    each(finish, NULL);
}
