/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a container that is there: stop, remove, pause, inspect. All may be repeated. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "runtime/docker/docker_impl.h"
#include "runtime/docker/docker_spec.h"

#define MAX_GRACE_S 86400
#define REMOVAL_POLL_NS LOOP_MS(100)
#define REMOVAL_NS LOOP_S(60)

bool docker_op_name_ok(struct docker_op *op)
{
    if (docker_spec_name_ok(op->name)) {
        return true;
    }
    err_set(&op->err, ERR_INVALID, "container name \"%.100s\": only [a-zA-Z0-9][a-zA-Z0-9_.-]",
            op->name);
    docker_op_fail(op, RUNTIME_FAILED);
    return false;
}

/* ---- stop ---- */

struct stop {
    struct docker_op op;
    int64_t grace_s;
};

/* Also when it is not running, or not there. */
static void stopped(void *arg, const struct docker_answer *a)
{
    struct stop *s = arg;
    if (a->err.code == ERR_NONE || a->status == 404) {
        docker_op_ok(&s->op);
    } else {
        docker_op_failed(&s->op, a);
    }
}

static void stop_run(struct docker_op *op)
{
    const struct stop *s = (const struct stop *)op;
    const struct docker_ask ask = {
        .method = "POST", .waits = true, .timeout_ns = LOOP_S((uint64_t)s->grace_s) + LOOP_S(60)};
    docker_call(op->d, &ask, stopped, op, "/containers/%s/stop?t=%lld", op->name,
                (long long)s->grace_s);
}

void docker_stop(void *self, const char *name, int64_t grace_s, runtime_done *done, void *arg)
{
    struct docker *d = self;
    struct stop *s = xnew(struct stop);
    docker_op_init(&s->op, d, name, done, arg);
    s->grace_s = grace_s < 0 ? 0 : grace_s > MAX_GRACE_S ? MAX_GRACE_S : grace_s;
    if (docker_op_name_ok(&s->op)) {
        docker_op_start(&s->op, &d->stops, stop_run);
    }
}

/* ---- remove ---- */

struct removal {
    struct docker_op op;
    struct loop_timer *timer; /* while somebody else's removal is under way */
    uint64_t give_up_ns;
    VEC(char *) volumes; /* that were its sandbox's */
};

static void removal_destroy(struct docker_op *op)
{
    struct removal *r = (struct removal *)op;
    loop_timer_free(r->timer);
    for (size_t i = 0; i < r->volumes.n; i++) {
        free(r->volumes.v[i]);
    }
    vec_fini(&r->volumes);
}

static void remove_next_volume(struct removal *r);

/* One that a container still uses goes with the next removal, or with the cluster. */
static void volume_removed(void *arg, const struct docker_answer *a)
{
    struct removal *r = arg;
    if (a->status > 0) {
        remove_next_volume(r);
    } else {
        docker_op_failed(&r->op, a);
    }
}

static void remove_next_volume(struct removal *r)
{
    if (r->volumes.n == 0) {
        docker_op_ok(&r->op);
        return;
    }
    cleanup_free char *name = r->volumes.v[--r->volumes.n];
    cleanup_free char *escaped = docker_escape(name);
    docker_call(r->op.d, &(struct docker_ask){.method = "DELETE"}, volume_removed, r, "/volumes/%s",
                escaped);
}

static void volumes_listed(void *arg, const struct docker_answer *a)
{
    struct removal *r = arg;
    size_t i;
    const json_t *row;
    if (a->err.code != ERR_NONE) {
        docker_op_failed(&r->op, a);
        return;
    }
    const json_t *rows = jx_arr(a->json, "Volumes");
    jx_each(i, row, rows)
    {
        vec_push(&r->volumes, xstrdup(jx_get_str(row, "Name", "")));
    }
    remove_next_volume(r);
}

static void remove_volumes(struct removal *r)
{
    cleanup_free char *label = xasprintf("%s=%s", DOCKER_LABEL_SANDBOX, r->op.name);
    cleanup_free char *filter = docker_filter(r->op.d, label);
    docker_call(r->op.d, &(struct docker_ask){0}, volumes_listed, r, "/volumes?filters=%s", filter);
}

static void removed(void *arg, const struct docker_answer *a);

static void remove_again(void *arg)
{
    struct removal *r = arg;
    docker_call(r->op.d, &(struct docker_ask){.method = "DELETE"}, removed, r,
                "/containers/%s?force=1&v=1", r->op.name);
}

static void removed(void *arg, const struct docker_answer *a)
{
    struct removal *r = arg;
    bool in_progress = a->status == 409 && strstr(a->err.msg, "in progress") != NULL;
    if (a->err.code == ERR_NONE || a->status == 404) {
        remove_volumes(r);
    } else if (in_progress && loop_mono_ns(r->op.d->loop) < r->give_up_ns) {
        loop_timer_start(r->timer, REMOVAL_POLL_NS);
    } else {
        docker_op_failed(&r->op, a);
    }
}

static void remove_run(struct docker_op *op)
{
    struct removal *r = (struct removal *)op;
    r->give_up_ns = loop_mono_ns(op->d->loop) + REMOVAL_NS;
    remove_again(r);
}

void docker_remove(void *self, const char *name, runtime_done *done, void *arg)
{
    struct docker *d = self;
    struct removal *r = xnew(struct removal);
    docker_op_init(&r->op, d, name, done, arg);
    r->op.destroy = removal_destroy;
    r->timer = loop_timer_new(d->loop, remove_again, r);
    if (docker_op_name_ok(&r->op)) {
        docker_op_cancel_ensures(d, name, "removed before it was created");
        docker_op_start(&r->op, &d->removes, remove_run);
    }
}

/* ---- pause ---- */

struct pausing {
    struct docker_op op;
    bool paused;
};

static void paused(void *arg, const struct docker_answer *a)
{
    struct pausing *p = arg;
    const char *is_so = p->paused ? "already paused" : "not paused";
    if (a->err.code == ERR_NONE || strstr(a->err.msg, is_so) != NULL) {
        docker_op_ok(&p->op);
        return;
    }
    struct docker_answer b = *a;
    if (strstr(b.err.msg, "not running") != NULL) { /* some versions call it a 500 */
        b.err.code = ERR_CONFLICT;
    }
    docker_op_failed(&p->op, &b);
}

static void pause_run(struct docker_op *op)
{
    const struct pausing *p = (const struct pausing *)op;
    docker_call(op->d, &(struct docker_ask){.method = "POST"}, paused, op, "/containers/%s/%s",
                op->name, p->paused ? "pause" : "unpause");
}

void docker_pause(void *self, const char *name, bool want_paused, runtime_done *done, void *arg)
{
    struct pausing *p = xnew(struct pausing);
    docker_op_init(&p->op, self, name, done, arg);
    p->paused = want_paused;
    if (docker_op_name_ok(&p->op)) {
        docker_op_start(&p->op, NULL, pause_run);
    }
}

/* ---- inspect ---- */

static void inspected(void *arg, const struct docker_answer *a)
{
    struct docker_op *op = arg;
    struct docker_status status;
    struct err err;
    if (a->err.code != ERR_NONE) { /* nothing was changed, so nothing is unknown */
        docker_op_finish(op, RUNTIME_FAILED, NULL, &a->err);
    } else if (docker_status_read(a->json, &status, &err) != 0) {
        docker_op_finish(op, RUNTIME_FAILED, NULL, &err);
    } else {
        docker_op_finish(op, RUNTIME_OK, &status.st, NULL);
        docker_status_fini(&status);
    }
}

void docker_inspect(void *self, const char *name, runtime_done *done, void *arg)
{
    struct docker *d = self;
    struct docker_op *op = xnew(struct docker_op);
    docker_op_init(op, d, name, done, arg);
    if (docker_op_name_ok(op)) {
        docker_call(d, &(struct docker_ask){0}, inspected, op, "/containers/%s/json", name);
    }
}

/* ---- kept volumes ---- */

static void kept_removed(void *arg, const struct docker_answer *a)
{
    struct docker_op *op = arg;
    if (a->err.code == ERR_NONE || a->status == 404) {
        docker_op_ok(op);
    } else {
        docker_op_failed(op, a);
    }
}

void docker_volume_remove(void *self, const char *volume, runtime_done *done, void *arg)
{
    struct docker *d = self;
    struct docker_op *op = xnew(struct docker_op);
    docker_op_init(op, d, "", done, arg);
    cleanup_free char *name = docker_spec_volume(&d->cluster, volume);
    cleanup_free char *escaped = docker_escape(name);
    docker_call(d, &(struct docker_ask){.method = "DELETE"}, kept_removed, op, "/volumes/%s",
                escaped);
}
