/* SPDX-License-Identifier: Apache-2.0 */
/* The lab's files in the learner's folder. */
#ifndef SESSION_FILES_H
#define SESSION_FILES_H

#include <stdbool.h>

#include "common/err.h"

struct lab;

/* Copies them: those that are missing, or all. One that the learner changed is kept beside the
 * lab's own as NAME.mine. */
int session_copy_files(const struct lab *lab, const char *workdir, bool all,
                       struct err *err) WARN_UNUSED;

#endif
