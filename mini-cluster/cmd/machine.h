/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine that we run on has left. */
#ifndef CMD_MACHINE_H
#define CMD_MACHINE_H

#include <stdint.h>

/* Bytes of memory that new programs could have; INT64_MAX when the system does not say. */
int64_t machine_memory(void);

#endif
