/* SPDX-License-Identifier: Apache-2.0 */
/* A socket between the driver and a daemon that can be cut, muted and hung, in a thread of its own:
 * what a daemon does when it dies cannot be tried with one that everybody uses. */
#ifndef TESTS_UNIT_RUNTIME_RELAY_H
#define TESTS_UNIT_RUNTIME_RELAY_H

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"

enum relay_mode {
    RELAY_UP,
    RELAY_DOWN, /* nobody listens, every connection is closed */
    RELAY_MUTE, /* requests arrive; their answers do not, and the connection breaks */
    RELAY_HANG, /* connections are accepted, and nothing more */
};

enum { RELAY_PAIRS = 100 };

struct relay {
    char dir[64], path[96], upstream[108];
    pthread_t thread;
    atomic_int wanted; /* mode; -1: end */
    atomic_int actual;
    int listener;
    int wake[2];
    struct {
        int near, far;
    } pairs[RELAY_PAIRS];
    int n;
};

static inline int relay_socket(const char *path, bool listens)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    str_copy(sa.sun_path, sizeof(sa.sun_path), path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc;
    if (listens) {
        unlink(path);
        rc = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 ? listen(fd, 64) : -1;
    } else {
        rc = connect(fd, (struct sockaddr *)&sa, sizeof(sa));
    }
    if (rc != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline void relay_drop(struct relay *r, int i)
{
    close(r->pairs[i].near);
    if (r->pairs[i].far >= 0) {
        close(r->pairs[i].far);
    }
    r->pairs[i] = r->pairs[--r->n];
}

static inline void relay_obey(struct relay *r)
{
    int mode = atomic_load(&r->wanted);
    if (mode == atomic_load(&r->actual)) {
        return;
    }
    while ((mode == RELAY_DOWN || mode == RELAY_UP) && r->n > 0) {
        relay_drop(r, 0);
    }
    if (mode == RELAY_DOWN && r->listener >= 0) {
        close(r->listener);
        unlink(r->path);
        r->listener = -1;
    } else if (mode != RELAY_DOWN && r->listener < 0) {
        r->listener = relay_socket(r->path, true);
    }
    atomic_store(&r->actual, mode);
}

static inline void relay_accept(struct relay *r)
{
    int near = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
    if (near < 0) {
        return;
    }
    if (r->n == RELAY_PAIRS) {
        close(near);
        return;
    }
    r->pairs[r->n].near = near;
    r->pairs[r->n].far = relay_socket(r->upstream, false);
    r->n++;
}

/* False when the pair is to be dropped. */
static inline bool relay_pump(struct relay *r, int from, int to, bool answer)
{
    char bytes[65536];
    ssize_t n = read(from, bytes, sizeof(bytes));
    if (n <= 0 || (answer && atomic_load(&r->actual) == RELAY_MUTE)) {
        return false;
    }
    for (ssize_t at = 0, sent; at < n; at += sent) {
        sent = send(to, bytes + at, (size_t)(n - at), MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
    }
    return true;
}

static inline void *relay_run(void *arg)
{
    struct relay *r = arg;
    while (atomic_load(&r->wanted) >= 0) {
        struct pollfd fds[2 + 2 * RELAY_PAIRS];
        int n = r->n;
        bool hangs = atomic_load(&r->actual) == RELAY_HANG;
        fds[0] = (struct pollfd){.fd = r->wake[0], .events = POLLIN};
        fds[1] = (struct pollfd){.fd = r->listener, .events = POLLIN};
        for (int i = 0; i < n; i++) {
            short events = hangs ? 0 : POLLIN;
            fds[2 + 2 * i] = (struct pollfd){.fd = r->pairs[i].near, .events = events};
            fds[3 + 2 * i] = (struct pollfd){.fd = r->pairs[i].far, .events = events};
        }
        poll(fds, (nfds_t)(2 + 2 * n), -1);
        for (int i = n - 1; i >= 0; i--) {
            int near = r->pairs[i].near, far = r->pairs[i].far;
            bool keep = true;
            if (fds[2 + 2 * i].revents != 0) {
                keep = !hangs && relay_pump(r, near, far, false);
            }
            if (keep && fds[3 + 2 * i].revents != 0) {
                keep = !hangs && relay_pump(r, far, near, true);
            }
            if (!keep) {
                relay_drop(r, i);
            }
        }
        if ((fds[1].revents & POLLIN) != 0) {
            relay_accept(r);
        }
        if ((fds[0].revents & POLLIN) != 0) {
            char c;
            (void)!read(r->wake[0], &c, 1);
            relay_obey(r);
        }
    }
    return NULL;
}

static inline struct relay *relay_new(const char *upstream)
{
    struct relay *r = xnew(struct relay);
    str_copy(r->upstream, sizeof(r->upstream), upstream);
    snprintf(r->dir, sizeof(r->dir), "/tmp/podlab-relay-XXXXXX");
    if (mkdtemp(r->dir) == NULL || pipe2(r->wake, O_CLOEXEC) != 0) {
        abort();
    }
    snprintf(r->path, sizeof(r->path), "%s/docker.sock", r->dir);
    r->listener = relay_socket(r->path, true);
    pthread_create(&r->thread, NULL, relay_run, r);
    return r;
}

/* Returns when it is so. */
static inline void relay_set(struct relay *r, enum relay_mode mode)
{
    atomic_store(&r->wanted, (int)mode);
    (void)!write(r->wake[1], "x", 1);
    while (atomic_load(&r->actual) != (int)mode) {
        sched_yield();
    }
}

static inline void relay_free(struct relay *r)
{
    atomic_store(&r->wanted, -1);
    (void)!write(r->wake[1], "x", 1);
    pthread_join(r->thread, NULL);
    while (r->n > 0) {
        relay_drop(r, 0);
    }
    if (r->listener >= 0) {
        close(r->listener);
    }
    unlink(r->path);
    rmdir(r->dir);
    close(r->wake[0]);
    close(r->wake[1]);
    free(r);
}

#endif
