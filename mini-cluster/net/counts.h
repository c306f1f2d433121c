/* SPDX-License-Identifier: Apache-2.0 */
/* How connections were spread: what guests count, added up across their lives. */
#ifndef NET_COUNTS_H
#define NET_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counts;
struct net_count;
struct table_count;

struct counts *counts_new(void);
void counts_free(struct counts *c); /* NULL is fine */
/* A guest's report: its numbers grow while it lives and begin again at 0 with its next life. */
void counts_take(struct counts *c, const char *host, const struct table_count *report);
/* The host's guest is gone: nothing of it is active. With `for_good` the next one is another, which
 * begins at 0. */
void counts_host_down(struct counts *c, const char *host, bool for_good);
/* Forgets the endpoints of a service ("ns/name") for which `known` is false. */
void counts_keep(struct counts *c, const char *service,
                 bool (*known)(void *arg, const char *address), void *arg);
void counts_each(const struct counts *c, const char *service,
                 bool (*fn)(void *arg, const struct net_count *n), void *arg);

#endif
