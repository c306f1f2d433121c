/* SPDX-License-Identifier: Apache-2.0 */
/* Containers as plain processes of this user on addresses of 127.0.0.0/8, for where there is no
 * Docker: the bundled images alone, and nothing is isolated. */
#ifndef RUNTIME_PROCESS_PROCESS_H
#define RUNTIME_PROCESS_PROCESS_H

#include "runtime/runtime.h"

struct loop;

struct process_opts {
    const struct runtime_cluster *cluster; /* subnet "127.N.0.0/16"; the bridge is not used */
    const char *dir;                       /* a folder of its own, made when it is missing */
};

int process_new(struct loop *loop, const struct process_opts *opts, struct runtime *ret,
                struct err *err) WARN_UNUSED;

/* A "127.N.0.0/16" that nobody of this machine uses and that is not among the words of `taken`
 * (may be NULL). */
int process_free_subnet(const char *taken, char subnet[24], struct err *err) WARN_UNUSED;
/* Keeps others from choosing it, until this process ends; ERR_ALREADY_EXISTS when one has. */
int process_reserve(const char *subnet, struct err *err) WARN_UNUSED;

/* Where a port of an address of the cluster really is: some may not be had on a shared machine. The
 * runtime must be of this driver. */
int process_real_port(const struct runtime *rt, const char *address, int port);
/* The same for somebody who has only the driver's folder. */
int process_port_in(const char *dir, const char *subnet, const char *address, int port);

/* What a learner must know who comes from Docker: one sentence each, NULL-terminated. */
extern const char *const process_limits[];

#endif
