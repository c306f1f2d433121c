/* SPDX-License-Identifier: Apache-2.0 */
/* The names that an owner's pods are going to have: a series that is known ahead, so that sandboxes
 * can be made for them, and each used once, also over restarts. */
#ifndef CLIENT_POD_NAMES_H
#define CLIENT_POD_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "common/vec.h"

struct client;

/* Which numbers of the series were used: all below `next`, and some beyond it. */
struct pod_names {
    uint64_t next;
    VEC(uint64_t) beyond; /* ascending */
};

/* What is on record of this owner (a uid). */
void pod_names_load(struct client *c, const char *owner_uid, struct pod_names *ret);
void pod_names_fini(struct pod_names *p);
bool pod_names_used(const struct pod_names *p, uint64_t n);
void pod_names_use(struct pod_names *p, uint64_t n);
/* Puts it on record, with whatever else is staged. */
void pod_names_save(struct client *c, const char *owner_uid, const struct pod_names *p);
void pod_names_forget(struct client *c, const char *owner_uid);
/* Forgets those of owners that are gone. */
void pod_names_prune(struct client *c);

/* The nth name of the owner's pods; the caller frees. */
char *pod_names_format(const json_t *owner, uint64_t n);

#endif
