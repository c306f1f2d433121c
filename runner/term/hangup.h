/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves nothing of a shell behind. */
#ifndef TERM_HANGUP_H
#define TERM_HANGUP_H

#include <sys/types.h>

/* Sends SIGHUP to every process of this session (setsid), as a terminal that is closed does. What
 * asked to outlive it (nohup, setsid) does. Takes at most 100 ms. */
void hangup_session(pid_t session);

#endif
