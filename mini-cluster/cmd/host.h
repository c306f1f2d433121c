/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of `mini-cluster host` share. */
#ifndef CMD_HOST_H
#define CMD_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"

struct host_request;
struct settings;
struct state;

#define HOST_PATH "/apis/podlab.dev/v1/hosts"

/* A running cluster. */
struct host_api {
    const struct state *state;
    const struct settings *settings;
};

/* What is done to each host, and what its status says once it is so. */
struct host_verb {
    const char *name, *args, *summary;
    int (*run)(struct host_request *r, struct err *err);
    const char *field, *value; /* of the spec; NULL: none */
    const char *done;          /* "worker-1 ..." */
};

struct host_request {
    const struct host_verb *verb;
    const char *const *names;
    int n;
    const char *cpu, *memory; /* NULL: not said */
    bool no_wait, json;
    int64_t timeout_s;
    struct host_api api;
};

/* *ret is the answer, the caller's. What the API refuses is an error in its own words. */
int host_change_ask(const struct host_api *api, const char *method, const char *path,
                    const json_t *body, json_t **ret, struct err *err) WARN_UNUSED;

/* ---- host_change.c: each waits until it is so, and prints it ---- */
int host_change_switch(struct host_request *r, struct err *err) WARN_UNUSED;
int host_change_add(struct host_request *r, struct err *err) WARN_UNUSED;
int host_change_remove(struct host_request *r, struct err *err) WARN_UNUSED;

/* ---- host_list.c ---- */
/* One host for -o json; the caller's. `nodes` may be NULL: then nothing is said of its node. */
json_t *host_list_row(const json_t *host, const json_t *nodes);
int host_list(struct host_request *r, struct err *err) WARN_UNUSED;

#endif
