/* SPDX-License-Identifier: Apache-2.0 */
/* The small program inside the containers: what all its roles use.
 *
 * One thread, one epoll. Out of memory ends the program: as PID 1 of its container it is restarted.
 */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* ---- roles: each takes the arguments behind its name and gives the exit status ---- */
int pause_main(int argc, char **argv);
int host_main(int argc, char **argv);
int services_main(int argc, char **argv);
int web_main(int argc, char **argv);
int kv_main(int argc, char **argv);
int load_main(int argc, char **argv);
int shim_main(int argc, char **argv);
int cat_main(int argc, char **argv);
int echo_main(int argc, char **argv);
int env_main(int argc, char **argv);
int ls_main(int argc, char **argv);
int stty_main(int argc, char **argv);
int dial_main(int argc, char **argv);
int get_main(int argc, char **argv);
int tar_main(int argc, char **argv);
int id_main(int argc, char **argv);
int hostname_main(int argc, char **argv);
int kill_main(int argc, char **argv);
int test_main(int argc, char **argv);
/* Whether a program of this name is in here. */
bool guest_has_role(const char *name);

/* ---- memory and text ---- */
void *guest_alloc(size_t n); /* zeroed */
void *guest_grow(void *p, size_t n);
char *guest_copy(const char *s);
const char *guest_env(const char *name, const char *dflt); /* unset or empty: dflt */
long guest_env_num(const char *name, long dflt, long min, long max);
/* Reads a decimal number of at most max and moves *p behind it; false, and *p as it was, when there
 * is none. */
bool guest_take_num(const char **p, unsigned max, unsigned *ret);
/* Where needle begins in the n bytes; NULL: nowhere. */
char *guest_find(const char *text, size_t n, const char *needle);
/* Calls fn with each line of a small text file, cut off and changeable, until it returns false. */
void guest_each_line(const char *path, bool (*fn)(void *arg, char *line), void *arg);
/* The words of a line, in place; returns how many there are. */
unsigned guest_words(char *line, char **ret, unsigned max);
/* Where an absolute path of the container is on this machine; in one of two static buffers. Without
 * a container runtime that makes a root of its own it is below PODLAB_ROOT. */
const char *guest_path(const char *path);
/* One line to stderr. */
void guest_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- the loop ---- */

struct ev; /* the loop's source of events of one descriptor; embedded in what owns it */
struct ev {
    int fd; /* -1: none; no call comes after */
    void (*fn)(struct ev *ev, uint32_t events);
};
struct ev_timer {
    void (*fn)(struct ev_timer *t);
    uint64_t due;
    struct ev_timer *next, *prev; /* next == NULL: not armed */
};

void ev_init(void);
/* Takes the descriptor: ev_close ends it. -1 when epoll refuses. */
int ev_add(struct ev *ev, int fd, uint32_t events, void (*fn)(struct ev *, uint32_t));
/* The same for what is no way to others: it works on while this machine is cut off. */
int ev_add_local(struct ev *ev, int fd, uint32_t events, void (*fn)(struct ev *, uint32_t));
void ev_change(struct ev *ev, uint32_t events);
void ev_close(struct ev *ev);
void ev_timer_start(struct ev_timer *t, uint64_t ms);
void ev_timer_stop(struct ev_timer *t);
uint64_t ev_now(void); /* monotonic milliseconds, as of this round */
/* Frees p when no event of this round can name it any more. */
void ev_free_later(void *p);
/* Calls fn once per round until it returns false; for work left over by fairness. */
void ev_idle(bool (*fn)(void));
/* Until ev_stop or, when term is not NULL, SIGTERM or SIGINT, which call it once. */
void ev_run(void (*term)(void));
void ev_stop(void);
/* Calls fn for each child that ended; else they are only buried. */
void ev_on_child(void (*fn)(int pid, int status));

/* Raises the limit of open files to what is allowed; returns it. */
unsigned ev_raise_files(void);

/* ---- sockets ---- */

struct table_target;
/* All -1 with errno when it fails. addr 0: any, or PODLAB_ADDRESS where this machine is shared with
 * others; then a port that may not be had (PODLAB_PORTS_UP) is the one 10000 above it, on every
 * address of the cluster. Non-blocking, close-on-exec. */
int sock_listen(uint32_t addr, uint16_t port);
int sock_udp(uint32_t addr, uint16_t port);
int sock_connect(int type, const struct table_target *to); /* EINPROGRESS is success */
int sock_error(int fd);
/* Ends the connection so that the peer sees a reset. */
void sock_reset_on_close(int fd);
/* PODLAB_ADDRESS, else the first address of this machine that is not of the loopback; 0: none. */
uint32_t sock_own_address(void);
/* Asks the resolvers of /etc/resolv.conf as libc would, waiting a second for each at most. */
bool sock_resolve(const char *name, uint32_t *ret);
bool sock_parse_ip(const char *s, uint32_t *ret);
const char *sock_ip(uint32_t addr); /* in a static buffer */

/* ---- a network that is taken away: the file PODLAB_CUT is there, SIGUSR1 says look ---- */

bool cut_is_on(void);
/* Looks; true when it changed, and then every listener is made deaf, or hears again. */
bool cut_look(void);
/* While it is on: nobody reaches a new listener, and what is called does not answer. */
void cut_deafen(int fd);
int cut_connect(int fd, int type);

#endif
