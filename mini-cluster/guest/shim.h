/* SPDX-License-Identifier: Apache-2.0 */
/* Watches over one process of a container without a container runtime: so that its output, its end
 * and the way into it outlive mini-cluster.
 *
 * It runs in the container's folder, whose file `config` (NUL-ended "key=value" texts) tells it
 * what to run. It holds `lock` for as long as it lives, keeps `state`, `log` and `log.1`, and
 * answers on `sock`, where packets go both ways: one letter, and what belongs to it.
 *
 *   first to it    M monitor                      answered with S, again at every change
 *                  A attach: 1 to speak, too      I E W to it, 1 2 from it
 *                  X exec: tty, stdin, rows, columns, command, each NUL-ended
 *                                                 I E W to it, 1 2 and at the end C from it
 *   once monitored s grace in milliseconds, k kill, p pause, c continue, n look at the network
 *
 * I bytes, E no more of them, W rows and columns, S the state, 1 2 output, C exit code, F failed.
 */
#ifndef GUEST_SHIM_H
#define GUEST_SHIM_H

#include <sys/types.h>

#include "guest/guest.h"

enum { SHIM_PACKET = 32 * 1024 }; /* the most of one */

/* ---- what was asked for (shim_config.c) ---- */

/* Reads the folder's `config`; false when there is none. */
bool shim_config_read(void);
const char *shim_config_get(const char *key, const char *dflt);
long long shim_config_num(const char *key);
/* Every value of the key, NULL at the end; the array is the caller's, the texts are not. */
char **shim_config_all(const char *key);

/* ---- one process and its three channels (shim_child.c) ---- */

struct shim_child {
    pid_t pid; /* 0: none, or it has ended */
    bool tty, ended, end_wanted;
    int status;             /* as of waitpid */
    struct ev in, out, err; /* our ends of it */
    char *waiting;          /* for room in its input */
    size_t nwaiting;
    void (*on_bytes)(struct shim_child *c, int fd, const char *bytes, size_t n);
    void (*on_room)(struct shim_child *c);   /* its input has taken what waited */
    void (*on_closed)(struct shim_child *c); /* no more output */
};

struct shim_start {
    char **args; /* a role and what it is told */
    bool tty, stdin_open;
    unsigned rows, cols;
};

/* False with a sentence in why. on_bytes and so on are set by the caller before. */
bool shim_child_start(struct shim_child *c, const struct shim_start *s, char *why, size_t size);
/* What it has said and nobody has read yet. */
void shim_child_drain(struct shim_child *c);
void shim_child_write(struct shim_child *c, const char *bytes, size_t n);
void shim_child_end_input(struct shim_child *c);
void shim_child_resize(struct shim_child *c, unsigned rows, unsigned cols);
void shim_child_listen(struct shim_child *c, bool on); /* to its output */
/* To it and to all that it has started. */
void shim_child_kill(const struct shim_child *c, int sig);
void shim_child_close(struct shim_child *c);
int shim_child_code(const struct shim_child *c); /* 128 and the signal's number, or its status */

/* ---- its log (shim_log.c) ---- */

/* Lines of "MICROSECONDS FD[F|P] text"; P: the line goes on. The newest of at most two files. */
void shim_log_open(void);
void shim_log_add(int fd, const char *bytes, size_t n);
void shim_log_end(void); /* half a line is a line now */
long long shim_log_now(void);

/* ---- who is connected (shim_client.c) ---- */

void shim_client_listen(void);
void shim_client_take(int fd);                                /* one that is connected already */
void shim_client_output(int fd, const char *bytes, size_t n); /* of the main process */
void shim_client_state(void);                                 /* it has changed */
void shim_client_room(void);                   /* the main process takes input again */
void shim_client_signal(int sig);              /* to every exec */
void shim_client_child(pid_t pid, int status); /* perhaps one of theirs */
void shim_client_finish(void);                 /* no more output: they leave */
void shim_client_look_if_alone(void);          /* then the shim is done */

/* ---- the whole (shim.c) ---- */

extern struct shim_child shim_main_child;
/* The state as text, which is also in the file. */
const char *shim_state(void);
void shim_stop(unsigned long grace_ms);
void shim_kill(void);
void shim_pause(bool paused);
void shim_look_at_net(void);

#endif
