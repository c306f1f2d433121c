/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the Docker driver share: the daemon's connections, requests, and operations. */
#ifndef RUNTIME_DOCKER_DOCKER_IMPL_H
#define RUNTIME_DOCKER_DOCKER_IMPL_H

#include <jansson.h>

#include "common/err.h"
#include "common/http_client.h"
#include "common/json/jx.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/str.h"
#include "common/vec.h"
#include "runtime/docker/docker.h"
#include "runtime/docker/docker_status.h"
#include "runtime/docker/docker_version.h"

struct docker;
struct docker_events;
struct docker_op;

/* So many operations at once; the others wait in the order in which they came, urgent ones first. */
struct docker_queue {
    unsigned limit, running;
    struct {
        struct docker_op *first, **last;
    } waiting[2]; /* urgent, others */
};

struct docker {
    struct loop *loop;
    char *socket;
    struct runtime_cluster cluster; /* its strings are owned */
    char *network;                  /* its name */
    char version[DOCKER_VERSION_SIZE];
    struct http_client *calls;   /* answered soon */
    struct http_client *waits;   /* answered when a container has ended */
    struct http_client *streams; /* never answered: events, logs */
    struct docker_call *asked;   /* every request under way */
    bool left;                   /* after docker_calls_leave: none is */
    struct docker_op *ops;       /* every operation under way */
    struct docker_queue starts, stops, removes;
    struct map *ensuring; /* name -> its unfinished ensure */
    struct docker_events *events;
    struct runtime_stream *open_streams;
    struct probes *probes; /* to containers */
};

/* ---- requests (docker_call.c) ---- */

struct docker_answer {
    int status;       /* HTTP's; 0: none came; -1: one that cannot be read */
    json_t *json;     /* borrowed; NULL when there was none */
    struct err err;   /* ERR_NONE below 400; else Docker's own words */
    bool unsent;      /* status 0: the daemon never saw the request */
};
typedef void docker_answer_fn(void *arg, const struct docker_answer *a);

struct docker_ask {
    const char *method; /* NULL: GET */
    json_t *body;       /* taken; NULL: none */
    const void *tar;    /* or this; copied */
    size_t tar_len;
    uint64_t timeout_ns; /* 0: 60 s */
    bool waits;          /* for a container to end */
    bool lines;          /* the answer is progress, whose only use is an error in it */
    bool unversioned;
    bool lands; /* the daemon does it even when we are gone, unseen by who lists meanwhile */
};

struct docker_call;
/* Asks; `path` is printf's, already percent-encoded, without the version. fn is called once, from
 * the loop. */
struct docker_call *docker_call(struct docker *d, const struct docker_ask *ask,
                                docker_answer_fn *fn, void *arg, const char *path, ...)
    __attribute__((format(printf, 5, 6)));
void docker_call_cancel(struct docker_call *call); /* fn is not called; NULL is fine */
/* Cancels every call but those that land anyway; no fn is called any more. d->left: all have. */
void docker_calls_leave(struct docker *d);
/* What an operation that changes things has come to. */
enum runtime_result docker_answer_result(const struct docker_answer *a);
/* "/v1.41" before a path; the caller frees. */
char *docker_path(const struct docker *d, const char *path);
/* {"label":["dev.podlab.cluster-uid=UID"]}, percent-encoded; the caller frees. */
char *docker_filter(const struct docker *d, const char *more);

/* ---- operations (docker_op.c): a call of the runtime interface until it is answered ---- */

struct docker_op {
    struct docker *d;
    struct docker_op *next, **prev_next;
    void (*run)(struct docker_op *op);     /* its turn has come */
    void (*destroy)(struct docker_op *op); /* frees what is its own; may be NULL */
    struct docker_queue *queue;            /* NULL: it needs no turn */
    bool running;                          /* has its turn */
    struct docker_op *queue_next;
    struct docker_op *after;      /* an ensure: what waits for it, in order */
    struct docker_op *after_next;
    bool is_ensure;
    bool urgent; /* an app completes a pod whose sandbox has been paid for */
    char *name;
    runtime_done *done;
    /* Instead of done; may be NULL. */
    void (*answer)(struct docker_op *op, enum runtime_result result, const struct err *err);
    void *arg;
    enum runtime_result result; /* of docker_op_fail */
    struct err err;
};

/* The first member of each kind's own struct, allocated by the caller with xnew. */
void docker_op_init(struct docker_op *op, struct docker *d, const char *name, runtime_done *done,
                    void *arg);
/* Runs it when its turn comes, deferred; after the ensure of the same name. */
void docker_op_start(struct docker_op *op, struct docker_queue *queue,
                     void (*run)(struct docker_op *op));
/* Answers and frees. `done` may free the driver: nothing of it may be touched after. */
void docker_op_finish(struct docker_op *op, enum runtime_result result,
                      const struct runtime_status *st, const struct err *err);
/* The same, for any way out. */
void docker_op_ok(struct docker_op *op);
void docker_op_failed(struct docker_op *op, const struct docker_answer *a);
/* From within a call of the interface: answered later. */
void docker_op_fail(struct docker_op *op, enum runtime_result result);
/* A name goes into a path. False, and the operation fails, when it is none. */
bool docker_op_name_ok(struct docker_op *op);
/* Frees without answering. */
void docker_op_free(struct docker_op *op);
/* Ensures that have not begun become FAILED with this reason; NULL: of every name. */
void docker_op_cancel_ensures(struct docker *d, const char *name, const char *why);
void docker_queue_init(struct docker_queue *q, unsigned limit);

/* ---- the parts (one file each) ---- */

void docker_ensure(void *self, const struct runtime_spec *spec, uint64_t epoch, runtime_done *done,
                   void *arg);
void docker_stop(void *self, const char *name, int64_t grace_s, runtime_done *done, void *arg);
void docker_remove(void *self, const char *name, runtime_done *done, void *arg);
void docker_pause(void *self, const char *name, bool paused, runtime_done *done, void *arg);
void docker_connect(void *self, const char *name, bool connected, runtime_done *done, void *arg);
void docker_rename(void *self, const char *name, const char *to, runtime_done *done, void *arg);
void docker_inspect(void *self, const char *name, runtime_done *done, void *arg);
void docker_volume_remove(void *self, const char *volume, runtime_done *done, void *arg);
void docker_list(void *self, runtime_list_done *done, void *arg);
void docker_recover(void *self, runtime_done *done, void *arg);
void docker_destroy(void *self, runtime_done *done, void *arg);

/* Makes the cluster's network, or takes the one that is there. */
void docker_network_make(struct docker *d, runtime_done *done, void *arg);
/* Loads those of the bundled images that are missing or different. */
void docker_bundle_load(struct docker *d, runtime_done *done, void *arg);

void docker_image_find(void *self, const char *image, runtime_done *done, void *arg);
void docker_image_load(void *self, const void *tar, size_t n, runtime_done *done, void *arg);
void docker_image_list(void *self,
                       void (*done)(void *arg, const struct runtime_image *v, size_t n,
                                    const struct err *err),
                       void *arg);
void docker_image_pull(void *self, const char *image, void (*progress)(void *arg, const char *line),
                       runtime_done *done, void *arg);

struct docker_events *docker_events_new(struct docker *d);
void docker_events_free(struct docker_events *e);
void docker_events_subscribe(void *self, void (*fn)(void *arg, const struct runtime_event *ev),
                             void *arg);
/* Connects, and stays connected from then on; `done` when the first attempt succeeded or failed. */
void docker_events_start(struct docker *d, runtime_done *done, void *arg);
bool docker_events_starting(const struct docker *d); /* the first attempt is under way */
/* Every event's name is noted in `names` until the map is taken back. */
void docker_events_note(struct docker *d, struct map *names);
void docker_events_unnote(struct docker *d, struct map *names);
/* A container that was ensured: when it is a host's guest, its network's events are told, too. */
void docker_events_know(struct docker *d, const struct runtime_status *st);
uint64_t docker_events_seen(const struct docker *d);

struct runtime_stream *docker_stream_logs(void *self, const char *name,
                                          const struct runtime_log_opts *opts,
                                          const struct runtime_stream_ops *ops, void *arg);
struct runtime_stream *docker_stream_attach(void *self, const char *name,
                                            const struct runtime_stream_ops *ops, void *arg);
struct runtime_stream *docker_stream_exec(void *self, const char *name,
                                          const struct runtime_exec *x,
                                          const struct runtime_stream_ops *ops, void *arg);
struct runtime_stream *docker_stream_join(void *self, const char *name,
                                          const struct runtime_exec *x,
                                          const struct runtime_stream_ops *ops, void *arg);
struct runtime_stream *docker_stream_dial(void *self, const char *name, const char *address,
                                          int port, const struct runtime_stream_ops *ops, void *arg);
size_t docker_stream_queued(const struct runtime_stream *s);
bool docker_stream_write(struct runtime_stream *s, const void *bytes, size_t n);
void docker_stream_end(struct runtime_stream *s);
void docker_stream_resize(struct runtime_stream *s, unsigned width, unsigned height);
void docker_stream_resume(struct runtime_stream *s);
void docker_stream_free(struct runtime_stream *s);
void docker_streams_free(struct docker *d);

void docker_probe(void *self, const struct runtime_probe *p, runtime_probe_done *done, void *arg);

#endif
