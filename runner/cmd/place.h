/* SPDX-License-Identifier: Apache-2.0 */
/* Where podlab keeps what it remembers, and where programs are. */
#ifndef CMD_PLACE_H
#define CMD_PLACE_H

#include "common/err.h"

struct journal;

/* $XDG_STATE_HOME/podlab/..., else ~/.local/state/podlab/...; the caller frees. */
char *place_state(const char *below);
/* Makes a folder (0700) and those above it. */
int place_make(const char *dir, struct err *err) WARN_UNUSED;
/* Holds a lock of this name until the program ends; ERR_CONFLICT: another process has it, and the
 * message says which ("process 4711 on /dev/pts/3"). */
int place_lock(const char *name, struct err *err) WARN_UNUSED;
/* Removes a folder and what is in it; what cannot be removed stays. */
void place_remove(const char *dir);
/* journal.db of the state folder, made when missing. */
int place_journal(struct journal **ret, struct err *err) WARN_UNUSED;

/* The folder of this program; the caller frees. */
char *place_of_program(void);
/* A program: `beside` the running one (may be NULL: no such rule), else on PATH; NULL. The caller
 * frees. */
char *place_find_program(const char *name, const char *beside);
/* kubectl: on PATH, else where building has put it (build/kubectl/KIND/kubectl); NULL. */
char *place_find_kubectl(void);

#endif
