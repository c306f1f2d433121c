/* SPDX-License-Identifier: Apache-2.0 */
/* Created and started, once: create, files, start, look. Every step may find that an earlier life
 * of ours has done it already. */
#include <string.h>

#include "common/mem.h"
#include "runtime/docker/docker_files.h"
#include "runtime/docker/docker_impl.h"
#include "runtime/docker/docker_opener.h"
#include "runtime/docker/docker_spec.h"

#define START_NS LOOP_S(180) /* a busy machine is slow, and giving up does not end the start */
#define NAME_RETRY_NS LOOP_MS(50)
#define NAME_NS LOOP_S(30)

struct ensure {
    struct docker_op op;
    json_t *body;
    char *hash;
    struct docker_opener *opener; /* NULL: none is needed */
    struct docker_puts puts;
    size_t put;         /* the next */
    struct err refusal; /* Docker's 409, until it is known whose container it is */
    struct loop_timer *retry;
    uint64_t give_up_ns;
};

static void ensure_destroy(struct docker_op *op)
{
    struct ensure *e = (struct ensure *)op;
    json_decref(e->body);
    free(e->hash);
    docker_opener_free(e->opener);
    docker_puts_fini(&e->puts);
    loop_timer_free(e->retry);
}

/* ---- 4: look ---- */

static void looked(void *arg, const struct docker_answer *a)
{
    struct ensure *e = arg;
    struct docker_status status;
    struct err err;
    if (a->err.code != ERR_NONE) {
        docker_op_failed(&e->op, a);
        return;
    }
    if (docker_status_read(a->json, &status, &err) != 0) {
        docker_op_finish(&e->op, RUNTIME_UNKNOWN, NULL, &err);
        return;
    }
    docker_events_know(e->op.d, &status.st);
    docker_op_finish(&e->op, RUNTIME_OK, &status.st, NULL);
    docker_status_fini(&status);
}

static void look(struct ensure *e)
{
    docker_call(e->op.d, &(struct docker_ask){0}, looked, e, "/containers/%s/json", e->op.name);
}

/* ---- 3: start ---- */

static void started(void *arg, const struct docker_answer *a)
{
    struct ensure *e = arg;
    if (a->err.code != ERR_NONE) {
        docker_op_failed(&e->op, a);
    } else {
        look(e); /* 204, or 304: it was running */
    }
}

static void start(struct ensure *e)
{
    docker_call(e->op.d, &(struct docker_ask){.method = "POST", .timeout_ns = START_NS}, started, e,
                "/containers/%s/start", e->op.name);
}

/* ---- 2: files ---- */

static void put_next(struct ensure *e);

static void was_put(void *arg, const struct docker_answer *a)
{
    struct ensure *e = arg;
    if (a->err.code != ERR_NONE) {
        struct docker_answer wrapped = *a;
        err_wrap(&wrapped.err, "put files into %s", e->puts.all.v[e->put - 1].path);
        docker_op_failed(&e->op, &wrapped);
    } else {
        put_next(e);
    }
}

static void put_next(struct ensure *e)
{
    if (e->put == e->puts.all.n) {
        start(e);
        return;
    }
    const struct docker_put *put = &e->puts.all.v[e->put++];
    cleanup_free char *path = docker_escape(put->path);
    docker_call(e->op.d,
                &(struct docker_ask){.method = "PUT", .tar = put->tar.p, .tar_len = put->tar.len},
                was_put, e, "/containers/%s/archive?path=%s", e->op.name, path);
}

static void opened(void *arg, const struct docker_answer *a)
{
    struct ensure *e = arg;
    if (a->err.code != ERR_NONE) {
        docker_op_failed(&e->op, a);
    } else {
        put_next(e);
    }
}

/* It was never started; perhaps they were put already: the same bytes. */
static void put_all(struct ensure *e)
{
    if (e->opener != NULL) {
        docker_opener_run(e->opener, e->op.d, opened, e);
    } else {
        put_next(e);
    }
}

/* ---- 1: create ---- */

/* What to do with the container that has the name already. */
static void judge(struct ensure *e, const struct docker_status *found)
{
    struct err err;
    const char *uid = e->op.d->cluster.uid;
    if (strcmp(found->cluster_uid, uid) != 0) {
        err_set(&err, ERR_CONFLICT,
                "a container named %s exists, and it does not belong to this cluster (%s): remove "
                "it, or rename it",
                e->op.name, found->cluster_uid[0] != '\0' ? found->cluster_uid : "it has no label");
        docker_op_finish(&e->op, RUNTIME_FAILED, NULL, &err);
    } else if (strcmp(found->st.hash, e->hash) != 0) {
        err_set(&err, ERR_CONFLICT,
                "a container named %s exists, made from another specification (%s, not %s)",
                e->op.name, found->st.hash, e->hash);
        docker_op_finish(&e->op, RUNTIME_FAILED, &found->st, &err);
    } else if (found->st.state == RUNTIME_CREATED) {
        put_all(e);
    } else {
        docker_events_know(e->op.d, &found->st);
        docker_op_finish(&e->op, RUNTIME_OK, &found->st, NULL);
    }
}

/* The name is taken and nobody has it: an abandoned create is under way, or a removal. */
static void taken_by_nobody(struct ensure *e)
{
    if (loop_mono_ns(e->op.d->loop) < e->give_up_ns) {
        loop_timer_start(e->retry, NAME_RETRY_NS);
    } else {
        docker_op_finish(&e->op, RUNTIME_FAILED, NULL, &e->refusal);
    }
}

static void found_existing(void *arg, const struct docker_answer *a)
{
    struct ensure *e = arg;
    struct docker_status status;
    struct err err;
    if (a->err.code == ERR_NOT_FOUND) {
        taken_by_nobody(e);
    } else if (a->err.code != ERR_NONE) {
        docker_op_failed(&e->op, a);
    } else if (docker_status_read(a->json, &status, &err) != 0) {
        docker_op_finish(&e->op, RUNTIME_FAILED, NULL, &err);
    } else {
        judge(e, &status);
        docker_status_fini(&status);
    }
}

static void created(void *arg, const struct docker_answer *a)
{
    struct ensure *e = arg;
    if (a->status == 409) {
        e->refusal = a->err;
        docker_call(e->op.d, &(struct docker_ask){0}, found_existing, e, "/containers/%s/json",
                    e->op.name);
    } else if (a->err.code != ERR_NONE) {
        docker_op_failed(&e->op, a);
    } else {
        put_all(e);
    }
}

static void create(void *arg)
{
    struct ensure *e = arg;
    const struct docker_ask ask = {.method = "POST", .body = json_incref(e->body), .lands = true};
    docker_call(e->op.d, &ask, created, e, "/containers/create?name=%s", e->op.name);
}

static void ensure_run(struct docker_op *op)
{
    struct ensure *e = (struct ensure *)op;
    e->give_up_ns = loop_mono_ns(op->d->loop) + NAME_NS;
    create(e);
}

void docker_ensure(void *self, const struct runtime_spec *spec, uint64_t epoch, runtime_done *done,
                   void *arg)
{
    struct docker *d = self;
    struct ensure *e = xnew(struct ensure);
    docker_op_init(&e->op, d, spec->name, done, arg);
    e->op.destroy = ensure_destroy;
    e->op.is_ensure = true;
    e->op.urgent = spec->role == RUNTIME_APP;
    e->hash = xstrdup(spec->hash != NULL ? spec->hash : "");
    e->body = docker_spec_body(&d->cluster, spec, epoch, &e->op.err);
    if (e->body == NULL) {
        docker_op_fail(&e->op, RUNTIME_FAILED);
        return;
    }
    e->opener = docker_opener_new(d, spec);
    docker_files_puts(spec, &e->puts);
    e->retry = loop_timer_new(d->loop, create, e);
    docker_op_start(&e->op, &d->starts, ensure_run);
}
