/* SPDX-License-Identifier: Apache-2.0 */
/* The text that says what a container is run with: pure. */
#ifndef RUNTIME_PROCESS_PROCESS_CONFIG_H
#define RUNTIME_PROCESS_PROCESS_CONFIG_H

#include "common/str.h"
#include "runtime/image_archive.h"
#include "runtime/runtime.h"

/* The beginning of the names by which addresses are claimed, machine-wide. */
#define PROCESS_CLAIM "podlab/"

/* A specification and where it is to run. */
struct process_place {
    const struct runtime_spec *spec;
    const struct image_config *image;
    const char *cluster, *id, *image_id;
    uint64_t epoch;
    const char *dir;         /* of the container */
    const char *network_dir; /* of the one whose network it has: its sandbox, or itself */
    const char *address, *hostname, *ports_up;
};

/* ERR_INVALID says what of it cannot be. */
int process_config_check(const struct runtime_spec *spec, struct err *err) WARN_UNUSED;
bool process_config_name_ok(const char *name);
void process_config_build(const struct process_place *p, struct str *config);

void process_config_add(struct str *config, const char *key, const char *value); /* NULL: nothing */
/* False for what a power cut has left of one. */
bool process_config_whole(const struct str *config);
const char *process_config_get(const struct str *config, const char *key, const char *dflt);
/* The next value of a key at or after *at, which moves past it; NULL at the end. */
const char *process_config_next(const struct str *config, size_t *at, const char *key);

#endif
