/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to a shim: packets of one letter and what belongs to it (guest/shim.h). */
#ifndef RUNTIME_PROCESS_PROCESS_CONN_H
#define RUNTIME_PROCESS_PROCESS_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct loop;
struct process_conn;

enum { PROCESS_PACKET = 32 * 1024 - 64 }; /* the most of one */

struct process_conn_ops {
    /* bytes: NUL-terminated behind n. Each may free the connection. */
    void (*on_packet)(void *arg, char type, const char *bytes, size_t n);
    void (*on_end)(void *arg); /* once; the shim has ended, or broke it off */
    /* Little waits to be taken again, after much did. May be NULL. */
    void (*on_drain)(void *arg);
};

/* fd is taken. */
struct process_conn *process_conn_new(struct loop *loop, int fd, const struct process_conn_ops *ops,
                                      void *arg);
/* To the shim of the container in this folder; NULL: nobody is there. */
struct process_conn *process_conn_open(struct loop *loop, const char *dir,
                                       const struct process_conn_ops *ops, void *arg);
void process_conn_free(struct process_conn *c); /* NULL is fine */
/* Split where it is longer than one packet may be. */
void process_conn_send(struct process_conn *c, char type, const void *bytes, size_t n);
size_t process_conn_waiting(const struct process_conn *c);    /* bytes not taken yet */
void process_conn_pause(struct process_conn *c, bool paused); /* reads nothing meanwhile */
/* Who listens on the other side; 0: not known. */
pid_t process_conn_peer(const struct process_conn *c);
/* Kills that process, if it is still the one behind this connection. */
void process_conn_kill_peer(struct process_conn *c, pid_t pid);

#endif
