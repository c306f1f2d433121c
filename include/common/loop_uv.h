/* SPDX-License-Identifier: Apache-2.0 */
/* The way from our loop to libuv, for the few files that do real I/O. */
#ifndef COMMON_LOOP_UV_H
#define COMMON_LOOP_UV_H

#include <uv.h>

struct loop;

/* NULL on a virtual loop. */
uv_loop_t *loop_uv(struct loop *loop);

#endif
