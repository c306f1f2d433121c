/* SPDX-License-Identifier: Apache-2.0 */
/* What a cluster needs before its first container: a daemon that speaks our version, its events,
 * the network, the bundled images. The last two need nothing of each other and are made at once. */
#include <string.h>

#include "common/mem.h"
#include "runtime/docker/docker_impl.h"
#include "runtime/docker/docker_spec.h"

struct recovery {
    struct docker_op op;
    unsigned steps; /* under way */
    enum runtime_result worst;
    struct err why;
    json_t *volumes; /* that may be left over */
    size_t next;
};

static void recovery_destroy(struct docker_op *op)
{
    json_decref(((struct recovery *)op)->volumes);
}

/* ---- 3: volumes whose sandbox went while nobody looked ---- */

static void sweep_next(struct recovery *r);

static void swept(void *arg, const struct docker_answer *a)
{
    sweep_next(arg); /* one that is in use stays */
}

static void sandbox_looked(void *arg, const struct docker_answer *a)
{
    struct recovery *r = arg;
    const json_t *volume = json_array_get(r->volumes, r->next - 1);
    if (a->status != 404) {
        sweep_next(r);
        return;
    }
    cleanup_free char *name = docker_escape(jx_get_str(volume, "Name", ""));
    docker_call(r->op.d, &(struct docker_ask){.method = "DELETE"}, swept, r, "/volumes/%s", name);
}

static void sweep_next(struct recovery *r)
{
    const json_t *volume;
    while ((volume = json_array_get(r->volumes, r->next)) != NULL) {
        r->next++;
        const char *sandbox = jx_get_str(jx_obj(volume, "Labels"), DOCKER_LABEL_SANDBOX, "");
        if (docker_spec_name_ok(sandbox)) {
            docker_call(r->op.d, &(struct docker_ask){0}, sandbox_looked, r, "/containers/%s/json",
                        sandbox);
            return;
        }
    }
    docker_op_ok(&r->op);
}

static void volumes_listed(void *arg, const struct docker_answer *a)
{
    struct recovery *r = arg;
    if (a->err.code == ERR_NONE) {
        r->volumes = json_incref((json_t *)(uintptr_t)jx_arr(a->json, "Volumes"));
    }
    sweep_next(r);
}

static void sweep(struct recovery *r)
{
    cleanup_free char *filter = docker_filter(r->op.d, DOCKER_LABEL_SANDBOX);
    docker_call(r->op.d, &(struct docker_ask){0}, volumes_listed, r, "/volumes?filters=%s", filter);
}

/* ---- 2: network and images ---- */

static void step_done(void *arg, enum runtime_result result, const struct runtime_status *st,
                      const struct err *err)
{
    struct recovery *r = arg;
    if (result != RUNTIME_OK && r->worst == RUNTIME_OK) {
        r->worst = result;
        r->why = *err;
    }
    if (--r->steps > 0) {
        return;
    }
    if (r->worst != RUNTIME_OK) {
        docker_op_finish(&r->op, r->worst, NULL, &r->why);
        return;
    }
    sweep(r);
}

/* ---- 1: the daemon ---- */

static void connected(void *arg, enum runtime_result result, const struct runtime_status *st,
                      const struct err *err)
{
    struct recovery *r = arg;
    if (result != RUNTIME_OK) {
        docker_op_finish(&r->op, result, NULL, err);
        return;
    }
    r->steps = 2;
    docker_network_make(r->op.d, step_done, r);
    docker_bundle_load(r->op.d, step_done, r);
}

static void recover_run(struct docker_op *op)
{
    struct err err;
    if (docker_events_starting(op->d)) {
        err_set(&err, ERR_CONFLICT, "another recovery is under way");
        docker_op_finish(op, RUNTIME_FAILED, NULL, &err);
        return;
    }
    docker_events_start(op->d, connected, op);
}

void docker_recover(void *self, runtime_done *done, void *arg)
{
    struct recovery *r = xnew(struct recovery);
    docker_op_init(&r->op, self, "", done, arg);
    r->op.destroy = recovery_destroy;
    docker_op_start(&r->op, NULL, recover_run);
}
