/* SPDX-License-Identifier: Apache-2.0 */
/* What logs, attach, exec and dial have in common: a receiver that may pause, end or free the
 * stream at any byte. */
#ifndef RUNTIME_PROCESS_PROCESS_STREAM_H
#define RUNTIME_PROCESS_PROCESS_STREAM_H

#include "runtime/process/process_impl.h"

struct process_log;
struct tcp;

struct runtime_stream {
    struct process *d;
    struct runtime_stream_ops ops;
    void *arg;
    char *name; /* of the container */
    /* One of these. */
    struct process_conn *conn;
    struct tcp *tcp;
    struct process_log *log;
    bool speaks; /* what is written goes to it */
    bool is_open;
    bool paused;
    bool ended; /* nothing more comes, for the reason in err */
    bool told;  /* on_end was called */
    bool exit_known;
    int exit_code;
    bool delivering, dead; /* freed by its own callback: the memory goes when that returns */
    struct err err;
};

struct runtime_stream *process_stream_new(struct process *d, const char *name,
                                          const struct runtime_stream_ops *ops, void *arg);
/* Hands bytes on. False when it was paused or freed by it: the stream may be gone. */
bool process_stream_take(struct runtime_stream *s, int fd, const char *bytes, size_t n);
/* No more of them; told later, after a pause. err may be NULL. */
void process_stream_finish(struct runtime_stream *s, const struct err *err);

/* ---- logs (process_logs.c) ---- */

void process_log_free(struct process_log *log);
void process_log_resume(struct process_log *log);

#endif
