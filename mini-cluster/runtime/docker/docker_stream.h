/* SPDX-License-Identifier: Apache-2.0 */
/* What logs, attach and exec have in common: a container that is looked at first (with a terminal
 * Docker sends bare bytes, without one frames), then bytes until the end. */
#ifndef RUNTIME_DOCKER_DOCKER_STREAM_H
#define RUNTIME_DOCKER_DOCKER_STREAM_H

#include "runtime/docker/docker_frames.h"
#include "runtime/docker/docker_impl.h"

struct tcp;

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
    struct http_call *logs; /* one of these three */
    struct http_upgrade *upgrade;
    struct tcp *tcp;
    struct runtime_log_opts log_opts;
    json_t *exec_body;
    char *exec_id;
    struct loop_timer *exec_timer;
    unsigned exec_polls;
    bool exit_known;
    int exit_code;
    unsigned width, height; /* wanted; 0: as it is */
    bool stdin_open;        /* of attach */
    char *container_id;     /* the full one, once it was looked at */
    struct str oci;         /* what looks like Docker's word that an exec could not begin */
    bool any_output;
    int port;            /* of dial; 0: it is none */
    bool hanging_up;     /* freed by the receiver; its process is yet to hear of it */
    int64_t inner_pid;   /* what its container calls that process */
    unsigned kills;      /* tried in the container */
    struct str dial_why; /* what the guest says of a port it cannot reach */

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
/* Looks at the container and runs s->exec_body in it (docker_attach.c). */
void docker_stream_run(struct runtime_stream *s);
/* The connection is open: what waited is written (docker_stream.c). */
void docker_stream_opened(struct runtime_stream *s);
/* The process of a stream that is freed hears of it, then docker_stream_release (docker_hangup.c);
 * false: there is none. */
bool docker_hangup(struct runtime_stream *s);
void docker_stream_release(struct runtime_stream *s);

#endif
