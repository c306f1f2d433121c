/* SPDX-License-Identifier: Apache-2.0 */
/* What logs, attach and exec have in common: a container that is looked at first (with a terminal
 * Docker sends bare bytes, without one frames), then bytes until the end. */
#ifndef RUNTIME_DOCKER_DOCKER_STREAM_H
#define RUNTIME_DOCKER_DOCKER_STREAM_H

#include "runtime/docker/docker_frames.h"
#include "runtime/docker/docker_impl.h"

struct runtime_stream {
    struct docker *d;
    struct runtime_stream *next, **prev_next;
    char *name; /* of the container */
    struct runtime_stream_ops ops;
    void *arg;
    /* The container is there, and s->tty is known: begin. */
    void (*open)(struct runtime_stream *s, const struct docker_status *status);
    /* Everything was handed on: false when the end has to wait; may be NULL. */
    bool (*before_end)(struct runtime_stream *s);

    struct docker_call *asked; /* the one question at a time */
    struct docker_call *resizing;
    struct http_call *logs;       /* one of these two */
    struct http_upgrade *upgrade;
    struct runtime_log_opts log_opts;
    json_t *exec_body;
    char *exec_id;
    struct loop_timer *exec_timer;
    unsigned exec_polls;
    bool exit_known;
    int exit_code;
    unsigned width, height; /* wanted; 0: as it is */

    bool tty, is_open;
    struct docker_frames frames;
    struct str held;     /* came while the receiver was paused */
    struct str to_write; /* before it is open */
    bool paused, end_wanted;
    bool ended;            /* nothing more comes, for the reason in err */
    bool told;             /* on_end was called */
    bool delivering, dead; /* freed by its own callback: memory goes when that returns */
    struct err err;
};

struct runtime_stream *docker_stream_new(struct docker *d, const char *name,
                                         const struct runtime_stream_ops *ops, void *arg);
/* Looks at the container, then s->open. */
void docker_stream_start(struct runtime_stream *s);
/* Bytes from the daemon. */
void docker_stream_take(struct runtime_stream *s, const char *bytes, size_t n);
/* No more of them; the receiver is told after it had all. err may be NULL. */
void docker_stream_finish(struct runtime_stream *s, const struct err *err);
/* Connects for reading and writing (docker_attach.c). body may be NULL. */
void docker_stream_upgrade(struct runtime_stream *s, const char *path, const json_t *body);

#endif
