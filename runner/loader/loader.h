/* SPDX-License-Identifier: Apache-2.0 */
/* Reads labs/, refuses ill-made ones with line and column. */
#ifndef LOADER_LOADER_H
#define LOADER_LOADER_H

#include "common/err.h"
#include "lab/lab.h"

/* Reads the lab in this folder, with its texts, hints, solutions and near-misses. ERR_INVALID reads
 * "labs/x/lab.yaml:12:5: steps[2].checks[0]: unknown key \"expct\"; did you mean \"expect\"?". */
int loader_load(const char *dir, struct lab **ret, struct err *err) WARN_UNUSED;

/* The folders below root that hold a lab.yaml, sorted; each name and the array are the caller's. */
char **loader_list(const char *root);

/* Where the labs are: $PODLAB_LABS, else beside the program, else where it was installed. The
 * caller frees; NULL when there are none. */
char *loader_root(void);

/* The folder of the lab that `word` names: a path, an id, or its beginning ("09"). ERR_NOT_FOUND
 * lists what there is. The caller frees *ret. */
int loader_find(const char *word, char **ret, struct err *err) WARN_UNUSED;

#endif
