/* SPDX-License-Identifier: Apache-2.0 */
/* Takes apart Docker's multiplexed stream: frames of 8 bytes of header and n of payload. */
#ifndef RUNTIME_DOCKER_DOCKER_FRAMES_H
#define RUNTIME_DOCKER_DOCKER_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* Zeroed: at the beginning of a stream. */
struct docker_frames {
    unsigned char head[8];
    size_t head_len;
    uint32_t left; /* of the payload */
    int fd;        /* of the frame */
};

/* Finds the next piece of payload in bytes, whose length it returns in *ret_n (0: all was header) and
 * its stream (1 or 2) in *ret_fd. Returns how many bytes were used up to the piece's end, -1 when
 * this is no such stream. Call until all is used. */
int64_t docker_frames_next(struct docker_frames *f, const char *bytes, size_t n,
                           const char **ret_piece, size_t *ret_n, int *ret_fd, struct err *err)
    WARN_UNUSED;
/* Whether the stream may end here: not within a frame. */
int docker_frames_end(const struct docker_frames *f, struct err *err) WARN_UNUSED;

#endif
