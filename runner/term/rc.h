/* SPDX-License-Identifier: Apache-2.0 */
/* The rc file of the lab's shell. */
#ifndef TERM_RC_H
#define TERM_RC_H

#include "common/err.h"

/* Writes it, readable by its owner alone, below `home`; it removes itself when it is read. *ret is
 * its path, the caller's. */
int rc_write(const char *home, const char *nonce, const char *more, char **ret,
             struct err *err) WARN_UNUSED;

/* The byte that answers a MARKS_END: everything typed before it belongs to no command. */
#define RC_ACK "\036"

#endif
