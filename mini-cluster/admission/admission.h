/* SPDX-License-Identifier: Apache-2.0 */
/* The last word before a write.
 *
 * Three steps, in this order: mutate (defaults that need code or a look at the cluster), validate
 * (what is wrong with the object, field by field), admit (may it be at all). */
#ifndef ADMISSION_ADMISSION_H
#define ADMISSION_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"

struct admission;
struct field_errs;
struct kind;
struct loop;
struct store;

struct admission_opts {
    const char *service_cidr;         /* "10.77.128.0/17"; NULL: that */
    int node_port_min, node_port_max; /* 0: 30000-32767 */
};

/* Both outlive it. A malformed service_cidr is the default one. */
struct admission *admission_new(struct loop *loop, struct store *store,
                                const struct admission_opts *opts);
void admission_free(struct admission *a); /* NULL is fine */

/* How long a pod tolerates a node that is not ready or unreachable, unless it says so itself. 300
 * until told otherwise; -1: no such toleration is added. */
void admission_set_toleration_seconds(struct admission *a, int64_t seconds);

/* The first service address ("10.77.128.1"): the API's own, never given to another service. buf
 * holds 16 bytes. */
void admission_service_first(const struct admission *a, char *buf);

/* One object on its way into the store. */
struct admission_request {
    const struct kind *kind;
    const char *ns;          /* "" for none */
    const char *name;        /* "" while it is still to be generated */
    const char *subresource; /* "" for none */
    const json_t *old;       /* frozen; NULL: it is being created */
    json_t *obj;             /* defaulted and of the right types; only mutate changes it */
    bool dry_run;            /* nothing is reserved */
    json_t *warnings;        /* sentences for the caller are appended; may be NULL */
};

/* Fills in what constants cannot: pull policies, requests, service addresses and ports ... What
 * cannot be had ("provided IP is already allocated") is a finding in `errs`. */
void admission_mutate(struct admission *a, const struct admission_request *r,
                      struct field_errs *errs);
void admission_validate(struct admission *a, const struct admission_request *r,
                        struct field_errs *errs);
/* ERR_FORBIDDEN: the text after "pods \"x\" is forbidden: "; `causes` gains its causes.
 * ERR_NOT_FOUND: the namespace is not there (the whole sentence). */
int admission_admit(struct admission *a, const struct admission_request *r, json_t *causes,
                    struct err *err) WARN_UNUSED;
/* The same for a deletion: namespaces that must stay. */
int admission_admit_delete(const struct kind *kind, const char *name, struct err *err) WARN_UNUSED;

#endif
