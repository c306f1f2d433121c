/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the process driver share: the folder, the containers in it, and the calls that
 * wait for something.
 *
 *   DIR/podlab-HASH           the guest program
 *   DIR/ports                 which ports are moved up, for as long as the cluster lives
 *   DIR/containers/NAME/      config lock state sock log root/ (guest/shim.h), cut: off the
 * network, volumes/ of a sandbox DIR/volumes/VOLUME/       those that outlive their sandbox
 *   DIR/tmp/                  what is not made yet, and what is being removed */
#ifndef RUNTIME_PROCESS_PROCESS_IMPL_H
#define RUNTIME_PROCESS_PROCESS_IMPL_H

#include <uv.h>

#include "common/err.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/vec.h"
#include "runtime/image_archive.h"
#include "runtime/images.h"
#include "runtime/process/process.h"
#include "runtime/process/process_config.h"
#include "runtime/process/process_conn.h"

struct process;
struct process_op;

struct process_container {
    struct process *d;
    char *dir;
    struct str config;
    struct runtime_status st; /* its strings are of the config, or `error` */
    const char **labels;
    const char *address, *join; /* NULL: none */
    char *error;
    bool starting;             /* its shim was asked for, or is being looked for */
    bool look_again;           /* for its shim, when the timer fires */
    bool cut;                  /* off the network */
    bool tells;                /* what is seen of it now is news */
    struct process_conn *shim; /* NULL: it does not live, as far as is known */
    pid_t shim_pid;
    pid_t pid;                /* of the main process, */
    unsigned long long began; /* and when the kernel began it, */
    char boot[40];            /* in this life of the machine */
    struct loop_timer *timer; /* looks again: for its shim, or for the end of what it left */
    uint64_t give_up_ns;
    VEC(struct process_op *) ops; /* calls that wait for it */
};

enum process_verb { PROCESS_ENSURE, PROCESS_STOP, PROCESS_REMOVE, PROCESS_PAUSE, PROCESS_LOOK };

/* One call, until it is answered. */
struct process_op {
    struct process *d;
    enum process_verb verb;
    struct process_container *waits; /* in its ops; NULL: for nothing, or for everything */
    runtime_done *done;
    runtime_list_done *list_done; /* or one of these */
    void (*images_done)(void *arg, const struct runtime_image *v, size_t n, const struct err *err);
    /* Instead of any: inside of the driver; may be NULL. */
    void (*then)(struct process_op *op);
    void *arg;
    int64_t grace_s;
    bool paused, asked;
    unsigned tries;
    enum runtime_result result;
    struct runtime_status *st;
    struct err err;
};

/* What is told from the loop: an answer, or an event. */
struct process_item {
    struct process_op *op;
    char *name, *host;
    const char *why;
    int exit_code;
};

struct process {
    struct loop *loop;
    char *dir, *cluster, *subnet, *gateway;
    char *program; /* its path */
    struct str ports_up;
    int claim;  /* on the gateway's address; -1: none */
    bool ready; /* the folder was read */
    struct map *containers;
    VEC(struct process_op *) waiting; /* until nothing is being looked for any more */
    VEC(struct process_item) outbox;
    void (*subscriber)(void *arg, const struct runtime_event *ev);
    void *subscriber_arg;
    VEC(pid_t) children; /* shims that this life has started */
    uv_signal_t *on_child;
    VEC(struct runtime_stream *) streams;
    struct probes *probes;
    struct {
        char name[64], id[IMAGE_ID_SIZE];
    } identities[8]; /* of the images, once they were asked for */
    bool delivering, dead;
};

/* ---- containers (process_container.c) ---- */

/* Takes the config. */
struct process_container *process_container_new(struct process *d, const char *name,
                                                struct str *config);
void process_container_free(void *c);
/* Begins or continues its life: starts a shim, deferred. */
void process_container_start(struct process_container *c);
/* After a restart of ours: is somebody there? */
void process_container_adopt(struct process_container *c);
bool process_container_runs(const struct process_container *c);
/* Gone from the table and the disk; c is freed. */
int process_container_delete(struct process_container *c, struct err *err) WARN_UNUSED;
void process_container_send(struct process_container *c, char type, const char *text);

/* ---- its shim (process_shim.c) ---- */

/* Starts one; the descriptor that leads to it, or -1 with c->error. */
int process_shim_start(struct process_container *c);
void process_shim_watch_children(struct process *d);
void process_shim_forget_children(struct process *d);
/* What the text of a state says. */
void process_shim_read_state(struct process_container *c, const char *text);
/* Writes that it has ended, for a shim that could not. */
void process_shim_write_end(const struct process_container *c);
/* Kills the process if it is still the one that the shim has started; false when it is gone. */
bool process_shim_kill_left(const struct process_container *c);

/* ---- calls (process_op.c) ---- */

struct process_op *process_op_new(struct process *d, enum process_verb verb, runtime_done *done,
                                  void *arg);
void process_op_ok(struct process_op *op, const struct process_container *c); /* c may be NULL */
void process_op_fail(struct process_op *op, enum runtime_result result);      /* after op->err */
void process_op_not_found(struct process_op *op, const char *name);
/* Goes on as soon as the container allows. */
void process_op_wait(struct process_op *op, struct process_container *c);
/* The container has changed: whoever waited for that is answered. c may be freed. */
void process_op_step(struct process_container *c);
/* The same as soon as nothing is being looked for any more. */
void process_op_wait_all(struct process_op *op);
void process_op_step_all(struct process *d);
void process_op_event(struct process_container *c, const char *why, int exit_code);
void process_op_free_all(struct process *d);

/* ---- the interface ---- */

void process_ensure(void *self, const struct runtime_spec *spec, uint64_t epoch, runtime_done *done,
                    void *arg);
void process_stop(void *self, const char *name, int64_t grace_s, runtime_done *done, void *arg);
void process_remove(void *self, const char *name, runtime_done *done, void *arg);
void process_pause(void *self, const char *name, bool paused, runtime_done *done, void *arg);
void process_connect(void *self, const char *name, bool connected, runtime_done *done, void *arg);
void process_inspect(void *self, const char *name, runtime_done *done, void *arg);
void process_list(void *self, runtime_list_done *done, void *arg);
void process_volume_remove(void *self, const char *volume, runtime_done *done, void *arg);
void process_recover(void *self, runtime_done *done, void *arg);
void process_destroy(void *self, runtime_done *done, void *arg);

struct runtime_stream *process_stream_logs(void *self, const char *name,
                                           const struct runtime_log_opts *opts,
                                           const struct runtime_stream_ops *ops, void *arg);
struct runtime_stream *process_stream_attach(void *self, const char *name,
                                             const struct runtime_stream_ops *ops, void *arg);
struct runtime_stream *process_stream_exec(void *self, const char *name,
                                           const struct runtime_exec *x,
                                           const struct runtime_stream_ops *ops, void *arg);
struct runtime_stream *process_stream_join(void *self, const char *name,
                                           const struct runtime_exec *x,
                                           const struct runtime_stream_ops *ops, void *arg);
struct runtime_stream *process_stream_dial(void *self, const char *name, const char *address,
                                           int port, const struct runtime_stream_ops *ops,
                                           void *arg);
bool process_stream_write(struct runtime_stream *s, const void *bytes, size_t n);
size_t process_stream_queued(const struct runtime_stream *s);
void process_stream_end(struct runtime_stream *s);
void process_stream_resize(struct runtime_stream *s, unsigned width, unsigned height);
void process_stream_resume(struct runtime_stream *s);
void process_stream_free(struct runtime_stream *s);
void process_streams_free(struct process *d);

void process_image_find(void *self, const char *image, runtime_done *done, void *arg);
void process_image_pull(void *self, const char *image,
                        void (*progress)(void *arg, const char *line), runtime_done *done,
                        void *arg);
void process_image_load(void *self, const void *tar, size_t n, runtime_done *done, void *arg);
void process_image_list(void *self,
                        void (*done)(void *arg, const struct runtime_image *v, size_t n,
                                     const struct err *err),
                        void *arg);
/* What the image of this name runs; NULL with ERR_NOT_FOUND or ERR_INVALID. */
const struct image_config *process_image_config(const char *image, struct err *err);
const char *process_image_id(struct process *d, const char *name);
size_t process_image_size(void);

/* ---- addresses and ports (process_subnet.c, process_ports.c) ---- */

/* A descriptor that holds the claim while it is open; -1 with ERR_ALREADY_EXISTS. */
int process_claim(const char *name, struct err *err) WARN_UNUSED;
/* Which ports are moved up, as PODLAB_PORTS_UP says it. */
void process_ports_look(const char *address, struct str *out);
int process_ports_real(const char *up, const char *subnet, const char *address, int port);

#endif
