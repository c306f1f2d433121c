/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the fake share: the machine, its containers, the drivers that look at it. */
#ifndef RUNTIME_FAKE_FAKE_IMPL_H
#define RUNTIME_FAKE_FAKE_IMPL_H

#include "common/err.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/vec.h"
#include "runtime/fake/fake.h"

struct fake_call;
struct fake_driver;

struct fake_image {
    char *name; /* with its tag */
    char id[72];
    int port;       /* where it listens; 0: nowhere */
    bool shell;     /* what it does is read from its command: see fake_image.c */
    bool set_probe; /* by fake_set_probe */
    int probe_status;
};

/* What a container's process does once it runs. */
struct fake_plan {
    bool ends, oom;
    uint64_t after_ns;
    int exit_code;
    int term_code; /* its exit code after SIGTERM */
};

struct fake_container {
    struct fake *f;
    struct runtime_status *st; /* owned; the numbers in it change, the strings do not */
    const struct fake_image *image;
    char *address, *join;              /* NULL when it has none */
    char *error;                       /* what st->error points to after a failed start */
    VEC(struct fake_container *) apps; /* those that joined this sandbox */
    struct fake_plan plan;
    struct loop_timer *timer; /* of the start, of the natural end, or of a stop's end */
    uint64_t due_ns, left_ns; /* when that is; how much was left when it was paused */
    bool starting, stopping, refused;
    VEC(struct fake_call *) waiting; /* for the start, or for the stop */
};

struct fake_failure {
    char *image; /* NULL: any */
    unsigned n;
    enum runtime_result how;
};

struct fake {
    struct loop *loop;
    struct fake_opts opts;
    struct map *containers; /* struct fake_container */
    struct map *addresses;  /* the sandbox that runs there; borrowed */
    struct map *images;     /* struct fake_image */
    struct map *starts;     /* of every name there ever was; the count as a pointer */
    VEC(struct fake_driver *) drivers;
    VEC(struct fake_failure) failures;
    uint64_t made;
    unsigned hangups; /* of execs */
    bool down;
};

/* ---- containers (fake_container.c) ---- */
struct fake_container *fake_container_new(struct fake *f, const struct runtime_spec *spec,
                                          uint64_t epoch, const struct fake_image *image);
void fake_container_free(void *c);
/* `refused`: it will fail, as a runtime that does not find the command does. */
void fake_container_start(struct fake_container *c, bool refused);
/* One that ended runs again, at once; false when it cannot. */
bool fake_container_again(struct fake_container *c);
/* Ended, after at most `grace_s`. */
void fake_container_stop(struct fake_container *c, int64_t grace_s);
void fake_container_end(struct fake_container *c, int exit_code, bool oom);
void fake_container_pause(struct fake_container *c, bool paused);
/* False when its address was given to another meanwhile. */
bool fake_container_connect(struct fake_container *c, bool connected);
/* What was started under the old name counts for the new one. */
void fake_container_rename(struct fake_container *c, const char *to);
/* Gone; c is freed. */
void fake_container_remove(struct fake_container *c);

/* ---- images (fake_image.c) ---- */
struct map *fake_images_new(void);
void fake_images_add(struct map *images, const char *name, int port, bool shell);
/* NULL when it is not here. */
struct fake_image *fake_images_find(const struct map *images, const char *name);
/* "... is not on this machine. Here are ..."; returns -1. */
int fake_images_missing(const struct map *images, const char *name, struct err *err);
struct fake_plan fake_image_plan(const struct fake_image *image, const struct runtime_spec *spec);

/* ---- drivers (fake_driver.c, fake_call.c) ---- */
struct fake_driver {
    struct fake *f;
    void (*subscriber)(void *arg, const struct runtime_event *ev);
    void *subscriber_arg;
    struct fake_call *calls;                /* those that wait */
    VEC(struct fake_item *) outbox;         /* events and answers, in their order */
    VEC(struct runtime_stream *) streams;
    VEC(struct fake_probe *) probes;
    bool delivering, dead; /* freed by a callback: its memory goes when that returns */
};

enum fake_verb { FAKE_ENSURE, FAKE_STOP, FAKE_REMOVE, FAKE_PAUSE, FAKE_CONNECT, FAKE_OTHER };

/* One call from the core, until it is answered. */
struct fake_call {
    struct fake_driver *d;
    enum fake_verb verb;
    char *name;
    runtime_done *done;
    runtime_list_done *list_done; /* or this */
    void (*images_done)(void *arg, const struct runtime_image *v, size_t n, const struct err *err);
    void *arg;
    int64_t grace_s;
    bool paused, connected;
    bool unknown;                  /* it happens, but nobody will know */
    struct fake_container *waits;  /* in its `waiting` */
    struct fake_call *next, **prev_next; /* in the driver's list */
    enum runtime_result result;
    struct runtime_status *st;
    struct err err;
};

struct fake_call *fake_call_new(struct fake_driver *d, enum fake_verb verb, const char *name,
                                runtime_done *done, void *arg);
/* Queues the answer; c may be NULL. The call is no longer the caller's. */
void fake_call_ok(struct fake_call *call, const struct fake_container *c);
void fake_call_fail(struct fake_call *call, enum runtime_result result,
                    const struct fake_container *c); /* after setting call->err */
/* Waits for c's start or stop. */
void fake_call_wait(struct fake_call *call, struct fake_container *c);
/* What it waited for has happened; c is NULL when that is gone. */
void fake_call_step(struct fake_call *call, struct fake_container *c);
/* A stop, remove, pause or connect is carried out (fake_driver.c). */
void fake_call_begin(struct fake_call *call, struct fake_container *c);
void fake_calls_free(struct fake_driver *d);
void fake_calls_lost(struct fake_driver *d); /* whatever waits becomes UNKNOWN */

/* Tells every driver, later. `why` is a constant. */
void fake_event(struct fake *f, const struct fake_container *c, const char *why, int exit_code);
void fake_event_all(struct fake *f, enum runtime_event_type type, const char *why);

/* ---- streams (fake_stream.c) ---- */
struct runtime_stream *fake_stream_logs(void *self, const char *name,
                                        const struct runtime_log_opts *opts,
                                        const struct runtime_stream_ops *ops, void *arg);
struct runtime_stream *fake_stream_attach(void *self, const char *name,
                                          const struct runtime_stream_ops *ops, void *arg);
struct runtime_stream *fake_stream_exec(void *self, const char *name, const struct runtime_exec *x,
                                        const struct runtime_stream_ops *ops, void *arg);
struct runtime_stream *fake_stream_join(void *self, const char *name, const struct runtime_exec *x,
                                        const struct runtime_stream_ops *ops, void *arg);
struct runtime_stream *fake_stream_dial(void *self, const char *name, const char *address, int port,
                                        const struct runtime_stream_ops *ops, void *arg);
size_t fake_stream_queued(const struct runtime_stream *s);
bool fake_stream_write(struct runtime_stream *s, const void *bytes, size_t n);
void fake_stream_end(struct runtime_stream *s);
void fake_stream_resize(struct runtime_stream *s, unsigned width, unsigned height);
void fake_stream_resume(struct runtime_stream *s);
void fake_stream_free(struct runtime_stream *s);
void fake_streams_ended(struct fake *f, const char *name); /* of a container that ended */
void fake_streams_lost(struct fake_driver *d, const char *why);

/* ---- probes (fake_probe.c) ---- */
void fake_probe_start(void *self, const struct runtime_probe *p, runtime_probe_done *done,
                      void *arg);
void fake_probes_free(struct fake_driver *d);

#endif
