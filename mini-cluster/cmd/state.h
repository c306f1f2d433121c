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
    char *dir;        /* absolute */
    int lock_fd;      /* -1 unless locked */
    json_t *settings; /* settings.json: name, uid, key, token, subnet, port, workers, runtime, clock
                       */
};

/* Checks the name and finds the folder; makes nothing. `name` NULL: what the folder says, or "lab".
 * `data` may be NULL. ERR_BAD_REQUEST: a name that cannot be one. */
int state_find(struct state *s, const char *name, const char *data, struct err *err) WARN_UNUSED;
void state_fini(struct state *s);
#define cleanup_state __attribute__((cleanup(state_fini)))

bool state_exists(const struct state *s);
/* Reads settings.json; ERR_NOT_FOUND says that there is no such cluster. */
int state_load(struct state *s, struct err *err) WARN_UNUSED;
/* Writes settings.json, whole or not at all. */
int state_save(struct state *s, struct err *err) WARN_UNUSED;

/* ---- lock.c: which process runs it ---- */

/* Makes the folder when missing and takes its lock; ERR_CONFLICT when another process has it. */
int state_lock(struct state *s, struct err *err) WARN_UNUSED;
/* Gives the lock to a process that will take it with state_adopt: until then nobody is named. */
void state_hand_over(struct state *s);
/* Takes the lock that came with this descriptor. */
int state_adopt(struct state *s, int fd, struct err *err) WARN_UNUSED;
/* From now on state_is_ready is true, as long as this process lives. */
void state_set_ready(struct state *s);

bool state_is_running(const struct state *s);
bool state_is_ready(const struct state *s);
/* The process that runs this cluster; 0 when none does, or it has not said yet who it is. */
pid_t state_pid(const struct state *s);

/* ---- files.c: what is in it ---- */

/* dir/file; the caller frees. */
char *state_path(const struct state *s, const char *file);
/* A file of the folder, whole or not at all, with this mode. */
int state_write(const struct state *s, const char *file, const char *text, mode_t mode,
                struct err *err) WARN_UNUSED;
/* NULL, with errno, when it cannot be read; the caller frees. */
char *state_read(const struct state *s, const char *file);
/* Makes the folder, when it is missing. */
int state_make_dir(const struct state *s, struct err *err) WARN_UNUSED;
/* Removes the folder and what we put there. */
int state_remove(struct state *s, struct err *err) WARN_UNUSED;

/* Names of every cluster in the state folder, sorted; the caller frees each and the array. */
char **state_list(void);
/* Where clusters without --data are kept; the caller frees. */
char *state_base(void);

#endif
