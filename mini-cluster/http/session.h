/* SPDX-License-Identifier: Apache-2.0 */
/* One exec or attach, between the pipe to its process and whoever speaks with the caller: what is
 * the same in every protocol. */
#ifndef HTTP_SESSION_H
#define HTTP_SESSION_H

#include <stdbool.h>
#include <stddef.h>

struct api_connect;
struct err;
struct loop;
struct session;
struct str;

/* Told from the loop, never from within a call. */
struct session_ops {
    /* fd: 1 or 2, one that was asked for. False: no more until session_go_on. */
    bool (*output)(void *speaker, int fd, const char *bytes, size_t n);
    /* Input may come again. */
    void (*drained)(void *speaker);
    /* Once, last: a Status as JSON, for the caller's error stream. */
    void (*over)(void *speaker, const char *status, size_t n);
};

/* Takes `c`. */
struct session *session_new(struct loop *loop, struct api_connect *c, const struct session_ops *ops,
                            void *speaker);
/* The caller left: the pipe goes, no call comes after. NULL is fine. */
void session_free(struct session *s);
const struct api_connect *session_connect(const struct session *s);

/* The caller listens. With a terminal it waits a moment for its size. */
void session_begin(struct session *s);
/* False: it was taken; no more until `drained`. */
bool session_input(struct session *s, const char *bytes, size_t n);
void session_end_input(struct session *s);
/* Bytes of {"Width":80,"Height":24} after {"Width":80,"Height":24}. */
void session_resize(struct session *s, const char *bytes, size_t n);
void session_go_on(struct session *s);

/* A Status that tells of a failure to the error stream. */
void session_failure(const struct err *err, const char *message, struct str *out);

#endif
