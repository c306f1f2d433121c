/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster's folder: who it is, its keys, and which process runs it. */
#ifndef CMD_STATE_H
#define CMD_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "common/err.h"

/* $XDG_STATE_HOME/podlab/clusters/NAME (0700), or what --data said. */
struct state {
    char *name;
    char *dir;
    int lock_fd;      /* -1 unless locked */
    json_t *settings; /* settings.json: uid, key, token, subnet, port, workers, runtime, clock */
};

/* Checks the name and finds the folder; makes nothing. `data` may be NULL. */
int state_find(struct state *s, const char *name, const char *data, struct err *err) WARN_UNUSED;
void state_fini(struct state *s);
#define cleanup_state __attribute__((cleanup(state_fini)))

bool state_exists(const struct state *s);
/* Makes the folder when missing and takes its lock; ERR_CONFLICT when another process has it. */
int state_lock(struct state *s, struct err *err) WARN_UNUSED;
/* The process that runs this cluster, 0 when none does. */
pid_t state_pid(const struct state *s);
/* Reads settings.json; ERR_NOT_FOUND says that there is no such cluster. */
int state_load(struct state *s, struct err *err) WARN_UNUSED;
/* Writes settings.json, whole or not at all. */
int state_save(struct state *s, struct err *err) WARN_UNUSED;

/* dir/file; the caller frees. */
char *state_path(const struct state *s, const char *file);
/* A file of the folder, whole or not at all, with this mode. */
int state_write(const struct state *s, const char *file, const char *text, mode_t mode,
                struct err *err) WARN_UNUSED;
/* NULL when it is not there; the caller frees. */
char *state_read(const struct state *s, const char *file);
/* Removes the folder and what we put there. */
int state_remove(struct state *s, struct err *err) WARN_UNUSED;

/* Names of every cluster in the state folder, sorted; the caller frees each and the array. */
char **state_list(void);

#endif
