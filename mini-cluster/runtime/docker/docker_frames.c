/* SPDX-License-Identifier: Apache-2.0 */
/* The stream comes in slices of any size; nothing is copied but the headers. */
#include "runtime/docker/docker_frames.h"

#include <string.h>

static int read_head(struct docker_frames *f, struct err *err)
{
    const unsigned char *h = f->head;
    if (h[0] > 3 || (h[1] | h[2] | h[3]) != 0) {
        return err_set(err, ERR_INTERNAL,
                       "Docker's stream has a header that is none: %02x%02x%02x%02x", h[0], h[1],
                       h[2], h[3]);
    }
    f->fd = h[0] == 0 ? 1 : h[0] == 3 ? 2 : h[0]; /* 0 is an echoed stdin, 3 an error of Docker's */
    f->left = (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | h[7];
    f->head_len = 0;
    return 0;
}

int64_t docker_frames_next(struct docker_frames *f, const char *bytes, size_t n,
                           const char **ret_piece, size_t *ret_n, int *ret_fd, struct err *err)
{
    size_t used = 0;
    *ret_n = 0;
    while (f->left == 0) {
        size_t take = sizeof(f->head) - f->head_len;
        take = take < n - used ? take : n - used;
        memcpy(f->head + f->head_len, bytes + used, take);
        f->head_len += take;
        used += take;
        if (f->head_len < sizeof(f->head)) {
            return (int64_t)used;
        }
        if (read_head(f, err) != 0) {
            return -1;
        }
    }
    size_t piece = f->left < n - used ? f->left : n - used;
    *ret_piece = bytes + used;
    *ret_n = piece;
    *ret_fd = f->fd;
    f->left -= (uint32_t)piece;
    return (int64_t)(used + piece);
}

int docker_frames_end(const struct docker_frames *f, struct err *err)
{
    if (f->left > 0 || f->head_len > 0) {
        return err_set(err, ERR_UNAVAILABLE, "Docker's stream ended in the middle of a frame");
    }
    return 0;
}
